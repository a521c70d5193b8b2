/* The embedder of this process as a whole, on tiny models: good use, bad input, damaged files. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/vec.h"
#include "embed/inproc/gemm.h"
#include "embed/inproc/inproc.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

#define H     TINY_HIDDEN
#define MAX_T TINY_MAX_TOKENS

static int make_dir(void **state)
{
	struct temp_dir *dir = calloc(1, sizeof(*dir));
	if (!dir)
		return -1;
	temp_dir_make(dir);
	*state = dir;
	return 0;
}

static int remove_dir(void **state)
{
	struct temp_dir *dir = *state;
	temp_dir_remove(dir);
	free(dir);
	return 0;
}

static enum err_code open_model(const struct temp_dir *dir, const char *sha256,
				const struct alloc *alloc, struct embedder **out, struct err *err)
{
	struct embed_inproc_options options = {
		.dir = dir->path, .name = "tiny", .sha256 = sha256, .vec_limit = VEC_AVX512};
	options.threads = 2; /* embed_alone() may use another one */
	return embed_inproc_open(&options, alloc, out, err);
}

static void expect_refused(const struct temp_dir *dir, enum err_code code, const char *part)
{
	struct embedder *e = NULL;
	struct err err = {0};
	enum err_code got = open_model(dir, NULL, alloc_default(), &e, &err);
	if (got != code || !strstr(err.message, part))
		fail_msg("got %s \"%s\", expected %s with \"%s\"", err_label(got), err.message,
			 err_label(code), part);
	assert_null(e);
}

/* Replaces the first `from` in a file by `to`; both have the same length in weights. */
static void patch(const struct temp_dir *dir, const char *name, const char *from, const char *to)
{
	struct buf text, patched;
	char path[512];
	temp_dir_path(dir, name, path);
	buf_init(&text, alloc_default(), 16U << 20);
	buf_init(&patched, alloc_default(), 16U << 20);
	assert_int_equal(file_read(path, 16U << 20, &text, NULL), ERR_OK);
	struct str all = buf_str(&text);
	size_t at = str_find(all, str_c(from), 0);
	assert_true(at != STR_NPOS);
	buf_append(&patched, str_slice(all, 0, at));
	buf_append(&patched, str_c(to));
	buf_append(&patched, str_slice(all, at + strlen(from), all.len));
	assert_int_equal(file_write_atomic(path, buf_str(&patched), NULL), ERR_OK);
	buf_release(&text);
	buf_release(&patched);
}

static void test_embedder(void **state)
{
	const struct temp_dir *dir = *state;
	for (int kind = TINY_BERT; kind <= TINY_MPNET; kind++) {
		struct embedder *e = NULL;
		struct err err = {0};
		char path[512], hash[65], line[64];
		assert_true(tiny_model_write(dir->path, (enum tiny_kind)kind));
		temp_dir_path(dir, "model.safetensors", path);
		assert_int_equal(file_sha256(path, hash, &err), ERR_OK);
		if (open_model(dir, hash, alloc_default(), &e, &err) != ERR_OK)
			fail_msg("%s", err.message);
		assert_string_equal(e->model, "tiny");
		assert_string_equal(e->sha256, hash);
		assert_int_equal(e->dimension, H);
		assert_int_equal(e->max_tokens, MAX_T);
		assert_int_equal(e->special_tokens, 2);

		struct str texts[] = {STR(""), STR("How do I stop it?"), STR("how do I STOP it?")};
		float v[3 * H], alone[H];
		assert_int_equal(embed_texts(e, texts, 3, v, &err), ERR_OK);
		assert_int_equal(embed_texts(e, &texts[1], 1, alone, &err), ERR_OK);
		assert_memory_equal(alone, v + H, sizeof(alone));
		memset(alone, 0, sizeof(alone));
		assert_int_equal(embed_alone(e, texts[1], alone, &err), ERR_OK);
		assert_memory_equal(alone, v + H, sizeof(alone));
		assert_memory_equal(v + H, v + 2 * H, sizeof(alone));
		assert_memory_not_equal(v, v + H, sizeof(alone));
		for (int i = 0; i < 3; i++) {
			double norm = 0;
			for (int d = 0; d < H; d++)
				norm += (double)v[i * H + d] * (double)v[i * H + d];
			assert_true(fabs(norm - 1) <= 1e-5);
		}
		assert_int_equal(embed_texts(e, NULL, 0, NULL, &err), ERR_OK);
		struct str invalid = STR("caf\xC3");
		assert_int_equal(embed_texts(e, &invalid, 1, v, &err), ERR_INVALID);
		assert_int_equal(embed_alone(e, invalid, v, &err), ERR_INVALID);
		snprintf(line, sizeof(line), "%s", "0000");
		embed_close(e);
		e = NULL;
		assert_int_equal(open_model(dir, line, alloc_default(), &e, &err), ERR_MISMATCH);
		assert_non_null(strstr(err.message, hash));
		assert_non_null(strstr(err.message, "0000"));
		assert_null(e);
	}
	embed_close(NULL);
}

