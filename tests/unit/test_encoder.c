/*
 * The encoders on tiny random models against a naive reference in double precision (written from
 * the papers, sharing nothing with encoder.c).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "embed/inproc/encoder.h"
#include "embed/inproc/helper.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

#define H     TINY_HIDDEN
#define F     TINY_INTERMEDIATE
#define SIZE  (TINY_HIDDEN / TINY_HEADS)
#define MAX_T TINY_MAX_TOKENS

struct fixture {
	struct temp_dir dir;
	enum tiny_kind kind;
	struct encoder_config config;
	struct safetensors *weights;
};

static int make_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	temp_dir_make(&f->dir);
	*state = f;
	return 0;
}

static int remove_dir(void **state)
{
	struct fixture *f = *state;
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

static void open_weights(struct fixture *f, enum tiny_kind kind, const char *prefix)
{
	struct err err = {0};
	char path[512];
	f->kind = kind;
	assert_true(tiny_model_write_prefixed(f->dir.path, kind, prefix));
	temp_dir_path(&f->dir, "model.safetensors", path);
	const struct alloc *alloc = alloc_default();
	assert_int_equal(encoder_config_read(f->dir.path, alloc, &f->config, &err), ERR_OK);
	assert_int_equal(safetensors_open(path, alloc, &f->weights, &err), ERR_OK);
}

static void close_weights(struct fixture *f)
{
	safetensors_close(f->weights);
}

static enum err_code open_with(struct fixture *f, const struct gemm_ops *ops, enum gemm_type type,
			       struct encoder **out, struct err *err)
{
	struct encoder_options options = {
		.config = &f->config, .weights = f->weights, .ops = ops, .type = type};
	return encoder_open(&options, alloc_default(), out, err);
}

/* An encoder with its working memory. */
struct machine {
	struct encoder *encoder;
	void *scratch;
};

static struct machine make_machine(struct fixture *f, const struct gemm_ops *ops,
				   enum gemm_type type)
{
	struct machine m;
	struct err err = {0};
	if (open_with(f, ops, type, &m.encoder, &err) != ERR_OK)
		fail_msg("%s", err.message);
	m.scratch = malloc(encoder_scratch_bytes(m.encoder));
	assert_non_null(m.scratch);
	return m;
}

