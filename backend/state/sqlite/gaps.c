/* Questions that the documentation does not answer. */
#include "base/json.h"
#include "state/sqlite/internal.h"

/* Five pages of titles and addresses, each byte of which JSON may write in six. */
#define PAGES_MAX_BYTES (STATE_GAP_PAGES * (2 * 6 * STATE_PAGE_BYTES + 64))

struct record {
	struct str key;
	const struct state_gap *gap;
	struct str pages; /* as JSON */
	int64_t now;
};

static enum err_code write_pages(const struct state_gap *gap, struct buf *out, struct err *err)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	for (size_t i = 0; i < gap->page_count && ok; i++)
		ok = json_array_append_new(list,
					   json_pack("{s:o, s:o}", "title",
						     json_from_str(gap->pages[i].title), "url",
						     json_from_str(gap->pages[i].url))) == 0;
	enum err_code code = ok ? json_write(list, out, err)
				: err_set(err, ERR_NOMEM, "out of memory noting a question");
	json_decref(list);
	return code;
}

static enum err_code record_work(struct state_sqlite *s, void *ctx, struct err *err)
{
	const struct record *record = ctx;
	sqlite3_stmt *stmt;
	bool fresh = false;
	enum err_code code = sqldb_stmt(&s->db, STATE_COUNT_GAP, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, record->key);
	sqldb_bind_str(stmt, 2, record->gap->question);
	sqldb_bind_str(stmt, 3, record->gap->reason);
	sqldb_bind_str(stmt, 4, record->pages);
	(void)sqlite3_bind_int64(stmt, 5, record->now);
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		fresh = sqlite3_column_int64(stmt, 0) == 1;
	else
		code = sqldb_fail(&s->db, rc, "noting a question", err);
	sqldb_done(stmt);
	if (!code && fresh)
		code = sqldb_stmt(&s->db, STATE_DROP_GAPS, &stmt, err);
	if (code || !fresh)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->base.limits.gaps);
	sqldb_bind_str(stmt, 2, record->key);
	return sqldb_run(&s->db, stmt, "forgetting old questions", err);
}

enum err_code state_sqlite_record_gap(struct state *base, struct str key,
				      const struct state_gap *gap, struct err *err)
{
	struct state_sqlite *s = (struct state_sqlite *)base;
	struct record record = {.key = key, .gap = gap, .now = state_sqlite_now(s)};
	const struct state_work work = {record_work, &record, true};
	struct buf pages;
	buf_init(&pages, s->alloc, PAGES_MAX_BYTES);
	enum err_code code = write_pages(gap, &pages, err);
	if (!code) {
		record.pages = buf_str(&pages);
		code = state_sqlite_work(s, &work, err);
	}
	buf_release(&pages);
	return code;
}

/* Pages that cannot be read are left out: the question is what counts. */
static enum err_code read_pages(struct str text, struct arena *arena, struct state_gap *gap,
				struct err *err)
{
	json_t *list = NULL;
	enum err_code code = json_parse(text, &list, NULL);
	size_t count = code ? 0 : json_array_size(list);
	count = count < STATE_GAP_PAGES ? count : STATE_GAP_PAGES;
	struct state_page *pages = arena_array(arena, count ? count : 1, sizeof(*pages));
	bool ok = pages != NULL;
	for (size_t i = 0; i < count && ok; i++) {
		const json_t *page = json_array_get(list, i);
		pages[i].title = arena_str(arena, json_get_str(page, "title"));
		pages[i].url = arena_str(arena, json_get_str(page, "url"));
		ok = pages[i].title.ptr && pages[i].url.ptr;
	}
	json_decref(list);
	if (!ok)
		return arena_fail(arena, err);
	gap->pages = pages;
	gap->page_count = count;
	return ERR_OK;
}

struct list {
	size_t max, room;
	struct arena *arena;
	struct state_gaps *out;
};

static enum err_code add_gap(struct list *list, sqlite3_stmt *stmt, struct err *err)
{
	struct state_gaps *out = list->out;
	if (out->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct state_gap *items = arena_array(list->arena, room, sizeof(*items));
		if (!items)
			return arena_fail(list->arena, err);
		for (size_t i = 0; i < out->count; i++)
			items[i] = out->items[i];
		out->items = items;
		list->room = room;
	}
	struct state_gap *gap = &out->items[out->count];
	gap->question = arena_str(list->arena, sqldb_column_str(stmt, 0));
	gap->reason = arena_str(list->arena, sqldb_column_str(stmt, 1));
	if (!gap->question.ptr || !gap->reason.ptr)
		return arena_fail(list->arena, err);
	gap->count = (uint64_t)sqlite3_column_int64(stmt, 3);
	gap->first_ms = sqlite3_column_int64(stmt, 4);
	gap->last_ms = sqlite3_column_int64(stmt, 5);
	enum err_code code = read_pages(sqldb_column_str(stmt, 2), list->arena, gap, err);
	out->count += !code;
	return code;
}

static enum err_code list_work(struct state_sqlite *s, void *ctx, struct err *err)
{
	struct list *list = ctx;
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE;
	enum err_code code = sqldb_stmt(&s->db, STATE_GAPS, &stmt, err);
	if (code)
		return code;
	*list->out = (struct state_gaps){0};
	list->room = 0;
	(void)sqlite3_bind_int64(stmt, 1,
				 list->max > INT64_MAX ? INT64_MAX : (sqlite3_int64)list->max);
	while (!code && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		code = add_gap(list, stmt, err);
	if (!code && rc != SQLITE_DONE)
		code = sqldb_fail(&s->db, rc, "reading questions", err);
	sqldb_done(stmt);
	return code;
}

enum err_code state_sqlite_gaps(struct state *base, size_t max, struct arena *arena,
				struct state_gaps *out, struct err *err)
{
	struct list list = {.max = max, .arena = arena, .out = out};
	const struct state_work work = {list_work, &list, false};
	return state_sqlite_work((struct state_sqlite *)base, &work, err);
}
