/* Every level of base/vec.h against the plain one, and the plain one against double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vec.h"

#define MAX_N 3073

static const size_t sizes[] = {0,  1,  2,  3,  7,   8,   9,   15,  16,  17,  31,   32,
			       33, 47, 63, 64, 127, 384, 385, 511, 512, 768, 3072, 3073};
#define SIZE_COUNT (sizeof(sizes) / sizeof(sizes[0]))

static const enum vec_level levels[] = {VEC_PLAIN, VEC_AVX2, VEC_AVX512};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

struct arrays {
	/* One float of slack in front (misalignment) and a guard behind every array. */
	float a[MAX_N + 2], b[MAX_N + 2], c[MAX_N + 2], want[MAX_N + 2];
};

static float random_float(uint32_t *state, float scale)
{
	*state = *state * 1664525U + 1013904223U;
	return ((float)(*state >> 8) / 8388608.0F - 1.0F) * scale;
}

static void fill(float *x, size_t n, uint32_t seed, float scale)
{
	for (size_t i = 0; i < n; i++)
		x[i] = random_float(&seed, scale);
	x[n] = 12345.0F;
}

static void check_near(const float *got, const float *want, size_t n, double tolerance)
{
	for (size_t i = 0; i < n; i++) {
		double bound = tolerance * fmax(1.0, fabs((double)want[i]));
		if (!(fabs((double)got[i] - (double)want[i]) <= bound))
			fail_msg("element %zu of %zu: got %.9g, want %.9g", i, n, (double)got[i],
				 (double)want[i]);
	}
	assert_true(got[n] == 12345.0F); /* nothing was written behind the end */
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct arrays));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void test_dot(void **state)
{
	struct arrays *m = *state;
	for (size_t s = 0; s < SIZE_COUNT; s++) {
		size_t n = sizes[s];
		fill(m->a + 1, n, 1, 1.0F);
		fill(m->b + 1, n, 2, 1.0F);
		double want = 0, weight = 0;
		for (size_t i = 1; i <= n; i++) {
			want += (double)m->a[i] * m->b[i];
			weight += fabs((double)m->a[i] * m->b[i]);
		}
		for (size_t l = 0; l < LEVEL_COUNT; l++) {
			const struct vec_ops *ops = vec_ops_get(levels[l]);
			if (!ops)
				continue;
			double got = ops->dot(m->a + 1, m->b + 1, n);
			assert_true(fabs(got - want) <= 1e-6 * weight);
		}
	}
}

static void test_add(void **state)
{
	struct arrays *m = *state;
	for (size_t s = 0; s < SIZE_COUNT; s++) {
		size_t n = sizes[s];
		fill(m->b, n, 4, 3.0F);
		for (size_t l = 0; l < LEVEL_COUNT; l++) {
			const struct vec_ops *ops = vec_ops_get(levels[l]);
			if (!ops)
				continue;
			fill(m->a + 1, n, 3, 3.0F);
			for (size_t i = 0; i < n; i++)
				m->want[i] = m->a[i + 1] + m->b[i];
			ops->add(m->a + 1, m->b, n);
			check_near(m->a + 1, m->want, n, 0);
		}
	}
}

static void test_bias_gelu(void **state)
{
	struct arrays *m = *state;
	for (size_t s = 0; s < SIZE_COUNT; s++) {
		size_t n = sizes[s];
		fill(m->b, n, 6, 1.0F);
		for (size_t l = 0; l < LEVEL_COUNT; l++) {
			const struct vec_ops *ops = vec_ops_get(levels[l]);
			if (!ops)
				continue;
			fill(m->a + 1, n, 5, 7.0F);
			for (size_t i = 0; i < n; i++) {
				double v = (double)(m->a[i + 1] + m->b[i]);
				m->want[i] = (float)(0.5 * v * (1.0 + erf(v * M_SQRT1_2)));
			}
			ops->bias_gelu(m->a + 1, m->b, n);
			check_near(m->a + 1, m->want, n, 1e-6);
		}
	}
}

/* A dense sweep: the bound of 1e-6 must hold everywhere, far tails included. */
static void test_gelu_sweep(void **state)
{
	struct arrays *m = *state;
	memset(m->b, 0, sizeof(m->b));
	for (size_t l = 0; l < LEVEL_COUNT; l++) {
		const struct vec_ops *ops = vec_ops_get(levels[l]);
		if (!ops)
			continue;
		double worst = 0;
		for (int block = 0; block < 40; block++) {
			float from = -10.0F + 0.5F * (float)block;
			for (size_t i = 0; i < 1000; i++)
				m->a[i] = from + 0.0005F * (float)i;
			memcpy(m->c, m->a, sizeof(m->c));
			ops->bias_gelu(m->a, m->b, 1000);
			for (size_t i = 0; i < 1000; i++) {
				double v = m->c[i];
				double want = 0.5 * v * (1.0 + erf(v * M_SQRT1_2));
				double bound = fmax(1.0, fabs(v) / 8.0);
				worst = fmax(worst, fabs((double)m->a[i] - want) / bound);
			}
		}
		if (worst > 1e-6)
			fail_msg("level %s is wrong by %g", ops->name, worst);
		m->a[0] = -1e6F;
		m->a[1] = 1e6F;
		ops->bias_gelu(m->a, m->b, 2);
		assert_true(fabs((double)m->a[0]) <= 1e-6);
		assert_true(fabs((double)m->a[1] - 1e6) <= 1.0);
	}
}

static void softmax_reference(const float *x, float *want, size_t n)
{
	double max = -INFINITY, sum = 0;
	for (size_t i = 0; i < n; i++)
		max = fmax(max, (double)x[i]);
	for (size_t i = 0; i < n; i++)
		sum += exp((double)x[i] - max);
	for (size_t i = 0; i < n; i++)
		want[i] = (float)(exp((double)x[i] - max) / sum);
}

