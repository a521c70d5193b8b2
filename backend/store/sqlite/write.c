/* One indexing run: one transaction of the index file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/sqlite/internal.h"

/* Working memory of one document: its identifiers and the text of its page. */
#define PUT_ARENA_MAX ((size_t)1 << 30)

static struct store_sqlite *sqlite_of(struct store *base)
{
	return (struct store_sqlite *)base;
}

static enum err_code set_meta_int(struct store_sqlite *s, const char *key, int64_t value,
				  struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_SET_META, &stmt, err);

	if (code)
		return code;
	sqldb_bind_str(stmt, 1, str_c(key));
	(void)sqlite3_bind_int64(stmt, 2, value);
	return sqldb_run(&s->index, stmt, "saving settings", err);
}

static enum err_code set_meta_str(struct store_sqlite *s, const char *key, struct str value,
				  struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_SET_META, &stmt, err);

	if (code)
		return code;
	sqldb_bind_str(stmt, 1, str_c(key));
	sqldb_bind_str(stmt, 2, value);
	return sqldb_run(&s->index, stmt, "saving settings", err);
}

static enum err_code run_plain(struct store_sqlite *s, enum store_index_stmt which,
			       const char *doing, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, which, &stmt, err);

	return code ? code : sqldb_run(&s->index, stmt, doing, err);
}

static enum err_code has_documents(struct store_sqlite *s, bool *any, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_HAS_DOCUMENT, &stmt, err);
	int rc;

	if (code)
		return code;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*any = sqlite3_column_int(stmt, 0) != 0;
	else
		code = sqldb_fail(&s->index, rc, "looking for documents", err);
	sqldb_done(stmt);
	return code;
}

/* Compares the new run's model with the one of the stored vectors, inside the transaction. */
static enum err_code take_identity(struct store_sqlite *s, const struct store_identity *identity,
				   bool rebuild, struct err *err)
{
	struct arena arena;
	struct store_state state;
	bool any = false;
	enum err_code code;

	arena_init(&arena, s->alloc, (size_t)1 << 20);
	code = store_sqlite_state(s, &arena, &state, err);
	if (!code)
		code = has_documents(s, &any, err);
	if (!code && any && !rebuild &&
	    (!str_eq(state.model, identity->model) || state.dimension != identity->dimension))
		code = err_set(err, ERR_MISMATCH,
			       "the index in %s was made with model %.*s (%zu dimensions), this "
			       "run uses %.*s (%zu): run `docs-bot index --rebuild`, or choose the "
			       "old model with --model",
			       s->index.path, STR_ARG(state.model), state.dimension,
			       STR_ARG(identity->model), identity->dimension);
	if (!code && any && rebuild)
		code = run_plain(s, INDEX_CLEAR, "emptying the index", err);
	if (!code)
		code = set_meta_str(s, "model", identity->model, err);
	if (!code)
		code = set_meta_int(s, "dimension", (int64_t)identity->dimension, err);
	if (!code)
		code = set_meta_str(s, "cache_key", identity->cache_key, err);
	if (!code)
		code = set_meta_int(s, "run", state.run + 1, err);
	s->run = code ? 0 : state.run + 1;
	arena_release(&arena);
	return code;
}

/* ---- the right to write: held from the first step of a run to its last ---- */

static enum err_code lock_take(struct store_sqlite *s, struct err *err)
{
	if (s->lock >= 0)
		return ERR_OK;
	s->lock = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s->lock < 0)
		return err_set(err, ERR_IO, "cannot open %s: %s", s->lock_path, strerror(errno));
	if (!flock(s->lock, LOCK_EX | LOCK_NB))
		return ERR_OK;
	(void)close(s->lock);
	s->lock = -1;
	return err_set(err, ERR_BUSY,
		       "%s is in use by another docs-bot: wait for it to finish, or stop it, and "
		       "run again",
		       s->index.path);
}

static void lock_release(struct store_sqlite *s)
{
	if (s->lock >= 0)
		(void)close(s->lock);
	s->lock = -1;
}

