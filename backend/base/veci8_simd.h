/*
 * Private to veci8_avx2.c, veci8_avx512.c and veci8_vnni.c: the scan kernel, written once over a
 * vector type. The file that includes this defines first:
 *   vi, VI_BYTES                the vector type and its size
 *   vi_load vi_zero             whole vectors, aligned
 *   struct vi_query, vi_query   what a vector of the query's codes is turned into, once for
 *                               ROWS rows
 *   vi_dot                      adds the products of a row's codes to 32-bit sums
 *   vi_sum4                     the sums of four vectors as one __m128i
 *   vi_offset                   what vi_dot() gives too much for every row
 */
#include <stddef.h>
#include <stdint.h>

#include "base/veci8_impl.h"

/* Rows at a time: the query's loads are shared, and four sums hide the latency of the additions. */
#define ROWS 4

/*
 * Bytes that the next rows are asked for ahead of use. On Zen 3 a scan of 1,000,000 x 768 codes
 * reaches 55 % of the bandwidth of a plain read without it, 88 % with 2 to 4 KiB, 80 % with 8.
 */
#define AHEAD 3072

static inline __m128i dots4(const int8_t *query, const int8_t *rows, size_t n)
{
	vi s0 = vi_zero(), s1 = s0, s2 = s0, s3 = s0;
	for (size_t i = 0; i < n; i += VI_BYTES) {
		struct vi_query q = vi_query(vi_load(query + i));
		/* Four lines in all per 64 codes: as much as is read of the four rows. */
		if (i % VECI8_LINE == 0)
			for (size_t k = 0; k < ROWS; k++)
				__builtin_prefetch(rows + ROWS * i + k * VECI8_LINE + AHEAD);
		s0 = vi_dot(s0, q, vi_load(rows + i));
		s1 = vi_dot(s1, q, vi_load(rows + n + i));
		s2 = vi_dot(s2, q, vi_load(rows + 2 * n + i));
		s3 = vi_dot(s3, q, vi_load(rows + 3 * n + i));
	}
	return vi_sum4(s0, s1, s2, s3);
}

static inline __m128i dots1(const int8_t *query, const int8_t *row, size_t n)
{
	vi sum = vi_zero();
	for (size_t i = 0; i < n; i += VI_BYTES)
		sum = vi_dot(sum, vi_query(vi_load(query + i)), vi_load(row + i));
	return vi_sum4(sum, vi_zero(), vi_zero(), vi_zero());
}

static void simd_dots(const int8_t *query, const int8_t *rows, size_t count, size_t n, int32_t *out)
{
	__m128i offset = _mm_set1_epi32(vi_offset(query, n));
	size_t r = 0;
	for (; r + ROWS <= count; r += ROWS, rows += ROWS * n)
		_mm_storeu_si128((__m128i *)(void *)(out + r),
				 _mm_sub_epi32(dots4(query, rows, n), offset));
	for (; r < count; r++, rows += n)
		out[r] = _mm_cvtsi128_si32(_mm_sub_epi32(dots1(query, rows, n), offset));
}
