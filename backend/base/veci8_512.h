/* Private to veci8_avx512.c and veci8_vnni.c: what both have in common. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VI_BYTES 64
typedef __m512i vi;

static inline vi vi_load(const int8_t *p)
{
	return _mm512_load_si512((const void *)p);
}

static inline vi vi_zero(void)
{
	return _mm512_setzero_si512();
}

static inline __m256i fold(vi v)
{
	return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

static inline __m128i vi_sum4(vi a, vi b, vi c, vi d)
{
	__m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(fold(a), fold(b)),
				      _mm256_hadd_epi32(fold(c), fold(d)));
	return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}
