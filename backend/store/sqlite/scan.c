/*
 * Why the result is exact.
 *
 * Let v = s c + e be a row (c its codes, e the residual) and q = q1 + q2 + r the query, where q1
 * and q2 are 8-bit vectors too: q1 of the query, q2 of what q1 leaves. By Cauchy and Schwarz
 *
 *	|<q, v> - <q1, s c>|	  <= |q - q1| |s c| + |q| |e|
 *	|<q, v> - <q1 + q2, s c>| <= |r| |s c|	    + |q| |e|
 *
 * and a product of d pairs in f32, in whatever order its sums are made, is off by at most
 * d u / (1 - d u) |q| |v| with u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms,
 * 3.1), and by d times the least subnormal when products vanish. The first line, with that added,
 * is the bound of the scan; a row can be among the best k only if its score plus bound reaches the
 * k-th best score minus bound. The second line, much tighter, orders those rows. They are then
 * fetched, best first, until the next one cannot pass the k-th exact score any more.
 *
 * Sums here are made in double, whose rounding is nothing beside the slack of these bounds.
 */
#include "store/sqlite/scan.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS 64 /* rows whose sums are made before they are looked at */

/* Longer vectors could overflow a product in f32: no bound holds, and they are fetched always. */
#define LONGEST 1e18

/* Below this no scale can be inverted; the vector is all residual. */
#define SMALLEST 1e-30F

#define ROUND_UP (1.0 + 0x1p-20)

size_t scan_stride(size_t dimension)
{
	return (dimension + VECI8_LINE - 1) / VECI8_LINE * VECI8_LINE;
}

/* To f32, over the rounding of the sum as well; also where f32 has few bits left. */
static float round_up(double length)
{
	return length > 0 ? nextafterf((float)(length * ROUND_UP), INFINITY) : 0;
}

/*
 * Codes of `from`, of scan_stride() bytes, and the row; `left` (may be NULL) gets what the codes
 * leave of it. All values are finite.
 */
static void quantize(const float *from, size_t dimension, int8_t *codes, struct scan_row *row,
		     float *left)
{
	float largest = 0, scale = 0, inverse = 0;
	double norm = 0, residual = 0;

	for (size_t i = 0; i < dimension; i++)
		largest = fmaxf(largest, fabsf(from[i]));
	if (largest >= SMALLEST) {
		scale = largest / 127.0F;
		inverse = 127.0F / largest;
	}
	for (size_t i = 0; i < dimension; i++) {
		/* A product that was rounded up, 127.00001, is 127 here. */
		float code = nearbyintf(from[i] * inverse);
		double rest = (double)from[i] - (double)scale * (double)code;

		codes[i] = (int8_t)code;
		norm += (double)code * (double)code;
		residual += rest * rest;
		if (left)
			left[i] = (float)rest;
	}
	memset(codes + dimension, 0, scan_stride(dimension) - dimension);
	norm = (double)scale * sqrt(norm);
	residual = sqrt(residual);
	row->scale = scale;
	row->norm = round_up(norm);
	row->residual = norm + residual > LONGEST ? INFINITY : round_up(residual);
}

bool scan_encode(const float *vector, size_t dimension, int8_t *codes, struct scan_row *row)
{
	for (size_t i = 0; i < dimension; i++) {
		if (!isfinite(vector[i]))
			return false;
	}
	quantize(vector, dimension, codes, row, NULL);
	return true;
}

/* A query as two 8-bit vectors, and the coefficients of the bounds. */
struct query {
	int8_t *first, *second;
	double first_scale, second_scale;
	double first_norm, second_norm; /* times row.norm */
	double residual;                /* times row.residual */
	double least;
};

struct interval {
	double lower, upper;
};

/* Sums of squares do not overflow in double. */
static double length_of(const float *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return sqrt(sum);
}

static int8_t *aligned_codes(struct arena *arena, size_t dimension)
{
	char *block = arena_get(arena, scan_stride(dimension) + VECI8_LINE);

	return block ? (int8_t *)(block + (VECI8_LINE - (uintptr_t)block % VECI8_LINE)) : NULL;
}

static enum err_code query_init(struct query *query, const float *values, size_t dimension,
				struct arena *arena, struct err *err)
{
	struct scan_row first, second;
	double length = length_of(values, dimension), rounding;
	float *left = arena_array(arena, dimension, sizeof(*left));

	*query = (struct query){.first = aligned_codes(arena, dimension),
				.second = aligned_codes(arena, dimension)};
	if (!left || !query->first || !query->second)
		return arena_fail(arena, err);
	quantize(values, dimension, query->first, &first, left);
	quantize(left, dimension, query->second, &second, NULL);
	/* 1.01 d for d u / (1 - d u); 64 for what is rounded here, `left` to f32 above all. */
	rounding = (1.01 * (double)dimension + 64) * 0x1p-24 * length;
	query->first_scale = (double)first.scale;
	query->second_scale = (double)second.scale;
	query->first_norm = (double)first.residual + rounding;
	query->second_norm = (double)second.residual + rounding;
	query->residual = length * ROUND_UP + rounding;
	query->least = length > 0 ? (double)dimension * 0x1p-149 : 0;
	if (length > LONGEST)
		query->least = INFINITY;
	return ERR_OK;
}

