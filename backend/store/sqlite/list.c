/* The documents of one source, for the run that brings them up to date. */
#include "store/sqlite/internal.h"

static struct store_sqlite *sqlite_of(struct store *base)
{
	return (struct store_sqlite *)base;
}

static enum err_code read_listed(sqlite3_stmt *stmt, struct arena *arena, struct store_listed *out,
				 struct err *err)
{
	const char *bytes = sqlite3_column_blob(stmt, 2);
	struct str marks = {bytes ? bytes : "", (size_t)sqlite3_column_bytes(stmt, 2)};

	out->path = arena_str(arena, sqldb_column_str(stmt, 0));
	out->version = arena_str(arena, sqldb_column_str(stmt, 1));
	out->marks = arena_str(arena, marks);
	out->archived = sqlite3_column_int(stmt, 3) != 0;
	out->chunks = (uint64_t)sqlite3_column_int64(stmt, 4);
	return out->path.ptr && out->version.ptr && out->marks.ptr ? ERR_OK
								   : arena_fail(arena, err);
}

enum err_code store_sqlite_list(struct store *base, struct str source, struct arena *arena,
				struct store_listing *out, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	size_t capacity = 0;
	int rc = SQLITE_DONE;
	enum err_code code = sqldb_stmt(&s->index, INDEX_LIST, &stmt, err);

	if (code)
		return code;
	sqldb_bind_str(stmt, 1, source);
	while (!code && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (out->count == capacity) {
			size_t grown = capacity ? capacity * 2 : 64;
			struct store_listed *items = arena_array(arena, grown, sizeof(*items));

			if (!items) {
				code = arena_fail(arena, err);
				break;
			}
			for (size_t i = 0; i < out->count; i++)
				items[i] = out->items[i];
			out->items = items;
			capacity = grown;
		}
		code = read_listed(stmt, arena, &out->items[out->count], err);
		out->count += code == ERR_OK;
	}
	if (!code && rc != SQLITE_DONE)
		code = sqldb_fail(&s->index, rc, "listing documents", err);
	sqldb_done(stmt);
	return code;
}