static void test_longest_text(void **state)
{
	const struct temp_dir *dir = *state;
	struct embedder *e = NULL;
	struct err err = {0};
	char text[2 * MAX_T];
	float vector[H], again[H];
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	assert_int_equal(open_model(dir, NULL, alloc_default(), &e, &err), ERR_OK);
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "x ", 2);
	struct str fits = {text, 2 * (MAX_T - 2)}, longer = {text, 2 * (MAX_T - 1)};
	assert_int_equal(embed_texts(e, &fits, 1, vector, &err), ERR_OK);
	assert_int_equal(embed_texts(e, &longer, 1, vector, &err), ERR_LIMIT);
	assert_int_equal(embed_alone(e, longer, vector, &err), ERR_LIMIT);
	assert_int_equal(embed_alone(e, fits, again, &err), ERR_OK);
	assert_memory_equal(again, vector, sizeof(vector));
	assert_non_null(strstr(err.message, "513"));
	assert_non_null(strstr(err.message, "at most 512"));

	struct arena arena;
	struct token_list tokens;
	arena_init(&arena, alloc_default(), 1U << 20);
	assert_int_equal(embed_tokenize(e, longer, &arena, &tokens, &err), ERR_OK);
	assert_int_equal(tokens.count, MAX_T - 1);
	assert_int_equal(tokens.items[3].begin, 6);
	assert_int_equal(tokens.items[3].end, 7);
	assert_int_equal(embed_tokenize(e, STR("\xFF"), &arena, &tokens, &err), ERR_INVALID);
	assert_int_equal(tokens.count, 0);
	arena_release(&arena);
	embed_close(e);
}

#define THREADS 4
#define TEXTS   6

struct job {
	struct embedder *e;
	const struct str *texts;
	float vectors[TEXTS * H];
	bool alone; /* one by one, and all that are so want the one helper */
	enum err_code code;
};

static void *run_job(void *arg)
{
	struct job *job = arg;
	for (int round = 0; round < 5 && job->code == ERR_OK; round++)
		if (job->alone)
			for (size_t i = 0; i < TEXTS && job->code == ERR_OK; i++)
				job->code = embed_alone(job->e, job->texts[i], job->vectors + i * H,
							NULL);
		else
			job->code = embed_texts(job->e, job->texts, TEXTS, job->vectors, NULL);
	return NULL;
}

static void test_threads(void **state)
{
	const struct temp_dir *dir = *state;
	static const struct str texts[TEXTS] = {
		{"", 0},         {"one", 3},          {"two words", 9},
		{"a, b; c.", 8}, {"x y z 1 2 3", 11}, {"!", 1}};
	struct embedder *e = NULL;
	struct err err = {0};
	float want[TEXTS * H];
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	assert_int_equal(open_model(dir, "", alloc_default(), &e, &err), ERR_OK);
	assert_int_equal(embed_texts(e, texts, TEXTS, want, &err), ERR_OK);
	for (int i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.e = e, .texts = texts, .alone = i != 0, .code = ERR_OK};
		assert_int_equal(pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(jobs[i].code, ERR_OK);
		assert_memory_equal(jobs[i].vectors, want, sizeof(want));
	}
	embed_close(e);
}

