/*
 * Private to gemm_<instruction set>.c: the int8 product. Beside what gemm_simd.h wants, the file that
 * includes this defines
 *   I8_ROWS        rows of a tile; its sums are 3 * I8_ROWS registers of int32
 *   I8_TILES(X)    X(1) … X(I8_ROWS)
 *   I8_BLOCK       inputs of a panel that are read at a time
 *   vf_load_i32    int32 values to f32
 *   i8_tile(rows, add, steps, q, ldq, panel, c, fetch)
 *                  c [rows][3 * VF_LANES] = q panel over `steps` steps of GEMM_K_STEP inputs, added
 *                  to what c holds when `add`; calls fetch_step() once per step
 */
#include "embed/inproc/gemm_simd.h"

enum { I8_VECS = 3, I8_COLUMNS = I8_VECS * VF_LANES, I8_ROW_BLOCK = 64 };

INLINE void i8_tile_any(size_t rows, bool add, size_t k, const uint8_t *q, size_t ldq,
			const int8_t *panel, int32_t *c, struct fetch *fetch)
{
	switch (rows) {
#define CASE(R)                                                                                    \
	case R:                                                                                    \
		i8_tile(R, add, k / GEMM_K_STEP, q, ldq, panel, c, fetch);                         \
		break;
		I8_TILES(CASE)
#undef CASE
	default:
		break;
	}
}

/* sums [m][I8_COLUMNS] to f32: step * scale * sum + low * offset + bias */
INLINE void i8_finish_rows(const struct gemm_weights *w, size_t first, size_t m,
			   const int32_t *sums, const struct gemm_row *rows,
			   enum gemm_finish finish, float *y, size_t ldy, size_t n)
{
	const float *scale = w->scale + first, *offset = w->offset + first, *bias = w->bias + first;
	for (size_t r = 0; r < m; r++, sums += I8_COLUMNS) {
		vf step = vf_set1(rows[r].step), low = vf_set1(rows[r].low);
		float *to = y + r * ldy + first;
		size_t i = 0;
		for (; i + VF_LANES <= n; i += VF_LANES) {
			vf v = vf_mul(vf_mul(step, vf_load(scale + i)), vf_load_i32(sums + i));
			v = vf_fma(low, vf_load(offset + i), v);
			/* bias_gelu() adds the bias itself. */
			if (finish != GEMM_GELU)
				v = vf_add(v, vf_load(bias + i));
			if (finish == GEMM_ADD)
				v = vf_add(v, vf_load(to + i));
			vf_store(to + i, v);
		}
		for (; i < n; i++) {
			float v = rows[r].step * scale[i] * (float)sums[i];
			v += rows[r].low * offset[i];
			if (finish != GEMM_GELU)
				v += bias[i];
			to[i] = finish == GEMM_ADD ? to[i] + v : v;
		}
		if (finish == GEMM_GELU)
			VEC_OPS->bias_gelu(to, bias, n);
	}
}

/* A copy for each way to finish, and for the width that nearly all panels have. */
static void i8_finish(const struct gemm_weights *w, size_t first, size_t m, const int32_t *sums,
		      const struct gemm_row *rows, enum gemm_finish finish, float *y, size_t ldy)
{
	size_t n = w->n - first;
	if (n < I8_COLUMNS)
		i8_finish_rows(w, first, m, sums, rows, finish, y, ldy, n);
	else if (finish == GEMM_STORE)
		i8_finish_rows(w, first, m, sums, rows, GEMM_STORE, y, ldy, I8_COLUMNS);
	else if (finish == GEMM_GELU)
		i8_finish_rows(w, first, m, sums, rows, GEMM_GELU, y, ldy, I8_COLUMNS);
	else
		i8_finish_rows(w, first, m, sums, rows, GEMM_ADD, y, ldy, I8_COLUMNS);
}

static void simd_i8(const struct gemm_weights *w, size_t m, const uint8_t *q,
		    const struct gemm_row *rows, enum gemm_finish finish, float *y, size_t ldy)
{
	_Alignas(GEMM_ALIGN) int32_t sums[I8_ROW_BLOCK * I8_COLUMNS] = {0};
	size_t ldq = gemm_padded(w->k);
	size_t row_block = m ? even_piece(m, I8_ROW_BLOCK, I8_ROWS) : 1;
	size_t block = even_piece(ldq, I8_BLOCK, GEMM_K_STEP);
	for (size_t i = 0; i < m; i += row_block) {
		size_t count = m - i < row_block ? m - i : row_block;
		size_t tiles = (count + I8_ROWS - 1) / I8_ROWS;
		const int8_t *panel = w->panels;
		for (size_t first = 0; first < w->n; first += I8_COLUMNS) {
			for (size_t j = 0; j < ldq; j += block) {
				size_t k = ldq - j < block ? ldq - j : block;
				struct fetch fetch = {(const char *)(panel + k * I8_COLUMNS), tiles,
						      tiles};
				for (size_t t = 0; t < tiles; t++) {
					/* nearly even: no tile is so low that its sums wait */
					size_t r = t * count / tiles, end = (t + 1) * count / tiles;
					i8_tile_any(end - r, j > 0, k, q + (i + r) * ldq + j, ldq,
						    panel, sums + r * I8_COLUMNS, &fetch);
				}
				panel += k * I8_COLUMNS;
			}
			i8_finish(w, first, count, sums, rows + i, finish, y + i * ldy, ldy);
		}
	}
}
