/*
 * Weights to 8 bits so that the kernel of AVX2 can add in 16 bits.
 *
 * vpmaddubsw multiplies unsigned activations (0..255) by signed weights and adds two neighbouring
 * products in 16 bits; the kernel adds two such results before it widens them. That fits, whatever
 * the activations are, exactly when the positive weights of the four inputs sum to at most 128 and
 * the negative ones too (128 * 255 = 32,640). Seven-bit weights, the usual way out, make every
 * weight coarser for the sake of the few quadruples that would overflow; here a column keeps up to 8
 * bits, and only those quadruples give way.
 */
#include <math.h>
#include <string.h>

#include "embed/inproc/gemm.h"

enum {
	LEVEL_MAX = 127,
	QUAD = 4,
	SCALE_STEPS = 8 /* scales tried between the finest and the one that cuts nothing */
};

/* The inputs of a block of 8 that meet in one 16-bit sum: of the first four bytes and the second. */
static const unsigned char quads[2][QUAD] = {{0, 1, 4, 5}, {2, 3, 6, 7}};

/* To nearest even for |x| < 2^22: what is added leaves no room for a fraction. */
static inline float round_even(float x)
{
	const float shift = 12582912.0F; /* 1.5 * 2^23 */
	return x + shift - shift;
}

static inline float clamp(float x, float most)
{
	return x > most ? most : x < -most ? -most : x;
}

/* Sum of the quadruple's levels of one sign, by magnitude. */
static inline float sum_of_sign(const float *level, const unsigned char quad[QUAD], float sign)
{
	float sum = 0;
	for (size_t i = 0; i < QUAD; i++)
		sum += level[quad[i]] * sign > 0 ? level[quad[i]] * sign : 0;
	return sum;
}

/*
 * While the levels of one sign sum to too much, takes one from the level of that sign whose squared
 * error grows least by it (greedy is optimal: the error is a sum of convex functions of one level each).
 */
static void give_way(const float *scaled, const unsigned char quad[QUAD], float *level)
{
	static const float signs[2] = {-1, 1};
	for (size_t s = 0; s < 2; s++) {
		float sign = signs[s];
		while (sum_of_sign(level, quad, sign) > GEMM_I8_SUM_MAX) {
			size_t best = 0;
			float most = -INFINITY;
			for (size_t i = 0; i < QUAD; i++) {
				float excess = (level[quad[i]] - scaled[quad[i]]) * sign;
				if (level[quad[i]] * sign > 0 && excess > most) {
					best = i;
					most = excess;
				}
			}
			level[quad[best]] -= sign;
		}
	}
}

/* Levels of 8 weights at 1 / scale = inverse; returns the squared error in levels. */
static inline float round_block(const float *w, float inverse, float level[GEMM_K_STEP])
{
	float scaled[GEMM_K_STEP], error = 0;
	for (size_t i = 0; i < GEMM_K_STEP; i++) {
		scaled[i] = w[i] * inverse;
		level[i] = clamp(round_even(scaled[i]), LEVEL_MAX);
	}
	for (size_t q = 0; q < 2; q++)
		if (sum_of_sign(level, quads[q], 1) > GEMM_I8_SUM_MAX ||
		    sum_of_sign(level, quads[q], -1) > GEMM_I8_SUM_MAX)
			give_way(scaled, quads[q], level);
	for (size_t i = 0; i < GEMM_K_STEP; i++)
		error += (level[i] - scaled[i]) * (level[i] - scaled[i]);
	return error;
}

/* Squared error of the column [padded k] at this scale; fills q unless it is NULL. */
static float quantize_at(const float *w, size_t padded, float scale, int8_t *q)
{
	float inverse = 1.0F / scale, error = 0, level[GEMM_K_STEP];
	for (size_t i = 0; i < padded; i += GEMM_K_STEP) {
		error += round_block(w + i, inverse, level);
		for (size_t j = 0; q && j < GEMM_K_STEP; j++)
			q[i + j] = (int8_t)level[j];
	}
	return error * scale * scale;
}

float gemm_quantize_column(const float *w, size_t padded, int8_t *q)
{
	float largest = 0, largest_sum = 0;
	for (size_t i = 0; i < padded; i += GEMM_K_STEP) {
		for (size_t j = 0; j < GEMM_K_STEP; j++)
			largest = fabsf(w[i + j]) > largest ? fabsf(w[i + j]) : largest;
		for (size_t j = 0; j < 4; j++) {
			float sum = sum_of_sign(w + i, quads[j / 2], j % 2 ? 1 : -1);
			largest_sum = sum > largest_sum ? sum : largest_sum;
		}
	}
	/* Below this the reciprocal of a scale would overflow. */
	if (!(largest > 1e-30F)) {
		memset(q, 0, padded);
		return 0;
	}
	/* At the first scale nothing but the quadruples gives way, at the last nothing at all. */
	float finest = largest / LEVEL_MAX, coarsest = largest_sum / (GEMM_I8_SUM_MAX - 2);
	float ratio = coarsest > finest ? powf(coarsest / finest, 1.0F / SCALE_STEPS) : 1;
	float best = finest, least = quantize_at(w, padded, finest, NULL), scale = finest;
	for (size_t i = 0; i < SCALE_STEPS && ratio > 1; i++) {
		scale *= ratio;
		float error = quantize_at(w, padded, scale, NULL);
		if (error < least) {
			least = error;
			best = scale;
		}
	}
	(void)quantize_at(w, padded, best, q);
	return best;
}