/* The interval around `score` that the coefficients give; all of the line when they overflow. */
static inline struct interval interval_of(double score, double by_norm, const struct query *query,
					  const struct scan_row *row)
{
	double error = by_norm * (double)row->norm + query->residual * (double)row->residual +
		       query->least;

	if (!(error < INFINITY))
		return (struct interval){-INFINITY, INFINITY};
	return (struct interval){score - error, score + error};
}

static inline struct interval first_interval(const struct query *query, const struct scan_row *row,
					     int32_t sum)
{
	return interval_of(query->first_scale * (double)row->scale * sum, query->first_norm, query,
			   row);
}

/* ---- the k-th highest of the lower ends: a heap with the lowest at its root ---- */

struct floor_heap {
	double *items;
	size_t count, k;
};

static void floor_sift(struct floor_heap *heap, size_t at)
{
	for (;;) {
		size_t least = at, left = 2 * at + 1, right = left + 1;
		double swap;

		if (left < heap->count && heap->items[left] < heap->items[least])
			least = left;
		if (right < heap->count && heap->items[right] < heap->items[least])
			least = right;
		if (least == at)
			return;
		swap = heap->items[at];
		heap->items[at] = heap->items[least];
		heap->items[least] = swap;
		at = least;
	}
}

static void floor_add(struct floor_heap *heap, double value)
{
	if (heap->count < heap->k) {
		heap->items[heap->count++] = value;
		if (heap->count == heap->k)
			for (size_t i = heap->k / 2; i-- > 0;)
				floor_sift(heap, i);
	} else if (value > heap->items[0]) {
		heap->items[0] = value;
		floor_sift(heap, 0);
	}
}

/* No row whose upper end is below this can be among the best k. */
static inline double floor_of(const struct floor_heap *heap)
{
	return heap->count == heap->k ? heap->items[0] : -INFINITY;
}

/* ---- the scan of the codes ---- */

struct candidate {
	uint32_t row;
	int32_t sum; /* of the products of codes */
};

struct candidates {
	struct candidate *items;
	size_t count, capacity;
};

static void drop_below(struct candidates *list, const struct query *query,
		       const struct scan_row *rows, double floor)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct candidate item = list->items[i];

		if (!(first_interval(query, &rows[item.row], item.sum).upper < floor))
			list->items[kept++] = item;
	}
	list->count = kept;
}

/* Room for another block: what has fallen below the floor goes first. */
static enum err_code make_room(struct candidates *list, const struct query *query,
			       const struct scan_row *rows, double floor, struct arena *arena,
			       struct err *err)
{
	struct candidate *grown;

	drop_below(list, query, rows, floor);
	if (list->count + BLOCK_ROWS <= list->capacity / 2)
		return ERR_OK;
	/* At most count of them, which is below 2^32. */
	grown = arena_array(arena, 2 * list->capacity, sizeof(*grown));
	if (!grown)
		return arena_fail(arena, err);
	memcpy(grown, list->items, list->count * sizeof(*grown));
	list->items = grown;
	list->capacity *= 2;
	return ERR_OK;
}

static enum err_code scan_codes(const struct scan_request *request, const struct query *query,
				struct floor_heap *heap, struct candidates *list,
				struct arena *arena, struct err *err)
{
	const struct scan_rows *rows = request->rows;
	size_t stride = scan_stride(rows->dimension);
	int32_t sums[BLOCK_ROWS];

	list->capacity = 16 * BLOCK_ROWS;
	list->items = arena_array(arena, list->capacity, sizeof(*list->items));
	if (!list->items)
		return arena_fail(arena, err);
	for (size_t from = 0; from < rows->count; from += BLOCK_ROWS) {
		size_t count = rows->count - from < BLOCK_ROWS ? rows->count - from : BLOCK_ROWS;

		if (list->count + BLOCK_ROWS > list->capacity) {
			enum err_code code =
				make_room(list, query, rows->rows, floor_of(heap), arena, err);

			if (code)
				return code;
		}
		request->codes_ops->dots(query->first, rows->codes + from * stride, count, stride,
					 sums);
		for (size_t i = 0; i < count; i++) {
			struct interval at = first_interval(query, &rows->rows[from + i], sums[i]);

			if (at.upper < floor_of(heap))
				continue;
			floor_add(heap, at.lower);
			list->items[list->count++] =
				(struct candidate){(uint32_t)(from + i), sums[i]};
		}
	}
	drop_below(list, query, rows->rows, floor_of(heap));
	return ERR_OK;
}

/* ---- the second part of the query, for the candidates only ---- */

struct bounded {
	double upper;
	uint32_t row;
};

