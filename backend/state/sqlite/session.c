/* Conversations. */
#include "state/sqlite/internal.h"

struct append {
	struct str session, text;
	enum state_role role;
	int64_t now;
};

/* Runs a statement with one text and one number, or either of them. */
static enum err_code run_with(struct state_sqlite *s, enum state_stmt which, struct str text,
			      int64_t number, const char *doing, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->db, which, &stmt, err);
	if (code)
		return code;
	int at = 1;
	if (text.ptr)
		sqldb_bind_str(stmt, at++, text);
	(void)sqlite3_bind_int64(stmt, at, number);
	return sqldb_run(&s->db, stmt, doing, err);
}

/* A conversation that is over begins anew under its old id; some others that are over go, too. */
static enum err_code expire(struct state_sqlite *s, const struct append *append, struct err *err)
{
	int64_t oldest = append->now - s->base.limits.session_ms;
	enum err_code code = run_with(s, STATE_DROP_EXPIRED, append->session, oldest,
				      "forgetting a conversation", err);
	return code ? code
		    : run_with(s, STATE_EXPIRE, (struct str){NULL, 0}, oldest,
			       "forgetting conversations", err);
}

static enum err_code touch(struct state_sqlite *s, const struct append *append, int64_t *id,
			   struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->db, STATE_TOUCH_SESSION, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, append->session);
	(void)sqlite3_bind_int64(stmt, 2, append->now);
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*id = sqlite3_column_int64(stmt, 0);
	else
		code = sqldb_fail(&s->db, rc, "adding a turn", err);
	sqldb_done(stmt);
	return code;
}

static enum err_code add(struct state_sqlite *s, const struct append *append, int64_t id,
			 struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->db, STATE_ADD_TURN, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int(stmt, 2, (int)append->role);
	(void)sqlite3_bind_int64(stmt, 3, (sqlite3_int64)append->text.len);
	sqldb_bind_str(stmt, 4, append->text);
	return sqldb_run(&s->db, stmt, "adding a turn", err);
}

/* Turns beyond the limits, oldest first. */
static enum err_code trim(struct state_sqlite *s, int64_t id, struct err *err)
{
	const struct state_limits *limits = &s->base.limits;
	sqlite3_stmt *stmt;
	size_t turns = 0;
	uint64_t bytes = 0;
	int64_t newest_to_go = 0;
	enum err_code code = sqldb_stmt(&s->db, STATE_SIZES, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	int rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		bytes += (uint64_t)sqlite3_column_int64(stmt, 1);
		if (++turns > limits->session_turns || bytes > limits->session_bytes) {
			newest_to_go = sqlite3_column_int64(stmt, 0);
			rc = SQLITE_DONE;
			break;
		}
	}
	if (rc != SQLITE_DONE)
		code = sqldb_fail(&s->db, rc, "counting turns", err);
	sqldb_done(stmt);
	if (code || !newest_to_go)
		return code;
	code = sqldb_stmt(&s->db, STATE_DROP_TURNS, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, id);
	(void)sqlite3_bind_int64(stmt, 2, newest_to_go);
	return sqldb_run(&s->db, stmt, "forgetting turns", err);
}

static enum err_code append_work(struct state_sqlite *s, void *ctx, struct err *err)
{
	const struct append *append = ctx;
	sqlite3_stmt *stmt;
	int64_t id = 0;
	enum err_code code = expire(s, append, err);
	if (!code)
		code = touch(s, append, &id, err);
	if (!code)
		code = add(s, append, id, err);
	if (!code)
		code = trim(s, id, err);
	if (!code)
		code = sqldb_stmt(&s->db, STATE_DROP_SESSIONS, &stmt, err);
	if (code)
		return code;
	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->base.limits.sessions);
	(void)sqlite3_bind_int64(stmt, 2, id);
	return sqldb_run(&s->db, stmt, "forgetting conversations", err);
}

enum err_code state_sqlite_append_turn(struct state *base, struct str session, enum state_role role,
				       struct str text, struct err *err)
{
	struct state_sqlite *s = (struct state_sqlite *)base;
	struct append append = {session, text, role, state_sqlite_now(s)};
	const struct state_work work = {append_work, &append, true};
	return state_sqlite_work(s, &work, err);
}

struct history {
	struct str session;
	struct arena *arena;
	struct state_history *out;
	int64_t oldest;
};

/* Newest first from the file, so that the limits keep the newest; then in their order. */
static enum err_code read_turns(struct state_sqlite *s, sqlite3_stmt *stmt,
				const struct history *history, struct err *err)
{
	const struct state_limits *limits = &s->base.limits;
	struct state_history *out = history->out;
	size_t bytes = 0;
	int rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && out->count < limits->session_turns) {
		struct str text = sqldb_column_str(stmt, 1);
		bytes += text.len;
		if (bytes > limits->session_bytes)
			return ERR_OK;
		struct state_turn *turn = &out->turns[limits->session_turns - 1 - out->count];
		turn->role =
			sqlite3_column_int(stmt, 0) == STATE_USER ? STATE_USER : STATE_ASSISTANT;
		turn->text = arena_str(history->arena, text);
		if (!turn->text.ptr)
			return arena_fail(history->arena, err);
		out->count++;
	}
	return rc == SQLITE_DONE || rc == SQLITE_ROW
		       ? ERR_OK
		       : sqldb_fail(&s->db, rc, "reading a conversation", err);
}

static enum err_code history_work(struct state_sqlite *s, void *ctx, struct err *err)
{
	const struct history *history = ctx;
	size_t most = s->base.limits.session_turns;
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->db, STATE_HISTORY, &stmt, err);
	if (code)
		return code;
	*history->out = (struct state_history){
		.turns = arena_array(history->arena, most, sizeof(*history->out->turns))};
	if (!history->out->turns)
		return arena_fail(history->arena, err);
	sqldb_bind_str(stmt, 1, history->session);
	(void)sqlite3_bind_int64(stmt, 2, history->oldest);
	(void)sqlite3_bind_int64(stmt, 3, (sqlite3_int64)most);
	code = read_turns(s, stmt, history, err);
	sqldb_done(stmt);
	history->out->turns += most - history->out->count;
	return code;
}

enum err_code state_sqlite_history(struct state *base, struct str session, struct arena *arena,
				   struct state_history *out, struct err *err)
{
	struct state_sqlite *s = (struct state_sqlite *)base;
	struct history history = {session, arena, out,
				  state_sqlite_now(s) - base->limits.session_ms};
	const struct state_work work = {history_work, &history, false};
	return state_sqlite_work(s, &work, err);
}

struct forget {
	struct str session;
	bool *found;
};

static enum err_code forget_work(struct state_sqlite *s, void *ctx, struct err *err)
{
	const struct forget *forget = ctx;
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->db, STATE_FORGET, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, forget->session);
	code = sqldb_run(&s->db, stmt, "forgetting a conversation", err);
	*forget->found = !code && sqlite3_changes(s->db.handle) > 0;
	return code;
}

enum err_code state_sqlite_forget(struct state *base, struct str session, bool *found,
				  struct err *err)
{
	struct forget forget = {session, found};
	const struct state_work work = {forget_work, &forget, true};
	return state_sqlite_work((struct state_sqlite *)base, &work, err);
}
