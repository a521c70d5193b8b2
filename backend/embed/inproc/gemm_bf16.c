/* The bf16 product with AVX-512 BF16. Compiled so on x86-64 only. */
#if defined(__x86_64__)

#include "base/vec_impl.h"
#include "base/vf_avx512.h"

#define VEC_OPS (&vec_ops_avx512)

#include "embed/inproc/gemm_simd.h"

enum {
	ROWS = 8, /* of a tile: 24 sums, 3 vectors of weights, one of activations */
	VECS = 3,
	COLUMNS = VECS * VF_LANES,
	BLOCK = 256, /* inputs of a panel that are read at a time */
	ROW_BLOCK = 64
};

/* c [rows][COLUMNS] = h panel over `pairs` pairs of inputs, added to what c holds when `add` */
INLINE void tile_of(size_t rows, bool add, size_t pairs, const uint16_t *h, size_t ldh,
		    const uint16_t *panel, float *c, struct fetch *fetch)
{
	vf sum[ROWS][VECS];
#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < VECS; v++)
			sum[r][v] = add ? vf_load(c + r * COLUMNS + v * VF_LANES) : vf_set1(0);
	}
	for (size_t p = 0; p < pairs; p++, h += 2, panel += 2 * (size_t)COLUMNS) {
		__m512bh w[VECS];
		fetch_step(fetch, 2 * COLUMNS * sizeof(*panel));
#pragma GCC unroll 3
		for (size_t v = 0; v < VECS; v++) {
			__m512i bits = _mm512_load_si512(panel + v * 2 * VF_LANES);
			memcpy(&w[v], &bits, sizeof(bits));
		}
#pragma GCC unroll 8
		for (size_t r = 0; r < rows; r++) {
			int32_t pair;
			memcpy(&pair, h + r * ldh, sizeof(pair));
			__m512i bits = _mm512_set1_epi32(pair);
			__m512bh x;
			memcpy(&x, &bits, sizeof(bits));
#pragma GCC unroll 3
			for (size_t v = 0; v < VECS; v++)
				sum[r][v] = _mm512_dpbf16_ps(sum[r][v], x, w[v]);
		}
	}
#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (size_t v = 0; v < VECS; v++)
			vf_store(c + r * COLUMNS + v * VF_LANES, sum[r][v]);
	}
}

static void tile(size_t rows, bool add, size_t pairs, const uint16_t *h, size_t ldh,
		 const uint16_t *panel, float *c, struct fetch *fetch)
{
	switch (rows) {
#define CASE(R)                                                                                    \
	case R:                                                                                    \
		tile_of(R, add, pairs, h, ldh, panel, c, fetch);                                   \
		break;
		CASE(1)
		CASE(2)
		CASE(3)
		CASE(4)
		CASE(5)
		CASE(6)
		CASE(7)
		CASE(8)
#undef CASE
	default:
		break;
	}
}

/* sums [m][COLUMNS] of the panel that begins at column `first` */
static void finish_rows(const struct gemm_weights *w, size_t first, size_t m, float *sums,
			enum gemm_finish finish, float *y, size_t ldy)
{
	size_t n = w->n - first < COLUMNS ? w->n - first : COLUMNS;
	for (size_t r = 0; r < m; r++, sums += COLUMNS) {
		float *to = y + r * ldy + first;
		if (finish == GEMM_GELU)
			VEC_OPS->bias_gelu(sums, w->bias + first, n);
		else
			VEC_OPS->add(sums, w->bias + first, n);
		if (finish == GEMM_ADD)
			VEC_OPS->add(to, sums, n);
		else
			memcpy(to, sums, n * sizeof(*to));
	}
}

void gemm_bf16(const struct gemm_weights *w, size_t m, const uint16_t *h, enum gemm_finish finish,
	       float *y, size_t ldy)
{
	_Alignas(GEMM_ALIGN) float sums[ROW_BLOCK * COLUMNS];
	size_t ldh = gemm_padded(w->k), block = even_piece(ldh, BLOCK, GEMM_K_STEP);
	size_t row_block = m ? even_piece(m, ROW_BLOCK, ROWS) : 1;
	for (size_t i = 0; i < m; i += row_block) {
		size_t count = m - i < row_block ? m - i : row_block;
		size_t tiles = (count + ROWS - 1) / ROWS;
		const uint16_t *panel = w->panels;
		for (size_t first = 0; first < w->n; first += COLUMNS) {
			for (size_t j = 0; j < ldh; j += block) {
				size_t k = ldh - j < block ? ldh - j : block;
				struct fetch fetch = {(const char *)(panel + k * COLUMNS), tiles,
						      tiles};
				for (size_t t = 0; t < tiles; t++) {
					size_t r = t * count / tiles, end = (t + 1) * count / tiles;
					tile(end - r, j > 0, k / 2, h + (i + r) * ldh + j, ldh,
					     panel, sums + r * COLUMNS, &fetch);
				}
				panel += k * COLUMNS;
			}
			finish_rows(w, first, count, sums, finish, y + i * ldy, ldy);
		}
	}
}

void gemm_to_bf16(const float *x, size_t k, uint16_t *h)
{
	size_t i = 0;
	for (; i + VF_LANES <= k; i += VF_LANES) {
		__m256bh v = _mm512_cvtneps_pbh(vf_load(x + i));
		memcpy(h + i, &v, sizeof(v));
	}
	for (; i < k; i++)
		h[i] = gemm_round_bf16(x[i]);
	for (; i < gemm_padded(k); i++)
		h[i] = 0;
}

#else
typedef int gemm_bf16_is_not_built; /* ISO C wants a declaration in every file */
#endif