enum err_code store_sqlite_take_key(struct store_sqlite *s, const struct store_identity *identity,
				    struct err *err)
{
	struct str key = identity->cache_key;

	alloc_free(s->alloc, s->cache_key);
	s->cache_key = alloc_get(s->alloc, key.len + 1);
	if (!s->cache_key)
		return err_set(err, ERR_NOMEM, "out of memory starting a run");
	if (key.len)
		memcpy(s->cache_key, key.ptr, key.len);
	s->cache_key[key.len] = '\0';
	s->dimension = identity->dimension;
	return ERR_OK;
}

enum err_code store_sqlite_begin_write(struct store_sqlite *s, struct err *err)
{
	enum err_code code;

	if (!s->writable)
		return err_set(err, ERR_INVALID, "%s was opened for reading only", s->index.path);
	if (s->running)
		return err_set(err, ERR_INVALID, "a run is already writing to %s", s->index.path);
	if (s->held)
		return err_set(err, ERR_INVALID, "a store that is held cannot write");
	code = lock_take(s, err);
	/* IMMEDIATE takes the writer's lock now; taken later, it could fail in the middle. */
	if (!code)
		code = run_plain(s, INDEX_BEGIN_WRITE, "starting a run", err);
	if (code) {
		lock_release(s);
		return code;
	}
	s->running = true;
	s->failed = false;
	return ERR_OK;
}

enum err_code store_sqlite_begin(struct store *base, const struct store_identity *identity,
				 bool rebuild, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	enum err_code code = store_sqlite_begin_write(s, err);

	if (code)
		return code;
	code = take_identity(s, identity, rebuild, err);
	if (!code)
		code = store_sqlite_take_key(s, identity, err);
	if (code)
		store_sqlite_rollback(base);
	return code;
}

/* SQLite ends a transaction by itself after some errors; writing on would publish parts. */
enum err_code store_sqlite_check_running(const struct store_sqlite *s, struct err *err)
{
	if (!s->running)
		return err_set(err, ERR_INVALID, "no run is writing to %s", s->index.path);
	if (s->failed || sqlite3_get_autocommit(s->index.handle))
		return err_set(err, ERR_INVALID,
			       "the run that wrote to %s has failed and can only be rolled back",
			       s->index.path);
	return ERR_OK;
}

/* `which` compares the document's row with `key`. */
static enum err_code find_unchanged(struct store_sqlite *s, enum store_index_stmt which,
				    struct str source, struct str path, struct str key,
				    uint64_t *chunks, bool *same, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t id = 0;
	int rc;
	enum err_code code = store_sqlite_check_running(s, err);

	if (!code)
		code = sqldb_stmt(&s->index, which, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, source);
	sqldb_bind_str(stmt, 2, path);
	sqldb_bind_str(stmt, 3, key);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		id = sqlite3_column_int64(stmt, 0);
		*same = sqlite3_column_int(stmt, 1) != 0;
		*chunks = *same ? (uint64_t)sqlite3_column_int64(stmt, 2) : 0;
	} else if (rc != SQLITE_DONE) {
		code = sqldb_fail(&s->index, rc, "looking for a document", err);
	}
	sqldb_done(stmt);
	if (code || !*same)
		return code;
	code = sqldb_stmt(&s->index, INDEX_MARK_SEEN, &stmt, err);
	if (!code) {
		(void)sqlite3_bind_int64(stmt, 1, id);
		(void)sqlite3_bind_int64(stmt, 2, s->run);
		code = sqldb_run(&s->index, stmt, "marking a document", err);
	}
	s->failed |= code != ERR_OK;
	return code;
}

enum err_code store_sqlite_unchanged(struct store *base, struct str source, struct str path,
				     struct str content_hash, uint64_t *chunks, bool *same,
				     struct err *err)
{
	return find_unchanged(sqlite_of(base), INDEX_FIND_DOCUMENT, source, path, content_hash,
			      chunks, same, err);
}

