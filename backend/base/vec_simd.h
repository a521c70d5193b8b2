/*
 * Private to vec_avx2.c and vec_avx512.c: the kernels, written once over a vector type. The file
 * that includes this defines first:
 *   vf, VF_LANES                        the vector type and its number of f32 lanes
 *   vf_load vf_store                    whole vectors, unaligned
 *   vf_load_n vf_store_n                the first n < VF_LANES lanes; others read as 0, not written
 *   vf_set1 vf_add vf_sub vf_mul vf_div vf_min vf_max vf_fma (a * b + c) vf_round (to nearest)
 *   vf_pow2 (2^n for integral n in [-126, 127])
 *   vf_zero_below (v where x >= bound, else 0)
 *   vf_sum vf_hmax                      across the lanes
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/vec_impl.h"

/*
 * e^x for x <= 0 to about 2 ulp; 0 below -87.3, where f32 leaves its normal range.
 * Range reduction x = n ln 2 + r with ln 2 in two parts, |r| <= ln 2 / 2, and the degree 5
 * polynomial of expf in S. Moshier's Cephes library (single/expf.c).
 */
static inline vf vf_exp(vf x)
{
	const float lowest = -87.3F;
	vf clamped = vf_max(x, vf_set1(lowest));
	vf n = vf_round(vf_mul(clamped, vf_set1(1.44269504F)));
	vf r = vf_fma(n, vf_set1(-0.693359375F), clamped);
	r = vf_fma(n, vf_set1(2.12194440e-4F), r);
	vf p = vf_set1(1.9875691500e-4F);
	p = vf_fma(p, r, vf_set1(1.3981999507e-3F));
	p = vf_fma(p, r, vf_set1(8.3334519073e-3F));
	p = vf_fma(p, r, vf_set1(4.1665795894e-2F));
	p = vf_fma(p, r, vf_set1(1.6666665459e-1F));
	p = vf_fma(p, r, vf_set1(5.0000001201e-1F));
	p = vf_fma(p, vf_mul(r, r), vf_add(r, vf_set1(1.0F)));
	return vf_zero_below(vf_mul(p, vf_pow2(n)), x, vf_set1(lowest));
}

/*
 * 0.5 x (1 + erf(x / sqrt 2)), absolute error below 1e-6 for |x| <= 8, relative beyond.
 * erf(z) = z P(z²) / Q(z²) on [-4, 4]: the minimax rational function (degrees 6 and 4) used by
 * Eigen and XLA for f32. Below z = -4 the result is less than 1e-7 and taken as 0, so that a
 * rounding error of erf is not multiplied by a large x.
 */
static inline vf vf_gelu(vf x)
{
	const vf limit = vf_set1(4.0F), lower = vf_set1(-4.0F), one = vf_set1(1.0F);
	vf full = vf_mul(x, vf_set1(0.70710678F));
	vf z = vf_max(vf_min(full, limit), lower);
	vf s = vf_mul(z, z);
	vf p = vf_set1(-2.72614225801306e-10F);
	p = vf_fma(p, s, vf_set1(2.77068142495902e-08F));
	p = vf_fma(p, s, vf_set1(-2.10102402082508e-06F));
	p = vf_fma(p, s, vf_set1(-5.69250639462346e-05F));
	p = vf_fma(p, s, vf_set1(-7.34990630326855e-04F));
	p = vf_fma(p, s, vf_set1(-2.95459980854025e-03F));
	p = vf_fma(p, s, vf_set1(-1.60960333262415e-02F));
	vf q = vf_set1(-1.45660718464996e-05F);
	q = vf_fma(q, s, vf_set1(-2.13374055278905e-04F));
	q = vf_fma(q, s, vf_set1(-1.68282697438203e-03F));
	q = vf_fma(q, s, vf_set1(-7.37332916720468e-03F));
	q = vf_fma(q, s, vf_set1(-1.42647390514189e-02F));
	vf erf = vf_min(vf_div(vf_mul(z, p), q), one);
	vf phi = vf_mul(vf_set1(0.5F), vf_add(one, erf));
	return vf_mul(x, vf_zero_below(phi, full, lower));
}

