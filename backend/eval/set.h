/* Question sets: JSON lines as docs/user-guide/evaluation.md describes them. */
#ifndef DOCS_BOT_EVAL_SET_H
#define DOCS_BOT_EVAL_SET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum question_kind { QUESTION_DOCS, QUESTION_FOLLOW_UP, QUESTION_UNANSWERABLE, QUESTION_OFF_TOPIC };

struct question {
	struct str id, text;
	enum question_kind kind;
	struct str *gold_pages; /* paths within the indexed repository */
	size_t gold_count;
	struct str *facts; /* that a good answer holds */
	size_t fact_count;
};

struct question_set {
	struct question *items;
	size_t count;
};

/*
 * Parses a whole set. Unknown members are ignored; a line that is not an object with id, question
 * and a known kind is ERR_INVALID, naming the line. Everything lives in the arena.
 */
enum err_code question_set_parse(struct str text, struct arena *arena, struct question_set *out,
				 struct err *err) WARN_UNUSED;

#endif
