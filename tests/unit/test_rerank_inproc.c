/*
 * The cross-encoder of this process on a tiny random model, against transformers and
 * sentence-transformers (golden/make_rerank.py), with damaged models and failing memory; and what
 * the port promises for every backend.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/vec.h"
#include "embed/inproc/gemm.h"
#include "embed/inproc/tokenizer.h"
#include "rerank/inproc/inproc.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

#define IDENTITY "torch.nn.modules.linear.Identity"

/* Set under valgrind, where every instruction takes fifty. */
static bool slow_machine(void)
{
	return getenv("DOCS_BOT_TEST_SLOW_MACHINE") != NULL;
}

struct fixture {
	struct temp_dir dir;
	json_t *golden, *pairs; /* pairs: borrowed */
	struct reranker *r;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf text;
	assert_non_null(f);
	*state = f;
	temp_dir_make(&f->dir);
	buf_init(&text, alloc_default(), 4U << 20);
	assert_int_equal(file_read(TEST_DATA_DIR "/golden/data/rerank.json", 4U << 20, &text, NULL),
			 ERR_OK);
	assert_int_equal(json_parse(buf_str(&text), &f->golden, NULL), ERR_OK);
	buf_release(&text);
	f->pairs = json_object_get(f->golden, "pairs");
	assert_true(json_array_size(f->pairs) >= 40);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	rerank_close(f->r);
	json_decref(f->golden);
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

static enum err_code open_with(struct fixture *f, enum vec_level limit,
			       enum rerank_precision precision, const struct alloc *alloc,
			       struct err *err)
{
	const struct rerank_inproc_options options = {
		.dir = f->dir.path, .vec_limit = (int)limit, .precision = precision};
	rerank_close(f->r);
	return rerank_inproc_open(&options, alloc, &f->r, err);
}

static void open_model(struct fixture *f, const char *activation, enum vec_level limit,
		       enum rerank_precision precision)
{
	struct err err = {0};
	assert_true(tiny_model_write_cross(f->dir.path, activation));
	if (open_with(f, limit, precision, alloc_default(), &err))
		fail_msg("%s", err.message);
}

static double number(const json_t *pair, const char *key)
{
	const json_t *value = json_object_get(pair, key);
	assert_true(json_is_real(value));
	return json_real_value(value);
}

/* Every pair of the references alone; returns the largest difference. */
static double compare_all(struct fixture *f, const char *key, double tolerance)
{
	double worst = 0;
	size_t i;
	json_t *pair;
	json_array_foreach(f->pairs, i, pair)
	{
		struct str text = json_get_str(pair, "text");
		struct err err = {0};
		float got = 0;
		if (slow_machine() && i % 11 != 0)
			continue;
		if (rerank_score(f->r, json_get_str(pair, "query"), &text, 1, &got, &err))
			fail_msg("pair %zu: %s", i, err.message);
		double off = fabs((double)got - number(pair, key));
		if (!(off <= tolerance))
			fail_msg("pair %zu (%lld tokens): got %.7g, want %.7g", i,
				 json_get_int(pair, "tokens", 0), (double)got, number(pair, key));
		worst = fmax(worst, off);
	}
	return worst;
}

static void test_scores_of_the_reference(void **state)
{
	struct fixture *f = *state;
	static const enum vec_level levels[] = {VEC_PLAIN, VEC_AVX2, VEC_AVX512};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		open_model(f, NULL, levels[i], RERANK_F32);
		double worst = compare_all(f, "score", 1e-4);
		print_message("f32, %s kernels: |difference| <= %.2g\n",
			      gemm_ops_best(levels[i])->name, worst);
	}
	assert_int_equal(f->r->max_tokens, TINY_MAX_TOKENS);
}

static void test_narrow_weights_are_near(void **state)
{
	struct fixture *f = *state;
	open_model(f, NULL, VEC_AVX512, RERANK_INT8);
	print_message("int8: |difference| <= %.2g\n", compare_all(f, "score", 0.05));
	if (!gemm_ops_best(VEC_AVX512)->bf16)
		return;
	open_model(f, NULL, VEC_AVX512, RERANK_BF16);
	(void)compare_all(f, "score", 0.05);
}