/* Numerators divided by their sum are the softmax; `add` is as good as added beforehand. */
static void check_exp_sum(struct arrays *m, const struct vec_ops *ops, size_t n, float scale,
			  const float *add)
{
	fill(m->a + 1, n, 7, scale);
	memcpy(m->c, m->a + 1, n * sizeof(float));
	for (size_t i = 0; add && i < n; i++)
		m->c[i] += add[i];
	softmax_reference(m->c, m->want, n);
	float sum = ops->exp_sum(m->a + 1, add, n), largest = 0;
	for (size_t i = 1; i <= n; i++) {
		largest = fmaxf(largest, m->a[i]);
		m->a[i] /= sum;
	}
	assert_true(n == 0 || largest == 1.0F);
	check_near(m->a + 1, m->want, n, 1e-6);
}

static void test_exp_sum(void **state)
{
	struct arrays *m = *state;
	static const float scales[] = {0.001F, 1.0F, 20.0F, 500.0F};
	fill(m->b, MAX_N, 13, 3.0F);
	for (size_t s = 0; s < SIZE_COUNT; s++) {
		for (size_t k = 0; k < 4 * LEVEL_COUNT; k++) {
			const struct vec_ops *ops = vec_ops_get(levels[k / 4]);
			if (!ops)
				continue;
			check_exp_sum(m, ops, sizes[s], scales[k % 4], NULL);
			check_exp_sum(m, ops, sizes[s], scales[k % 4], m->b);
		}
	}
}

static void test_exp_sum_extremes(void **state)
{
	for (size_t l = 0; l < LEVEL_COUNT; l++) {
		const struct vec_ops *ops = vec_ops_get(levels[l]);
		if (!ops)
			continue;
		float large[17], masked[17];
		for (size_t i = 0; i < 17; i++) {
			large[i] = 3e38F;
			masked[i] = i == 5 ? 1.0F : -INFINITY;
		}
		assert_true(ops->exp_sum(large, NULL, 17) == 17.0F);
		assert_true(ops->exp_sum(masked, NULL, 17) == 1.0F);
		assert_true(ops->exp_sum(masked, NULL, 0) == 0.0F);
		for (size_t i = 0; i < 17; i++) {
			assert_true(large[i] == 1.0F);
			assert_true(masked[i] == (i == 5 ? 1.0F : 0.0F));
		}
	}
}

static void layer_norm_reference(struct arrays *m, double eps, size_t n)
{
	double mean = 0, var = 0;
	for (size_t i = 0; i < n; i++)
		mean += (double)m->a[i + 1] / (double)n;
	for (size_t i = 0; i < n; i++)
		var += pow((double)m->a[i + 1] - mean, 2) / (double)n;
	for (size_t i = 0; i < n; i++)
		m->want[i] =
			(float)(((double)m->a[i + 1] - mean) / sqrt(var + eps) * (double)m->b[i] +
				(double)m->c[i]);
}

static void test_layer_norm(void **state)
{
	struct arrays *m = *state;
	for (size_t s = 0; s < SIZE_COUNT; s++) {
		size_t n = sizes[s];
		fill(m->b, n, 9, 2.0F);
		fill(m->c, n, 10, 1.0F);
		for (size_t k = 0; k < 2 * LEVEL_COUNT; k++) {
			const struct vec_ops *ops = vec_ops_get(levels[k / 2]);
			if (!ops)
				continue;
			double eps = k % 2 ? 1e-5 : 1e-12;
			fill(m->a + 1, n, 8, 2.0F);
			/* An offset of 50 times the spread: one-pass variance would fail here. */
			for (size_t i = 1; k % 2 && i <= n; i++)
				m->a[i] += 100.0F;
			layer_norm_reference(m, eps, n);
			if (n == 1)
				m->want[0] = m->c[0];
			ops->layer_norm(m->a + 1, m->b, m->c, (float)eps, n);
			check_near(m->a + 1, m->want, n, k % 2 ? 5e-5 : 3e-6);
		}
	}
}

static void test_normalize(void **state)
{
	float x[5] = {3, 0, 4, 0, 0}, zero[3] = {0, 0, 0}, tiny[2] = {3e-30F, 4e-30F};
	vec_normalize(x, 5);
	assert_true(fabs((double)x[0] - 0.6) <= 1e-7 && fabs((double)x[2] - 0.8) <= 1e-7);
	vec_normalize(zero, 3);
	assert_true(zero[0] == 0.0F && zero[1] == 0.0F && zero[2] == 0.0F);
	/* The square of 3e-30 is not an f32. */
	vec_normalize(tiny, 2);
	assert_true(fabs((double)tiny[0] - 0.6) <= 1e-6 && fabs((double)tiny[1] - 0.8) <= 1e-6);
	vec_normalize(x, 0);
}

static void test_dispatch(void **state)
{
	assert_non_null(vec_ops_get(VEC_PLAIN));
	assert_int_equal(vec_ops_best(VEC_PLAIN)->level, VEC_PLAIN);
	for (size_t l = 0; l < LEVEL_COUNT; l++) {
		const struct vec_ops *ops = vec_ops_get(levels[l]);
		assert_true(vec_ops_best(levels[l])->level <= levels[l]);
		if (ops) {
			assert_int_equal(ops->level, levels[l]);
			assert_ptr_equal(vec_ops_best(levels[l]), ops);
			print_message("level %s is tested\n", ops->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bias_gelu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gelu_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exp_sum, setup, teardown),
		cmocka_unit_test(test_exp_sum_extremes),
		cmocka_unit_test_setup_teardown(test_layer_norm, setup, teardown),
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_dispatch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