enum err_code store_sqlite_unchanged_id(struct store *base, struct str source, struct str path,
					struct str content_id, uint64_t *chunks, bool *same,
					struct err *err)
{
	return find_unchanged(sqlite_of(base), INDEX_FIND_DOCUMENT_ID, source, path, content_id,
			      chunks, same, err);
}

static enum err_code put_document(struct store_sqlite *s, const struct store_document *document,
				  int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_DELETE_DOCUMENT, &stmt, err);

	if (code)
		return code;
	sqldb_bind_str(stmt, 1, document->source);
	sqldb_bind_str(stmt, 2, document->path);
	code = sqldb_run(&s->index, stmt, "replacing a document", err);
	if (!code)
		code = sqldb_stmt(&s->index, INDEX_PUT_DOCUMENT, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, document->source);
	sqldb_bind_str(stmt, 2, document->path);
	sqldb_bind_str(stmt, 3, document->title);
	sqldb_bind_str(stmt, 4, document->description);
	sqldb_bind_str(stmt, 5, document->url);
	sqldb_bind_str(stmt, 6, document->type);
	sqldb_bind_str(stmt, 7, document->content_hash);
	(void)sqlite3_bind_int64(stmt, 8, s->run);
	sqldb_bind_str(stmt, 9, document->repo);
	sqldb_bind_str(stmt, 10, document->version);
	(void)sqlite3_bind_int(stmt, 11, document->archived);
	sqldb_bind_str(stmt, 12, document->content_id);
	code = sqldb_run(&s->index, stmt, "writing a document", err);
	*id = sqlite3_last_insert_rowid(s->index.handle);
	return code;
}

static enum err_code put_section(struct store_sqlite *s, const struct store_document *document,
				 int64_t id, size_t ordinal, struct arena *arena, struct err *err)
{
	const struct store_section *section = &document->sections[ordinal];
	bool words = !section->duplicate;
	struct str identifiers = STR(""), none = STR("");
	sqlite3_stmt *stmt;
	enum err_code code = ERR_OK;

	arena_reset(arena);
	if (words)
		code = store_text_identifiers(section->text, arena, &identifiers, err);
	if (!code)
		code = sqldb_stmt(&s->index, INDEX_PUT_SECTION, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)ordinal);
	(void)sqlite3_bind_int(stmt, 3, section->level);
	sqldb_bind_str(stmt, 4, section->anchor);
	sqldb_bind_str(stmt, 5, words ? document->title : none);
	sqldb_bind_str(stmt, 6, words ? section->path : none);
	sqldb_bind_str(stmt, 7, words ? section->heading : none);
	sqldb_bind_str(stmt, 8, words ? section->text : none);
	sqldb_bind_str(stmt, 9, identifiers);
	(void)sqlite3_bind_int64(stmt, 10, section->first_line);
	(void)sqlite3_bind_int64(stmt, 11, section->last_line);
	code = sqldb_run(&s->index, stmt, "writing a section", err);
	if (!code && !words)
		code = sqldb_stmt(&s->index, INDEX_PUT_DUPLICATE, &stmt, err);
	if (code || words)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)ordinal);
	sqldb_bind_str(stmt, 3, section->path);
	sqldb_bind_str(stmt, 4, section->heading);
	sqldb_bind_str(stmt, 5, section->text);
	return sqldb_run(&s->index, stmt, "writing a duplicate section", err);
}

/*
 * Writes the sections; their triggers index them. The page's text grows in `body`, *searched is
 * whether there is any that is to be found.
 */
static enum err_code put_sections(struct store_sqlite *s, const struct store_document *document,
				  int64_t id, struct buf *body, bool *searched, struct err *err)
{
	struct arena arena;
	enum err_code code = ERR_OK;

	*searched = document->section_count == 0;
	arena_init(&arena, s->alloc, PUT_ARENA_MAX);
	for (size_t i = 0; !code && i < document->section_count; i++) {
		code = put_section(s, document, id, i, &arena, err);
		if (document->sections[i].duplicate)
			continue;
		*searched = true;
		(void)buf_append(body, document->sections[i].text);
		(void)buf_append_byte(body, '\n');
	}
	arena_release(&arena);
	return code ? code : buf_ok(body, "the text of a page", err);
}

