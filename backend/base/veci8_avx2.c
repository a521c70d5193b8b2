/* The scan kernel with AVX2. Compiled with -mavx2 on x86-64 only. */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VI_BYTES 32
typedef __m256i vi;

static inline vi vi_load(const int8_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

static inline vi vi_zero(void)
{
	return _mm256_setzero_si256();
}

struct vi_query {
	vi sign, size;
};

static inline struct vi_query vi_query(vi q)
{
	return (struct vi_query){q, _mm256_abs_epi8(q)};
}

/* |q| * (v with the sign of q): pairs reach 2 * 127 * 127 = 32258, so 16 bits do not saturate. */
static inline vi vi_dot(vi sum, struct vi_query q, vi v)
{
	vi pairs = _mm256_maddubs_epi16(q.size, _mm256_sign_epi8(v, q.sign));
	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline __m128i vi_sum4(vi a, vi b, vi c, vi d)
{
	__m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
	return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

static inline int32_t vi_offset(const int8_t *query, size_t n)
{
	(void)query, (void)n;
	return 0;
}

#include "base/veci8_simd.h"

const struct veci8_ops veci8_ops_avx2 = {.level = VECI8_AVX2, .name = "avx2", .dots = simd_dots};

#else
typedef int veci8_avx2_is_not_built; /* ISO C wants a declaration in every file */
#endif
