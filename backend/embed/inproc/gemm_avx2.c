/* The products with AVX2 and FMA. Compiled with -mavx2 -mfma on x86-64 only. */
#if defined(__x86_64__)

#include <string.h>

#include "base/vec_impl.h"
#include "base/vf_avx2.h"

#define VEC_OPS (&vec_ops_avx2)

/* 12 sums, two vectors of weights and one of activations fill the 16 registers. */
#define F32_ROWS     6
#define F32_TILES(X) X(1) X(2) X(3) X(4) X(5) X(6)

/* 6 sums, 4 vectors of activations, 2 of weights, the ones and what is between. */
#define I8_ROWS     2
#define I8_TILES(X) X(1) X(2)
#define I8_BLOCK    768

#include "embed/inproc/gemm_simd.h"

static inline vf vf_load_i32(const int32_t *p)
{
	return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline void vf_store_u8x4(uint8_t *q, vf a, vf b, vf c, vf d)
{
	__m256i ab = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
	__m256i cd = _mm256_packs_epi32(_mm256_cvtps_epi32(c), _mm256_cvtps_epi32(d));
	/* Packing works in halves: this puts the groups of four back in order. */
	__m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
	_mm256_storeu_si256((__m256i *)(void *)q, bytes);
}

static inline void vf_store_i16x2(int16_t *y, vf a, vf b)
{
	__m256i both = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
	/* Packing works in halves. */
	_mm256_storeu_si256((__m256i *)(void *)y, _mm256_permute4x64_epi64(both, 0xD8));
}

typedef __m256i vi;

static inline vi vi_zero(void)
{
	return _mm256_setzero_si256();
}

static inline vi vi_load_pairs(const int16_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

static inline vi vi_set_pair(const int16_t *p)
{
	int32_t pair;
	memcpy(&pair, p, sizeof(pair));
	return _mm256_set1_epi32(pair);
}

static inline vi vi_dot(vi sum, vi a, vi b)
{
	return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

static inline void vi_store(int32_t *p, vi v)
{
	_mm256_storeu_si256((__m256i *)(void *)p, v);
}

static inline __m256i broadcast4(const uint8_t *q)
{
	int32_t four;
	memcpy(&four, q, sizeof(four));
	return _mm256_set1_epi32(four);
}

/*
 * Two vpmaddubsw are added in 16 bits before one vpmaddwd widens their sum: three multiplying
 * instructions for 64 products where the usual sequence takes four. The weights are chosen so that
 * no activations can overflow the 16 bits (gemm_quantize_column).
 */
INLINE void i8_step(size_t rows, const uint8_t *q, size_t ldq, const int8_t *panel,
		    __m256i sum[I8_ROWS][3])
{
	const __m256i ones = _mm256_set1_epi16(1);
	__m256i x0[I8_ROWS], x1[I8_ROWS];
#pragma GCC unroll 2
	for (size_t r = 0; r < rows; r++) {
		x0[r] = broadcast4(q + r * ldq);
		x1[r] = broadcast4(q + r * ldq + 4);
	}
#pragma GCC unroll 3
	for (size_t v = 0; v < 3; v++) {
		const __m256i *w = (const __m256i *)(const void *)(panel + v * 64);
		__m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
#pragma GCC unroll 2
		for (size_t r = 0; r < rows; r++) {
			__m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x0[r], w0),
							 _mm256_maddubs_epi16(x1[r], w1));
			sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(pairs, ones));
		}
	}
}

INLINE void i8_tile(size_t rows, bool add, size_t steps, const uint8_t *q, size_t ldq,
		    const int8_t *panel, int32_t *c, struct fetch *fetch)
{
	enum { STEP_BYTES = 24 * GEMM_K_STEP };
	__m256i sum[I8_ROWS][3];
#pragma GCC unroll 2
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++)
			sum[r][v] =
				add ? _mm256_load_si256(
					      (const __m256i *)(const void *)(c + r * 24 + v * 8))
				    : _mm256_setzero_si256();
	}
	size_t s = 0;
	for (; s + 2 <= steps; s += 2, q += 2 * GEMM_K_STEP, panel += 2 * STEP_BYTES) {
		fetch_step(fetch, 2 * STEP_BYTES);
		i8_step(rows, q, ldq, panel, sum);
		i8_step(rows, q + GEMM_K_STEP, ldq, panel + STEP_BYTES, sum);
	}
	if (s < steps)
		i8_step(rows, q, ldq, panel, sum);
#pragma GCC unroll 2
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++)
			_mm256_store_si256((__m256i *)(void *)(c + r * 24 + v * 8), sum[r][v]);
	}
}

#include "embed/inproc/gemm_simd_f32.h"
#include "embed/inproc/gemm_simd_i16.h"
#include "embed/inproc/gemm_simd_i8.h"
#include "embed/inproc/gemm_simd_rows.h"

const struct gemm_ops gemm_ops_avx2 = {
	.name = "avx2",
	.vec = &vec_ops_avx2,
	.f32_columns = F32_COLUMNS,
	.f32_rows = F32_ROWS,
	.lanes = VF_LANES,
	.tile = f32_tile,
	.tile_i16 = i16_tile,
	.to_i16 = i16_from_f32,
	.from_i32 = i32_to_f32,
	.f32 = simd_f32,
	.i8 = simd_i8,
	.quantize = simd_quantize,
};

#else
typedef int gemm_avx2_is_not_built; /* ISO C wants a declaration in every file */
#endif