static void test_bad_config(void **state)
{
	static const struct {
		const char *from, *to, *part;
		enum err_code code;
	} cases[] = {
		{"\"bert\"", "\"roberta\"", "roberta", ERR_UNSUPPORTED},
		{"\"model_type\"", "\"modle_type\"", "model_type", ERR_UNSUPPORTED},
		{"\"gelu\"", "\"relu\"", "hidden_act", ERR_UNSUPPORTED},
		{"\"hidden_size\": 32", "\"hidden_size\": 33", "no multiple", ERR_FORMAT},
		{"\"hidden_size\": 32", "\"hidden_size\": 64", "tensor", ERR_FORMAT},
		{"\"hidden_size\": 32", "\"hidden_size\": -4", "hidden_size", ERR_FORMAT},
		{"\"hidden_size\": 32", "\"hidden_size\": \"x\"", "hidden_size", ERR_FORMAT},
		{"\"hidden_size\": 32", "\"hidden_size\": 999999999", "hidden_size", ERR_FORMAT},
		{"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
		 "encoder.layer.2.attention.self.query.weight: missing", ERR_FORMAT},
		{"\"num_attention_heads\": 4", "\"num_attention_heads\": 0", "heads", ERR_FORMAT},
		{"\"vocab_size\": ", "\"vocab_size\": 9", "word_embeddings", ERR_FORMAT},
		{"\"vocab_size\": ", "\"vocab_size\": 5, \"was\": ", "vocab.txt", ERR_MISMATCH},
		{"\"max_position_embeddings\": 512", "\"max_position_embeddings\": 2",
		 "max_position_embeddings", ERR_FORMAT},
		{"\"max_position_embeddings\": 512", "\"max_position_embeddings\": 511",
		 "position_embeddings.weight: its shape is [512, 32]", ERR_FORMAT},
		{"1e-12", "0", "layer_norm_eps", ERR_FORMAT},
		{"\"type_vocab_size\": 2", "\"type_vocab_size\": 3", "token_type", ERR_FORMAT},
		{"{", "[", "config.json: not valid JSON", ERR_FORMAT},
	};
	const struct temp_dir *dir = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(tiny_model_write(dir->path, TINY_BERT));
		patch(dir, "config.json", cases[i].from, cases[i].to);
		expect_refused(dir, cases[i].code, cases[i].part);
	}
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	patch(dir, "config.json", "\"relative_attention_num_buckets\": 32",
	      "\"relative_attention_num_buckets\": 16");
	expect_refused(dir, ERR_FORMAT, "relative_attention_bias");
	char path[512];
	temp_dir_path(dir, "config.json", path);
	assert_int_equal(file_write_atomic(path, STR("[7]"), NULL), ERR_OK);
	expect_refused(dir, ERR_FORMAT, "not a JSON object");
	unlink(path);
	expect_refused(dir, ERR_NOTFOUND, "config.json");
}

static void test_bad_weights(void **state)
{
	static const struct {
		const char *from, *to, *part;
	} cases[] = {
		{"layer.1.output.dense.bias", "layer.1.output.dense.bios",
		 "tensor encoder.layer.1.output.dense.bias: missing"},
		{"embeddings.word_", "embeddings.wird_", "word_embeddings.weight: missing"},
		{"embeddings.LayerNorm.bias\":{\"dtype\":\"F32\",\"shape\":[32]",
		 "embeddings.LayerNorm.bias\":{\"dtype\":\"I32\",\"shape\":[32]",
		 "tensor embeddings.LayerNorm.bias: its type is I32"},
		{"relative_attention_bias.weight\":{\"dtype\":\"F32\",\"shape\":[32,4]",
		 "relative_attention_bias.weight\":{\"dtype\":\"F32\",\"shape\":[4,32]",
		 "tensor encoder.relative_attention_bias.weight: its shape is [4, 32]"},
		{"\"shape\":[64,32]", "\"shape\":[32,64]",
		 "tensor encoder.layer.0.intermediate.dense.weight: its shape is [32, 64]"},
		{"__metadata__\":{", "__metadata__\":[", "header"},
	};
	const struct temp_dir *dir = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(tiny_model_write(dir->path, TINY_MPNET));
		patch(dir, "model.safetensors", cases[i].from, cases[i].to);
		expect_refused(dir, ERR_FORMAT, cases[i].part);
	}
	char path[512];
	temp_dir_path(dir, "model.safetensors", path);
	assert_int_equal(truncate(path, 5000), 0);
	expect_refused(dir, ERR_FORMAT, "model.safetensors");
	unlink(path);
	expect_refused(dir, ERR_NOTFOUND, "model.safetensors");
}

