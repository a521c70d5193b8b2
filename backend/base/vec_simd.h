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
 *   vf_sum4                             the sums of four vectors as one __m128
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

static float simd_max(const float *x, size_t n)
{
	if (n < VF_LANES) {
		float max = x[0];
		for (size_t i = 1; i < n; i++)
			max = x[i] > max ? x[i] : max;
		return max;
	}
	vf max = vf_load(x);
	for (size_t i = VF_LANES; i + VF_LANES <= n; i += VF_LANES)
		max = vf_max(max, vf_load(x + i));
	/* The last whole vector overlaps what was seen already: harmless for a maximum. */
	max = vf_max(max, vf_load(x + n - VF_LANES));
	return vf_hmax(max);
}

static void simd_softmax(float *x, size_t n)
{
	if (n == 0)
		return;
	vf max = vf_set1(simd_max(x, n));
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
	vf scale = vf_set1(1.0F / total);
	for (i = 0; i + VF_LANES <= n; i += VF_LANES)
		vf_store(x + i, vf_mul(vf_load(x + i), scale));
	if (i < n)
		vf_store_n(x + i, vf_mul(vf_load_n(x + i, n - i), scale), n - i);
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

#define CACHE_LINE 16 /* floats */

/* Rows of a and of b in one tile: their 12 sums and one operand of each fill 16 registers. */
#define TILE_M 3
#define TILE_N 4

/* Four rows of b, and the four that come after them (NULL at the end), fetched ahead of use. */
struct strip {
	const float *b, *next;
	size_t ldb, k;
};

/*
 * c [rows][4] = a [rows][k] b [4][k]^T for 1 to 3 rows; three are computed always.
 * Floats [fetch, fetch_end) of the next rows are asked for on the way: the weights of a large
 * model come from main memory for every query, and that has to overlap with the arithmetic.
 */
static inline void tile(size_t rows, const struct strip *strip, const float *a, size_t lda,
			float *c, size_t ldc, size_t fetch, size_t fetch_end)
{
	const float *a1 = rows > 1 ? a + lda : a, *a2 = rows > 2 ? a1 + lda : a;
	const float *b0 = strip->b, *b1 = b0 + strip->ldb, *b2 = b1 + strip->ldb;
	const float *b3 = b2 + strip->ldb;
	vf s00 = vf_set1(0), s01 = s00, s02 = s00, s03 = s00;
	vf s10 = s00, s11 = s00, s12 = s00, s13 = s00;
	vf s20 = s00, s21 = s00, s22 = s00, s23 = s00;
	size_t i = 0, k = strip->k;
#define TILE_COLUMN(y, j)                                                                          \
	s0##j = vf_fma(x0, y, s0##j), s1##j = vf_fma(x1, y, s1##j), s2##j = vf_fma(x2, y, s2##j)
	for (; i + VF_LANES <= k; i += VF_LANES) {
		if (fetch < fetch_end) {
			const float *next = strip->next + fetch;
			__builtin_prefetch(next);
			__builtin_prefetch(next + strip->ldb);
			__builtin_prefetch(next + 2 * strip->ldb);
			__builtin_prefetch(next + 3 * strip->ldb);
			fetch += CACHE_LINE;
		}
		vf x0 = vf_load(a + i), x1 = vf_load(a1 + i), x2 = vf_load(a2 + i);
		TILE_COLUMN(vf_load(b0 + i), 0);
		TILE_COLUMN(vf_load(b1 + i), 1);
		TILE_COLUMN(vf_load(b2 + i), 2);
		TILE_COLUMN(vf_load(b3 + i), 3);
	}
	if (i < k) {
		size_t n = k - i;
		vf x0 = vf_load_n(a + i, n), x1 = vf_load_n(a1 + i, n), x2 = vf_load_n(a2 + i, n);
		TILE_COLUMN(vf_load_n(b0 + i, n), 0);
		TILE_COLUMN(vf_load_n(b1 + i, n), 1);
		TILE_COLUMN(vf_load_n(b2 + i, n), 2);
		TILE_COLUMN(vf_load_n(b3 + i, n), 3);
	}
#undef TILE_COLUMN
	__m128 r[TILE_M] = {vf_sum4(s00, s01, s02, s03), vf_sum4(s10, s11, s12, s13),
			    vf_sum4(s20, s21, s22, s23)};
	for (size_t row = 0; row < rows; row++, c += ldc)
		_mm_storeu_ps(c, r[row]);
}

static void simd_gemm_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
			 size_t ldb, float *c, size_t ldc)
{
	/* Each tile of a strip fetches its share of the next strip. */
	size_t tiles = (m + TILE_M - 1) / TILE_M;
	size_t share = (k / (tiles ? tiles : 1) + CACHE_LINE) / CACHE_LINE * CACHE_LINE;
	size_t j = 0;
	for (; j + TILE_N <= n; j += TILE_N) {
		struct strip strip = {.b = b + j * ldb, .ldb = ldb, .k = k};
		if (j + 2 * TILE_N <= n)
			strip.next = strip.b + TILE_N * ldb;
		size_t end = strip.next ? k : 0;
		for (size_t i = 0, fetch = 0; i < m; i += TILE_M, fetch += share) {
			size_t rows = m - i < TILE_M ? m - i : TILE_M;
			size_t fetch_end = fetch + share < end ? fetch + share : end;
			tile(rows, &strip, a + i * lda, lda, c + i * ldc + j, ldc, fetch,
			     fetch_end);
		}
	}
	for (; j < n; j++) {
		for (size_t i = 0; i < m; i++)
			c[i * ldc + j] = simd_dot(a + i * lda, b + j * ldb, k);
	}
}
