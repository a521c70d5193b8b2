/*
 * The vectors of the published index in memory, and the search in them.
 *
 * Memory holds 8-bit codes (scan.h); the few rows that a scan cannot rule out are scored with the
 * f32 vectors of the file. Matrix and file must be of one generation for that, because chunk ids
 * may be used again: a search is one read transaction.
 *
 * Threads: `lock` guards `current` and the reference counts and is held for a few instructions
 * only; `loading` is held while a matrix is read, so that one thread reads and the others wait for
 * it. Order: loading before lock. A matrix never changes once it is current: a search keeps a
 * reference to its own while another thread puts a newer one in place.
 */
#include <pthread.h>

#include "store/sqlite/internal.h"
#include "store/sqlite/scan.h"

/* How often a search starts over because others have published meanwhile. */
#define MAX_TRIES 16

struct row {
	int64_t id, document_id;
	uint32_t first_section, last_section, ordinal;
};

struct unit {
	size_t count;   /* of those that have a score */
	size_t pending; /* of those that wait for their vector */
	struct row *rows;
	struct scan_row *codes_rows;
	void *block;   /* as allocated */
	int8_t *codes; /* in it, aligned */
};

/* The vectors of one published generation. */
struct matrix {
	size_t references; /* guarded by store_vectors.lock */
	int64_t instance;
	uint64_t generation;
	size_t dimension;
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
		alloc_free(alloc, matrix->units[i].codes_rows);
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

/*
 * The current matrix, with a reference, if it is of this file and this generation. *newer: it is of
 * this file, and of a generation that the caller's transaction does not see yet.
 */
static struct matrix *matrix_take(struct store_vectors *vectors, const struct store_state *state,
				  bool *newer)
{
	struct matrix *matrix;

	*newer = false;
	(void)pthread_mutex_lock(&vectors->lock);
	matrix = vectors->current;
	if (matrix && matrix->instance == state->instance) {
		*newer = matrix->generation > state->generation;
		if (matrix->generation == state->generation)
			matrix->references++;
		else
			matrix = NULL;
	} else {
		matrix = NULL;
	}
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
	enum err_code code = sqldb_stmt(&s->index, INDEX_COUNT_VECTORS, &stmt, err);

	if (code)
		return code;
	(void)sqlite3_bind_int(stmt, 1, unit);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*count = (size_t)sqlite3_column_int64(stmt, 0);
	else
		code = sqldb_fail(&s->index, rc, "counting vectors", err);
	sqldb_done(stmt);
	return code;
}

static enum err_code allocate_unit(struct store_sqlite *s, struct matrix *matrix, struct unit *unit,
				   size_t count, struct err *err)
{
	const struct alloc *alloc = s->vectors->alloc;
	size_t size;

	if (count > SCAN_MAX_ROWS || matrix->dimension > SCAN_MAX_DIMENSION ||
	    !size_mul(count, scan_stride(matrix->dimension), &size) ||
	    !size_add(size, VECI8_LINE, &size))
		return err_set(err, ERR_LIMIT, "%s holds too many vectors", s->index.path);
	unit->rows = alloc_zero(alloc, count, sizeof(*unit->rows));
	unit->codes_rows = alloc_zero(alloc, count, sizeof(*unit->codes_rows));
	unit->block = alloc_zero(alloc, size, 1);
	if (!unit->rows || !unit->codes_rows || !unit->block)
		return err_set(err, ERR_NOMEM, "out of memory: the vectors of %s need %zu MiB",
			       s->index.path, size >> 20);
	unit->codes = (int8_t *)(((uintptr_t)unit->block + VECI8_LINE - 1) &
				 ~(uintptr_t)(VECI8_LINE - 1));
	return ERR_OK;
}

/* The f32 vector in a column of the statement's row. */
static enum err_code read_vector(const struct store_sqlite *s, sqlite3_stmt *stmt, int column,
				 size_t dimension, float *vector, struct err *err)
{
	const unsigned char *blob = sqlite3_column_blob(stmt, column);
	size_t size = (size_t)sqlite3_column_bytes(stmt, column);

	if (!blob || size != dimension * sizeof(float))
		return err_set(err, ERR_FORMAT,
			       "%s is damaged (a vector of %zu bytes, not %zu): %s", s->index.path,
			       size, dimension * sizeof(float), s->index.advice);
	store_floats_decode(blob, dimension, vector);
	return ERR_OK;
}

/* `vector` is room for one. */
static enum err_code load_unit(struct store_sqlite *s, struct matrix *matrix, int which,
			       float *vector, struct err *err)
{
	struct unit *unit = &matrix->units[which];
	sqlite3_stmt *stmt;
	size_t count = 0;
	int rc = SQLITE_DONE;
	enum err_code code = count_rows(s, which, &count, err);

	if (!code)
		code = allocate_unit(s, matrix, unit, count, err);
	if (!code)
		code = sqldb_stmt(&s->index, INDEX_VECTORS, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int(stmt, 1, which);
	while (unit->count + unit->pending < count && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		size_t at = unit->count;

		if (!sqlite3_column_bytes(stmt, 3)) {
			unit->pending++;
			continue;
		}
		code = read_vector(s, stmt, 3, matrix->dimension, vector, err);
		if (code)
			break;
		/* A vector that is not finite has no score, and is never found. */
		if (!scan_encode(vector, matrix->dimension,
				 unit->codes + at * scan_stride(matrix->dimension),
				 &unit->codes_rows[at]))
			continue;
		unit->rows[unit->count++] = (struct row){
			.document_id = sqlite3_column_int64(stmt, 0),
			.first_section = (uint32_t)sqlite3_column_int64(stmt, 1),
			.last_section = (uint32_t)sqlite3_column_int64(stmt, 2),
			.ordinal = (uint32_t)sqlite3_column_int64(stmt, 4),
			.id = sqlite3_column_int64(stmt, 5),
		};
	}
	if (!code && rc != SQLITE_DONE && rc != SQLITE_ROW)
		code = sqldb_fail(&s->index, rc, "reading vectors", err);
	sqldb_done(stmt);
	return code;
}

/* Within a transaction that has seen `state`. */
static enum err_code matrix_load(struct store_sqlite *s, const struct store_state *state,
				 struct matrix **out, struct err *err)
{
	struct matrix *matrix = alloc_zero(s->vectors->alloc, 1, sizeof(*matrix));
	float *vector = alloc_zero(s->vectors->alloc, state->dimension, sizeof(*vector));
	enum err_code code = ERR_OK;

	*out = NULL;
	if (!matrix || !vector) {
		code = err_set(err, ERR_NOMEM, "out of memory reading vectors");
		goto out;
	}
	matrix->instance = state->instance;
	matrix->generation = state->generation;
	matrix->dimension = state->dimension;
	for (int i = 0; !code && i < STORE_UNIT_COUNT; i++)
		code = load_unit(s, matrix, i, vector, err);
out:
	if (code)
		matrix_free(matrix, s->vectors->alloc);
	else
		*out = matrix;
	alloc_free(s->vectors->alloc, vector);
	return code;
}

/* Even this needs memory; a transaction left open would refuse the next one. */
static void end_read(struct store_sqlite *s)
{
	for (int tries = 0; tries < 2 && !sqlite3_get_autocommit(s->index.handle); tries++)
		(void)sqlite3_exec(s->index.handle, tries ? "ROLLBACK" : "COMMIT", NULL, NULL,
				   NULL);
}

/* Begins a read transaction and looks at the state that it will see to its end. */
static enum err_code begin_read(struct store_sqlite *s, struct store_state *state, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code;

	if (!s->running)
		end_read(s); /* of a call for which memory had run out */
	code = sqldb_stmt(&s->index, INDEX_BEGIN_READ, &stmt, err);
	if (!code)
		code = sqldb_run(&s->index, stmt, "reading vectors", err);
	return code ? code : store_sqlite_state(s, NULL, state, err);
}

void store_sqlite_release(struct store *base)
{
	struct store_sqlite *s = (struct store_sqlite *)base;

	if (!s->held)
		return;
	matrix_drop(s->vectors, s->held_matrix);
	s->held_matrix = NULL;
	s->held = false;
	end_read(s);
}

/*
 * The matrix of what the transaction sees, read when it is not the current one. *newer as in
 * matrix_take(), with *out NULL: the transaction is older than the matrix.
 */
static enum err_code matrix_get(struct store_sqlite *s, const struct store_state *state,
				struct matrix **out, bool *newer, struct err *err)
{
	enum err_code code = ERR_OK;

	*out = matrix_take(s->vectors, state, newer);
	if (*out || *newer)
		return ERR_OK;
	(void)pthread_mutex_lock(&s->vectors->loading);
	*out = matrix_take(s->vectors, state, newer); /* loaded by another while we waited? */
	if (!*out && !*newer) {
		code = matrix_load(s, state, out, err);
		if (!code)
			matrix_install(s->vectors, *out);
	}
	(void)pthread_mutex_unlock(&s->vectors->loading);
	return code;
}

struct fetch {
	struct store_sqlite *s;
	const struct unit *unit;
	size_t dimension;
};

static enum err_code fetch_vector(void *ctx, size_t row, float *vector, struct err *err)
{
	const struct fetch *fetch = ctx;
	struct store_sqlite *s = fetch->s;
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_VECTOR, &stmt, err);

	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, fetch->unit->rows[row].id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		code = read_vector(s, stmt, 0, fetch->dimension, vector, err);
	else if (rc == SQLITE_DONE)
		code = err_set(err, ERR_FORMAT, "%s is damaged (a vector is missing): %s",
			       s->index.path, s->index.advice);
	else
		code = sqldb_fail(&s->index, rc, "reading a vector", err);
	sqldb_done(stmt);
	return code;
}

static enum err_code search_matrix(struct store_sqlite *s, const struct matrix *matrix,
				   const struct unit *unit, const float *query, size_t k,
				   struct arena *arena, struct store_hits *out, struct err *err)
{
	const struct scan_rows rows = {unit->count, matrix->dimension, unit->codes,
				       unit->codes_rows};
	struct fetch fetch = {s, unit, matrix->dimension};
	const struct scan_request request = {.rows = &rows,
					     .codes_ops = s->codes,
					     .vec = s->vec,
					     .query = query,
					     .k = k,
					     .fetch = fetch_vector,
					     .ctx = &fetch};
	struct scan_hit *hits;
	struct store_hit *items;
	size_t count;
	enum err_code code = scan_top(&request, arena, &hits, &count, NULL, err);