/* Damaged values are not found out, but must not do harm either. */
/* Opens in a precision, with the packed weights kept beside the model. */
static enum err_code open_kept(const struct temp_dir *dir, enum embed_precision precision,
			       FILE *log_stream, struct embedder **out, struct err *err)
{
	const struct logger log = {
		.stream = log_stream, .level = LOG_INFO, .clock = clock_system()};
	struct embed_inproc_options options = {.dir = dir->path,
					       .name = "tiny",
					       .vec_limit = VEC_AVX512,
					       .precision = precision,
					       .keep_packed = true,
					       .log = log_stream ? &log : NULL};
	return embed_inproc_open(&options, alloc_default(), out, err);
}

/* Overwrites 4 bytes at `offset` from `whence`. */
static void poke(const struct temp_dir *dir, const char *name, long offset, int whence,
		 const unsigned char bytes[4])
{
	char path[512];
	FILE *file = fopen(temp_dir_path(dir, name, path), "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, offset, whence), 0);
	assert_int_equal(fwrite(bytes, 1, 4, file), 4);
	assert_int_equal(fclose(file), 0);
}

static void test_not_finite(void **state)
{
	const struct temp_dir *dir = *state;
	static const unsigned char nan[4] = {0, 0, 0xC0, 0x7F}, infinity[4] = {0, 0, 0x80, 0xFF};
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	poke(dir, "model.safetensors", -4, SEEK_END, nan);
	expect_refused(dir, ERR_FORMAT, "tensor encoder.layer.1.output.LayerNorm.bias");
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	poke(dir, "model.safetensors", -4096, SEEK_END, infinity);
	expect_refused(dir, ERR_FORMAT, "not finite");
}

/* The name of the packed file for a precision on this processor. */
static void packed_name(const char *precision, char out[64])
{
	snprintf(out, 64, "packed-%s-%s.bin", precision, gemm_ops_best(VEC_AVX512)->name);
}

static void embed_hello(struct embedder *e, float vector[H])
{
	struct err err = {0};
	struct str text = STR("hello, is this the same?");
	assert_int_equal(embed_texts(e, &text, 1, vector, &err), ERR_OK);
}

/* Opens, embeds, closes; *lines is how many log lines that took. */
static void open_and_embed(const struct temp_dir *dir, enum embed_precision precision,
			   float vector[H], size_t *lines)
{
	struct embedder *e = NULL;
	struct err err = {0};
	FILE *log = tmpfile();
	assert_non_null(log);
	if (open_kept(dir, precision, log, &e, &err) != ERR_OK)
		fail_msg("%s", err.message);
	embed_hello(e, vector);
	embed_close(e);
	*lines = 0;
	rewind(log);
	for (int c; (c = fgetc(log)) != EOF;)
		*lines += c == '\n';
	fclose(log);
}

static void test_packed_file(void **state)
{
	const struct temp_dir *dir = *state;
	static const unsigned char other[4] = {0x5A, 0x5A, 0x5A, 0x5A};
	static const struct {
		enum embed_precision precision;
		const char *name;
	} kinds[] = {{EMBED_F32, "f32"}, {EMBED_INT8, "int8"}};
	for (size_t k = 0; k < 2; k++) {
		float made[H], loaded[H];
		char name[64], path[512];
		size_t lines, size;
		assert_true(tiny_model_write(dir->path, TINY_BERT));
		packed_name(kinds[k].name, name);
		temp_dir_path(dir, name, path);
		open_and_embed(dir, kinds[k].precision, made, &lines);
		assert_int_equal(lines, 1);
		open_and_embed(dir, kinds[k].precision, loaded, &lines);
		assert_int_equal(lines, 0); /* taken from the file */
		assert_memory_equal(made, loaded, sizeof(made));

		/* Each word of the header, or some under valgrind, and places of the body. */
		long words = getenv("DOCS_BOT_TEST_SLOW_MACHINE") ? 44 : 4, step;
		/* Every kind of damage: one line for it, one for packing again, the same vectors. */
		struct buf whole;
		buf_init(&whole, alloc_default(), 16U << 20);
		assert_int_equal(file_read(path, 16U << 20, &whole, NULL), ERR_OK);
		size = whole.len;
		for (long at = 0; at < (long)size; at += step) {
			step = at < 192 ? words : (long)size / 20;
			poke(dir, name, at > (long)size - 4 ? (long)size - 4 : at, SEEK_SET, other);
			open_and_embed(dir, kinds[k].precision, loaded, &lines);
			if (lines != 2)
				fail_msg("damage at byte %ld was not noticed", at);
			assert_memory_equal(made, loaded, sizeof(made));
		}
		static const size_t cuts[] = {0, 1, 191, 192, 193, 1000};
		for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
			assert_int_equal(truncate(path, (off_t)cuts[i]), 0);
			open_and_embed(dir, kinds[k].precision, loaded, &lines);
			assert_int_equal(lines, 2);
			assert_memory_equal(made, loaded, sizeof(made));
		}
		buf_release(&whole);

		/* Weights of another model in the same place. */
		assert_true(tiny_model_write(dir->path, TINY_MPNET));
		open_and_embed(dir, kinds[k].precision, loaded, &lines);
		assert_int_equal(lines, 2);
		assert_memory_not_equal(made, loaded, sizeof(made));
	}
}

