/*
 * The vector type of kernels with AVX-512 F, DQ, BW, VL: sixteen lanes, as vec_simd.h names its operations. For files that
 * are compiled for that instruction set alone; nothing here may be called elsewhere.
 */
#ifndef DOCS_BOT_BASE_VF_AVX512_H
#define DOCS_BOT_BASE_VF_AVX512_H

#include <immintrin.h>
#include <stddef.h>

#define VF_LANES 16
typedef __m512 vf;

static inline vf vf_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

static inline void vf_store(float *p, vf v)
{
	_mm512_storeu_ps(p, v);
}

static inline __mmask16 mask_of(size_t n)
{
	return (__mmask16)((1U << n) - 1U);
}

static inline vf vf_load_n(const float *p, size_t n)
{
	return _mm512_maskz_loadu_ps(mask_of(n), p);
}

static inline void vf_store_n(float *p, vf v, size_t n)
{
	_mm512_mask_storeu_ps(p, mask_of(n), v);
}

static inline vf vf_set1(float x)
{
	return _mm512_set1_ps(x);
}

static inline vf vf_add(vf a, vf b)
{
	return _mm512_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
	return _mm512_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
	return _mm512_mul_ps(a, b);
}

static inline vf vf_div(vf a, vf b)
{
	return _mm512_div_ps(a, b);
}

static inline vf vf_min(vf a, vf b)
{
	return _mm512_min_ps(a, b);
}

static inline vf vf_max(vf a, vf b)
{
	return _mm512_max_ps(a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline vf vf_round(vf x)
{
	return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* Puts n + 127 into the exponent field. */
static inline vf vf_pow2(vf n)
{
	__m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
	return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}

static inline vf vf_zero_below(vf v, vf x, vf bound)
{
	return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, bound, _CMP_NLT_UQ), v);
}

static inline float vf_sum(vf v)
{
	return _mm512_reduce_add_ps(v);
}

static inline float vf_hmax(vf v)
{
	return _mm512_reduce_max_ps(v);
}

#endif
