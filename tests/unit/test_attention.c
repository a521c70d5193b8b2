/* Attention in f32 and in 16-bit integers against double precision, on every table of kernels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "embed/inproc/attention.h"

#define MAX_TOKENS 140

static float random_float(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return (float)(*state >> 8) / 8388608.0F - 1.0F;
}

/* softmax(q k^T + bias) v of one head and query, in place of `out` [size]. */
static void reference(const struct attention *a, const float *qkv, size_t count, size_t head,
		      size_t query, double *out)
{
	size_t hidden = a->heads * a->size, stride = 3 * hidden, at = head * a->size;
	double p[MAX_TOKENS], max = -INFINITY, sum = 0;
	for (size_t j = 0; j < count; j++) {
		p[j] = a->bias ? (double)a->bias[head * a->bias_width + (a->bias_width - 1) / 2 +
						 j - query]
			       : 0;
		for (size_t d = 0; d < a->size; d++)
			p[j] += (double)qkv[query * stride + at + d] *
				(double)qkv[j * stride + hidden + at + d];
		max = fmax(max, p[j]);
	}
	for (size_t j = 0; j < count; j++)
		sum += p[j] = exp(p[j] - max);
	for (size_t d = 0; d < a->size; d++) {
		out[d] = 0;
		for (size_t j = 0; j < count; j++)
			out[d] += p[j] / sum * (double)qkv[j * stride + 2 * hidden + at + d];
	}
}

static void check(const struct gemm_ops *ops, size_t heads, size_t size, size_t count, bool biased,
		  bool narrow, float scale)
{
	size_t hidden = heads * size, n = count * 3 * hidden;
	struct attention a = {.heads = heads, .size = size};
	float *qkv = malloc(n * sizeof(*qkv)), *before = malloc(n * sizeof(*before));
	float *bias = malloc(heads * (2 * MAX_TOKENS - 1) * sizeof(*bias));
	size_t bytes = attention_scratch(ops, &a, count, narrow);
	bytes = (bytes + GEMM_ALIGN - 1) / GEMM_ALIGN * GEMM_ALIGN;
	void *scratch = aligned_alloc(GEMM_ALIGN, bytes);
	uint32_t seed = (uint32_t)(count * 31 + size);
	assert_true(qkv && before && bias && scratch);
	memset(scratch, 0xFF, bytes); /* NaN: nothing may be read before it is written */
	for (size_t i = 0; i < n; i++)
		qkv[i] = random_float(&seed) * scale;
	for (size_t i = 0; i < heads * (2 * MAX_TOKENS - 1); i++)
		bias[i] = random_float(&seed) * 3;
	if (biased) {
		a.bias = bias;
		a.bias_width = 2 * MAX_TOKENS - 1;
	}
	memcpy(before, qkv, n * sizeof(*qkv));
	attention_run(ops, &a, qkv, count, narrow, scratch);
	double tolerance = (narrow ? 2e-3 : 2e-6) * fmax(1, (double)scale) * (double)scale;
	for (size_t i = 0; i < count; i++) {
		for (size_t h = 0; h < heads; h++) {
			double want[64];
			reference(&a, before, count, h, i, want);
			for (size_t d = 0; d < size; d++) {
				double got = (double)qkv[i * 3 * hidden + h * size + d];
				if (!(fabs(got - want[d]) <= tolerance))
					fail_msg("%s, %zu heads of %zu, %zu tokens, narrow %d: "
						 "%.9g, "
						 "must be %.9g",
						 ops->name, heads, size, count, narrow, got,
						 want[d]);
			}
		}
		/* keys and values stay */
		assert_memory_equal(qkv + i * 3 * hidden + hidden, before + i * 3 * hidden + hidden,
				    2 * hidden * sizeof(*qkv));
	}
	free(qkv);
	free(before);
	free(bias);
	free(scratch);
}

static void test_sizes(void **state)
{
	static const size_t counts[] = {1, 2, 3, 5, 6, 7, 13, 16, 17, 31, 32, 33, 64, 100, 139};
	static const size_t sizes[] = {1, 3, 8, 16, 17, 32, 64};
	/* Set under valgrind, where every instruction takes fifty. */
	bool slow = getenv("DOCS_BOT_TEST_SLOW_MACHINE") != NULL;
	const struct gemm_ops *ops;
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i += slow ? 4 : 1) {
			for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
				for (int mode = 0; mode < 4; mode++)
					check(ops, 1 + k % 3, sizes[k], counts[i], mode & 1,
					      mode & 2, mode & 1 ? 1.5F : 0.3F);
			}
		}
	}
}

/* Everything zero: no step to divide by. */
static void test_zeros(void **state)
{
	const struct gemm_ops *ops;
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++) {
		check(ops, 2, 8, 9, false, true, 0);
		check(ops, 2, 8, 9, true, false, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_zeros),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
