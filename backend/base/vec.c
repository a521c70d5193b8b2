#include "base/vec.h"

#include <math.h>

#include "base/vec_impl.h"

/* Independent partial sums: short dependency chains, smaller rounding error, vectorizable. */
#define LANES 8

static float plain_dot(const float *a, const float *b, size_t n)
{
	float lane[LANES] = {0};
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		for (size_t k = 0; k < LANES; k++)
			lane[k] += a[i + k] * b[i + k];
	}
	for (size_t k = 0; i < n; i++, k++)
		lane[k] += a[i] * b[i];
	float sum = 0;
	for (size_t k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

static void plain_add(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

static void plain_bias_gelu(float *x, const float *bias, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float v = x[i] + bias[i];
		x[i] = 0.5F * v * (1.0F + erff(v * 0.70710678F));
	}
}

static float plain_exp_sum(float *x, const float *add, size_t n)
{
	if (n == 0)
		return 0;
	for (size_t i = 0; add && i < n; i++)
		x[i] += add[i];
	float max = x[0];
	for (size_t i = 1; i < n; i++)
		max = x[i] > max ? x[i] : max;
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i];
	}
	return (float)sum;
}

static void plain_layer_norm(float *x, const float *gamma, const float *beta, float eps, size_t n)
{
	if (n == 0)
		return;
	double mean = 0, var = 0;
	for (size_t i = 0; i < n; i++)
		mean += x[i];
	mean /= (double)n;
	/* The second pass over deviations avoids the cancellation of E[x²] - E[x]². */
	for (size_t i = 0; i < n; i++)
		var += (x[i] - mean) * (x[i] - mean);
	var /= (double)n;
	double scale = 1.0 / sqrt(var + (double)eps);
	for (size_t i = 0; i < n; i++)
		x[i] = (float)((x[i] - mean) * scale) * gamma[i] + beta[i];
}

const struct vec_ops vec_ops_plain = {
	.level = VEC_PLAIN,
	.name = "plain",
	.dot = plain_dot,
	.add = plain_add,
	.bias_gelu = plain_bias_gelu,
	.exp_sum = plain_exp_sum,
	.layer_norm = plain_layer_norm,
};

const struct vec_ops *vec_ops_get(enum vec_level level)
{
	switch (level) {
	case VEC_PLAIN:
		return &vec_ops_plain;
	case VEC_AVX2:
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
			return &vec_ops_avx2;
#endif
		return NULL;
	case VEC_AVX512:
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
		    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		    __builtin_cpu_supports("fma"))
			return &vec_ops_avx512;
#endif
		return NULL;
	}
	return NULL;
}

const struct vec_ops *vec_ops_best(enum vec_level limit)
{
	static const enum vec_level order[] = {VEC_AVX512, VEC_AVX2};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct vec_ops *ops = order[i] <= limit ? vec_ops_get(order[i]) : NULL;
		if (ops)
			return ops;
	}
	return &vec_ops_plain;
}

void vec_normalize(float *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * x[i];
	if (!(sum > 0))
		return;
	double scale = 1.0 / sqrt(sum);
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(x[i] * scale);
}
