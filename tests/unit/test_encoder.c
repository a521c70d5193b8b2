/*
 * The encoders on tiny random models against a naive reference in double precision (written from
 * the papers, sharing nothing with encoder.c), and the embedder around them.
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
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "embed/inproc/encoder.h"
#include "embed/inproc/inproc.h"
#include "support/tiny_model.h"

#define H     TINY_HIDDEN
#define F     TINY_INTERMEDIATE
#define SIZE  (TINY_HIDDEN / TINY_HEADS)
#define MAX_T TINY_MAX_TOKENS

static const char *const file_names[] = {"config.json", "vocab.txt", "tokenizer_config.json",
					 "model.safetensors"};

struct fixture {
	char dir[64];
	enum tiny_kind kind;
	struct encoder_config config;
	struct safetensors *weights;
	struct encoder *encoder;
	float *scratch;
};

static int make_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/docs-bot-test-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

static void path_of(const struct fixture *f, const char *name, char path[160])
{
	snprintf(path, 160, "%s/%s", f->dir, name);
}

static int remove_dir(void **state)
{
	struct fixture *f = *state;
	char path[160];
	for (size_t i = 0; i < sizeof(file_names) / sizeof(file_names[0]); i++) {
		path_of(f, file_names[i], path);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

static void open_encoder(struct fixture *f, enum tiny_kind kind, const char *prefix)
{
	struct err err = {0};
	char path[160];
	f->kind = kind;
	assert_true(tiny_model_write_prefixed(f->dir, kind, prefix));
	path_of(f, "model.safetensors", path);
	const struct alloc *alloc = alloc_default();
	assert_int_equal(encoder_config_read(f->dir, alloc, &f->config, &err), ERR_OK);
	assert_int_equal(safetensors_open(path, alloc, &f->weights, &err), ERR_OK);
	assert_int_equal(encoder_open(&f->config, f->weights, alloc, &f->encoder, &err), ERR_OK);
	f->scratch = malloc(encoder_scratch_floats(f->encoder) * sizeof(float));
	assert_non_null(f->scratch);
}

static void close_encoder(struct fixture *f)
{
	free(f->scratch);
	encoder_close(f->encoder);
	safetensors_close(f->weights);
}

/* ---- the reference ---- */

struct reference {
	const struct safetensors *weights;
	bool mpnet;
	double x[MAX_T][H], q[MAX_T][H], k[MAX_T][H], v[MAX_T][H], context[MAX_T][H];
};

static const float *tensor(const struct reference *r, const char *name, size_t rows, size_t cols)
{
	const float *values = NULL;
	struct err err = {0};
	size_t matrix[] = {rows, cols}, row[] = {cols};
	enum err_code code = safetensors_f32(r->weights, str_c(name), rows ? matrix : row,
					     rows ? 2 : 1, &values, &err);
	if (code != ERR_OK)
		fail_msg("%s", err.message);
	return values;
}

static const float *layer_tensor(const struct reference *r, int layer, const char *bert,
				 const char *mpnet, const char *leaf, size_t rows, size_t cols)
{
	char name[128];
	snprintf(name, sizeof(name), "encoder.layer.%d.%s.%s", layer, r->mpnet ? mpnet : bert,
		 leaf);
	return tensor(r, name, rows, cols);
}

static void ref_norm(double *x, const float *gamma, const float *beta, double eps)
{
	double mean = 0, var = 0;
	for (int i = 0; i < H; i++)
		mean += x[i] / H;
	for (int i = 0; i < H; i++)
		var += (x[i] - mean) * (x[i] - mean) / H;
	for (int i = 0; i < H; i++)
		x[i] = (x[i] - mean) / sqrt(var + eps) * (double)gamma[i] + (double)beta[i];
}

static void ref_dense(const double *x, size_t in, size_t out, const float *weight,
		      const float *bias, double *y)
{
	for (size_t o = 0; o < out; o++) {
		y[o] = (double)bias[o];
		for (size_t i = 0; i < in; i++)
			y[o] += x[i] * (double)weight[o * in + i];
	}
}

