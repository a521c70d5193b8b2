/*
 * The vector matrix and its exact scan.
 *
 * Threads: `lock` guards `current` and the reference counts and is held for a few instructions
 * only; `loading` is held while a matrix is read, so that one thread reads and the others wait for
 * it. Order: loading before lock. A matrix never changes once it is current: a search keeps a
 * reference to its own while another thread puts a newer one in place.
 */
#include <math.h>
#include <pthread.h>

#include "store/sqlite/internal.h"

#define ROW_ALIGN 64 /* bytes: a cache line, and one AVX-512 register */

struct row {
	int64_t document_id;
	uint32_t first_section, last_section, ordinal;
};

struct unit {
	size_t count;
	struct row *rows;
	void *block;   /* as allocated */
	float *values; /* aligned, `stride` floats per row */
};

/* The vectors of one published generation. */
struct matrix {
	size_t references; /* guarded by store_vectors.lock */
	int64_t instance;
	uint64_t generation;
	size_t dimension, stride;
	struct unit units[STORE_UNIT_COUNT];
};

struct store_vectors {
	const struct alloc *alloc;
	pthread_mutex_t lock, loading;
	struct matrix *current;
};

enum err_code store_vectors_new(const struct alloc *alloc, struct store_vectors **out,
				struct err *err)
{
	struct store_vectors *vectors = alloc_zero(alloc, 1, sizeof(*vectors));

	*out = NULL;
	if (!vectors)
		return err_set(err, ERR_NOMEM, "out of memory opening the store");
	vectors->alloc = alloc;
	if (pthread_mutex_init(&vectors->lock, NULL)) {
		alloc_free(alloc, vectors);
		return err_set(err, ERR_NOMEM, "cannot make a lock for the store");
	}
	if (pthread_mutex_init(&vectors->loading, NULL)) {
		(void)pthread_mutex_destroy(&vectors->lock);
		alloc_free(alloc, vectors);
		return err_set(err, ERR_NOMEM, "cannot make a lock for the store");
	}
	*out = vectors;
	return ERR_OK;
}

static void matrix_free(struct matrix *matrix, const struct alloc *alloc)
{
	if (!matrix)
		return;
	for (size_t i = 0; i < STORE_UNIT_COUNT; i++) {
		alloc_free(alloc, matrix->units[i].rows);
		alloc_free(alloc, matrix->units[i].block);
	}
	alloc_free(alloc, matrix);
}

void store_vectors_free(struct store_vectors *vectors)
{
	if (!vectors)
		return;
	matrix_free(vectors->current, vectors->alloc);
	(void)pthread_mutex_destroy(&vectors->loading);
	(void)pthread_mutex_destroy(&vectors->lock);
	alloc_free(vectors->alloc, vectors);
}

/* The current matrix if it is of this file and not older than `state`, with a reference. */
static struct matrix *matrix_take(struct store_vectors *vectors, const struct store_state *state)
{
	struct matrix *matrix;

	(void)pthread_mutex_lock(&vectors->lock);
	matrix = vectors->current;
	if (matrix && matrix->instance == state->instance &&
	    matrix->generation >= state->generation)
		matrix->references++;
	else
		matrix = NULL;
	(void)pthread_mutex_unlock(&vectors->lock);
	return matrix;
}

static void matrix_drop(struct store_vectors *vectors, struct matrix *matrix)
{
	bool last;

	(void)pthread_mutex_lock(&vectors->lock);
	last = --matrix->references == 0;
	(void)pthread_mutex_unlock(&vectors->lock);
	if (last)
		matrix_free(matrix, vectors->alloc);
}

/* Makes `matrix` current, with a reference for that and one for the caller. */
static void matrix_install(struct store_vectors *vectors, struct matrix *matrix)
{
	struct matrix *old;

	matrix->references = 2;
	(void)pthread_mutex_lock(&vectors->lock);
	old = vectors->current;
	vectors->current = matrix;
	if (old && --old->references > 0)
		old = NULL;
	(void)pthread_mutex_unlock(&vectors->lock);
	matrix_free(old, vectors->alloc);
}

static enum err_code count_rows(struct store_sqlite *s, int unit, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = store_db_stmt(&s->index, INDEX_COUNT_VECTORS, &stmt, err);

	if (code)
		return code;
	(void)sqlite3_bind_int(stmt, 1, unit);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*count = (size_t)sqlite3_column_int64(stmt, 0);
	else
		code = store_db_fail(&s->index, rc, "counting vectors", err);
	store_db_done(stmt);
	return code;
}