static void write_config(struct fixture *f, const char *more)
{
	struct buf text;
	buf_init(&text, alloc_default(), 1U << 16);
	buf_printf(&text,
		   "{\"model_type\": \"bert\", \"hidden_act\": \"gelu\", \"hidden_size\": %d, "
		   "\"intermediate_size\": %d, \"num_attention_heads\": %d, "
		   "\"num_hidden_layers\": %d, \"vocab_size\": %zu, \"type_vocab_size\": 2, "
		   "\"max_position_embeddings\": %d, \"layer_norm_eps\": 1e-12%s}",
		   TINY_HIDDEN, TINY_INTERMEDIATE, TINY_HEADS, TINY_LAYERS,
		   tiny_model_vocab(TINY_BERT), TINY_MAX_TOKENS, more);
	temp_dir_write(&f->dir, "config.json", buf_str(&text));
	buf_release(&text);
}

/* Both keys that versions of sentence-transformers wrote, and models that have none. */
static void test_activation_of_the_model(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *more, *key;
	} cases[] = {
		{"", "score"},
		{", \"sbert_ce_default_activation_function\": \"" IDENTITY "\"", "logit"},
		{", \"sentence_transformers\": {\"activation_fn\": "
		 "\"torch.nn.modules.activation.Sigmoid\"}, "
		 "\"sbert_ce_default_activation_function\": \"" IDENTITY "\"",
		 "score"},
		{", \"num_labels\": 1", "score"},
	};
	open_model(f, IDENTITY, VEC_AVX512, RERANK_F32);
	(void)compare_all(f, "logit", 1e-4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		write_config(f, cases[i].more);
		if (open_with(f, VEC_AVX512, RERANK_F32, alloc_default(), &err))
			fail_msg("case %zu: %s", i, err.message);
		(void)compare_all(f, cases[i].key, 1e-4);
	}
}

/* The pairs' ids in the references are those of our tokenizer, cut at the end of the text. */
static void test_tokens_of_the_reference(void **state)
{
	struct fixture *f = *state;
	struct tokenizer *t = NULL;
	struct arena arena;
	size_t i;
	json_t *pair;
	assert_true(tiny_model_write_cross(f->dir.path, NULL));
	assert_int_equal(tokenizer_open(f->dir.path, alloc_default(), &t, NULL), ERR_OK);
	arena_init(&arena, alloc_default(), 64U << 20);
	json_array_foreach(f->pairs, i, pair)
	{
		const json_t *ids = json_object_get(pair, "ids");
		size_t total = (size_t)json_get_int(pair, "tokens", 0);
		size_t first = (size_t)json_get_int(pair, "first", 0);
		struct token_list query, text;
		assert_int_equal(
			tokenizer_encode(t, json_get_str(pair, "query"), &arena, &query, NULL),
			ERR_OK);
		assert_int_equal(
			tokenizer_encode(t, json_get_str(pair, "text"), &arena, &text, NULL),
			ERR_OK);
		assert_int_equal(json_array_size(ids), total);
		assert_int_equal(first, query.count + 2);
		assert_true(total == TINY_MAX_TOKENS || total == query.count + text.count + 3);
		for (size_t k = 0; k < total; k++) {
			long long want = k == 0                             ? tokenizer_bos(t)
					 : k == first - 1 || k + 1 == total ? tokenizer_eos(t)
					 : k < first                        ? query.items[k - 1].id
						     : text.items[k - first].id;
			assert_int_equal(json_integer_value(json_array_get(ids, k)), want);
		}
	}
	arena_release(&arena);
	tokenizer_close(t);
}

enum { TOGETHER = 50 };

/* Texts of the references for one query, with what each gets alone. */
struct batch {
	struct reranker *r;
	struct str query, texts[TOGETHER];
	size_t count;
	float alone[TOGETHER];
	bool same;
};

static void fill_batch(struct fixture *f, struct batch *b)
{
	b->r = f->r;
	b->query = STR("How do I keep the pods of finished trials?");
	b->count = slow_machine() ? 7 : TOGETHER;
	for (size_t i = 0; i < b->count; i++) {
		b->texts[i] = json_get_str(json_array_get(f->pairs, i), "text");
		assert_int_equal(rerank_score(f->r, b->query, &b->texts[i], 1, &b->alone[i], NULL),
				 ERR_OK);
	}
}

