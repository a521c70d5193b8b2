/* The tables of the state and the statements on them. */
#include "state/sqlite/internal.h"

/* Version 1. The turns of a session are in the order of their ids. */
static const char state_v1[] =
	"CREATE TABLE sessions("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_ms INTEGER NOT NULL);"
	"CREATE INDEX sessions_by_time ON sessions(last_ms);"
	"CREATE TABLE turns("
	" id INTEGER PRIMARY KEY,"
	" session_id INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
	" role INTEGER NOT NULL, bytes INTEGER NOT NULL, text TEXT NOT NULL);"
	"CREATE INDEX turns_by_session ON turns(session_id, id, bytes);"
	"CREATE TABLE gaps("
	" key TEXT PRIMARY KEY, question TEXT NOT NULL, reason TEXT NOT NULL,"
	" pages TEXT NOT NULL, count INTEGER NOT NULL,"
	" first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL);"
	"CREATE INDEX gaps_by_time ON gaps(last_ms);";

static const char *const steps[] = {state_v1};

const struct sqldb_schema state_schema = {0x44424f53, steps, 1, 0}; /* "DBOS" */

const char *const state_sql[STATE_STMT_COUNT] = {
	[STATE_BEGIN] = "BEGIN IMMEDIATE",
	[STATE_COMMIT] = "COMMIT",
	[STATE_ROLLBACK] = "ROLLBACK",
	[STATE_DROP_EXPIRED] = "DELETE FROM sessions WHERE name = ?1 AND last_ms < ?2",
	/* A call makes one session at most, so a few a call are enough to keep up. */
	[STATE_EXPIRE] = "DELETE FROM sessions WHERE id IN"
			 " (SELECT id FROM sessions WHERE last_ms < ?1 ORDER BY last_ms LIMIT 4)",
	[STATE_TOUCH_SESSION] = "INSERT INTO sessions(name, last_ms) VALUES(?1, ?2)"
				" ON CONFLICT(name) DO UPDATE SET last_ms = excluded.last_ms"
				" RETURNING id",
	[STATE_ADD_TURN] =
		"INSERT INTO turns(session_id, role, bytes, text) VALUES(?1, ?2, ?3, ?4)",
	[STATE_SIZES] = "SELECT id, bytes FROM turns WHERE session_id = ?1 ORDER BY id DESC",
	[STATE_DROP_TURNS] = "DELETE FROM turns WHERE session_id = ?1 AND id <= ?2",
	[STATE_DROP_SESSIONS] =
		"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE id <> ?2"
		" ORDER BY last_ms LIMIT min(4, max(0, (SELECT count(*) FROM sessions) - ?1)))",
	[STATE_FORGET] = "DELETE FROM sessions WHERE name = ?1",
	[STATE_HISTORY] = "SELECT t.role, t.text FROM sessions AS s"
			  " JOIN turns AS t ON t.session_id = s.id"
			  " WHERE s.name = ?1 AND s.last_ms >= ?2 ORDER BY t.id DESC LIMIT ?3",
	[STATE_COUNT_GAP] =
		"INSERT INTO gaps(key, question, reason, pages, count, first_ms, last_ms)"
		" VALUES(?1, ?2, ?3, ?4, 1, ?5, ?5) ON CONFLICT(key) DO UPDATE SET"
		" question = excluded.question, reason = excluded.reason, pages = excluded.pages,"
		" count = count + 1, last_ms = excluded.last_ms RETURNING count",
	[STATE_DROP_GAPS] = "DELETE FROM gaps WHERE key IN (SELECT key FROM gaps WHERE key <> ?2"
			    " ORDER BY last_ms LIMIT min(4, max(0, (SELECT count(*) FROM gaps) - "
			    "?1)))",
	[STATE_GAPS] = "SELECT question, reason, pages, count, first_ms, last_ms FROM gaps"
		       " ORDER BY count DESC, last_ms DESC, key LIMIT ?1",
};
