/*
 * Private to gemm_<instruction set>.c: products of 16-bit integers, for attention beside int8
 * weights. Beside what gemm_simd_f32.h wants (F32_ROWS, F32_TILES), the file that includes this defines
 *   vi                    a vector of VF_LANES int32
 *   vi_zero               all 0
 *   vi_load_pairs(p)      VF_LANES pairs of int16, aligned
 *   vi_set_pair(p)        one pair in all lanes
 *   vi_dot(sum, a, b)     sum plus both products of each pair
 *   vi_store(p, v)        VF_LANES int32
 */
#include "embed/inproc/gemm_simd.h"

INLINE void i16_tile_of(size_t rows, size_t pairs, const int16_t *a, size_t lda,
			const int16_t *panel, int32_t *c, size_t ldc)
{
	vi sum[F32_ROWS][2];
#pragma GCC unroll 16
	for (size_t r = 0; r < rows; r++)
		sum[r][0] = sum[r][1] = vi_zero();
	for (size_t p = 0; p < pairs; p++, a += 2, panel += 4 * VF_LANES) {
		vi b0 = vi_load_pairs(panel), b1 = vi_load_pairs(panel + 2 * VF_LANES);
#pragma GCC unroll 16
		for (size_t r = 0; r < rows; r++) {
			vi x = vi_set_pair(a + r * lda);
			sum[r][0] = vi_dot(sum[r][0], x, b0);
			sum[r][1] = vi_dot(sum[r][1], x, b1);
		}
	}
#pragma GCC unroll 16
	for (size_t r = 0; r < rows; r++) {
		vi_store(c + r * ldc, sum[r][0]);
		vi_store(c + r * ldc + VF_LANES, sum[r][1]);
	}
}

static void i16_tile(size_t rows, size_t pairs, const int16_t *a, size_t lda, const int16_t *panel,
		     int32_t *c, size_t ldc)
{
	switch (rows) {
#define CASE(R)                                                                                    \
	case R:                                                                                    \
		i16_tile_of(R, pairs, a, lda, panel, c, ldc);                                      \
		break;
		F32_TILES(CASE)
#undef CASE
	default:
		break;
	}
}

static void i16_from_f32(const float *x, float factor, size_t n, int16_t *y)
{
	vf by = vf_set1(factor);
	size_t i = 0;
	for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES)
		vf_store_i16x2(y + i, vf_mul(vf_load(x + i), by),
			       vf_mul(vf_load(x + i + VF_LANES), by));
	for (; i < n; i++)
		y[i] = (int16_t)lrintf(x[i] * factor);
}

static void i32_to_f32(const int32_t *x, float factor, size_t n, float *y)
{
	vf by = vf_set1(factor);
	size_t i = 0;
	for (; i + VF_LANES <= n; i += VF_LANES)
		vf_store(y + i, vf_mul(vf_load_i32(x + i), by));
	for (; i < n; i++)
		y[i] = (float)x[i] * factor;
}