static void *score_batch(void *ctx)
{
	struct batch *b = ctx;
	float scores[TOGETHER];
	b->same = rerank_score(b->r, b->query, b->texts, b->count, scores, NULL) == ERR_OK &&
		  memcmp(scores, b->alone, b->count * sizeof(*scores)) == 0;
	return NULL;
}

/* Neither the texts of the same call nor other threads change a score, by a single bit. */
static void check_apart(struct fixture *f, size_t helpers)
{
	enum { THREADS = 3 };
	static struct batch batches[THREADS];
	pthread_t threads[THREADS];
	const struct rerank_inproc_options options = {
		.dir = f->dir.path, .vec_limit = VEC_AVX512, .threads = helpers};
	rerank_close(f->r);
	assert_int_equal(rerank_inproc_open(&options, alloc_default(), &f->r, NULL), ERR_OK);
	for (size_t i = 0; i < THREADS; i++)
		fill_batch(f, &batches[i]);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, score_batch, &batches[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(batches[i].same);
	}
}

static void test_texts_and_threads_are_apart(void **state)
{
	struct fixture *f = *state;
	static const size_t helpers[] = {0, 1, 2, 4, 100};
	assert_true(tiny_model_write_cross(f->dir.path, NULL));
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		if (!slow_machine() || helpers[i] == 2)
			check_apart(f, helpers[i]);
}

/* A query of more than half of the room is cut there: what is behind changes nothing. */
static void test_long_query_is_cut(void **state)
{
	struct fixture *f = *state;
	char query[4000];
	struct str text = STR("the pods stay");
	float cut = 0, whole = 0, shorter = 0;
	open_model(f, NULL, VEC_AVX512, RERANK_F32);
	for (size_t i = 0; i < sizeof(query); i++)
		query[i] = i % 5 == 4 ? ' ' : (char)('a' + i * 7 % 26);
	/* Four letters of every five characters are tokens: 254 end at character 317. */
	assert_int_equal(
		rerank_score(f->r, (struct str){query, sizeof(query)}, &text, 1, &whole, NULL),
		ERR_OK);
	assert_int_equal(rerank_score(f->r, (struct str){query, 317}, &text, 1, &cut, NULL),
			 ERR_OK);
	assert_int_equal(rerank_score(f->r, (struct str){query, 316}, &text, 1, &shorter, NULL),
			 ERR_OK);
	assert_memory_equal(&whole, &cut, sizeof(cut));
	assert_true(memcmp(&cut, &shorter, sizeof(cut)) != 0);
}

static void expect_refused(struct fixture *f, enum err_code code, const char *part)
{
	struct err err = {0};
	enum err_code got = open_with(f, VEC_AVX512, RERANK_F32, alloc_default(), &err);
	if (got != code || !strstr(err.message, part))
		fail_msg("got %s \"%s\", expected %s with \"%s\"", err_label(got), err.message,
			 err_label(code), part);
	assert_null(f->r);
}

static void test_models_that_are_no_reranker(void **state)
{
	struct fixture *f = *state;
	expect_refused(f, ERR_NOTFOUND, "config.json");
	assert_true(tiny_model_write_prefixed(f->dir.path, TINY_BERT, "bert."));
	expect_refused(f, ERR_FORMAT, "bert.pooler.dense.weight");
	assert_true(tiny_model_write(f->dir.path, TINY_MPNET));
	expect_refused(f, ERR_UNSUPPORTED, "BERT");
	assert_true(tiny_model_write_cross(f->dir.path, "torch.nn.modules.activation.ReLU"));
	expect_refused(f, ERR_UNSUPPORTED, "ReLU");
	assert_true(tiny_model_write_cross(f->dir.path, NULL));
	write_config(f, ", \"id2label\": {\"0\": \"a\", \"1\": \"b\"}");
	expect_refused(f, ERR_UNSUPPORTED, "2 labels");
	write_config(f, ", \"architectures\": [\"BertForMaskedLM\"]");
	expect_refused(f, ERR_UNSUPPORTED, "BertForMaskedLM");
	temp_dir_write(&f->dir, "config.json", STR("{\"model_type\": 1"));
	expect_refused(f, ERR_FORMAT, "config.json");
	write_config(f, "");
	temp_dir_delete(&f->dir, "model.safetensors");
	expect_refused(f, ERR_NOTFOUND, "model.safetensors");
	temp_dir_delete(&f->dir, "vocab.txt");
	expect_refused(f, ERR_NOTFOUND, "vocab.txt");
}

