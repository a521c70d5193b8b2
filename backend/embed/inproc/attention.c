#include "embed/inproc/attention.h"

#include <math.h>
#include <string.h>

/* Largest magnitude of 16 bits, and of the sums of their products. */
#define I16_LIMIT 32767.0F
#define SUM_LIMIT 2147483647.0F

static size_t round_up(size_t n, size_t multiple)
{
	return (n + multiple - 1) / multiple * multiple;
}

/*
 * The working memory of one head. `keys` and `values` are panels as gemm_ops.tile or .tile_i16
 * takes them; inputs of pairs are padded with 0 to an even number.
 */
struct head {
	const struct gemm_ops *ops;
	bool narrow;
	size_t count, size; /* tokens, values of a head */
	size_t wide, deep;  /* the same, rounded up to whole panels */
	size_t even_count, even_size;
	void *keys, *values;        /* f32 or int16_t */
	float *scores;              /* [f32_rows][wide] */
	float *out;                 /* [f32_rows][deep] */
	int16_t *queries;           /* narrow: [f32_rows][even_size] */
	int16_t *shares;            /* narrow: [f32_rows][even_count], the softmax */
	float key_step, value_step; /* narrow: what 1 stands for */
};

static size_t lay_out(const struct gemm_ops *ops, size_t size, size_t count, bool narrow,
		      unsigned char *block, struct head *h)
{
	size_t used = 0, rows = ops->f32_rows, item = narrow ? sizeof(int16_t) : sizeof(float);
	*h = (struct head){.ops = ops,
			   .narrow = narrow,
			   .count = count,
			   .size = size,
			   .wide = round_up(count, ops->f32_columns),
			   .deep = round_up(size, ops->f32_columns),
			   .even_count = round_up(count, 2),
			   .even_size = round_up(size, 2)};
	h->keys = gemm_take(block, &used, h->wide * h->even_size * item);
	h->values = gemm_take(block, &used, h->even_count * h->deep * item);
	h->scores = gemm_take(block, &used, rows * h->wide * sizeof(float));
	h->out = gemm_take(block, &used, rows * h->deep * sizeof(float));
	/* at least two rows, for packing */
	h->queries = gemm_take(block, &used, narrow ? (rows + 1) * h->even_size * item : 0);
	h->shares = gemm_take(block, &used, narrow ? rows * h->even_count * item : 0);
	return used;
}

size_t attention_scratch(const struct gemm_ops *ops, const struct attention *a, size_t count,
			 bool narrow)
{
	struct head h;
	return lay_out(ops, a->size, count, narrow, NULL, &h);
}

/* Columns behind the last key or value are zero: they make scores that nobody reads. */
static void pack_f32(struct head *h, const float *keys, const float *values, size_t stride)
{
	size_t columns = h->ops->f32_columns;
	float *k = h->keys, *v = h->values;
	if (h->wide > h->count)
		memset(k + (h->wide - columns) * h->size, 0, columns * h->size * sizeof(float));
	for (size_t first = 0; first < h->count; first += columns) {
		size_t n = h->count - first < columns ? h->count - first : columns;
		float *to = k + first * h->size;
		for (size_t d = 0; d < h->size; d++, to += columns)
			for (size_t j = 0; j < n; j++)
				to[j] = keys[(first + j) * stride + d];
	}
	for (size_t first = 0; first < h->size; first += columns) {
		size_t n = h->size - first < columns ? h->size - first : columns;
		float *to = v + first * h->count;
		for (size_t j = 0; j < h->count; j++, to += columns) {
			memcpy(to, values + j * stride + first, n * sizeof(float));
			if (n < columns)
				memset(to + n, 0, (columns - n) * sizeof(float));
		}
	}
}

/* Largest magnitude: without their sign bits, floats are in the order of their bits. */
static float largest(const float *x, size_t rows, size_t n, size_t stride)
{
	int32_t most = 0;
	for (size_t i = 0; i < rows; i++) {
		const float *row = x + i * stride;
		for (size_t d = 0; d < n; d++) {
			int32_t bits;
			memcpy(&bits, row + d, sizeof(bits));
			bits &= INT32_MAX;
			most = bits > most ? bits : most;
		}
	}
	float max;
	memcpy(&max, &most, sizeof(max));
	return max;
}

