/*
 * What stands between the outside and a reader: questions are cleaned on their way in, text of
 * documents and of models on its way out. docs/security.md gives the threats.
 */
#ifndef DOCS_BOT_ANSWER_GUARD_H
#define DOCS_BOT_ANSWER_GUARD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A question without control characters (newline and tab stay), invisible and bidirectional
 * characters, tags; NFC is left alone. In the arena, or `text` itself when nothing changed. Must be
 * valid UTF-8.
 */
enum err_code guard_question(struct str text, struct arena *arena, struct str *out,
			     struct err *err) WARN_UNUSED;

/*
 * Text of a document for a prompt: as guard_question(), and what models read as the border of a
 * message ("<|im_start|>", "[INST]", "</s>", …) is taken apart.
 */
enum err_code guard_source(struct str text, struct arena *arena, struct str *out,
			   struct err *err) WARN_UNUSED;

/* Whether the text speaks to an assistant instead of a reader ("ignore all previous instructions"). */
bool guard_is_injection(struct str text);

/* What may pass. Immutable while a filter uses it; calls come from the filter's thread. */
struct guard_policy {
	void *ctx;
	/* Whether links to this host (lower case, no port) may be shown. NULL: none but citations. */
	bool (*host_allowed)(void *ctx, struct str host);
	const struct str *citations; /* addresses that were retrieved: [1] … [citation_count] */
	size_t citation_count;
};

/*
 * A filter for an answer that arrives in pieces. Text comes out as soon as it cannot be the
 * beginning of something that must not pass: links and addresses that the policy does not allow
 * become their words, images, HTML, javascript: and data: addresses, invisible characters vanish, a [n] that names no source
 * vanishes. Holds back at most GUARD_HOLD bytes.
 */
#define GUARD_HOLD 4096
struct guard_filter;

enum err_code guard_open(const struct guard_policy *policy, const struct alloc *alloc,
			 struct guard_filter **out, struct err *err) WARN_UNUSED;
void guard_close(struct guard_filter *filter); /* NULL is fine */

/* Takes a piece (valid UTF-8), appends to `out` what may be shown. */
enum err_code guard_push(struct guard_filter *filter, struct str piece, struct buf *out,
			 struct err *err) WARN_UNUSED;
/* The end of the answer: what was held back. */
enum err_code guard_finish(struct guard_filter *filter, struct buf *out,
			   struct err *err) WARN_UNUSED;

struct guard_report {
	size_t links_removed, images_removed, html_removed, citations_removed, hidden_removed;
};
struct guard_report guard_report(const struct guard_filter *filter);

/* Which of [1] … [n] have come out so far; n bits, citation_count of the policy. */
bool guard_cited(const struct guard_filter *filter, size_t n);

#endif
