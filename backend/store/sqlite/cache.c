/*
 * The embedding cache. It has its own file, because SQLite has one writer per file and what is put
 * here must survive the rollback of a run. Commits are batched: each costs a sync at worst.
 */
#include "base/clock.h"
#include "store/sqlite/internal.h"

#define BATCH_PUTS 64
#define BATCH_US   ((int64_t)2000000)

static struct store_sqlite *sqlite_of(struct store *base)
{
	return (struct store_sqlite *)base;
}

static enum err_code commit(struct store_sqlite *s, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code;

	if (!s->cache.handle || sqlite3_get_autocommit(s->cache.handle)) {
		s->cache_pending = 0;
		return ERR_OK;
	}
	code = sqldb_stmt(&s->cache, CACHE_COMMIT, &stmt, err);
	if (!code)
		code = sqldb_run(&s->cache, stmt, "saving embeddings", err);
	if (code && !sqlite3_get_autocommit(s->cache.handle))
		(void)sqlite3_exec(s->cache.handle, "ROLLBACK", NULL, NULL, NULL);
	s->cache_pending = 0;
	return code;
}

void store_sqlite_cache_flush(struct store_sqlite *s)
{
	struct err err = {0};
	size_t pending = s->cache_pending;

	if (commit(s, &err))
		log_warn(s->log, "store", "%zu embeddings were not cached: %s", pending,
			 err.message);
}

enum err_code store_sqlite_cache_get(struct store *base, struct str model,
				     const unsigned char hash[STORE_HASH_SIZE], float *vector,
				     size_t dimension, bool *found, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = store_sqlite_need_cache(s, err);

	if (code == ERR_NOTFOUND)
		return ERR_OK;
	if (!code)
		code = sqldb_stmt(&s->cache, CACHE_GET, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, model);
	(void)sqlite3_bind_blob(stmt, 2, hash, STORE_HASH_SIZE, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *blob = sqlite3_column_blob(stmt, 0);
		size_t size = (size_t)sqlite3_column_bytes(stmt, 0);

		/* An entry that cannot be right counts as absent: the next put replaces it. */
		if (blob && size == dimension * sizeof(float)) {
			store_floats_decode(blob, dimension, vector);
			*found = store_floats_finite(vector, dimension);
		}
	} else if (rc != SQLITE_DONE) {
		code = sqldb_fail(&s->cache, rc, "looking for an embedding", err);
	}
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_cache_put(struct store *base, struct str model,
				     const unsigned char hash[STORE_HASH_SIZE], const float *vector,
				     size_t dimension, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	unsigned char *blob = NULL;
	sqlite3_stmt *stmt;
	int64_t now = clock_monotonic_us(clock_system());
	enum err_code code;

	if (!s->writable)
		return err_set(err, ERR_INVALID, "%s was opened for reading only", s->index.path);
	if (!store_floats_finite(vector, dimension))
		return err_set(err, ERR_INVALID,
			       "an embedding holds a value that is not a finite number");
	code = store_sqlite_need_cache(s, err);
	if (code)
		return code;
	blob = alloc_zero(s->alloc, dimension, sizeof(float));
	if (!blob)
		return err_set(err, ERR_NOMEM, "out of memory caching an embedding");
	store_floats_encode(vector, dimension, blob);
	if (sqlite3_get_autocommit(s->cache.handle)) {
		code = sqldb_stmt(&s->cache, CACHE_BEGIN, &stmt, err);
		if (!code)
			code = sqldb_run(&s->cache, stmt, "caching embeddings", err);
		s->cache_pending = 0;
		s->cache_since_us = now;
	}
	if (!code)
		code = sqldb_stmt(&s->cache, CACHE_PUT, &stmt, err);
	if (!code) {
		sqldb_bind_str(stmt, 1, model);
		(void)sqlite3_bind_blob(stmt, 2, hash, STORE_HASH_SIZE, SQLITE_STATIC);
		(void)sqlite3_bind_blob64(stmt, 3, blob, dimension * sizeof(float), SQLITE_STATIC);
		code = sqldb_run(&s->cache, stmt, "caching an embedding", err);
	}
	if (!code && (++s->cache_pending >= BATCH_PUTS || now - s->cache_since_us >= BATCH_US))
		code = commit(s, err);
	alloc_free(s->alloc, blob);
	return code;
}
