/* What to do with a question, decided without a language model and without searching. */
#ifndef DOCS_BOT_ANSWER_ROUTE_H
#define DOCS_BOT_ANSWER_ROUTE_H

#include "answer/history.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum answer_route { ROUTE_DOCS, ROUTE_KNOWLEDGE, ROUTE_ABSTAINED, ROUTE_REFUSED, ROUTE_SMALLTALK };

/* "docs", "knowledge", "abstained", "refused", "smalltalk"; static storage. */
const char *answer_route_name(enum answer_route route);

/* Collections, as bits. */
enum route_source {
	ROUTE_DOC = 1,
	ROUTE_ISSUE = 2,
	ROUTE_CODE = 4,
	ROUTE_PULL_REQUEST = 8,
};

struct route {
	enum answer_route route; /* never ROUTE_ABSTAINED: that is known after the search only */
	unsigned sources;        /* of enum route_source; 0 unless docs or knowledge */
	struct str search_query; /* standalone; empty unless sources */
	struct str reason;       /* a few words for people, e.g. "asks for the system prompt" */
	struct str reply;        /* what to say when refused or smalltalk, else empty */
};

/*
 * Deterministic; a table of rules. The question must be valid UTF-8; history may be empty. Strings
 * live in the arena or are static. Thread-safe. Errors: ERR_NOMEM, ERR_LIMIT of the arena.
 */
enum err_code route_decide(struct str question, const struct history *history, struct arena *arena,
			   struct route *out, struct err *err) WARN_UNUSED;

#endif
