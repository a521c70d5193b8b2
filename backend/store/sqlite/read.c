/* Reading: what the store holds, full-text search, passages. Every call is one snapshot. */
#include "store/sqlite/internal.h"

static struct store_sqlite *sqlite_of(struct store *base)
{
	return (struct store_sqlite *)base;
}

/* What a reader holds open may have been removed or replaced under its name, and nothing fails then. */
static enum err_code check_moved(struct store_sqlite *s, struct err *err)
{
	int moved = 0;

	if (!s->writable)
		(void)sqlite3_file_control(s->index.handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		return err_set(err, ERR_NOTFOUND, "%s was removed or replaced: ask again",
			       s->index.path);
	return ERR_OK;
}

enum err_code store_sqlite_state(struct store_sqlite *s, struct arena *arena,
				 struct store_state *out, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_STATE, &stmt, err);

	*out = (struct store_state){0};
	if (!code)
		code = check_moved(s, err);
	if (code)
		return code;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		out->instance = sqlite3_column_int64(stmt, 0);
		out->generation = (uint64_t)sqlite3_column_int64(stmt, 1);
		out->run = sqlite3_column_int64(stmt, 2);
		out->published_ms = sqlite3_column_int64(stmt, 3);
		out->dimension = (size_t)sqlite3_column_int64(stmt, 4);
		if (arena) {
			out->model = arena_str(arena, sqldb_column_str(stmt, 5));
			out->cache_key = arena_str(arena, sqldb_column_str(stmt, 6));
			code = out->model.ptr && out->cache_key.ptr ? ERR_OK
								    : arena_fail(arena, err);
		}
	} else {
		code = sqldb_fail(&s->index, rc, "reading its settings", err);
	}
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_generation(struct store *base, uint64_t *out, struct err *err)
{
	struct store_state state;
	enum err_code code = store_sqlite_state(sqlite_of(base), NULL, &state, err);

	*out = state.generation;
	return code;
}

/* A reader without a cache file, or with a damaged one, still has an index to report on. */
static uint64_t count_cache(struct store_sqlite *s)
{
	struct err err = {0};
	sqlite3_stmt *stmt = NULL;
	uint64_t count = 0;
	enum err_code code = store_sqlite_need_cache(s, &err);
	int rc;

	if (code == ERR_NOTFOUND)
		return 0;
	if (!code)
		code = sqldb_stmt(&s->cache, CACHE_COUNT, &stmt, &err);
	if (!code) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			count = (uint64_t)sqlite3_column_int64(stmt, 0);
		else
			code = sqldb_fail(&s->cache, rc, "counting embeddings", &err);
		sqldb_done(stmt);
	}
	if (code)
		log_warn(s->log, "store", "%s", err.message);
	return count;
}

enum err_code store_sqlite_stats(struct store *base, struct arena *arena, struct store_stats *out,
				 struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_STATS, &stmt, err);

	*out = (struct store_stats){0};
	if (!code)
		code = check_moved(s, err);
	if (code)
		return code;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		out->documents = (uint64_t)sqlite3_column_int64(stmt, 0);
		out->sections = (uint64_t)sqlite3_column_int64(stmt, 1);
		out->chunks = (uint64_t)sqlite3_column_int64(stmt, 2);
		out->generation = (uint64_t)sqlite3_column_int64(stmt, 3);
		out->published_ms = sqlite3_column_int64(stmt, 4);
		out->dimension = (size_t)sqlite3_column_int64(stmt, 5);
		out->model = arena_str(arena, sqldb_column_str(stmt, 6));
		out->pending_chunks = (uint64_t)sqlite3_column_int64(stmt, 7);
		code = out->model.ptr ? ERR_OK : arena_fail(arena, err);
	} else {
		code = sqldb_fail(&s->index, rc, "counting documents", err);
	}
	sqldb_done(stmt);
	if (!code)
		out->cached_embeddings = count_cache(s);
	return code;
}

/* Appends a hit; the array doubles, so that a large k costs nothing when little matches. */
static bool add_hit(struct store_hits *hits, size_t *capacity, struct arena *arena,
		    struct store_hit hit)
{
	if (hits->count == *capacity) {
		size_t larger = *capacity ? *capacity * 2 : 32;
		struct store_hit *items = arena_array(arena, larger, sizeof(*items));

		if (!items)
			return false;
		for (size_t i = 0; i < hits->count; i++)
			items[i] = hits->items[i];
		hits->items = items;
		*capacity = larger;
	}
	hits->items[hits->count++] = hit;
	return true;
}

