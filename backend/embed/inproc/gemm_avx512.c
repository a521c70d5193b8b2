/* The products with AVX-512 F, DQ, BW, VL. Compiled so on x86-64 only. */
#if defined(__x86_64__)

#include <string.h>

#include "base/vec_impl.h"
#include "base/vf_avx512.h"

#define VEC_OPS (&vec_ops_avx512)

/* 24 sums of the 32 registers. */
#define F32_ROWS     12
#define F32_TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)

#define I8_ROWS     4
#define I8_TILES(X) X(1) X(2) X(3) X(4)
#define I8_BLOCK    512

#include "embed/inproc/gemm_simd.h"

static inline vf vf_load_i32(const int32_t *p)
{
	return _mm512_cvtepi32_ps(_mm512_loadu_si512(p));
}

static inline void vf_store_u8x4(uint8_t *q, vf a, vf b, vf c, vf d)
{
	const vf part[4] = {a, b, c, d};
	for (size_t i = 0; i < 4; i++) {
		/* The narrowing conversion takes the values as unsigned. */
		__m512i v = _mm512_max_epi32(_mm512_cvtps_epi32(part[i]), _mm512_setzero_si512());
		_mm_storeu_si128((__m128i *)(void *)(q + i * VF_LANES), _mm512_cvtusepi32_epi8(v));
	}
}

static inline void vf_store_i16x2(int16_t *y, vf a, vf b)
{
	__m256i *to = (__m256i *)(void *)y;
	_mm256_storeu_si256(to, _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(a)));
	_mm256_storeu_si256(to + 1, _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(b)));
}

typedef __m512i vi;

static inline vi vi_zero(void)
{
	return _mm512_setzero_si512();
}

static inline vi vi_load_pairs(const int16_t *p)
{
	return _mm512_load_si512(p);
}

static inline vi vi_set_pair(const int16_t *p)
{
	int32_t pair;
	memcpy(&pair, p, sizeof(pair));
	return _mm512_set1_epi32(pair);
}

static inline vi vi_dot(vi sum, vi a, vi b)
{
	return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

static inline void vi_store(int32_t *p, vi v)
{
	_mm512_storeu_si512(p, v);
}

static inline __m512i broadcast4(const uint8_t *q)
{
	int32_t four;
	memcpy(&four, q, sizeof(four));
	return _mm512_set1_epi32(four);
}

/* As in gemm_avx2.c, for processors without VNNI. */
INLINE void i8_tile(size_t rows, bool add, size_t steps, const uint8_t *q, size_t ldq,
		    const int8_t *panel, int32_t *c, struct fetch *fetch)
{
	const __m512i ones = _mm512_set1_epi16(1);
	__m512i sum[I8_ROWS][3];
#pragma GCC unroll 4
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++)
			sum[r][v] = add ? _mm512_load_si512(c + r * 48 + v * 16)
					: _mm512_setzero_si512();
	}
	for (size_t s = 0; s < steps; s++, q += GEMM_K_STEP, panel += 48 * GEMM_K_STEP) {
		__m512i x0[I8_ROWS], x1[I8_ROWS];
		fetch_step(fetch, 48 * GEMM_K_STEP);
#pragma GCC unroll 4
		for (size_t r = 0; r < rows; r++) {
			x0[r] = broadcast4(q + r * ldq);
			x1[r] = broadcast4(q + r * ldq + 4);
		}
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++) {
			__m512i w0 = _mm512_load_si512(panel + v * 128);
			__m512i w1 = _mm512_load_si512(panel + v * 128 + 64);
#pragma GCC unroll 4
			for (size_t r = 0; r < rows; r++) {
				__m512i pairs = _mm512_add_epi16(_mm512_maddubs_epi16(x0[r], w0),
								 _mm512_maddubs_epi16(x1[r], w1));
				sum[r][v] =
					_mm512_add_epi32(sum[r][v], _mm512_madd_epi16(pairs, ones));
			}
		}
	}
#pragma GCC unroll 4
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++)
			_mm512_store_si512(c + r * 48 + v * 16, sum[r][v]);
	}
}

#include "embed/inproc/gemm_simd_f32.h"
#include "embed/inproc/gemm_simd_i16.h"
#include "embed/inproc/gemm_simd_i8.h"
#include "embed/inproc/gemm_simd_rows.h"

#define AVX512_TABLE                                                                               \
	.vec = &vec_ops_avx512, .f32_columns = F32_COLUMNS, .f32_rows = F32_ROWS,                  \
	.lanes = VF_LANES, .tile = f32_tile, .tile_i16 = i16_tile, .to_i16 = i16_from_f32,         \
	.from_i32 = i32_to_f32, .f32 = simd_f32, .quantize = simd_quantize

const struct gemm_ops gemm_ops_avx512 = {AVX512_TABLE, .name = "avx512", .i8 = simd_i8};
const struct gemm_ops gemm_ops_vnni = {AVX512_TABLE, .name = "avx512-vnni", .i8 = gemm_i8_vnni};
const struct gemm_ops gemm_ops_bf16 = {AVX512_TABLE, .name = "avx512-bf16", .i8 = gemm_i8_vnni,
				       .bf16 = gemm_bf16, .to_bf16 = gemm_to_bf16};

#else
typedef int gemm_avx512_is_not_built; /* ISO C wants a declaration in every file */
#endif
