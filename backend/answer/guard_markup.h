/* References, tags and links of Markdown and HTML: private to answer/guard*.c. */
#ifndef DOCS_BOT_ANSWER_GUARD_MARKUP_H
#define DOCS_BOT_ANSWER_GUARD_MARKUP_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * The text that is there so far. Whoever reads past its end gets -1, and `past` is set: with more text
 * the answer might be another one.
 */
struct guard_view {
	struct str text;
	bool past;
};

int guard_peek(struct guard_view *view, size_t at);

/* "&#58;", "&colon;" at `at`: its length, or 0; *codepoint is what it stands for. */
size_t guard_reference(struct guard_view *view, size_t at, int32_t *codepoint);

enum guard_tag {
	GUARD_TAG_NONE,  /* a '<' as any other character */
	GUARD_TAG_HTML,  /* *end is behind it (of scripts: behind what they hold) */
	GUARD_TAG_SPACE, /* the same, and the words around it are two */
	GUARD_TAG_OPEN,  /* begins one that does not end: *end is behind what opens it */
	GUARD_TAG_LINK,  /* <https://…>, <name@host>: *end is behind the '>' */
};

/* What the '<' at `at` begins. */
enum guard_tag guard_tag(struct guard_view *view, size_t at, size_t *end);

/* Whether the '<' at `at` begins an element that loads or runs something, within code. */
bool guard_is_live_tag(struct str text, size_t at);

/* Behind the ']' that closes the '[' at `at`, or 0. */
size_t guard_bracket(struct guard_view *view, size_t at);

/* "(dest "title")" at `at`: behind the ')', or 0. *from and *to bound the destination. */
size_t guard_destination(struct guard_view *view, size_t at, size_t *from, size_t *to);

/* Behind the run of the same length that closes the `count` backticks before `at`, or 0. */
size_t guard_span(struct guard_view *view, size_t at, size_t count);

/* The destination with references and backslashes resolved; what does not fit into `out` is dropped. */
struct str guard_unescape(struct str text, char *out, size_t size);

#endif