/* What 1 stands for when the largest magnitude becomes `limit`. */
static float step_of(float max, float limit)
{
	return max > 0 ? max / limit : 1;
}

/* So large may both factors of `size` products be for their sum to stay within 32 bits. */
static float product_limit(size_t size)
{
	float limit = floorf(sqrtf(SUM_LIMIT / (float)size)) - 1;
	return limit < I16_LIMIT ? limit : I16_LIMIT;
}

typedef int16_t pair_t[2];

/* Two rows of values, `next` apart (0: only one), side by side into every panel from `to` on. */
static void pack_value_pair(struct head *h, const float *values, size_t next, float factor,
			    int16_t *to)
{
	size_t columns = h->ops->f32_columns;
	int16_t *even = h->queries, *odd = even + h->even_size;
	memset(odd, 0, h->even_size * sizeof(*odd));
	h->ops->to_i16(values, factor, h->size, even);
	if (next)
		h->ops->to_i16(values + next, factor, h->size, odd);
	for (size_t first = 0; first < h->size; first += columns, to += columns * h->even_count) {
		size_t n = h->size - first < columns ? h->size - first : columns;
		for (size_t d = 0; d < n; d++) {
			to[2 * d] = even[first + d];
			to[2 * d + 1] = odd[first + d];
		}
		memset(to + 2 * n, 0, 2 * (columns - n) * sizeof(*to));
	}
}

static void pack_i16(struct head *h, const float *keys, const float *values, size_t stride)
{
	size_t columns = h->ops->f32_columns;
	int16_t *k = h->keys, *v = h->values;
	h->key_step = step_of(largest(keys, h->count, h->size, stride), product_limit(h->size));
	h->value_step = step_of(largest(values, h->count, h->size, stride), I16_LIMIT - 1);
	/* Rows go through `queries`, which nothing else uses yet. */
	float key_factor = 1 / h->key_step, value_factor = 1 / h->value_step;
	size_t pairs = h->even_size / 2;
	for (size_t j = 0; j < h->wide; j++) {
		int16_t *row = h->queries;
		pair_t *to = (pair_t *)(void *)(k + j / columns * columns * h->even_size);
		memset(row, 0, h->even_size * sizeof(*row));
		if (j < h->count)
			h->ops->to_i16(keys + j * stride, key_factor, h->size, row);
		for (size_t p = 0; p < pairs; p++)
			memcpy(to + p * columns + j % columns, row + 2 * p, sizeof(*to));
	}
	for (size_t j = 0; j < h->even_count; j += 2)
		pack_value_pair(h, values + j * stride, j + 1 < h->count ? stride : 0, value_factor,
				v + j * columns);
}

/* Scores of `rows` queries, and what follows from them: numerators and their sums. */
static void score(struct head *h, const float *bias, size_t first, size_t rows, const float *query,
		  size_t stride, float *sums)
{
	const struct gemm_ops *ops = h->ops;
	size_t columns = ops->f32_columns;
	float steps[GEMM_ROWS_MAX] = {0};
	if (h->narrow) {
		/* A step for each row: blocks of rows differ from processor to processor. */
		for (size_t r = 0; r < rows; r++) {
			int16_t *to = h->queries + r * h->even_size;
			const float *from = query + r * stride;
			float query_step =
				step_of(largest(from, 1, h->size, stride), product_limit(h->size));
			steps[r] = query_step * h->key_step;
			to[h->even_size - 1] = 0;
			ops->to_i16(from, 1 / query_step, h->size, to);
		}
		for (size_t j = 0; j < h->wide; j += columns)
			ops->tile_i16(rows, h->even_size / 2, h->queries, h->even_size,
				      (int16_t *)h->keys + j * h->even_size,
				      (int32_t *)(void *)h->scores + j, h->wide);
	} else {
		for (size_t j = 0; j < h->wide; j += columns)
			ops->tile(rows, h->size, query, stride, (float *)h->keys + j * h->size,
				  h->scores + j, h->wide);
	}
	for (size_t r = 0; r < rows; r++) {
		float *row = h->scores + r * h->wide;
		if (h->narrow)
			ops->from_i32((const int32_t *)(const void *)row, steps[r], h->count, row);
		sums[r] = ops->vec->exp_sum(row, bias ? bias - (first + r) : NULL, h->count);
	}
}

