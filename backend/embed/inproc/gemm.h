/*
 * Matrix products of the encoder: y = x W^T + bias with W packed once into the order in which the
 * kernels read it, in f32, int8 or bf16. One table of kernels per instruction set, chosen at run
 * time; all of them compute the same sums (int8: the same integers, so that a quantized model
 * gives the same vectors on every processor but for the rounding of f32).
 *
 * Packed layouts. A panel holds `columns` outputs and all inputs of W [n][k]; panels follow each
 * other, missing columns and inputs are zero.
 *   f32   [k][columns]                 one input of every column after the other
 *   int8  [k / 8][columns / lanes][2][lanes][4]   two groups of four inputs for `lanes` columns
 *   bf16  [k / 2][columns][2]          pairs of inputs
 */
#ifndef DOCS_BOT_EMBED_INPROC_GEMM_H
#define DOCS_BOT_EMBED_INPROC_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

enum gemm_type { GEMM_F32, GEMM_I8, GEMM_BF16, GEMM_TYPE_COUNT };

/* Alignment of packed weights and of working memory in bytes: a cache line, an AVX-512 register. */
#define GEMM_ALIGN 64

/* No tile of any table has more rows. */
#define GEMM_ROWS_MAX 16

/* Inputs are padded to a multiple of this, so that int8 and bf16 rows need no tail. */
#define GEMM_K_STEP 8

/*
 * Largest sum of the weights of one sign that the int8 kernel of AVX2 adds up in 16 bits:
 * 128 * 255 <= 32,767, so no activation can overflow it. See gemm_quantize.c.
 */
#define GEMM_I8_SUM_MAX 128

/* Packed weights of one dense layer, in memory of somebody else (see packed.h). */
struct gemm_weights {
	enum gemm_type type;
	size_t n, k;         /* outputs, inputs */
	const void *panels;  /* gemm_panel_bytes() in all */
	const float *bias;   /* [n] */
	const float *scale;  /* int8: [n], value of one step of a weight; else NULL */
	const float *offset; /* int8: [n], scale times the sum of the column's weights */
};

/* What happens to a sum before it is stored. */
enum gemm_finish {
	GEMM_STORE, /* y = sum + bias */
	GEMM_GELU,  /* y = gelu(sum + bias) */
	GEMM_ADD    /* y = y + sum + bias */
};

/* How one row of activations was quantized: value = low + step * q, q in 0..255. */
struct gemm_row {
	float low, step;
};

struct gemm_ops {
	const char *name;          /* of the instruction set */
	const struct vec_ops *vec; /* kernels of base/ for the same processor */
	size_t f32_columns;        /* of an f32 panel */
	size_t f32_rows;           /* most rows of one f32 tile */
	size_t lanes;              /* of an int8 panel of 3 * lanes columns */
	/*
	 * c [rows][f32_columns] = a [rows][k] times one f32 panel; lda and ldc are the distances
	 * between rows, rows <= f32_rows. For products whose right side is packed on the fly.
	 */
	void (*tile)(size_t rows, size_t k, const float *a, size_t lda, const float *panel,
		     float *c, size_t ldc);
	/*
	 * The same in 16-bit integers, exact while no sum leaves 32 bits: the panel holds `pairs`
	 * pairs of inputs, [pairs][f32_columns][2]; a has 2 * pairs values a row.
	 */
	void (*tile_i16)(size_t rows, size_t pairs, const int16_t *a, size_t lda,
			 const int16_t *panel, int32_t *c, size_t ldc);
	/* y = x * factor, rounded to nearest; results within 16 bits are the caller's business. */
	void (*to_i16)(const float *x, float factor, size_t n, int16_t *y);
	/* y = x * factor; x and y may be the same memory. */
	void (*from_i32)(const int32_t *x, float factor, size_t n, float *y);
	/* y [m][n] from x [m][k], distances ldx and ldy, as `finish` says. */
	void (*f32)(const struct gemm_weights *w, size_t m, const float *x, size_t ldx,
		    enum gemm_finish finish, float *y, size_t ldy);
	/* The same from quantized rows q [m][padded k], which must not lie in y. */
	void (*i8)(const struct gemm_weights *w, size_t m, const uint8_t *q,
		   const struct gemm_row *rows, enum gemm_finish finish, float *y, size_t ldy);
	/* The same from bf16 rows h [m][padded k]; NULL without the instructions. */
	void (*bf16)(const struct gemm_weights *w, size_t m, const uint16_t *h,
		     enum gemm_finish finish, float *y, size_t ldy);
	/* x [k] to 8 bits between its least and its largest value, padded with 0 to a whole step. */
	void (*quantize)(const float *x, size_t k, uint8_t *q, struct gemm_row *row);
	/* x [k] to bf16, rounded to nearest even, padded with 0 to a whole step. */
	void (*to_bf16)(const float *x, size_t k, uint16_t *h);
};

/* The best kernels of this processor up to `limit`. Static storage; all functions are pure. */
const struct gemm_ops *gemm_ops_best(enum vec_level limit);

/* The `index`-th table that this processor can run, worst first; NULL behind the last. For tests. */
const struct gemm_ops *gemm_ops_at(size_t index);

/*
 * Takes `bytes` from a block of working memory, aligned if the block is; counts only when the block is
 * NULL.
 */
void *gemm_take(unsigned char *block, size_t *used, size_t bytes);

/* k rounded up to a whole step. */
size_t gemm_padded(size_t k);

/* Columns of a panel, and bytes of all panels of [n][k]. The encoder bounds n and k (config.c). */
size_t gemm_columns(const struct gemm_ops *ops, enum gemm_type type);
size_t gemm_panel_bytes(const struct gemm_ops *ops, enum gemm_type type, size_t n, size_t k);

/*
 * The outputs of `count` panels from panel `first` on, as many as there are: a product with them gives
 * the same values, bit for bit, as they have in the product with all.
 */
struct gemm_weights gemm_slice(const struct gemm_ops *ops, const struct gemm_weights *w,
			       size_t first, size_t count);

/*
 * Packs weight [n][k] (row stride k) times `factor` as f32 or bf16 into columns
 * [first, first + n) of `panels`; the caller has zeroed them.
 */
void gemm_pack(const struct gemm_ops *ops, enum gemm_type type, const float *weight, size_t n,
	       size_t k, float factor, size_t first, void *panels);

/*
 * Quantizes weight [n][k] times `factor` per column and packs it likewise; fills scale and
 * offset [first, first + n).
 * `column` and `levels` are working memory for one padded column.
 */
void gemm_pack_i8(const struct gemm_ops *ops, const float *weight, size_t n, size_t k, float factor,
		  size_t first, int8_t *panels, float *scale, float *offset, float *column,
		  int8_t *levels);

/*
 * One column: q [padded k] in -127..127 and the returned scale so that scale * q is near
 * w [padded k] with the least squared error, under the condition that in every block of 8 inputs
 * the positive and the negative levels of {0, 1, 4, 5} and of {2, 3, 6, 7} each sum to at most
 * GEMM_I8_SUM_MAX.
 */
float gemm_quantize_column(const float *w, size_t padded, int8_t *q);

#endif
