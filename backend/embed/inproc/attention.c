#include "embed/inproc/attention.h"

#include <string.h>

static size_t round_up(size_t n, size_t multiple)
{
	return (n + multiple - 1) / multiple * multiple;
}

/* Each part of the scratch memory begins at a multiple of this many floats. */
#define ALIGN_FLOATS (GEMM_ALIGN / sizeof(float))

/* The working memory of one head. */
struct head {
	const struct gemm_ops *ops;
	size_t count, size; /* tokens, values of a head */
	size_t wide, deep;  /* the same, rounded up to whole panels */
	float *keys;        /* panels of [size][columns]: keys, transposed */
	float *values;      /* panels of [count][columns] */
	float *scores;      /* [f32_rows][wide] */
	float *out;         /* [f32_rows][deep] */
};

static void lay_out(const struct gemm_ops *ops, size_t size, size_t count, float *scratch,
		    struct head *h)
{
	size_t wide = round_up(count, ops->f32_columns), deep = round_up(size, ops->f32_columns);
	*h = (struct head){.ops = ops, .count = count, .size = size, .wide = wide, .deep = deep};
	h->keys = scratch;
	h->values = h->keys + round_up(wide * size, ALIGN_FLOATS);
	h->scores = h->values + round_up(count * deep, ALIGN_FLOATS);
	h->out = h->scores + round_up(ops->f32_rows * wide, ALIGN_FLOATS);
}

size_t attention_scratch(const struct gemm_ops *ops, const struct attention *a, size_t count)
{
	size_t wide = round_up(count, ops->f32_columns), deep = round_up(a->size, ops->f32_columns);
	return round_up(wide * a->size, ALIGN_FLOATS) + round_up(count * deep, ALIGN_FLOATS) +
	       round_up(ops->f32_rows * wide, ALIGN_FLOATS) + ops->f32_rows * deep;
}

/* Columns behind the last key or value are zero: they make scores that nobody reads. */
static void pack(struct head *h, const float *keys, const float *values, size_t stride)
{
	size_t columns = h->ops->f32_columns;
	if (h->wide > h->count)
		memset(h->keys + (h->wide - columns) * h->size, 0,
		       columns * h->size * sizeof(float));
	for (size_t first = 0; first < h->count; first += columns) {
		size_t n = h->count - first < columns ? h->count - first : columns;
		float *to = h->keys + first * h->size;
		for (size_t d = 0; d < h->size; d++, to += columns)
			for (size_t j = 0; j < n; j++)
				to[j] = keys[(first + j) * stride + d];
	}
	for (size_t first = 0; first < h->size; first += columns) {
		size_t n = h->size - first < columns ? h->size - first : columns;
		float *to = h->values + first * h->count;
		for (size_t j = 0; j < h->count; j++, to += columns) {
			memcpy(to, values + j * stride + first, n * sizeof(float));
			if (n < columns)
				memset(to + n, 0, (columns - n) * sizeof(float));
		}
	}
}

/* Queries [first, first + rows) of one head; bias as in struct attention, of this head. */
static void attend(struct head *h, const float *bias, size_t first, size_t rows, float *query,
		   size_t stride)
{
	const struct gemm_ops *ops = h->ops;
	size_t columns = ops->f32_columns;
	for (size_t j = 0; j < h->wide; j += columns)
		ops->tile(rows, h->size, query, stride, h->keys + j * h->size, h->scores + j,
			  h->wide);
	float sums[GEMM_ROWS_MAX];
	for (size_t r = 0; r < rows; r++)
		sums[r] = ops->vec->exp_sum(h->scores + r * h->wide,
					    bias ? bias - (first + r) : NULL, h->count);
	for (size_t d = 0; d < h->deep; d += columns)
		ops->tile(rows, h->count, h->scores, h->wide, h->values + d * h->count, h->out + d,
			  h->deep);
	for (size_t r = 0; r < rows; r++) {
		/* Dividing here takes `size` steps where dividing the scores took `count`. */
		float factor = 1.0F / sums[r];
		for (size_t d = 0; d < h->size; d++)
			query[r * stride + d] = h->out[r * h->deep + d] * factor;
	}
}

void attention_run(const struct gemm_ops *ops, const struct attention *a, float *qkv, size_t count,
		   float *scratch)
{
	size_t hidden = a->heads * a->size, stride = 3 * hidden;
	size_t blocks = (count + ops->f32_rows - 1) / ops->f32_rows;
	size_t height = (count + blocks - 1) / blocks;
	struct head h;
	lay_out(ops, a->size, count, scratch, &h);
	for (size_t i = 0; i < a->heads; i++) {
		float *query = qkv + i * a->size;
		const float *bias = a->bias;
		if (bias)
			bias += i * a->bias_width + (a->bias_width - 1) / 2;
		pack(&h, query + hidden, query + 2 * hidden, stride);
		for (size_t first = 0; first < count; first += height) {
			size_t rows = count - first < height ? count - first : height;
			attend(&h, bias, first, rows, query + first * stride, stride);
		}
	}
}