/*
 * The numerators times the values into h->out. Returns the factor of row r through factors[r]:
 * dividing the result by the sum takes `size` steps where dividing the scores took `count`. The
 * 16-bit shares are divided first: then they sum to 32,767 and no product leaves 32 bits.
 */
static void mix(struct head *h, size_t rows, const float *sums, float *factors)
{
	const struct gemm_ops *ops = h->ops;
	size_t columns = ops->f32_columns;
	for (size_t r = 0; r < rows; r++)
		factors[r] = h->narrow ? h->value_step / (I16_LIMIT - 1) : 1 / sums[r];
	if (!h->narrow) {
		for (size_t d = 0; d < h->deep; d += columns)
			ops->tile(rows, h->count, h->scores, h->wide,
				  (float *)h->values + d * h->count, h->out + d, h->deep);
		return;
	}
	for (size_t r = 0; r < rows; r++) {
		int16_t *to = h->shares + r * h->even_count;
		to[h->even_count - 1] = 0;
		ops->to_i16(h->scores + r * h->wide, (I16_LIMIT - 1) / sums[r], h->count, to);
	}
	for (size_t d = 0; d < h->deep; d += columns)
		ops->tile_i16(rows, h->even_count / 2, h->shares, h->even_count,
			      (int16_t *)h->values + d * h->even_count,
			      (int32_t *)(void *)h->out + d, h->deep);
	for (size_t r = 0; r < rows; r++)
		ops->from_i32((const int32_t *)(const void *)(h->out + r * h->deep), 1, h->size,
			      h->out + r * h->deep);
}

/* Queries [first, first + rows) of one head; bias as in struct attention, of this head. */
static void attend(struct head *h, const float *bias, size_t first, size_t rows, float *query,
		   size_t stride)
{
	float sums[GEMM_ROWS_MAX] = {0}, factors[GEMM_ROWS_MAX];
	score(h, bias, first, rows, query, stride, sums);
	mix(h, rows, sums, factors);
	for (size_t r = 0; r < rows; r++)
		for (size_t d = 0; d < h->size; d++)
			query[r * stride + d] = h->out[r * h->deep + d] * factors[r];
}

void attention_head(const struct gemm_ops *ops, const struct attention *a, float *qkv, size_t count,
		    bool narrow, size_t head, void *scratch)
{
	size_t hidden = a->heads * a->size, stride = 3 * hidden;
	size_t blocks = (count + ops->f32_rows - 1) / ops->f32_rows;
	struct head h;
	(void)lay_out(ops, a->size, count, narrow, scratch, &h);
	float *query = qkv + head * a->size;
	const float *bias = a->bias;
	if (bias)
		bias += head * a->bias_width + (a->bias_width - 1) / 2;
	if (narrow)
		pack_i16(&h, query + hidden, query + 2 * hidden, stride);
	else
		pack_f32(&h, query + hidden, query + 2 * hidden, stride);
	for (size_t b = 0; b < blocks; b++) {
		size_t first = b * count / blocks, end = (b + 1) * count / blocks;
		attend(&h, bias, first, end - first, query + first * stride, stride);
	}
}

void attention_run(const struct gemm_ops *ops, const struct attention *a, float *qkv, size_t count,
		   bool narrow, void *scratch)
{
	for (size_t head = 0; head < a->heads; head++)
		attention_head(ops, a, qkv, count, narrow, head, scratch);
}