static enum err_code allocate_unit(struct store_sqlite *s, struct matrix *matrix, struct unit *unit,
				   size_t count, struct err *err)
{
	const struct alloc *alloc = s->vectors->alloc;
	size_t size;

	if (!size_mul(matrix->stride, sizeof(float), &size) || !size_mul(count, size, &size) ||
	    !size_add(size, ROW_ALIGN, &size))
		return err_set(err, ERR_LIMIT, "%s holds too many vectors", s->index.path);
	unit->rows = alloc_zero(alloc, count, sizeof(*unit->rows));
	unit->block = alloc_zero(alloc, size, 1);
	if (!unit->rows || !unit->block)
		return err_set(err, ERR_NOMEM, "out of memory: the vectors of %s need %zu MiB",
			       s->index.path, size >> 20);
	unit->values =
		(float *)(((uintptr_t)unit->block + ROW_ALIGN - 1) & ~(uintptr_t)(ROW_ALIGN - 1));
	return ERR_OK;
}

static enum err_code load_unit(struct store_sqlite *s, struct matrix *matrix, int which,
			       struct err *err)
{
	struct unit *unit = &matrix->units[which];
	sqlite3_stmt *stmt;
	size_t count = 0;
	int rc = SQLITE_DONE;
	enum err_code code = count_rows(s, which, &count, err);

	if (!code)
		code = allocate_unit(s, matrix, unit, count, err);
	if (!code)
		code = store_db_stmt(&s->index, INDEX_VECTORS, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int(stmt, 1, which);
	while (unit->count < count && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const unsigned char *blob = sqlite3_column_blob(stmt, 3);
		size_t size = (size_t)sqlite3_column_bytes(stmt, 3);

		if (!blob || size != matrix->dimension * sizeof(float)) {
			code = err_set(err, ERR_FORMAT,
				       "%s is damaged (a vector of %zu bytes, not %zu): %s",
				       s->index.path, size, matrix->dimension * sizeof(float),
				       s->index.advice);
			break;
		}
		store_floats_decode(blob, matrix->dimension,
				    unit->values + unit->count * matrix->stride);
		unit->rows[unit->count++] = (struct row){
			.document_id = sqlite3_column_int64(stmt, 0),
			.first_section = (uint32_t)sqlite3_column_int64(stmt, 1),
			.last_section = (uint32_t)sqlite3_column_int64(stmt, 2),
			.ordinal = (uint32_t)sqlite3_column_int64(stmt, 4),
		};
	}
	if (!code && rc != SQLITE_DONE && rc != SQLITE_ROW)
		code = store_db_fail(&s->index, rc, "reading vectors", err);
	store_db_done(stmt);
	return code;
}

/* Reads state and vectors in one transaction, so that they belong together. */
static enum err_code matrix_load(struct store_sqlite *s, struct matrix **out, struct err *err)
{
	struct matrix *matrix = alloc_zero(s->vectors->alloc, 1, sizeof(*matrix));
	struct store_state state;
	sqlite3_stmt *stmt;
	size_t per_line = ROW_ALIGN / sizeof(float);
	enum err_code code;

	*out = NULL;
	if (!matrix)
		return err_set(err, ERR_NOMEM, "out of memory reading vectors");
	code = store_db_stmt(&s->index, INDEX_BEGIN_READ, &stmt, err);
	if (!code)
		code = store_db_run(&s->index, stmt, "reading vectors", err);
	if (!code)
		code = store_sqlite_state(s, NULL, &state, err);
	if (!code) {
		matrix->instance = state.instance;
		matrix->generation = state.generation;
		matrix->dimension = state.dimension;
		matrix->stride = state.dimension / per_line * per_line +
				 (state.dimension % per_line ? per_line : 0);
	}
	for (int i = 0; !code && i < STORE_UNIT_COUNT; i++)
		code = load_unit(s, matrix, i, err);
	if (!sqlite3_get_autocommit(s->index.handle))
		(void)sqlite3_exec(s->index.handle, "COMMIT", NULL, NULL, NULL);
	if (code)
		matrix_free(matrix, s->vectors->alloc);
	else
		*out = matrix;
	return code;
}

/* The matrix of the published index, read again when another generation has been published. */
static enum err_code matrix_get(struct store_sqlite *s, struct matrix **out, struct err *err)
{
	struct store_state state;
	enum err_code code = store_sqlite_state(s, NULL, &state, err);

