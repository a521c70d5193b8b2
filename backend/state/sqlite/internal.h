/* What the files of the SQLite state share. Nothing outside this folder and its tests includes it. */
#ifndef DOCS_BOT_STATE_SQLITE_INTERNAL_H
#define DOCS_BOT_STATE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "base/sqldb.h"
#include "state/sqlite/sqlite.h"

#define STATE_FILE         "state.db"
#define STATE_DAMAGED_FILE "state.db.damaged"
#define STATE_LOCK_FILE    "state.lock"

enum state_stmt {
	STATE_BEGIN,
	STATE_COMMIT,
	STATE_ROLLBACK,
	STATE_DROP_EXPIRED,
	STATE_EXPIRE,
	STATE_TOUCH_SESSION,
	STATE_ADD_TURN,
	STATE_SIZES,
	STATE_DROP_TURNS,
	STATE_DROP_SESSIONS,
	STATE_FORGET,
	STATE_HISTORY,
	STATE_COUNT_GAP,
	STATE_DROP_GAPS,
	STATE_GAPS,
	STATE_STMT_COUNT
};

/*
 * One connection under a mutex. Writers of SQLite take turns anyway; with a connection for each of
 * several threads nothing was faster and a fifth of the calls found it busy (docs/decisions/0012-state.md).
 */
struct state_sqlite {
	struct state base;
	const struct alloc *alloc;
	const struct clock *clock;
	bool create;
	char *dir, *damaged, *lock_path; /* owned; the file's own path is db.path */
	pthread_mutex_t mutex;           /* guards all that follows */
	struct sqldb db;
	char *path; /* owned; outlives the connection */
	dev_t device;
	ino_t inode;
	int64_t retry_us;   /* monotonic time before which nothing is tried */
	struct err refused; /* why not */
};

extern const char *const state_sql[STATE_STMT_COUNT];
extern const struct sqldb_schema state_schema;

/* A call's work on the open file. `write`: within a transaction, rolled back when it fails. */
struct state_work {
	enum err_code (*run)(struct state_sqlite *s, void *ctx, struct err *err);
	void *ctx;
	bool write;
};

/*
 * Runs the work with the file open; opens it before if need be, and once more with a fresh file when
 * it turns out to be damaged.
 */
enum err_code state_sqlite_work(struct state_sqlite *s, const struct state_work *work,
				struct err *err) WARN_UNUSED;

/* Milliseconds since 1970. */
int64_t state_sqlite_now(const struct state_sqlite *s);

enum err_code state_sqlite_append_turn(struct state *base, struct str session, enum state_role role,
				       struct str text, struct err *err);
enum err_code state_sqlite_history(struct state *base, struct str session, struct arena *arena,
				   struct state_history *out, struct err *err);
enum err_code state_sqlite_forget(struct state *base, struct str session, bool *found,
				  struct err *err);
enum err_code state_sqlite_record_gap(struct state *base, struct str key,
				      const struct state_gap *gap, struct err *err);
enum err_code state_sqlite_gaps(struct state *base, size_t max, struct arena *arena,
				struct state_gaps *out, struct err *err);

#endif
