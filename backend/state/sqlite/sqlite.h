/* The state in one SQLite file, `state.db` in the data folder, beside the index. */
#ifndef DOCS_BOT_STATE_SQLITE_SQLITE_H
#define DOCS_BOT_STATE_SQLITE_SQLITE_H

#include "base/clock.h"
#include "state/state.h"

struct state_sqlite_options {
	const char *data_dir; /* copied */
	/* Make folder and file when there is something to write; else reading what is not there is
	 * ERR_NOTFOUND. */
	bool create;
	struct state_limits limits;
	state_mask mask;           /* may be NULL */
	const struct clock *clock; /* wall clock of turns and gaps; must outlive the state */
	const struct logger *log;  /* may be NULL; must outlive the state */
};

/*
 * Touches no file: that is opened by the first call that needs it, and again, at most every five
 * seconds, after it could not be opened, so that a service outlives a full disk. A damaged file is
 * copied to state.db.damaged and emptied, with one line in the log. ERR_NOMEM,
 * ERR_INVALID (the folder's name). The caller closes *out by state_close().
 */
enum err_code state_sqlite_open(const struct state_sqlite_options *options,
				const struct alloc *alloc, struct state **out,
				struct err *err) WARN_UNUSED;

#endif