static void drop_machine(struct machine *m)
{
	free(m->scratch);
	encoder_close(m->encoder);
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

/* How far a value may be off: rounding of f32, or the steps of quantized weights and activations. */
static const double tolerance[GEMM_TYPE_COUNT] = {
	[GEMM_F32] = 1e-5, [GEMM_I8] = 0.03, [GEMM_BF16] = 0.02};

static void run_and_compare(struct fixture *f, struct machine *m, const char *what,
			    enum gemm_type type, const int32_t *ids, size_t count,
			    const double want[H])
{
	float got[H];
	struct err err = {0};
	if (encoder_run(m->encoder, ids, &count, 1, m->scratch, got, &err) != ERR_OK)
		fail_msg("%s", err.message);
	double cosine = 0;
	for (int d = 0; d < H; d++) {
		cosine += (double)got[d] * want[d];
		if (!(fabs((double)got[d] - want[d]) <= tolerance[type]))
			fail_msg("%s, type %d, %zu tokens, value %d: got %.9g, want %.9g", what,
				 (int)type, count, d, (double)got[d], want[d]);
	}
	assert_true(cosine >= 1 - tolerance[type] / 5);
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
	const struct gemm_ops *ops;
	char path[512];
	temp_dir_path(&f->dir, "model.safetensors", path);
	assert_true(tiny_model_write(f->dir.path, f->kind));
	assert_int_equal(safetensors_open(path, alloc_default(), &plain, &err), ERR_OK);
	r->weights = plain;
	size_t runs = prefix[0] ? 5 : sizeof(lengths) / sizeof(lengths[0]);
	/* Set under valgrind, where every instruction takes fifty. */
	size_t step = getenv("DOCS_BOT_TEST_SLOW_MACHINE") ? 6 : 1;
	for (size_t n = 0; n < runs; n += step) {
		int32_t ids[MAX_T];
		double want[H];
		size_t count = (size_t)lengths[n];
		fill_ids(ids, count, (uint32_t)count, f->config.vocab);
		ref_run(r, f->kind, ids, lengths[n], want);
		for (size_t k = 0; (ops = gemm_ops_at(k)); k++) {
			for (int type = GEMM_F32; type < GEMM_TYPE_COUNT; type++) {
				if (type == GEMM_BF16 && !ops->bf16)
					continue;
				struct machine m = make_machine(f, ops, (enum gemm_type)type);
				run_and_compare(f, &m, ops->name, (enum gemm_type)type, ids, count,
						want);
				drop_machine(&m);
			}
		}
	}
	safetensors_close(plain);
	free(r);
}

/* Sequences that share the products get the vectors that each gets alone, bit for bit. */
static void test_together(void **state)
{
	struct fixture *f = *state;
	static const size_t lengths[] = {7, 1, 40, 3, 16, 200, 9};
	enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };
	const struct gemm_ops *ops;
	for (int kind = TINY_BERT; kind <= TINY_MPNET; kind++) {
		open_weights(f, (enum tiny_kind)kind, "");
		for (size_t k = 0; (ops = gemm_ops_at(k)); k++) {
			for (int type = GEMM_F32; type <= GEMM_I8; type++) {
				struct machine m = make_machine(f, ops, (enum gemm_type)type);
				int32_t ids[MAX_T];
				float all[COUNT * H], alone[H];
				struct err err = {0};
				size_t total = 0;
				fill_ids(ids, MAX_T, 3, f->config.vocab);
				assert_int_equal(encoder_run(m.encoder, ids, lengths, COUNT,
							     m.scratch, all, &err),
						 ERR_OK);
				for (size_t i = 0; i < COUNT; i++) {
					assert_int_equal(encoder_run(m.encoder, ids + total,
								     &lengths[i], 1, m.scratch,
								     alone, &err),
							 ERR_OK);
					assert_memory_equal(alone, all + i * H, sizeof(alone));
					total += lengths[i];
				}
				drop_machine(&m);
			}
		}
		close_weights(f);
	}
}

/* The vector of `count` tokens with a helper as the options say, against the one without. */
static void check_helped(struct machine *m, const struct helper_options *options,
			 const int32_t *ids, size_t count, const float want[H])
{
	struct helper *helper = NULL;
	struct err err = {0};
	float got[H];
	assert_int_equal(helper_open(options, alloc_default(), &helper, &err), ERR_OK);
	for (int round = 0; round < 2; round++) {
		memset(got, 0, sizeof(got));
		assert_int_equal(
			encoder_run_helped(m->encoder, ids, count, helper, m->scratch, got, &err),
			ERR_OK);
		assert_memory_equal(got, want, sizeof(got));
	}
	helper_close(helper);
}

static void check_all_helped(struct machine *m, const int32_t *ids, size_t count, bool everywhere)
{
	/* A layer has five tasks; beyond the last, nothing is interrupted. */
	enum { TASKS = 5 * TINY_LAYERS };
	struct helper_options options = {.bytes = encoder_helper_bytes(m->encoder)};
	struct err err = {0};
	float want[H], got[H];
	assert_int_equal(encoder_run(m->encoder, ids, &count, 1, m->scratch, want, &err), ERR_OK);
	assert_int_equal(encoder_run_helped(m->encoder, ids, count, NULL, m->scratch, got, &err),
			 ERR_OK);
	assert_memory_equal(got, want, sizeof(got));
	check_helped(m, &options, ids, count, want);
	options.only_helper = true;
	for (size_t at = 0; at <= TASKS + 1; at += everywhere ? 1 : TASKS + 2) {
		options.leave_at = at;
		check_helped(m, &options, ids, count, want);
	}
}

