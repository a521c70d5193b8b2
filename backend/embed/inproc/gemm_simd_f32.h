/*
 * Private to gemm_<instruction set>.c: the f32 product. Beside what gemm_simd.h wants, the file that
 * includes this defines
 *   F32_ROWS       rows of a tile; its sums are 2 * F32_ROWS registers
 *   F32_TILES(X)   X(1) … X(F32_ROWS)
 */
#include "embed/inproc/gemm_simd.h"

enum {
	F32_VECS = 2,
	F32_COLUMNS = F32_VECS * VF_LANES,
	F32_UNROLL = 2,    /* inputs between two looks at the loop's counters */
	F32_BLOCK = 192,   /* inputs */
	F32_ROW_BLOCK = 96 /* rows; a multiple of 6 and 12 */
};

/* One input of all rows times one of all columns. */
INLINE void f32_step(size_t rows, const float *a, size_t lda, const float *panel,
		     vf sum[F32_ROWS][F32_VECS])
{
	vf b0 = vf_load(panel), b1 = vf_load(panel + VF_LANES);
#pragma GCC unroll 16
	for (size_t r = 0; r < rows; r++) {
		vf x = vf_set1(a[r * lda]);
		sum[r][0] = vf_fma(x, b0, sum[r][0]);
		sum[r][1] = vf_fma(x, b1, sum[r][1]);
	}
}

/* c = a * panel, added to what c holds when `add`; `rows` and the flags are constants. */
INLINE void f32_tile_of(size_t rows, bool add, bool fetching, size_t k, const float *a, size_t lda,
			const float *panel, float *c, size_t ldc, struct fetch *fetch)
{
	vf sum[F32_ROWS][F32_VECS];
#pragma GCC unroll 16
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 2
		for (size_t v = 0; v < F32_VECS; v++)
			sum[r][v] = add ? vf_load(c + r * ldc + v * VF_LANES) : vf_set1(0);
	}
	size_t i = 0;
	for (; i + F32_UNROLL <= k; i += F32_UNROLL, panel += F32_UNROLL * F32_COLUMNS) {
		if (fetching)
			fetch_step(fetch, F32_UNROLL * F32_COLUMNS * sizeof(float));
#pragma GCC unroll 4
		for (size_t u = 0; u < F32_UNROLL; u++)
			f32_step(rows, a + i + u, lda, panel + u * F32_COLUMNS, sum);
	}
	for (; i < k; i++, panel += F32_COLUMNS)
		f32_step(rows, a + i, lda, panel, sum);
#pragma GCC unroll 16
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 2
		for (size_t v = 0; v < F32_VECS; v++)
			vf_store(c + r * ldc + v * VF_LANES, sum[r][v]);
	}
}

static void f32_tile(size_t rows, size_t k, const float *a, size_t lda, const float *panel,
		     float *c, size_t ldc)
{
	struct fetch none = {NULL, 1, 1};
	switch (rows) {
#define CASE(R)                                                                                    \
	case R:                                                                                    \
		f32_tile_of(R, false, false, k, a, lda, panel, c, ldc, &none);                     \
		break;
		F32_TILES(CASE)
#undef CASE
	default:
		break;
	}
}

static void f32_tile_fetch(size_t rows, bool add, size_t k, const float *a, size_t lda,
			   const float *panel, float *c, size_t ldc, struct fetch *fetch)
{
	switch (rows) {
#define CASE(R)                                                                                    \
	case R:                                                                                    \
		if (add)                                                                           \
			f32_tile_of(R, true, true, k, a, lda, panel, c, ldc, fetch);               \
		else                                                                               \
			f32_tile_of(R, false, true, k, a, lda, panel, c, ldc, fetch);              \
		break;
		F32_TILES(CASE)
#undef CASE
	default:
		break;
	}
}

/* sums [m][F32_COLUMNS] of the panel that begins at column `first`, of which n are there */
INLINE void f32_finish_rows(const struct gemm_weights *w, size_t first, size_t m, const float *sums,
			    enum gemm_finish finish, float *y, size_t ldy, size_t n)
{
	const float *bias = w->bias + first;
	for (size_t r = 0; r < m; r++, sums += F32_COLUMNS) {
		float *to = y + r * ldy + first;
		size_t i = 0;
		for (; i + VF_LANES <= n; i += VF_LANES) {
			vf v = vf_load(sums + i);
			/* bias_gelu() adds the bias itself. */
			if (finish != GEMM_GELU)
				v = vf_add(v, vf_load(bias + i));
			if (finish == GEMM_ADD)
				v = vf_add(v, vf_load(to + i));
			vf_store(to + i, v);
		}
		for (; i < n; i++) {
			float v = finish == GEMM_GELU ? sums[i] : sums[i] + bias[i];
			to[i] = finish == GEMM_ADD ? to[i] + v : v;
		}
		if (finish == GEMM_GELU)
			VEC_OPS->bias_gelu(to, bias, n);
	}
}

static void f32_finish(const struct gemm_weights *w, size_t first, size_t m, const float *sums,
		       enum gemm_finish finish, float *y, size_t ldy)
{
	size_t n = w->n - first < F32_COLUMNS ? w->n - first : F32_COLUMNS;
	f32_finish_rows(w, first, m, sums, finish, y, ldy, n);
}

static void simd_f32(const struct gemm_weights *w, size_t m, const float *x, size_t ldx,
		     enum gemm_finish finish, float *y, size_t ldy)
{
	_Alignas(GEMM_ALIGN) float sums[F32_ROW_BLOCK * F32_COLUMNS];
	size_t row_block = m ? even_piece(m, F32_ROW_BLOCK, 1) : 1;
	size_t block = even_piece(w->k, F32_BLOCK, 1);
	for (size_t i = 0; i < m; i += row_block) {
		size_t rows = m - i < row_block ? m - i : row_block;
		size_t tiles = (rows + F32_ROWS - 1) / F32_ROWS;
		const float *panel = w->panels;
		for (size_t first = 0; first < w->n; first += F32_COLUMNS) {
			for (size_t j = 0; j < w->k; j += block) {
				size_t k = w->k - j < block ? w->k - j : block;
				struct fetch fetch = {(const char *)(panel + k * F32_COLUMNS),
						      tiles, tiles};
				for (size_t t = 0; t < tiles; t++) {
					/* nearly even: no tile is so low that its sums wait */
					size_t r = t * rows / tiles, end = (t + 1) * rows / tiles;
					f32_tile_fetch(end - r, j > 0, k, x + (i + r) * ldx + j,
						       ldx, panel, sums + r * F32_COLUMNS,
						       F32_COLUMNS, &fetch);
				}
				panel += k * F32_COLUMNS;
			}
			f32_finish(w, first, rows, sums, finish, y + i * ldy, ldy);
		}
	}
}
