/* The file that --history names. */
#ifndef DOCS_BOT_CMD_HISTORY_H
#define DOCS_BOT_CMD_HISTORY_H

#include "answer/history.h"
#include "cmd/command.h"

/*
 * Reads a JSON list of {"role": "user"|"assistant", "content": "…"}, oldest first, into the command's
 * arena; other roles ("system", "tool") are left out with a warning, and of a long list the newest
 * turns are kept. No --history: an empty history. ERR_LIMIT for a file over 16 MB, ERR_INVALID, naming
 * the entry, for what is no such list.
 */
enum err_code history_load(struct context *ctx, struct history *out, struct err *err) WARN_UNUSED;

/* The same from text that is in memory. */
enum err_code history_parse(struct str text, struct arena *arena, const struct logger *log,
			    struct history *out, struct err *err) WARN_UNUSED;

/* The row for a command's table of options. */
#define HISTORY_OPTION                                                                             \
	{                                                                                          \
		"history", "FILE", "what was said before: a JSON list of {role, content}"          \
	}

#endif