/* Who computes a part of a text changes nothing of it, nor does a helper that does not come back. */
static void test_helped(void **state)
{
	static const size_t lengths[] = {1, 2, 7, 19, 36, 63, 64, 65, 71, 200};
	struct fixture *f = *state;
	const struct gemm_ops *ops;
	int32_t ids[MAX_T];
	size_t step = getenv("DOCS_BOT_TEST_SLOW_MACHINE") ? 4 : 1;
	for (int kind = TINY_BERT; kind <= TINY_MPNET; kind++) {
		open_weights(f, (enum tiny_kind)kind, "");
		fill_ids(ids, MAX_T, 8, f->config.vocab);
		for (size_t k = 0; (ops = gemm_ops_at(k)); k++) {
			for (int type = GEMM_F32; type < GEMM_TYPE_COUNT; type++) {
				if (type == GEMM_BF16 && !ops->bf16)
					continue;
				struct machine m = make_machine(f, ops, (enum gemm_type)type);
				for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths);
				     i += step)
					check_all_helped(&m, ids, lengths[i],
							 step == 1 && lengths[i] % 64 == 7 &&
								 !gemm_ops_at(k + 1));
				drop_machine(&m);
			}
		}
		close_weights(f);
	}
}

static void test_helped_bad_ids(void **state)
{
	struct fixture *f = *state;
	struct helper *helper = NULL;
	struct err err = {0};
	float vector[H];
	int32_t ids[2] = {0, -1};
	open_weights(f, TINY_BERT, "");
	struct machine m = make_machine(f, gemm_ops_at(0), GEMM_F32);
	const struct helper_options options = {.bytes = encoder_helper_bytes(m.encoder)};
	assert_int_equal(helper_open(&options, alloc_default(), &helper, &err), ERR_OK);
	assert_int_equal(encoder_run_helped(m.encoder, ids, 2, helper, m.scratch, vector, &err),
			 ERR_INTERNAL);
	void *memory = helper_take(helper); /* the failed run holds nothing */
	assert_non_null(memory);
	/* in use elsewhere: alone */
	assert_int_equal(encoder_run_helped(m.encoder, ids, 1, helper, m.scratch, vector, &err),
			 ERR_OK);
	helper_give(helper);
	helper_close(helper);
	drop_machine(&m);
	close_weights(f);
}

/* The quantized weights are the same everywhere, so the vectors are too but for rounding. */
static void test_same_on_all_kernels(void **state)
{
	struct fixture *f = *state;
	const struct gemm_ops *ops;
	int32_t ids[MAX_T];
	float want[H], got[H];
	size_t count = 61;
	struct err err = {0};
	open_weights(f, TINY_MPNET, "");
	fill_ids(ids, MAX_T, 5, f->config.vocab);
	for (size_t k = 0; (ops = gemm_ops_at(k)); k++) {
		struct machine m = make_machine(f, ops, GEMM_I8);
		assert_int_equal(
			encoder_run(m.encoder, ids, &count, 1, m.scratch, k ? got : want, &err),
			ERR_OK);
		drop_machine(&m);
		/* One step of one activation may fall on its other side. */
		for (int d = 0; k && d < H; d++)
			assert_true(fabs((double)got[d] - (double)want[d]) <= 2e-3);
	}
	close_weights(f);
}

static void test_bert(void **state)
{
	struct fixture *f = *state;
	open_weights(f, TINY_BERT, "");
	assert_int_equal(f->config.arch, ENCODER_BERT);
	assert_int_equal(f->config.max_tokens, MAX_T);
	compare_with_reference(f, "");
	close_weights(f);
}

static void test_mpnet(void **state)
{
	struct fixture *f = *state;
	open_weights(f, TINY_MPNET, "");
	assert_int_equal(f->config.arch, ENCODER_MPNET);
	assert_int_equal(f->config.max_tokens, MAX_T);
	compare_with_reference(f, "");
	close_weights(f);
}

