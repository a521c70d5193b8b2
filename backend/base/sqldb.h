/*
 * One SQLite database file: prepared statements, bindings, schema versions, and SQLite's result codes
 * in our words. A db is used by one thread at a time.
 */
#ifndef DOCS_BOT_BASE_SQLDB_H
#define DOCS_BOT_BASE_SQLDB_H

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

#define SQLDB_STATEMENTS 64

struct sqldb {
	sqlite3 *handle; /* NULL: not open */
	char *path;      /* owned */
	const char *const *sql;
	sqlite3_stmt *stmts[SQLDB_STATEMENTS]; /* prepared when first used */
	size_t stmt_count;
	const char *advice;  /* what to do when the file is damaged */
	const char *on_full; /* what to do, and what is safe, when the disk is full */
};

/* The statement, prepared and reset. Owned by the db; sqldb_done() after use. */
enum err_code sqldb_stmt(struct sqldb *db, size_t which, sqlite3_stmt **out,
			 struct err *err) WARN_UNUSED;

/* Ends a statement (and with it the read transaction it may hold); NULL is fine. */
void sqldb_done(sqlite3_stmt *stmt);

/* Runs a prepared statement that returns no rows, and ends it. */
enum err_code sqldb_run(struct sqldb *db, sqlite3_stmt *stmt, const char *doing,
			struct err *err) WARN_UNUSED;

/* Translates a result code of SQLite; `doing` completes "while …" in the message. */
enum err_code sqldb_fail(const struct sqldb *db, int rc, const char *doing, struct err *err);

/* Text and blobs are not copied: they must live until the statement has ended. */
void sqldb_bind_str(sqlite3_stmt *stmt, int index, struct str text);
struct str sqldb_column_str(sqlite3_stmt *stmt, int column); /* valid until the next step */

/* Runs literal SQL. */
enum err_code sqldb_exec(struct sqldb *db, const char *sql, const char *doing,
			 struct err *err) WARN_UNUSED;
enum err_code sqldb_int(struct sqldb *db, const char *sql, int64_t *out,
			struct err *err) WARN_UNUSED;

void sqldb_close(struct sqldb *db, const struct alloc *alloc);

/* One step of a schema: step i leads from version i to version i + 1. */
struct sqldb_schema {
	int32_t application_id;
	const char *const *steps;
	size_t step_count;
	size_t readable_from; /* oldest version that readers take as it is; 0: the newest */
};

/* Brings the file up to the newest version, in one transaction. */
enum err_code sqldb_migrate(struct sqldb *db, const struct sqldb_schema *schema,
			    struct err *err) WARN_UNUSED;

#endif