	if (code)
		return code;
	*out = matrix_take(s->vectors, &state);
	if (*out)
		return ERR_OK;
	(void)pthread_mutex_lock(&s->vectors->loading);
	*out = matrix_take(s->vectors, &state); /* loaded by another while we waited? */
	if (!*out) {
		code = matrix_load(s, out, err);
		if (!code)
			matrix_install(s->vectors, *out);
	}
	(void)pthread_mutex_unlock(&s->vectors->loading);
	return code;
}

struct candidate {
	float score;
	size_t row;
};

/* Rows are in the order of documents and ordinals: of equal scores the first one is better. */
static bool is_worse(struct candidate a, struct candidate b)
{
	return a.score < b.score || (!(b.score < a.score) && a.row > b.row);
}

/* Restores the heap below `at`; the root is the worst candidate. */
static void sift_down(struct candidate *heap, size_t count, size_t at)
{
	for (;;) {
		size_t worst = at, left = 2 * at + 1, right = left + 1;
		struct candidate swap;

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

static void make_heap(struct candidate *heap, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(heap, count, i);
}

/* Heapsort from a heap with the worst at its root: leaves the best first. */
static void sort_heap(struct candidate *heap, size_t count)
{
	for (size_t end = count; end > 1; end--) {
		struct candidate worst = heap[0];

		heap[0] = heap[end - 1];
		heap[end - 1] = worst;
		sift_down(heap, end - 1, 0);
	}
}

/* The best `k` rows into best[0…], best first; returns how many. */
static size_t scan(const struct unit *unit, size_t dimension, size_t stride,
		   const struct vec_ops *vec, const float *query, struct candidate *best, size_t k)
{
	size_t count = 0;

	for (size_t i = 0; i < unit->count; i++) {
		struct candidate next = {vec->dot(query, unit->values + i * stride, dimension), i};

		if (!isfinite(next.score))
			continue;
		if (count < k) {
			best[count++] = next;
			if (count == k)
				make_heap(best, k);
		} else if (is_worse(best[0], next)) {
			best[0] = next;
			sift_down(best, k, 0);
		}
	}
	if (count < k)
		make_heap(best, count);
	sort_heap(best, count);
	return count;
}

static enum err_code search_matrix(struct store_sqlite *s, const struct matrix *matrix,
				   const struct unit *unit, const float *query, size_t k,
				   struct arena *arena, struct store_hits *out, struct err *err)
{
	struct candidate *heap;
	struct store_hit *items;
	size_t count;

	if (k > unit->count)
		k = unit->count;
	if (!k)
		return ERR_OK;
	heap = arena_array(arena, k, sizeof(*heap));
	items = arena_array(arena, k, sizeof(*items));
	if (!heap || !items)
		return arena_fail(arena, err);
	count = scan(unit, matrix->dimension, matrix->stride, s->vec, query, heap, k);
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &unit->rows[heap[i].row];

		items[i] = (struct store_hit){.document_id = row->document_id,
					      .first_section = row->first_section,
					      .last_section = row->last_section,
					      .ordinal = row->ordinal,
					      .score = heap[i].score};
	}
	out->items = items;
	out->count = count;
	return ERR_OK;
}

enum err_code store_sqlite_search_vector(struct store *base, enum store_unit unit,
					 const float *query, size_t dimension, size_t k,
					 struct arena *arena, struct store_hits *out,
					 struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)base;
	struct matrix *matrix;
	enum err_code code;

	if (s->running)
		return err_set(err, ERR_INVALID,
			       "a store cannot be searched while it writes: open a second one");
	code = matrix_get(s, &matrix, err);
	if (code)
		return code;
	if (matrix->units[unit].count && matrix->dimension != dimension)
		code = err_set(err, ERR_MISMATCH,
			       "the index in %s holds vectors of %zu dimensions, the query has "
			       "%zu: choose the index's model with --model, or run `docs-bot "
			       "index --rebuild`",
			       s->index.path, matrix->dimension, dimension);
	else if (!store_floats_finite(query, dimension))
		code = err_set(err, ERR_INVALID, "the query's embedding is not finite");
	else
		code = search_matrix(s, matrix, &matrix->units[unit], query, k, arena, out, err);
	matrix_drop(s->vectors, matrix);
	return code;
}
