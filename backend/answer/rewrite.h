/* Turns a follow-up into a query that stands by itself. */
#ifndef DOCS_BOT_ANSWER_REWRITE_H
#define DOCS_BOT_ANSWER_REWRITE_H

#include "answer/history.h"
#include "base/arena.h"
#include "base/err.h"

/*
 * Whether the question leans on what was said before ("and for notebooks?", "how do I undo that").
 * False without history.
 */
bool rewrite_is_follow_up(struct str question, const struct history *history);

/*
 * By rules: the question, and for a follow-up the subject of the turn it leans on. Identifiers,
 * versions, error strings of the question stay literally. *out is the question itself when nothing
 * is to be added, else in the arena.
 */
enum err_code rewrite_by_rules(struct str question, const struct history *history,
			       struct arena *arena, struct str *out, struct err *err) WARN_UNUSED;

/*
 * What a language model made of it, checked: one line, bounded, every version, identifier, quoted
 * string and component name of the question in it (missing ones are appended), none of a topic that the question left. An empty or
 * useless proposal gives rewrite_by_rules().
 */
enum err_code rewrite_accept(struct str question, const struct history *history,
			     struct str proposal, struct arena *arena, struct str *out,
			     struct err *err) WARN_UNUSED;

#endif