/* The T5 rule by its borders: 8 exact distances, then powers of 16^(1/8) up to 128. */
static int ref_bucket(int key_minus_query)
{
	static const int border[] = {8, 12, 16, 23, 32, 46, 64, 91};
	int distance = abs(key_minus_query), bucket = distance;
	if (distance >= 8) {
		bucket = 7;
		for (int i = 0; i < 8; i++)
			bucket += distance >= border[i];
	}
	return bucket + (key_minus_query > 0 ? 16 : 0);
}

static void ref_attention(struct reference *r, int count)
{
	const float *table = NULL;
	if (r->mpnet)
		table = tensor(r, "encoder.relative_attention_bias.weight", TINY_BUCKETS,
			       TINY_HEADS);
	for (int head = 0; head < TINY_HEADS; head++) {
		for (int i = 0; i < count; i++) {
			double p[MAX_T], sum = 0;
			for (int j = 0; j < count; j++) {
				double s = 0;
				for (int d = head * SIZE; d < (head + 1) * SIZE; d++)
					s += r->q[i][d] * r->k[j][d];
				s /= sqrt(SIZE);
				if (table)
					s += (double)table[ref_bucket(j - i) * TINY_HEADS + head];
				p[j] = exp(s);
				sum += p[j];
			}
			for (int d = head * SIZE; d < (head + 1) * SIZE; d++) {
				r->context[i][d] = 0;
				for (int j = 0; j < count; j++)
					r->context[i][d] += p[j] / sum * r->v[j][d];
			}
		}
	}
}

static void ref_layer(struct reference *r, int l, int count, double eps)
{
#define DENSE(bert, mpnet, in, out, x, y)                                                          \
	ref_dense(x, in, out, layer_tensor(r, l, bert, mpnet, "weight", out, in),                  \
		  layer_tensor(r, l, bert, mpnet, "bias", 0, out), y)
#define NORM(bert, mpnet, x)                                                                       \
	ref_norm(x, layer_tensor(r, l, bert, mpnet, "weight", 0, H),                               \
		 layer_tensor(r, l, bert, mpnet, "bias", 0, H), eps)
	for (int i = 0; i < count; i++) {
		DENSE("attention.self.query", "attention.attn.q", H, H, r->x[i], r->q[i]);
		DENSE("attention.self.key", "attention.attn.k", H, H, r->x[i], r->k[i]);
		DENSE("attention.self.value", "attention.attn.v", H, H, r->x[i], r->v[i]);
	}
	ref_attention(r, count);
	for (int i = 0; i < count; i++) {
		double y[H], inner[F];
		DENSE("attention.output.dense", "attention.attn.o", H, H, r->context[i], y);
		for (int d = 0; d < H; d++)
			r->x[i][d] += y[d];
		NORM("attention.output.LayerNorm", "attention.LayerNorm", r->x[i]);
		DENSE("intermediate.dense", "intermediate.dense", H, F, r->x[i], inner);
		for (int d = 0; d < F; d++)
			inner[d] *= 0.5 * (1 + erf(inner[d] / sqrt(2)));
		DENSE("output.dense", "output.dense", F, H, inner, y);
		for (int d = 0; d < H; d++)
			r->x[i][d] += y[d];
		NORM("output.LayerNorm", "output.LayerNorm", r->x[i]);
	}
#undef DENSE
#undef NORM
}

static void ref_run(struct reference *r, enum tiny_kind kind, const int32_t *ids, int count,
		    double out[H])
{
	r->mpnet = kind == TINY_MPNET;
	double eps = r->mpnet ? 1e-5 : 1e-12, norm = 0;
	int first = r->mpnet ? 2 : 0;
	const float *words =
		tensor(r, "embeddings.word_embeddings.weight", tiny_model_vocab(kind), H);
	const float *positions =
		tensor(r, "embeddings.position_embeddings.weight", (size_t)(MAX_T + first), H);
	const float *types =
		r->mpnet ? NULL : tensor(r, "embeddings.token_type_embeddings.weight", 2, H);
	for (int i = 0; i < count; i++) {
		for (int d = 0; d < H; d++)
			r->x[i][d] = (double)words[ids[i] * H + d] +
				     (double)positions[(i + first) * H + d] +
				     (types ? (double)types[d] : 0);
		ref_norm(r->x[i], tensor(r, "embeddings.LayerNorm.weight", 0, H),
			 tensor(r, "embeddings.LayerNorm.bias", 0, H), eps);
	}
	for (int l = 0; l < TINY_LAYERS; l++)
		ref_layer(r, l, count, eps);
	for (int d = 0; d < H; d++) {
		out[d] = 0;
		for (int i = 0; i < count; i++)
			out[d] += r->x[i][d] / count;
		norm += out[d] * out[d];
	}
	for (int d = 0; d < H; d++)
		out[d] /= sqrt(norm);
}