/* Where nothing can be written, the weights are packed in memory and everything works. */
static void test_packed_elsewhere(void **state)
{
	const struct temp_dir *dir = *state;
	char name[64], path[512];
	float kept[H], memory[H];
	size_t lines;
	assert_true(tiny_model_write(dir->path, TINY_BERT));
	open_and_embed(dir, EMBED_INT8, kept, &lines);
	packed_name("int8", name);
	assert_int_equal(unlink(temp_dir_path(dir, name, path)), 0);
	assert_int_equal(mkdir(path, 0755), 0); /* in the way of the file, even for root */
	open_and_embed(dir, EMBED_INT8, memory, &lines);
	assert_true(lines >= 2);
	assert_memory_equal(kept, memory, sizeof(kept));
	assert_int_equal(rmdir(path), 0);
}

static void test_precision(void **state)
{
	const struct temp_dir *dir = *state;
	struct embedder *f32 = NULL, *int8 = NULL, *best = NULL, *bf16 = NULL;
	struct err err = {0};
	float a[H], b[H];
	double cosine = 0;
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	assert_int_equal(open_kept(dir, EMBED_F32, NULL, &f32, &err), ERR_OK);
	assert_int_equal(open_kept(dir, EMBED_INT8, NULL, &int8, &err), ERR_OK);
	assert_int_equal(open_kept(dir, EMBED_AUTO, NULL, &best, &err), ERR_OK);
	assert_string_equal(f32->precision, "f32");
	assert_string_equal(f32->cache_key, f32->sha256);
	assert_string_equal(int8->precision, "int8");
	assert_string_equal(int8->sha256, f32->sha256);
	/* a cache of embeddings must not mix them */
	assert_string_not_equal(int8->cache_key, f32->cache_key);
	assert_string_equal(best->precision,
			    gemm_ops_best(VEC_AVX512)->vec->level == VEC_PLAIN ? "f32" : "int8");
	embed_hello(f32, a);
	embed_hello(int8, b);
	for (int i = 0; i < H; i++)
		cosine += (double)a[i] * (double)b[i];
	assert_true(cosine >= 0.99 && memcmp(a, b, sizeof(a)) != 0);
	enum err_code code = open_kept(dir, EMBED_BF16, NULL, &bf16, &err);
	if (gemm_ops_best(VEC_AVX512)->bf16)
		assert_string_equal(bf16->precision, "bf16");
	else
		assert_int_equal(code, ERR_UNSUPPORTED);
	embed_close(f32);
	embed_close(int8);
	embed_close(best);
	embed_close(bf16);
}

static void test_no_memory(void **state)
{
	const struct temp_dir *dir = *state;
	struct err err = {0};
	struct str text = STR("stop the job");
	enum err_code code = ERR_NOMEM;
	size_t at = 1;
	assert_true(tiny_model_write(dir->path, TINY_MPNET));
	for (; code != ERR_OK && at < 2000; at++) {
		struct fail_alloc fail;
		struct embedder *e = NULL;
		float vector[H];
		fail_alloc_init(&fail, at, false);
		code = open_model(dir, NULL, &fail.alloc, &e, &err);
		if (code == ERR_OK)
			code = embed_texts(e, &text, 1, vector, &err);
		/* Without memory for the helper it goes without. */
		if (code == ERR_OK)
			code = embed_alone(e, text, vector, &err);
		if (code != ERR_OK && code != ERR_NOMEM)
			fail_msg("allocation %zu: %s", at, err.message);
		embed_close(e);
		assert_int_equal(fail.live, 0);
	}
	assert_int_equal(code, ERR_OK);
	assert_true(at > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_embedder, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_longest_text, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_threads, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bad_config, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bad_weights, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_not_finite, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_packed_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_packed_elsewhere, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_precision, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_no_memory, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