static void test_prefixed_names(void **state)
{
	struct fixture *f = *state;
	open_weights(f, TINY_BERT, "bert.");
	compare_with_reference(f, "bert.");
	close_weights(f);
	open_weights(f, TINY_MPNET, "mpnet.");
	compare_with_reference(f, "mpnet.");
	close_weights(f);
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

static void expect_bad(struct machine *m, const int32_t *ids, size_t a, size_t b)
{
	struct err err = {0};
	float vectors[2 * H];
	size_t lengths[2] = {a, b};
	assert_int_equal(
		encoder_run(m->encoder, ids, lengths, b ? 2 : 1, m->scratch, vectors, &err),
		ERR_INTERNAL);
}

static enum err_code run_first(struct machine *m, const int32_t *ids, const uint8_t *types,
			       const size_t *lengths, size_t count, float *states)
{
	struct err err = {0};
	const struct encoder_input input = {
		.ids = ids, .types = types, .lengths = lengths, .count = count};
	return encoder_run_first(m->encoder, &input, m->scratch, states, &err);
}

/* What the states are worth is tested through the cross-encoder, against transformers. */
static void test_token_types(void **state)
{
	struct fixture *f = *state;
	float got[2][H], alone[H], other[H];
	int32_t ids[12];
	const uint8_t none[12] = {0}, types[12] = {0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1};
	const uint8_t wrong[12] = {[11] = 2};
	const size_t lengths[] = {5, 7};
	open_weights(f, TINY_BERT, "");
	struct machine m = make_machine(f, gemm_ops_best(VEC_AVX512), GEMM_F32);
	fill_ids(ids, 12, 3, f->config.vocab);
	assert_int_equal(run_first(&m, ids, types, lengths, 2, got[0]), ERR_OK);
	assert_int_equal(run_first(&m, ids + 5, types + 5, lengths + 1, 1, alone), ERR_OK);
	assert_memory_equal(got[1], alone, sizeof(alone));
	assert_int_equal(run_first(&m, ids + 5, none, lengths + 1, 1, other), ERR_OK);
	assert_true(memcmp(other, alone, sizeof(alone)) != 0);
	assert_int_equal(run_first(&m, ids + 5, NULL, lengths + 1, 1, alone), ERR_OK);
	assert_memory_equal(other, alone, sizeof(alone));
	assert_int_equal(run_first(&m, ids, wrong, lengths, 2, got[0]), ERR_INTERNAL);
	drop_machine(&m);
	close_weights(f);
	open_weights(f, TINY_MPNET, "");
	m = make_machine(f, gemm_ops_best(VEC_AVX512), GEMM_F32);
	assert_int_equal(run_first(&m, ids, none, lengths, 2, got[0]), ERR_OK);
	assert_int_equal(run_first(&m, ids, types, lengths, 2, got[0]), ERR_INTERNAL);
	drop_machine(&m);
	close_weights(f);
}

static void test_bad_ids(void **state)
{
	struct fixture *f = *state;
	open_weights(f, TINY_BERT, "");
	struct machine m = make_machine(f, gemm_ops_best(VEC_AVX512), GEMM_F32);
	int32_t ids[MAX_T + 1] = {0};
	expect_bad(&m, ids, 0, 0);
	expect_bad(&m, ids, MAX_T + 1, 0);
	expect_bad(&m, ids, MAX_T, 1);
	expect_bad(&m, ids, 2, SIZE_MAX);
	ids[1] = -1;
	expect_bad(&m, ids, 3, 0);
	ids[1] = (int32_t)f->config.vocab;
	expect_bad(&m, ids, 3, 0);
	struct err err = {0};
	assert_int_equal(encoder_run(m.encoder, ids, NULL, 0, m.scratch, NULL, &err), ERR_OK);
	drop_machine(&m);
	close_weights(f);
}

static void test_bf16_needs_the_processor(void **state)
{
	struct fixture *f = *state;
	struct encoder *encoder = NULL;
	struct err err = {0};
	open_weights(f, TINY_BERT, "");
	assert_int_equal(open_with(f, gemm_ops_at(0), GEMM_BF16, &encoder, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "auto, int8 or f32"));
	assert_null(encoder);
	close_weights(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bert, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_mpnet, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_prefixed_names, make_dir, remove_dir),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test_setup_teardown(test_together, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_helped, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_helped_bad_ids, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_same_on_all_kernels, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_token_types, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bad_ids, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bf16_needs_the_processor, make_dir,
						remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