/* ---- the tests ---- */

static void fill_ids(int32_t *ids, size_t count, uint32_t seed, size_t vocab)
{
	for (size_t i = 0; i < count; i++) {
		seed = seed * 1664525U + 1013904223U;
		ids[i] = (int32_t)((seed >> 8) % vocab);
	}
}

static void compare_with_reference(struct fixture *f, const char *prefix)
{
	static const int lengths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,   15, 16,
				      17, 24, 31, 32, 33, 47, 63, 64, 150, 512};
	/* The reference asks for unprefixed names: it reads its own copy of the weights. */
	struct reference *r = calloc(1, sizeof(*r));
	assert_non_null(r);
	struct err err = {0};
	struct safetensors *plain = NULL;
	enum tiny_kind kind = f->kind;
	char path[160];
	path_of(f, "model.safetensors", path);
	assert_true(tiny_model_write(f->dir, kind));
	assert_int_equal(safetensors_open(path, alloc_default(), &plain, &err), ERR_OK);
	r->weights = plain;
	size_t runs = prefix[0] ? 5 : sizeof(lengths) / sizeof(lengths[0]);
	for (size_t n = 0; n < runs; n++) {
		int32_t ids[MAX_T];
		double want[H];
		size_t count = (size_t)lengths[n];
		fill_ids(ids, count, (uint32_t)count, f->config.vocab);
		ref_run(r, kind, ids, lengths[n], want);
		for (int level = VEC_PLAIN; level <= VEC_AVX512; level++) {
			float got[H];
			const struct vec_ops *ops = vec_ops_get((enum vec_level)level);
			if (!ops)
				continue;
			assert_int_equal(
				encoder_run(f->encoder, ops, ids, count, f->scratch, got, &err),
				ERR_OK);
			for (int d = 0; d < H; d++) {
				if (!(fabs((double)got[d] - want[d]) <= 1e-5))
					fail_msg("%s, %zu tokens, value %d: got %.9g, want %.9g",
						 ops->name, count, d, (double)got[d], want[d]);
			}
		}
	}
	safetensors_close(plain);
	free(r);
}

static void test_bert(void **state)
{
	struct fixture *f = *state;
	open_encoder(f, TINY_BERT, "");
	assert_int_equal(f->config.arch, ENCODER_BERT);
	assert_int_equal(f->config.max_tokens, MAX_T);
	compare_with_reference(f, "");
	close_encoder(f);
}

static void test_mpnet(void **state)
{
	struct fixture *f = *state;
	open_encoder(f, TINY_MPNET, "");
	assert_int_equal(f->config.arch, ENCODER_MPNET);
	assert_int_equal(f->config.max_tokens, MAX_T);
	compare_with_reference(f, "");
	close_encoder(f);
}

static void test_prefixed_names(void **state)
{
	struct fixture *f = *state;
	open_encoder(f, TINY_BERT, "bert.");
	compare_with_reference(f, "bert.");
	close_encoder(f);
	open_encoder(f, TINY_MPNET, "mpnet.");
	compare_with_reference(f, "mpnet.");
	close_encoder(f);
}

static void test_buckets(void **state)
{
	for (int distance = -600; distance <= 600; distance++)
		assert_int_equal(encoder_bucket(distance, 32), ref_bucket(distance));
	/* Any table size keeps to its rows. */
	for (size_t buckets = 4; buckets <= 40; buckets++) {
		for (int distance = -600; distance <= 600; distance++)
			assert_true(encoder_bucket(distance, buckets) < buckets);
	}
}

