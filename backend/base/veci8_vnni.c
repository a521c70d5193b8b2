/* The scan kernel with AVX-512 F, BW and VNNI. Compiled so on x86-64 only. */
#if defined(__x86_64__)

#include "base/veci8_512.h"

struct vi_query {
	vi codes;
};

static inline struct vi_query vi_query(vi q)
{
	return (struct vi_query){q};
}

/* vpdpbusd takes unsigned times signed: the row as v + 128, and 128 * the query's sum too much. */
static inline vi vi_dot(vi sum, struct vi_query q, vi v)
{
	vi moved = _mm512_xor_si512(v, _mm512_set1_epi8(-128));
	return _mm512_dpbusd_epi32(sum, moved, q.codes);
}

static inline int32_t vi_offset(const int8_t *query, size_t n)
{
	vi sum = vi_zero();
	for (size_t i = 0; i < n; i += VI_BYTES)
		sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), vi_load(query + i));
	return 128 * _mm512_reduce_add_epi32(sum);
}

#include "base/veci8_simd.h"

const struct veci8_ops veci8_ops_vnni = {.level = VECI8_VNNI, .name = "vnni", .dots = simd_dots};

#else
typedef int veci8_vnni_is_not_built; /* ISO C wants a declaration in every file */
#endif