static float simd_dot(const float *a, const float *b, size_t n)
{
	/* Four chains hide the latency of the fused multiply-add. */
	vf sum0 = vf_set1(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
	size_t i = 0;
	for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES) {
		sum0 = vf_fma(vf_load(a + i), vf_load(b + i), sum0);
		sum1 = vf_fma(vf_load(a + i + VF_LANES), vf_load(b + i + VF_LANES), sum1);
		sum2 = vf_fma(vf_load(a + i + 2 * VF_LANES), vf_load(b + i + 2 * VF_LANES), sum2);
		sum3 = vf_fma(vf_load(a + i + 3 * VF_LANES), vf_load(b + i + 3 * VF_LANES), sum3);
	}
	for (; i + VF_LANES <= n; i += VF_LANES)
		sum0 = vf_fma(vf_load(a + i), vf_load(b + i), sum0);
	if (i < n)
		sum1 = vf_fma(vf_load_n(a + i, n - i), vf_load_n(b + i, n - i), sum1);
	return vf_sum(vf_add(vf_add(sum0, sum1), vf_add(sum2, sum3)));
}

static void simd_add(float *x, const float *y, size_t n)
{
	size_t i = 0;
	for (; i + VF_LANES <= n; i += VF_LANES)
		vf_store(x + i, vf_add(vf_load(x + i), vf_load(y + i)));
	if (i < n)
		vf_store_n(x + i, vf_add(vf_load_n(x + i, n - i), vf_load_n(y + i, n - i)), n - i);
}

static void simd_bias_gelu(float *x, const float *bias, size_t n)
{
	size_t i = 0;
	for (; i + VF_LANES <= n; i += VF_LANES)
		vf_store(x + i, vf_gelu(vf_add(vf_load(x + i), vf_load(bias + i))));
	if (i < n) {
		vf v = vf_add(vf_load_n(x + i, n - i), vf_load_n(bias + i, n - i));
		vf_store_n(x + i, vf_gelu(v), n - i);
	}
}

/* x += add unless that is NULL; returns the largest x. */
static float simd_add_max(float *x, const float *add, size_t n)
{
	float largest = add ? x[0] + add[0] : x[0];
	vf max = vf_set1(largest);
	size_t i = 0;
	for (; i + VF_LANES <= n; i += VF_LANES) {
		vf v = vf_load(x + i);
		if (add) {
			v = vf_add(v, vf_load(add + i));
			vf_store(x + i, v);
		}
		max = vf_max(max, v);
	}
	largest = vf_hmax(max);
	for (; i < n; i++) {
		x[i] += add ? add[i] : 0;
		largest = x[i] > largest ? x[i] : largest;
	}
	return largest;
}

static float simd_exp_sum(float *x, const float *add, size_t n)
{
	if (n == 0)
		return 0;
	vf max = vf_set1(simd_add_max(x, add, n));
	vf sum = vf_set1(0);
	size_t i = 0;
	for (; i + VF_LANES <= n; i += VF_LANES) {
		vf e = vf_exp(vf_sub(vf_load(x + i), max));
		vf_store(x + i, e);
		sum = vf_add(sum, e);
	}
	float total = vf_sum(sum);
	if (i < n) {
		vf_store_n(x + i, vf_exp(vf_sub(vf_load_n(x + i, n - i), max)), n - i);
		for (size_t k = i; k < n; k++)
			total += x[k];
	}
	return total;
}

static void simd_layer_norm(float *x, const float *gamma, const float *beta, float eps, size_t n)
{
	if (n == 0)
		return;
	size_t i = 0;
	vf sum = vf_set1(0);
	for (; i + VF_LANES <= n; i += VF_LANES)
		sum = vf_add(sum, vf_load(x + i));
	if (i < n)
		sum = vf_add(sum, vf_load_n(x + i, n - i));
	float mean = vf_sum(sum) / (float)n;
	vf center = vf_set1(mean);
	/* The second pass over deviations avoids the cancellation of E[x²] - E[x]². */
	vf squares = vf_set1(0);
	for (i = 0; i + VF_LANES <= n; i += VF_LANES) {
		vf d = vf_sub(vf_load(x + i), center);
		squares = vf_fma(d, d, squares);
	}
	float var = vf_sum(squares);
	for (; i < n; i++)
		var += (x[i] - mean) * (x[i] - mean);
	vf scale = vf_set1(1.0F / sqrtf(var / (float)n + eps));
	for (i = 0; i + VF_LANES <= n; i += VF_LANES) {
		vf d = vf_mul(vf_sub(vf_load(x + i), center), scale);
		vf_store(x + i, vf_fma(d, vf_load(gamma + i), vf_load(beta + i)));
	}
	if (i < n) {
		vf d = vf_mul(vf_sub(vf_load_n(x + i, n - i), center), scale);
		vf y = vf_fma(d, vf_load_n(gamma + i, n - i), vf_load_n(beta + i, n - i));
		vf_store_n(x + i, y, n - i);
	}
}