static void test_bad_ids(void **state)
{
	struct fixture *f = *state;
	open_encoder(f, TINY_BERT, "");
	const struct vec_ops *ops = vec_ops_best(VEC_AVX512);
	struct err err = {0};
	float vector[H];
	int32_t ids[MAX_T + 1] = {0};
	assert_int_equal(encoder_run(f->encoder, ops, ids, 0, f->scratch, vector, &err),
			 ERR_INTERNAL);
	assert_int_equal(encoder_run(f->encoder, ops, ids, MAX_T + 1, f->scratch, vector, &err),
			 ERR_INTERNAL);
	ids[1] = -1;
	assert_int_equal(encoder_run(f->encoder, ops, ids, 3, f->scratch, vector, &err),
			 ERR_INTERNAL);
	ids[1] = (int32_t)f->config.vocab;
	assert_int_equal(encoder_run(f->encoder, ops, ids, 3, f->scratch, vector, &err),
			 ERR_INTERNAL);
	close_encoder(f);
}

static enum err_code open_model(const struct fixture *f, const char *sha256,
				const struct alloc *alloc, struct embedder **out, struct err *err)
{
	struct embed_inproc_options options = {
		.dir = f->dir, .name = "tiny", .sha256 = sha256, .vec_limit = VEC_AVX512};
	return embed_inproc_open(&options, alloc, out, err);
}

static void expect_refused(const struct fixture *f, enum err_code code, const char *part)
{
	struct embedder *e = NULL;
	struct err err = {0};
	enum err_code got = open_model(f, NULL, alloc_default(), &e, &err);
	if (got != code || !strstr(err.message, part))
		fail_msg("got %s \"%s\", expected %s with \"%s\"", err_label(got), err.message,
			 err_label(code), part);
	assert_null(e);
}

/* Replaces the first `from` in a file by `to`; both have the same length in weights. */
static void patch(const struct fixture *f, const char *name, const char *from, const char *to)
{
	struct buf text, patched;
	char path[160];
	path_of(f, name, path);
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
	struct fixture *f = *state;
	for (int kind = TINY_BERT; kind <= TINY_MPNET; kind++) {
		struct embedder *e = NULL;
		struct err err = {0};
		char path[160], hash[65], line[64];
		assert_true(tiny_model_write(f->dir, (enum tiny_kind)kind));
		path_of(f, "model.safetensors", path);
		assert_int_equal(file_sha256(path, hash, &err), ERR_OK);
		if (open_model(f, hash, alloc_default(), &e, &err) != ERR_OK)
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
		snprintf(line, sizeof(line), "%s", "0000");
		embed_close(e);
		e = NULL;
		assert_int_equal(open_model(f, line, alloc_default(), &e, &err), ERR_MISMATCH);
		assert_non_null(strstr(err.message, hash));
		assert_non_null(strstr(err.message, "0000"));
		assert_null(e);
	}
	embed_close(NULL);
}

static void test_longest_text(void **state)
{
	struct fixture *f = *state;
	struct embedder *e = NULL;
	struct err err = {0};
	char text[2 * MAX_T];
	float vector[H];
	assert_true(tiny_model_write(f->dir, TINY_MPNET));
	assert_int_equal(open_model(f, NULL, alloc_default(), &e, &err), ERR_OK);
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "x ", 2);
	struct str fits = {text, 2 * (MAX_T - 2)}, longer = {text, 2 * (MAX_T - 1)};
	assert_int_equal(embed_texts(e, &fits, 1, vector, &err), ERR_OK);
	assert_int_equal(embed_texts(e, &longer, 1, vector, &err), ERR_LIMIT);
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
	enum err_code code;
};

