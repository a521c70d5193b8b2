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
 * A question without control characters (newline and tab stay), terminal escapes, invisible and
 * bidirectional characters, tags, and variation selectors that vary nothing; NFC is left alone. In
 * the arena, or `text` itself when nothing changed. Must be valid UTF-8. Errors: ERR_NOMEM, ERR_LIMIT.
 */
enum err_code guard_question(struct str text, struct arena *arena, struct str *out,
			     struct err *err) WARN_UNUSED;

/*
 * Text of a document, a question or an earlier turn for a prompt: as guard_question(), and what
 * models read as the border of a message ("<|im_start|>", "[INST]", "</s>", "### Instruction:", a
 * line that begins with "Human:") is taken apart by a space.
 */
enum err_code guard_source(struct str text, struct arena *arena, struct str *out,
			   struct err *err) WARN_UNUSED;

/*
 * Whether the text speaks to an assistant instead of a reader ("ignore all previous instructions").
 * Of a long text the first GUARD_INJECTION_MAX bytes are looked at: ask by sentence or section. Linear
 * time, no allocation.
 */
#define GUARD_INJECTION_MAX 65536
bool guard_is_injection(struct str text);

/*
 * The text of a source without the lines that speak to an assistant, alone or together with the lines
 * around them (comments are wrapped), and without the line behind each, which may be what is to be
 * said. In the arena, or `text` itself. *dropped counts lines. Errors: ERR_NOMEM, ERR_LIMIT.
 */
enum err_code guard_without_injections(struct str text, struct arena *arena, struct str *out,
				       size_t *dropped, struct err *err) WARN_UNUSED;

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
 * become their words, images, HTML, javascript: and data: addresses, terminal escapes and invisible
 * characters vanish, a [n] that names no source vanishes; commands that fetch from where the policy
 * does not allow become a note. Code is otherwise left as it is, byte by byte. How the answer was
 * cut into pieces makes no difference to what comes out. Holds back at most GUARD_HOLD bytes.
 */
#define GUARD_HOLD 4096
struct guard_filter;

enum err_code guard_open(const struct guard_policy *policy, const struct alloc *alloc,
			 struct guard_filter **out, struct err *err) WARN_UNUSED;
void guard_close(struct guard_filter *filter); /* NULL is fine */

/*
 * Takes a piece of UTF-8 (it may end within a character; bytes that are none are dropped), appends to
 * `out` what may be shown, in whole characters. Errors: ERR_NOMEM, ERR_LIMIT of `out`.
 */
enum err_code guard_push(struct guard_filter *filter, struct str piece, struct buf *out,
			 struct err *err) WARN_UNUSED;
/* The end of the answer: what was held back. */
enum err_code guard_finish(struct guard_filter *filter, struct buf *out,
			   struct err *err) WARN_UNUSED;

/*
 * A whole text at once, such as the title of a page, in the arena. One that speaks to an assistant
 * (guard_is_injection) gives "(left out)".
 */
enum err_code guard_text(const struct guard_policy *policy, struct str text, struct arena *arena,
			 struct str *out, struct err *err) WARN_UNUSED;

struct guard_report {
	size_t links_removed, images_removed, html_removed, citations_removed, hidden_removed;
	size_t commands_removed;
};
struct guard_report guard_report(const struct guard_filter *filter);

/* Whether [n] has come out so far, 1 … citation_count of the policy. */
bool guard_cited(const struct guard_filter *filter, size_t n);

#endif
