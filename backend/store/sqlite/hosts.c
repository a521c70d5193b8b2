/* To which hosts documents link, and where they are themselves. */
#include "store/sqlite/internal.h"

static struct store_sqlite *sqlite_of(struct store *base)
{
	return (struct store_sqlite *)base;
}

enum err_code store_sqlite_put_links(struct store_sqlite *s, const struct store_document *document,
				     int64_t id, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < document->link_count && !code; i++) {
		code = sqldb_stmt(&s->index, INDEX_PUT_LINK, &stmt, err);
		if (code)
			return code;
		sqldb_bind_str(stmt, 1, document->links[i].host);
		(void)sqlite3_bind_int64(stmt, 2, id);
		(void)sqlite3_bind_int64(stmt, 3, (int64_t)document->links[i].context);
		code = sqldb_run(&s->index, stmt, "writing a link", err);
	}
	if (code || !document->print || !document->link_count)
		return code;
	code = sqldb_stmt(&s->index, INDEX_PUT_PRINT, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_blob64(stmt, 2, document->print, STORE_PRINT_SIZE, SQLITE_STATIC);
	return sqldb_run(&s->index, stmt, "writing a print", err);
}

static void visit_address(const struct store_host_sink *sink, sqlite3_stmt *stmt)
{
	sink->address(sink->ctx, sqldb_column_str(stmt, 0));
}

static void visit_witness(const struct store_host_sink *sink, sqlite3_stmt *stmt)
{
	struct store_witness witness = {.host = sqldb_column_str(stmt, 0),
					.document_id = sqlite3_column_int64(stmt, 1),
					.context = (uint64_t)sqlite3_column_int64(stmt, 2)};

	if (sqlite3_column_bytes(stmt, 3) == STORE_PRINT_SIZE)
		witness.print = sqlite3_column_blob(stmt, 3);
	sink->witness(sink->ctx, &witness);
}

static enum err_code visit_rows(struct store_sqlite *s, sqlite3_stmt *stmt,
				const struct store_host_sink *sink,
				void (*visit)(const struct store_host_sink *, sqlite3_stmt *),
				struct err *err)
{
	enum err_code code = ERR_OK;
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		visit(sink, stmt);
	if (rc != SQLITE_DONE)
		code = sqldb_fail(&s->index, rc, "reading links", err);
	sqldb_done(stmt);
	return code;
}

/* Whether the file has the tables: a reader may meet one that is older (schema.c). */
static enum err_code has_links(struct store_sqlite *s, bool *any, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_HAS_LINKS, &stmt, err);
	int rc;

	if (code)
		return code;
	rc = sqlite3_step(stmt);
	*any = rc == SQLITE_ROW && sqlite3_column_int(stmt, 0) > 0;
	if (rc != SQLITE_ROW)
		code = sqldb_fail(&s->index, rc, "looking for links", err);
	sqldb_done(stmt);
	return code;
}

enum err_code store_sqlite_hosts(struct store *base, size_t least,
				 const struct store_host_sink *sink, struct err *err)
{
	struct store_sqlite *s = sqlite_of(base);
	sqlite3_stmt *stmt;
	bool links = false;
	enum err_code code = sqldb_stmt(&s->index, INDEX_ORIGINS, &stmt, err);

	if (!code)
		code = visit_rows(s, stmt, sink, visit_address, err);
	if (!code)
		code = has_links(s, &links, err);
	if (code || !links)
		return code;
	code = sqldb_stmt(&s->index, INDEX_WITNESSES, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)least);
	return visit_rows(s, stmt, sink, visit_witness, err);
}