static int best_first(const void *a, const void *b)
{
	const struct bounded *x = a, *y = b;

	if (x->upper < y->upper || y->upper < x->upper)
		return x->upper > y->upper ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* The candidates that a tighter bound leaves, in the order in which they are worth fetching. */
static size_t refine(const struct scan_request *request, const struct query *query,
		     const struct candidates *list, struct floor_heap *heap, struct bounded *out)
{
	const struct scan_rows *rows = request->rows;
	size_t stride = scan_stride(rows->dimension), kept = 0;

	heap->count = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct candidate *item = &list->items[i];
		const struct scan_row *row = &rows->rows[item->row];
		struct interval at;
		double score;
		int32_t sum;

		request->codes_ops->dots(query->second, rows->codes + item->row * stride, 1, stride,
					 &sum);
		score = (double)row->scale *
			(query->first_scale * item->sum + query->second_scale * sum);
		at = interval_of(score, query->second_norm, query, row);
		floor_add(heap, at.lower);
		out[i] = (struct bounded){at.upper, item->row};
	}
	for (size_t i = 0; i < list->count; i++) {
		if (!(out[i].upper < floor_of(heap)))
			out[kept++] = out[i];
	}
	qsort(out, kept, sizeof(*out), best_first);
	return kept;
}

/* ---- exact scores: a heap with the worst hit at its root ---- */

static bool is_worse(struct scan_hit a, struct scan_hit b)
{
	return a.score < b.score || (!(b.score < a.score) && a.row > b.row);
}

/* Restores the heap below `at`. */
static void sift_down(struct scan_hit *heap, size_t count, size_t at)
{
	for (;;) {
		size_t worst = at, left = 2 * at + 1, right = left + 1;
		struct scan_hit swap;

		if (left < count && is_worse(heap[left], heap[worst]))
			worst = left;
		if (right < count && is_worse(heap[right], heap[worst]))
			worst = right;
		if (worst == at)
			return;
		swap = heap[at];
		heap[at] = heap[worst];
		heap[worst] = swap;
		at = worst;
	}
}

static void make_heap(struct scan_hit *heap, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(heap, count, i);
}

/* Heapsort from a heap with the worst at its root: leaves the best first. */
static void sort_heap(struct scan_hit *heap, size_t count)
{
	for (size_t end = count; end > 1; end--) {
		struct scan_hit worst = heap[0];

		heap[0] = heap[end - 1];
		heap[end - 1] = worst;
		sift_down(heap, end - 1, 0);
	}
}

/* Into best[0…], best first, *found of them. */
static enum err_code score(const struct scan_request *request, const struct bounded *list,
			   size_t count, float *vector, struct scan_hit *best, size_t *found,
			   size_t *fetched, struct err *err)
{
	size_t k = request->k, have = 0, i = 0;

	for (; i < count; i++) {
		struct scan_hit next = {(float)list[i].upper, list[i].row};
		enum err_code code;

		/* In double: to f32 the upper end could be rounded down. */
		if (have == k &&
		    (list[i].upper < (double)best[0].score ||
		     (list[i].upper <= (double)best[0].score && next.row > best[0].row)))
			break;
		code = request->fetch(request->ctx, next.row, vector, err);
		if (code)
			return code;
		next.score = request->vec->dot(request->query, vector, request->rows->dimension);
		if (!isfinite(next.score))
			continue;
		if (have < k) {
			best[have++] = next;
			if (have == k)
				make_heap(best, k);
		} else if (is_worse(best[0], next)) {
			best[0] = next;
			sift_down(best, k, 0);
		}
	}
	*fetched = i;
	*found = have;
	if (have < k)
		make_heap(best, have);
	sort_heap(best, have);
	return ERR_OK;
}

enum err_code scan_top(const struct scan_request *request, struct arena *arena,
		       struct scan_hit **hits, size_t *count, struct scan_counts *counts,
		       struct err *err)
{
	const struct scan_rows *rows = request->rows;
	struct scan_request all = *request;
	struct candidates list = {0};
	struct floor_heap heap = {.k = request->k < rows->count ? request->k : rows->count};
	struct scan_counts made = {0};
	struct query query;
	struct bounded *bounded;
	float *vector;
	enum err_code code;

	*hits = NULL;
	*count = 0;
	if (counts)
		*counts = made;
	if (!heap.k)
		return ERR_OK;
	if (rows->count > SCAN_MAX_ROWS || rows->dimension > SCAN_MAX_DIMENSION)
		return err_set(err, ERR_LIMIT, "%zu vectors of %zu dimensions are too many to scan",
			       rows->count, rows->dimension);
	all.k = heap.k;
	code = query_init(&query, request->query, rows->dimension, arena, err);
	if (code)
		return code;
	heap.items = arena_array(arena, heap.k, sizeof(*heap.items));
	*hits = arena_array(arena, heap.k, sizeof(**hits));
	vector = arena_array(arena, rows->dimension, sizeof(*vector));
	if (!heap.items || !*hits || !vector)
		return arena_fail(arena, err);
	code = scan_codes(request, &query, &heap, &list, arena, err);
	if (code)
		return code;
	bounded = arena_array(arena, list.count, sizeof(*bounded));
	if (!bounded)
		return arena_fail(arena, err);
	made.candidates = list.count;
	code = score(&all, bounded, refine(&all, &query, &list, &heap, bounded), vector, *hits,
		     count, &made.fetched, err);
	if (counts)
		*counts = made;
	return code;
}
