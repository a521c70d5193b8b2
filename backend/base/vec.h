/*
 * Vector kernels of the encoder and the vector scan, chosen once per process by what the
 * processor has. Every kernel has a plain C reference (level VEC_PLAIN) that tests compare
 * the others with.
 */
#ifndef DOCS_BOT_BASE_VEC_H
#define DOCS_BOT_BASE_VEC_H

#include <stddef.h>

enum vec_level { VEC_PLAIN, VEC_AVX2, VEC_AVX512 };

/* All pointers are to f32, may be unaligned; n may be any size, 0 included. Thread-safe, pure. */
struct vec_ops {
	enum vec_level level;
	const char *name;
	/* sum of a[i] * b[i] */
	float (*dot)(const float *a, const float *b, size_t n);
	/* x[i] += y[i] */
	void (*add)(float *x, const float *y, size_t n);
	/* x[i] = x[i] + bias[i], then GELU with erf: 0.5 x (1 + erf(x / sqrt 2)) */
	void (*bias_gelu)(float *x, const float *bias, size_t n);
	/*
	 * The numerators of a softmax: x[i] = e^(x[i] + add[i] - max), max over all x[i] + add[i];
	 * returns their sum. add may be NULL, for zeros.
	 */
	float (*exp_sum)(float *x, const float *add, size_t n);
	/* x = (x - mean) / sqrt(var + eps) * gamma + beta over n values, in place */
	void (*layer_norm)(float *x, const float *gamma, const float *beta, float eps, size_t n);
};

/* The best level of this processor, or `limit` if that is lower. Static storage. */
const struct vec_ops *vec_ops_best(enum vec_level limit);

/* NULL when this processor or build does not have that level. */
const struct vec_ops *vec_ops_get(enum vec_level level);

/* x /= |x| (left as it is when |x| is 0). */
void vec_normalize(float *x, size_t n);

#endif
