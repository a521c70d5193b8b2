/*
 * Chunks without a vector, and the steps that give them one. A step is a short transaction of its
 * own: a run that is killed between two has lost nothing, and the next one goes on.
 */
#include "store/sqlite/internal.h"

static struct store_sqlite *sqlite_of(struct store *base)
{
	return (struct store_sqlite *)base;
}

/*
 * Sections name a topic best, windows cover all of the text, and paragraphs only refine what these
 * two have found.
 */
static int turn_of(enum store_unit unit)
{
	return unit == STORE_SECTION ? 0 : unit == STORE_WINDOW ? 1 : 2;
}

enum err_code store_sqlite_put_pending(struct store_sqlite *s, const struct store_chunk *chunk,
				       int64_t chunk_id, struct err *err)
{
	struct str text = chunk->embed_text;
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_PUT_PENDING, &stmt, err);

	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, chunk_id);
	(void)sqlite3_bind_int(stmt, 2, turn_of(chunk->unit));
	if (text.len && !str_eq(text, chunk->text))
		sqldb_bind_str(stmt, 3, text);
	return sqldb_run(&s->index, stmt, "writing a chunk", err);
}

enum err_code store_sqlite_has_pending(struct store_sqlite *s, bool *any, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_HAS_PENDING, &stmt, err);
	int rc;

	if (code)
		return code;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*any = sqlite3_column_int(stmt, 0) != 0;
	else
		code = sqldb_fail(&s->index, rc, "looking for chunks without vectors", err);
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_pending(struct store *base, const struct store_pending *after,
				   size_t max, struct arena *arena, struct store_pending_list *out,
				   struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	struct store_pending *items = arena_array(arena, max, sizeof(*items));
	size_t count = 0;
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE;
	enum err_code code;

	if (!items)
		return arena_fail(arena, err);
	code = sqldb_stmt(&s->index, INDEX_PENDING, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int(stmt, 1, after ? after->turn : -1);
	(void)sqlite3_bind_int64(stmt, 2, after ? after->id : 0);
	(void)sqlite3_bind_int64(stmt, 3, max > INT32_MAX ? INT32_MAX : (int64_t)max);
	while (count < max && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct str text = arena_str(arena, sqldb_column_str(stmt, 2));

		if (!text.ptr) {
			code = arena_fail(arena, err);
			break;
		}
		items[count++] = (struct store_pending){.id = sqlite3_column_int64(stmt, 0),
							.turn = sqlite3_column_int(stmt, 1),
							.text = text};
	}
	if (!code && rc != SQLITE_DONE && rc != SQLITE_ROW)
		code = sqldb_fail(&s->index, rc, "looking for chunks without vectors", err);
	sqldb_done(stmt);
	if (!code)
		*out = (struct store_pending_list){items, count};
	return code;
}

/* Within the step's transaction. */
static enum err_code check_identity(struct store_sqlite *s, const struct store_identity *identity,
				    struct err *err)
{
	struct arena arena;
	struct store_state state;
	enum err_code code;

	arena_init(&arena, s->alloc, (size_t)1 << 20);
	code = store_sqlite_state(s, &arena, &state, err);
	if (!code &&
	    (!str_eq(state.model, identity->model) || state.dimension != identity->dimension ||
	     !str_eq(state.cache_key, identity->cache_key)))
		code = err_set(
			err, ERR_MISMATCH,
			"the index in %s was made with model %.*s in another precision or by "
			"another run than this one (%.*s): run `docs-bot index` with its "
			"sources again",
			s->index.path, STR_ARG(state.model), STR_ARG(identity->model));
	s->run = state.run;
	arena_release(&arena);
	return code;
}

enum err_code store_sqlite_resume(struct store *base, const struct store_identity *identity,
				  struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	enum err_code code = store_sqlite_begin_write(s, err);

	if (code)
		return code;
	code = check_identity(s, identity, err);
	if (!code)
		code = store_sqlite_take_key(s, identity, err);
	if (code)
		store_sqlite_rollback(base);
	return code;
}

enum err_code store_sqlite_set_vector(struct store *base, int64_t pending_id, const float *vector,
				      struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	unsigned char *blob;
	sqlite3_stmt *stmt;
	enum err_code code = store_sqlite_check_running(s, err);

	if (code)
		return code;
	if (!store_floats_finite(vector, s->dimension))
		return err_set(err, ERR_INVALID,
			       "an embedding holds a value that is not a finite number");
	blob = alloc_zero(s->alloc, s->dimension, sizeof(float));
	if (!blob)
		return err_set(err, ERR_NOMEM, "out of memory writing a vector");
	store_floats_encode(vector, s->dimension, blob);
	code = sqldb_stmt(&s->index, INDEX_SET_VECTOR, &stmt, err);
	if (!code) {
		(void)sqlite3_bind_int64(stmt, 1, pending_id);
		(void)sqlite3_bind_blob64(stmt, 2, blob, s->dimension * sizeof(float),
					  SQLITE_STATIC);
		code = sqldb_run(&s->index, stmt, "writing a vector", err);
	}
	if (!code)
		code = sqldb_stmt(&s->index, INDEX_DELETE_PENDING, &stmt, err);
	if (!code) {
		(void)sqlite3_bind_int64(stmt, 1, pending_id);
		code = sqldb_run(&s->index, stmt, "writing a vector", err);
	}
	s->failed |= code != ERR_OK;
	alloc_free(s->alloc, blob);
	return code;
}