static enum err_code put_marks(struct store_sqlite *s, struct str marks, int64_t id,
			       struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code;

	if (!marks.len)
		return ERR_OK;
	code = sqldb_stmt(&s->index, INDEX_PUT_MARKS, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_blob64(stmt, 2, marks.ptr, marks.len, SQLITE_STATIC);
	return sqldb_run(&s->index, stmt, "marking a document", err);
}

static enum err_code put_page(struct store_sqlite *s, const struct store_document *document,
			      int64_t id, struct str body, struct err *err)
{
	struct arena arena;
	struct str identifiers, words;
	sqlite3_stmt *stmt;
	enum err_code code;

	arena_init(&arena, s->alloc, PUT_ARENA_MAX);
	code = store_text_identifiers(body, &arena, &identifiers, err);
	if (code)
		goto out;
	words = arena_printf(&arena, "%.*s\n%.*s", STR_ARG(document->path),
			     STR_ARG(document->description));
	if (!words.ptr) {
		code = arena_fail(&arena, err);
		goto out;
	}
	code = sqldb_stmt(&s->index, INDEX_PUT_PAGE, &stmt, err);
	if (code)
		goto out;
	(void)sqlite3_bind_int64(stmt, 1, id);
	sqldb_bind_str(stmt, 2, document->title);
	sqldb_bind_str(stmt, 3, words);
	sqldb_bind_str(stmt, 4, body);
	sqldb_bind_str(stmt, 5, identifiers);
	code = sqldb_run(&s->index, stmt, "writing a page", err);
out:
	arena_release(&arena);
	return code;
}

/* *vector becomes the chunk's, from itself or from the cache into `room`, or NULL. */
static enum err_code find_vector(struct store_sqlite *s, const struct store_chunk *chunk,
				 float *room, const float **vector, struct err *err)
{
	bool found = false;
	enum err_code code = ERR_OK;

	*vector = chunk->vector;
	if (!chunk->vector && chunk->hash && *s->cache_key)
		code = store_sqlite_cache_get(&s->base, str_c(s->cache_key), chunk->hash, room,
					      s->dimension, &found, err);
	if (found)
		*vector = room;
	return code;
}

/* Working memory for one vector, as it is and as it is written. */
struct vector_room {
	float *values;
	unsigned char *blob;
};

static enum err_code put_chunk(struct store_sqlite *s, const struct store_chunk *chunk, int64_t id,
			       struct vector_room *room, struct err *err)
{
	const float *vector;
	sqlite3_stmt *stmt;
	enum err_code code = find_vector(s, chunk, room->values, &vector, err);

	if (!code)
		code = sqldb_stmt(&s->index, INDEX_PUT_CHUNK, &stmt, err);
	if (code)
		return code;
	if (vector)
		store_floats_encode(vector, s->dimension, room->blob);
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int(stmt, 2, (int)chunk->unit);
	(void)sqlite3_bind_int64(stmt, 3, chunk->ordinal);
	(void)sqlite3_bind_int64(stmt, 4, chunk->first_section);
	(void)sqlite3_bind_int64(stmt, 5, chunk->last_section);
	(void)sqlite3_bind_blob64(stmt, 6, room->blob, vector ? s->dimension * sizeof(float) : 0,
				  SQLITE_STATIC);
	sqldb_bind_str(stmt, 7, chunk->text);
	code = sqldb_run(&s->index, stmt, "writing a chunk", err);
	if (!code && !vector)
		code = store_sqlite_put_pending(s, chunk,
						sqlite3_last_insert_rowid(s->index.handle), err);
	return code;
}

enum err_code store_sqlite_put(struct store *base, const struct store_document *document,
			       struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	struct vector_room room = {NULL, NULL};
	struct buf body;
	int64_t id = 0;
	bool searched;
	enum err_code code = store_sqlite_check_running(s, err);

	if (code)
		return code;
	for (size_t i = 0; i < document->chunk_count; i++) {
		if (document->chunks[i].vector &&
		    !store_floats_finite(document->chunks[i].vector, s->dimension))
			return err_set(err, ERR_INVALID,
				       "%.*s: the embedding of chunk %zu holds a value that is not "
				       "a finite number",
				       STR_ARG(document->path), i);
	}
	buf_init(&body, s->alloc, PUT_ARENA_MAX);
	room.values = alloc_zero(s->alloc, s->dimension, sizeof(*room.values));
	room.blob = alloc_zero(s->alloc, s->dimension, sizeof(float));
	if (!room.values || !room.blob) {
		code = err_set(err, ERR_NOMEM, "out of memory writing %.*s",
			       STR_ARG(document->path));
		goto out;
	}
	code = put_document(s, document, &id, err);
	if (!code)
		code = put_sections(s, document, id, &body, &searched, err);
	if (!code)
		code = put_marks(s, document->marks, id, err);
	if (!code)
		code = store_sqlite_put_links(s, document, id, err);
	if (!code && searched)
		code = put_page(s, document, id, buf_str(&body), err);
	for (size_t i = 0; !code && i < document->chunk_count; i++)
		code = put_chunk(s, &document->chunks[i], id, &room, err);
	s->failed |= code != ERR_OK;
out:
	alloc_free(s->alloc, room.values);
	alloc_free(s->alloc, room.blob);
	buf_release(&body);
	return code;
}

enum err_code store_sqlite_sweep(struct store *base, struct str source, uint64_t *documents,
				 uint64_t *chunks, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = store_sqlite_check_running(s, err);

	if (!code)
		code = sqldb_stmt(&s->index, INDEX_COUNT_UNSEEN, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, source);
	(void)sqlite3_bind_int64(stmt, 2, s->run);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*documents = (uint64_t)sqlite3_column_int64(stmt, 0);
		*chunks = (uint64_t)sqlite3_column_int64(stmt, 1);
	} else {
		code = sqldb_fail(&s->index, rc, "counting old documents", err);
	}
	sqldb_done(stmt);
	if (code || !*documents)
		return code;
	code = sqldb_stmt(&s->index, INDEX_DELETE_UNSEEN, &stmt, err);
	if (!code) {
		sqldb_bind_str(stmt, 1, source);
		(void)sqlite3_bind_int64(stmt, 2, s->run);
		code = sqldb_run(&s->index, stmt, "deleting old documents", err);
	}
	s->failed |= code != ERR_OK;
	return code;
}

