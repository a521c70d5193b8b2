/* Question sets: JSON lines as docs/user-guide/evaluation.md describes them. */
#ifndef DOCS_BOT_EVAL_SET_H
#define DOCS_BOT_EVAL_SET_H

#include "answer/history.h"
#include "answer/route.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum question_kind {
	QUESTION_DOCS,
	QUESTION_FOLLOW_UP,
	QUESTION_UNANSWERABLE,
	QUESTION_OFF_TOPIC,
	QUESTION_ROUTE, /* only how it is to be handled is known: nothing is searched */
};

/* "docs", "follow_up", "unanswerable", "off_topic", "route"; static storage. */
const char *question_kind_name(enum question_kind kind);

struct question {
	struct str id, text;
	struct str file;  /* the set's name */
	struct str group; /* what it is an example of ("version", "yaml"); may be empty */
	enum question_kind kind;
	struct str *gold_pages; /* paths within the indexed repository */
	size_t gold_count;
	struct str *facts; /* that a good answer holds */
	size_t fact_count;
	struct history history;  /* what was said before; of any kind, mostly of follow-ups */
	enum answer_route route; /* wanted; of kinds without one what the kind implies */
	unsigned sources;        /* wanted, 0: any */
	struct str *tags;
	size_t tag_count;
	/*
	 * A question in other clothes (typing errors, upper case): the id of the original, what was
	 * changed, and where the original stands in the set. Empty for every other question.
	 */
	struct str variant_of, change;
	size_t original;
};

struct question_set {
	struct question *items;
	size_t count;
};

/*
 * Parses a whole set of this name. Unknown members are ignored; a line that is not an object with
 * id, question and a known kind is ERR_INVALID, naming the line. Everything lives in the arena.
 */
enum err_code question_set_parse(struct str text, struct str name, struct arena *arena,
				 struct question_set *out, struct err *err) WARN_UNUSED;

/* The questions of a kind's half of a set: those of kind route, or all others. In the arena. */
enum err_code question_set_pick(const struct question_set *set, bool routes, struct arena *arena,
				struct question_set *out, struct err *err) WARN_UNUSED;

/*
 * Puts sets one behind the other, in the arena, and finds the originals of variants. ERR_INVALID
 * when two questions have one id, or the original of a variant is missing, itself a variant, or has
 * no gold pages.
 */
enum err_code question_set_join(const struct question_set *sets, size_t count, struct arena *arena,
				struct question_set *out, struct err *err) WARN_UNUSED;

#endif