static void test_without_memory(void **state)
{
	struct fixture *f = *state;
	struct str texts[] = {STR("the pods stay"), STR("or not")};
	assert_true(tiny_model_write_cross(f->dir.path, NULL));
	size_t failures = 0;
	for (size_t at = 1;; at++) {
		struct fail_alloc fail;
		struct err err = {0};
		float scores[2];
		fail_alloc_init(&fail, at, false);
		enum err_code code = open_with(f, VEC_AVX512, RERANK_F32, &fail.alloc, &err);
		if (!code)
			code = rerank_score(f->r, STR("keep the pods"), texts, 2, scores, &err);
		rerank_close(f->r);
		f->r = NULL;
		assert_int_equal(fail.live, 0);
		if (!fail.failures)
			break;
		assert_int_equal(code, ERR_NOMEM);
		failures++;
	}
	assert_true(failures > 20);
}

/* ---- the port ---- */

struct fake {
	struct reranker base;
	size_t calls, texts, longest, query;
	float score;
};

static enum err_code fake_score(struct reranker *r, struct str query, const struct str *texts,
				size_t count, float *scores, struct err *err)
{
	struct fake *fake = (struct fake *)r;
	fake->calls++;
	fake->query = query.len;
	for (size_t i = 0; i < count; i++) {
		if (texts[i].len > fake->longest)
			fake->longest = texts[i].len;
		scores[i] = fake->score;
	}
	fake->texts += count;
	return ERR_OK;
}

static void test_port_bounds_what_backends_see(void **state)
{
	static const struct reranker_ops ops = {.score = fake_score};
	struct fake fake = {.base = {.ops = &ops, .name = "fake"}, .score = 1};
	static struct str texts[RERANK_TEXTS_MAX + 1];
	static float scores[RERANK_TEXTS_MAX];
	struct buf big;
	struct err err = {0};
	buf_init(&big, alloc_default(), 1U << 20);
	buf_append_byte(&big, 'x');
	while (big.len < 2 * RERANK_TEXT_BYTES)
		buf_append(&big, STR("ü"));
	for (size_t i = 0; i < RERANK_TEXTS_MAX; i++)
		texts[i] = i == 7 ? buf_str(&big) : STR("short");
	assert_int_equal(
		rerank_score(&fake.base, buf_str(&big), texts, RERANK_TEXTS_MAX, scores, &err),
		ERR_OK);
	assert_int_equal(fake.texts, RERANK_TEXTS_MAX);
	assert_int_equal(fake.longest, RERANK_TEXT_BYTES - 1); /* not in the middle of a letter */
	assert_int_equal(fake.query, RERANK_QUERY_BYTES - 1);
	assert_true(scores[RERANK_TEXTS_MAX - 1] == 1);
	assert_int_equal(
		rerank_score(&fake.base, STR("q"), texts, RERANK_TEXTS_MAX + 1, scores, &err),
		ERR_INVALID);
	texts[1] = STR("\xff");
	assert_int_equal(rerank_score(&fake.base, STR("q"), texts, 3, scores, &err), ERR_INVALID);
	assert_int_equal(rerank_score(&fake.base, STR("q\xc3"), texts, 1, scores, &err),
			 ERR_INVALID);
	fake.calls = 0;
	assert_int_equal(rerank_score(&fake.base, STR("q"), texts, 0, scores, &err), ERR_OK);
	assert_int_equal(fake.calls, 0);
	fake.score = NAN;
	assert_int_equal(rerank_score(&fake.base, STR("q"), texts, 1, scores, &err), ERR_FORMAT);
	assert_non_null(strstr(err.message, "fake"));
	buf_release(&big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scores_of_the_reference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_narrow_weights_are_near, setup, teardown),
		cmocka_unit_test_setup_teardown(test_activation_of_the_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens_of_the_reference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_texts_and_threads_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_query_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_models_that_are_no_reranker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
		cmocka_unit_test(test_port_bounds_what_backends_see),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