enum err_code store_sqlite_publish(struct store *base, int64_t wall_ms, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	struct store_state state;
	bool pending = false;
	enum err_code code = store_sqlite_check_running(s, err);

	if (code)
		return code;
	store_sqlite_cache_flush(s);
	code = store_sqlite_state(s, NULL, &state, err);
	if (!code)
		code = set_meta_int(s, "generation", (int64_t)state.generation + 1, err);
	if (!code)
		code = set_meta_int(s, "published_ms", wall_ms, err);
	if (!code)
		code = store_sqlite_has_pending(s, &pending, err);
	if (!code)
		code = run_plain(s, INDEX_COMMIT, "publishing the index", err);
	if (code) {
		s->failed = true;
		return code;
	}
	s->running = false;
	if (!pending)
		lock_release(s);
	/* Keeps the log short; what a reader still needs of it waits for the next run. */
	(void)sqlite3_wal_checkpoint_v2(s->index.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
					NULL);
	log_debug(s->log, "store", "published generation=%llu",
		  (unsigned long long)state.generation + 1);
	return ERR_OK;
}

void store_sqlite_rollback(struct store *base)
{
	struct store_sqlite *s = sqlite_of(base);

	store_sqlite_cache_flush(s);
	lock_release(s);
	if (!s->running)
		return;
	s->running = false;
	s->failed = false;
	/* Fails only when SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(s->index.handle))
		(void)sqlite3_exec(s->index.handle, "ROLLBACK", NULL, NULL, NULL);
}
