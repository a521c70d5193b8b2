/* The int8 product with AVX-512 VNNI. Compiled so on x86-64 only. */
#if defined(__x86_64__)

#include <string.h>

#include "base/vec_impl.h"
#include "base/vf_avx512.h"

#define VEC_OPS (&vec_ops_avx512)

/* 24 sums, 3 vectors of weights, one of activations. */
#define I8_ROWS     8
#define I8_TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define I8_BLOCK    512

#include "embed/inproc/gemm_simd.h"

static inline vf vf_load_i32(const int32_t *p)
{
	return _mm512_cvtepi32_ps(_mm512_loadu_si512(p));
}

/* vpdpbusd adds four products to each int32: it needs no room in 16 bits. */
INLINE void i8_tile(size_t rows, bool add, size_t steps, const uint8_t *q, size_t ldq,
		    const int8_t *panel, int32_t *c, struct fetch *fetch)
{
	__m512i sum[I8_ROWS][3];
#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++)
			sum[r][v] = add ? _mm512_load_si512(c + r * 48 + v * 16)
					: _mm512_setzero_si512();
	}
	for (size_t s = 0; s < steps; s++, q += GEMM_K_STEP, panel += 48 * GEMM_K_STEP) {
		fetch_step(fetch, 48 * GEMM_K_STEP);
#pragma GCC unroll 2
		for (size_t group = 0; group < 2; group++) {
			__m512i w[3];
#pragma GCC unroll 3
			for (size_t v = 0; v < 3; v++)
				w[v] = _mm512_load_si512(panel + v * 128 + group * 64);
#pragma GCC unroll 8
			for (size_t r = 0; r < rows; r++) {
				int32_t four;
				memcpy(&four, q + r * ldq + group * 4, sizeof(four));
				__m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 3
				for (size_t v = 0; v < 3; v++)
					sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], x, w[v]);
			}
		}
	}
#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < 3; v++)
			_mm512_store_si512(c + r * 48 + v * 16, sum[r][v]);
	}
}

#include "embed/inproc/gemm_simd_i8.h"

void gemm_i8_vnni(const struct gemm_weights *w, size_t m, const uint8_t *q,
		  const struct gemm_row *rows, enum gemm_finish finish, float *y, size_t ldy)
{
	simd_i8(w, m, q, rows, finish, y, ldy);
}

#else
typedef int gemm_vnni_is_not_built; /* ISO C wants a declaration in every file */
#endif
