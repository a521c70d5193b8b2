#include "base/sqldb.h"

#include <errno.h>
#include <string.h>

enum err_code sqldb_fail(const struct sqldb *db, int rc, const char *doing, struct err *err)
{
	const char *detail = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);
	int os_error = db->handle ? sqlite3_system_errno(db->handle) : 0;
	int primary = rc & 0xff;

	if (primary == SQLITE_IOERR && (os_error == ENOSPC || os_error == EDQUOT))
		primary = SQLITE_FULL;
	switch (primary) {
	case SQLITE_NOMEM:
		return err_set(err, ERR_NOMEM, "out of memory while %s in %s", doing, db->path);
	case SQLITE_FULL:
		return err_set(err, ERR_FULL, "no space left while %s in %s: %s", doing, db->path,
			       db->on_full);
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return err_set(err, ERR_FORMAT, "%s is damaged (%s while %s): %s", db->path, detail,
			       doing, db->advice);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_BUSY,
			       "%s is in use by another docs-bot: wait for it to finish, or stop "
			       "it, and run again",
			       db->path);
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
	case SQLITE_AUTH:
		return err_set(err, ERR_IO,
			       "%s: %s while %s%s%s: check that the folder exists, its "
			       "permissions, and the disk",
			       db->path, detail, doing, os_error ? ": " : "",
			       os_error ? strerror(os_error) : "");
	case SQLITE_TOOBIG:
		return err_set(err, ERR_LIMIT, "a text is too large for %s while %s", db->path,
			       doing);
	case SQLITE_CONSTRAINT:
		return err_set(err, ERR_INVALID, "%s while %s in %s", detail, doing, db->path);
	default:
		return err_set(err, ERR_INTERNAL, "%s (SQLite code %d) while %s in %s", detail, rc,
			       doing, db->path);
	}
}

enum err_code sqldb_stmt(struct sqldb *db, size_t which, sqlite3_stmt **out, struct err *err)
{
	*out = db->stmts[which];
	if (!*out) {
		int rc = sqlite3_prepare_v3(db->handle, db->sql[which], -1,
					    SQLITE_PREPARE_PERSISTENT, &db->stmts[which], NULL);

		if (rc != SQLITE_OK)
			return sqldb_fail(db, rc, "preparing a statement", err);
		*out = db->stmts[which];
	}
	return ERR_OK;
}

void sqldb_done(sqlite3_stmt *stmt)
{
	if (stmt) {
		(void)sqlite3_reset(stmt);
		(void)sqlite3_clear_bindings(stmt);
	}
}

enum err_code sqldb_run(struct sqldb *db, sqlite3_stmt *stmt, const char *doing, struct err *err)
{
	int rc = sqlite3_step(stmt);
	enum err_code code = ERR_OK;

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		code = sqldb_fail(db, rc, doing, err);
	sqldb_done(stmt);
	return code;
}

/*
 * The results of binding are not checked: with an index in range it fails only for values over
 * SQLite's length limit or when memory runs out, and then leaves NULL, which NOT NULL columns and
 * comparisons refuse. Static data is not copied.
 */
void sqldb_bind_str(sqlite3_stmt *stmt, int index, struct str text)
{
	(void)sqlite3_bind_text64(stmt, index, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
				  SQLITE_UTF8);
}

struct str sqldb_column_str(sqlite3_stmt *stmt, int column)
{
	/* The order matters: text() may convert, bytes() then counts what text() returned. */
	const char *ptr = (const char *)sqlite3_column_text(stmt, column);
	int len = sqlite3_column_bytes(stmt, column);

	return ptr ? (struct str){ptr, (size_t)len} : (struct str){"", 0};
}

enum err_code sqldb_exec(struct sqldb *db, const char *sql, const char *doing, struct err *err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ERR_OK : sqldb_fail(db, rc, doing, err);
}

enum err_code sqldb_int(struct sqldb *db, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);

	*out = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(stmt, 0);
		rc = SQLITE_OK;
	}
	/* Before finalize, which may replace the message. */
	if (rc != SQLITE_OK)
		(void)sqldb_fail(db, rc, "opening it", err);
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? ERR_OK : sqldb_fail(db, rc, "opening it", NULL);
}

void sqldb_close(struct sqldb *db, const struct alloc *alloc)
{
	for (size_t i = 0; i < db->stmt_count; i++)
		(void)sqlite3_finalize(db->stmts[i]);
	(void)sqlite3_close(db->handle);
	alloc_free(alloc, db->path);
	*db = (struct sqldb){0};
}

enum err_code sqldb_migrate(struct sqldb *db, const struct sqldb_schema *schema, struct err *err)
{
	char *pragmas = NULL;
	int64_t version;
	/* Another process may have migrated while we waited for the lock: look again inside. */
	enum err_code code = sqldb_exec(db, "BEGIN IMMEDIATE", "preparing its tables", err);

	if (code)
		return code;
	code = sqldb_int(db, "PRAGMA user_version", &version, err);
	for (size_t i = (size_t)version; !code && i < schema->step_count; i++)
		code = sqldb_exec(db, schema->steps[i], "preparing its tables", err);
	if (!code) {
		pragmas = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;",
					  (int)schema->application_id, (int)schema->step_count);
		code = pragmas ? sqldb_exec(db, pragmas, "preparing its tables", err)
			       : err_set(err, ERR_NOMEM, "out of memory opening %s", db->path);
		sqlite3_free(pragmas);
	}
	if (!code)
		code = sqldb_exec(db, "COMMIT", "preparing its tables", err);
	if (code && !sqlite3_get_autocommit(db->handle))
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return code;
}