	if (code || !count)
		return code;
	items = arena_array(arena, count, sizeof(*items));
	if (!items)
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &unit->rows[hits[i].row];

		items[i] = (struct store_hit){.document_id = row->document_id,
					      .first_section = row->first_section,
					      .last_section = row->last_section,
					      .ordinal = row->ordinal,
					      .score = hits[i].score};
	}
	out->items = items;
	out->count = count;
	return ERR_OK;
}

/* One try, in one transaction. *again: the matrix is newer than the transaction, begin a new one. */
static enum err_code search_once(struct store_sqlite *s, enum store_unit unit, const float *query,
				 size_t dimension, size_t k, struct arena *arena,
				 struct store_hits *out, bool *again, struct err *err)
{
	struct store_state state;
	struct matrix *matrix = s->held_matrix;
	enum err_code code = ERR_OK;

	*again = false;
	if (!s->held)
		code = begin_read(s, &state, err);
	if (!code && !s->held)
		code = matrix_get(s, &state, &matrix, again, err);
	if (code || *again)
		goto out;
	out->partial = matrix->units[unit].pending > 0;
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
	if (!s->held)
		matrix_drop(s->vectors, matrix);
out:
	if (!s->held)
		end_read(s);
	return code;
}

enum err_code store_sqlite_hold(struct store *base, uint64_t *generation, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)base;

	if (s->running)
		return err_set(err, ERR_INVALID, "a store that writes cannot be held");
	store_sqlite_release(base);
	for (int i = 0; i < MAX_TRIES; i++) {
		struct store_state state;
		bool again = false;
		enum err_code code = begin_read(s, &state, err);

		if (!code)
			code = matrix_get(s, &state, &s->held_matrix, &again, err);
		if (!code && !again) {
			s->held = true;
			*generation = state.generation;
			return ERR_OK;
		}
		end_read(s);
		if (code)
			return code;
	}
	return err_set(err, ERR_BUSY, "%s is published faster than it can be read: try again",
		       s->index.path);
}

void store_sqlite_maintain(struct store *base)
{
	struct store_sqlite *s = (struct store_sqlite *)base;

	if (s->index.handle && !s->held && !s->running)
		(void)sqlite3_wal_checkpoint_v2(s->index.handle, NULL, SQLITE_CHECKPOINT_PASSIVE,
						NULL, NULL);
}

enum err_code store_sqlite_search_vector(struct store *base, enum store_unit unit,
					 const float *query, size_t dimension, size_t k,
					 struct arena *arena, struct store_hits *out,
					 struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)base;

	if (s->running)
		return err_set(err, ERR_INVALID,
			       "a store cannot be searched while it writes: open a second one");
	for (int i = 0; i < MAX_TRIES; i++) {
		bool again;
		enum err_code code =
			search_once(s, unit, query, dimension, k, arena, out, &again, err);

		if (code || !again)
			return code;
	}
	return err_set(err, ERR_BUSY, "%s is published faster than it can be read: try again",
		       s->index.path);
}
