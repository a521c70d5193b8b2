/* The scan kernel with AVX-512 F and BW. Compiled so on x86-64 only. */
#if defined(__x86_64__)

#include "base/veci8_512.h"

struct vi_query {
	__mmask64 negative;
	vi size;
};

static inline struct vi_query vi_query(vi q)
{
	return (struct vi_query){_mm512_movepi8_mask(q), _mm512_abs_epi8(q)};
}

/* As veci8_avx2.c; a sign instruction of this width does not exist. */
static inline vi vi_dot(vi sum, struct vi_query q, vi v)
{
	vi turned = _mm512_mask_sub_epi8(v, q.negative, _mm512_setzero_si512(), v);
	vi pairs = _mm512_maddubs_epi16(q.size, turned);
	return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

static inline int32_t vi_offset(const int8_t *query, size_t n)
{
	(void)query, (void)n;
	return 0;
}

#include "base/veci8_simd.h"

const struct veci8_ops veci8_ops_avx512 = {
	.level = VECI8_AVX512, .name = "avx512", .dots = simd_dots};

#else
typedef int veci8_avx512_is_not_built; /* ISO C wants a declaration in every file */
#endif