enum err_code store_sqlite_search_text(struct store *base, enum store_text_scope scope,
				       struct str query, size_t k, struct arena *arena,
				       struct store_hits *out, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	enum store_index_stmt which =
		scope == STORE_TEXT_SECTIONS ? INDEX_SEARCH_SECTIONS : INDEX_SEARCH_PAGES;
	struct store_hits hits = {0};
	size_t capacity = 0;
	struct str match;
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code;

	if (s->running)
		return err_set(err, ERR_INVALID,
			       "a store cannot be searched while it writes: open a second one");
	code = store_sqlite_correct(s, query, arena, &query, err);
	if (!code)
		code = store_text_query(query, arena, &match, err);
	if (!code && match.len)
		code = store_sqlite_rarest(s, match, arena, &match, err);
	if (code || !match.len || !k)
		return code;
	code = sqldb_stmt(&s->index, which, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, match);
	(void)sqlite3_bind_int64(stmt, 2, k > INT32_MAX ? INT32_MAX : (int64_t)k);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_hit hit = {
			.document_id = sqlite3_column_int64(stmt, 0),
			.first_section = (uint32_t)sqlite3_column_int64(stmt, 1),
			.last_section = (uint32_t)sqlite3_column_int64(stmt, 2),
			.score = (float)sqlite3_column_double(stmt, 3),
		};

		if (!add_hit(&hits, &capacity, arena, hit)) {
			code = arena_fail(arena, err);
			break;
		}
	}
	if (!code && rc != SQLITE_DONE)
		code = sqldb_fail(&s->index, rc, "searching text", err);
	sqldb_done(stmt);
	if (!code)
		*out = hits;
	return code;
}

enum err_code store_sqlite_passage(struct store *base, int64_t document_id, uint32_t section,
				   struct arena *arena, struct store_passage *out, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	struct str *fields[] = {&out->source, &out->path,    &out->type,   &out->title,
				&out->url,    &out->heading, &out->anchor, &out->section_path,
				&out->text,   &out->repo,    &out->version};
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_PASSAGE, &stmt, err);

	*out = (struct store_passage){.document_id = document_id, .section = section};
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, document_id);
	(void)sqlite3_bind_int64(stmt, 2, section);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		out->level = sqlite3_column_int(stmt, 0);
		for (size_t i = 0; !code && i < sizeof(fields) / sizeof(fields[0]); i++) {
			*fields[i] = arena_str(arena, sqldb_column_str(stmt, (int)i + 1));
			if (!fields[i]->ptr)
				code = arena_fail(arena, err);
		}
		out->archived = sqlite3_column_int(stmt, 12) != 0;
		out->first_line = (uint32_t)sqlite3_column_int64(stmt, 13);
		out->last_line = (uint32_t)sqlite3_column_int64(stmt, 14);
	} else if (rc == SQLITE_DONE) {
		code = err_set(err, ERR_NOTFOUND,
			       "section %u of document %lld is no longer in %s: the index has "
			       "changed since the search",
			       section, (long long)document_id, s->index.path);
	} else {
		code = sqldb_fail(&s->index, rc, "reading a section", err);
	}
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_chunk_text(struct store *base, int64_t document_id, enum store_unit unit,
				      uint32_t ordinal, struct arena *arena, struct str *out,
				      struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_CHUNK_TEXT, &stmt, err);

	*out = STR("");
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, document_id);
	(void)sqlite3_bind_int(stmt, 2, (int)unit);
	(void)sqlite3_bind_int64(stmt, 3, ordinal);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*out = arena_str(arena, sqldb_column_str(stmt, 0));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	} else if (rc == SQLITE_DONE) {
		code = err_set(err, ERR_NOTFOUND,
			       "chunk %u of document %lld is no longer in %s: the index has "
			       "changed since the search",
			       ordinal, (long long)document_id, s->index.path);
	} else {
		code = sqldb_fail(&s->index, rc, "reading a chunk", err);
	}
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_document_info(struct store *base, int64_t document_id,
					 struct arena *arena, struct store_document_info *out,
					 struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	struct str *fields[] = {&out->source, &out->path, &out->type,   &out->title,
				&out->url,    &out->repo, &out->version};
	size_t count = sizeof(fields) / sizeof(fields[0]);
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_DOCUMENT_INFO, &stmt, err);

	*out = (struct store_document_info){0};
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, document_id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		for (size_t i = 0; !code && i < count; i++) {
			*fields[i] = arena_str(arena, sqldb_column_str(stmt, (int)i));
			if (!fields[i]->ptr)
				code = arena_fail(arena, err);
		}
		out->archived = sqlite3_column_int(stmt, 7) != 0;
		out->section_count = (uint32_t)sqlite3_column_int64(stmt, 8);
	} else if (rc == SQLITE_DONE) {
		code = err_set(err, ERR_NOTFOUND,
			       "document %lld is no longer in %s: the index has changed since the "
			       "search",
			       (long long)document_id, s->index.path);
	} else {
		code = sqldb_fail(&s->index, rc, "reading a document", err);
	}
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_find_document(struct store *base, struct str path, int64_t *document_id,
					 uint32_t *section_count, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_DOCUMENT_BY_PATH, &stmt, err);

	if (code)
		return code;
	sqldb_bind_str(stmt, 1, path);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*document_id = sqlite3_column_int64(stmt, 0);
		*section_count = (uint32_t)sqlite3_column_int64(stmt, 1);
	} else if (rc == SQLITE_DONE) {
		code = err_set(err, ERR_NOTFOUND, "there is no page %.*s in the index",
			       (int)(path.len < 200 ? path.len : 200), path.ptr);
	} else {
		code = sqldb_fail(&s->index, rc, "looking for a page", err);
	}
	sqldb_done(stmt);
	return code;
}
