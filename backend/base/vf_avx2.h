/*
 * The vector type of kernels with AVX2 and FMA: eight lanes, as vec_simd.h names its operations. For files that
 * are compiled for that instruction set alone; nothing here may be called elsewhere.
 */
#ifndef DOCS_BOT_BASE_VF_AVX2_H
#define DOCS_BOT_BASE_VF_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define VF_LANES 8
typedef __m256 vf;

static inline vf vf_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

static inline void vf_store(float *p, vf v)
{
	_mm256_storeu_ps(p, v);
}

/* Eight sign bits set, eight clear: a window of it is the mask of the first n lanes. */
static inline __m256i mask_of(size_t n)
{
	static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
	return _mm256_loadu_si256((const __m256i *)(const void *)(window + 8 - n));
}

static inline vf vf_load_n(const float *p, size_t n)
{
	return _mm256_maskload_ps(p, mask_of(n));
}

static inline void vf_store_n(float *p, vf v, size_t n)
{
	_mm256_maskstore_ps(p, mask_of(n), v);
}

static inline vf vf_set1(float x)
{
	return _mm256_set1_ps(x);
}

static inline vf vf_add(vf a, vf b)
{
	return _mm256_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
	return _mm256_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
	return _mm256_mul_ps(a, b);
}

static inline vf vf_div(vf a, vf b)
{
	return _mm256_div_ps(a, b);
}

static inline vf vf_min(vf a, vf b)
{
	return _mm256_min_ps(a, b);
}

static inline vf vf_max(vf a, vf b)
{
	return _mm256_max_ps(a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
	return _mm256_fmadd_ps(a, b, c);
}

static inline vf vf_round(vf x)
{
	return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* Puts n + 127 into the exponent field. */
static inline vf vf_pow2(vf n)
{
	__m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
	return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}

static inline vf vf_zero_below(vf v, vf x, vf bound)
{
	return _mm256_andnot_ps(_mm256_cmp_ps(x, bound, _CMP_LT_OQ), v);
}

static inline float vf_sum(vf v)
{
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
	return _mm_cvtss_f32(s);
}

static inline float vf_hmax(vf v)
{
	__m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	s = _mm_max_ps(s, _mm_movehl_ps(s, s));
	s = _mm_max_ss(s, _mm_shuffle_ps(s, s, 1));
	return _mm_cvtss_f32(s);
}

#endif