static void *run_job(void *arg)
{
	struct job *job = arg;
	for (int round = 0; round < 5 && job->code == ERR_OK; round++)
		job->code = embed_texts(job->e, job->texts, TEXTS, job->vectors, NULL);
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	static const struct str texts[TEXTS] = {
		{"", 0},         {"one", 3},          {"two words", 9},
		{"a, b; c.", 8}, {"x y z 1 2 3", 11}, {"!", 1}};
	struct embedder *e = NULL;
	struct err err = {0};
	float want[TEXTS * H];
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	assert_true(tiny_model_write(f->dir, TINY_MPNET));
	assert_int_equal(open_model(f, "", alloc_default(), &e, &err), ERR_OK);
	assert_int_equal(embed_texts(e, texts, TEXTS, want, &err), ERR_OK);
	for (int i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.e = e, .texts = texts, .code = ERR_OK};
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
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(tiny_model_write(f->dir, TINY_BERT));
		patch(f, "config.json", cases[i].from, cases[i].to);
		expect_refused(f, cases[i].code, cases[i].part);
	}
	assert_true(tiny_model_write(f->dir, TINY_MPNET));
	patch(f, "config.json", "\"relative_attention_num_buckets\": 32",
	      "\"relative_attention_num_buckets\": 16");
	expect_refused(f, ERR_FORMAT, "relative_attention_bias");
	char path[160];
	path_of(f, "config.json", path);
	assert_int_equal(file_write_atomic(path, STR("[7]"), NULL), ERR_OK);
	expect_refused(f, ERR_FORMAT, "not a JSON object");
	unlink(path);
	expect_refused(f, ERR_NOTFOUND, "config.json");
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
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(tiny_model_write(f->dir, TINY_MPNET));
		patch(f, "model.safetensors", cases[i].from, cases[i].to);
		expect_refused(f, ERR_FORMAT, cases[i].part);
	}
	char path[160];
	path_of(f, "model.safetensors", path);
	assert_int_equal(truncate(path, 5000), 0);
	expect_refused(f, ERR_FORMAT, "model.safetensors");
	unlink(path);
	expect_refused(f, ERR_NOTFOUND, "model.safetensors");
}

/* Damaged values are not found out, but must not do harm either. */
static void test_not_a_number(void **state)
{
	struct fixture *f = *state;
	open_encoder(f, TINY_MPNET, "");
	char path[160];
	path_of(f, "model.safetensors", path);
	close_encoder(f);
	FILE *file = fopen(path, "r+b");
	assert_non_null(file);
	static const unsigned char nan_bytes[] = {0, 0, 0xC0, 0x7F};
	fseek(file, -4096, SEEK_END);
	for (int i = 0; i < 1024; i++)
		fwrite(nan_bytes, 1, 4, file);
	fclose(file);
	struct embedder *e = NULL;
	struct err err = {0};
	struct str text = STR("abc def");
	float vector[H];
	assert_int_equal(open_model(f, NULL, alloc_default(), &e, &err), ERR_OK);
	assert_int_equal(embed_texts(e, &text, 1, vector, &err), ERR_OK);
	embed_close(e);
}

struct failing {
	size_t calls, fail_at;
};

static void *failing_resize(void *ctx, void *ptr, size_t size)
{
	struct failing *failing = ctx;
	if (size == 0) {
		free(ptr);
		return NULL;
	}
	return failing->calls++ == failing->fail_at ? NULL : realloc(ptr, size);
}

static void test_no_memory(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	struct str text = STR("stop the job");
	enum err_code code = ERR_NOMEM;
	size_t at = 0;
	assert_true(tiny_model_write(f->dir, TINY_MPNET));
	for (; code != ERR_OK && at < 2000; at++) {
		struct failing failing = {.fail_at = at};
		struct alloc alloc = {failing_resize, &failing};
		struct embedder *e = NULL;
		float vector[H];
		code = open_model(f, NULL, &alloc, &e, &err);
		if (code == ERR_OK)
			code = embed_texts(e, &text, 1, vector, &err);
		if (code != ERR_OK && code != ERR_NOMEM)
			fail_msg("allocation %zu: %s", at, err.message);
		embed_close(e);
	}
	assert_int_equal(code, ERR_OK);
	assert_true(at > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bert, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_mpnet, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_prefixed_names, make_dir, remove_dir),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test_setup_teardown(test_bad_ids, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_embedder, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_longest_text, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_threads, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bad_config, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bad_weights, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_not_a_number, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_no_memory, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
