/* Writes an answer piece by piece to its sink, through the guard, and keeps text and citations. */
#ifndef DOCS_BOT_ANSWER_COMPOSE_H
#define DOCS_BOT_ANSWER_COMPOSE_H

#include "answer/answer.h"
#include "answer/extract.h"
#include "answer/guard.h"
#include "answer/prompt.h"
#include "base/buf.h"

struct composer {
	const struct answer_sink *sink;
	const struct clock *clock;
	int64_t started_us;
	struct arena *arena;
	struct answer_result *out;
	const struct prompt_sources *sources; /* [n] is items[n - 1] */
	struct str urls[PROMPT_SOURCES_MAX];
	struct guard_policy policy;
	struct guard_filter *filter;    /* NULL until the first text */
	bool cited[PROMPT_SOURCES_MAX]; /* by text that is through an earlier filter */
	struct buf raw, text;           /* not yet through the guard; what the reader gets */
	size_t sent;                    /* bytes of text that the sink has */
	/* Where the text stands in Markdown: at the beginning of a line, after so many backticks there,
	 * in a block of code. */
	bool line_start, in_code;
	unsigned ticks;
	bool hold; /* nothing is sent until compose_release_hold() */
};

/* Nothing is written yet. compose_release() must follow in every case. `sources` may still grow. */
void compose_begin(struct composer *c, const struct answer_deps *deps,
		   const struct answer_sink *sink, int64_t started_us,
		   const struct prompt_sources *sources, struct arena *arena,
		   struct answer_result *out);

/* Text of ours or of a model; the guard sees all of it. */
enum err_code compose_text(struct composer *c, struct str text, struct err *err) WARN_UNUSED;

/* True when the reader has, or is to get, any text. */
bool compose_began(const struct composer *c);

/*
 * The quotes in reading order, each paragraph and item with its citation [n]. Code stands under the
 * text it follows; where it comes first of its source, under a line with the heading and [n].
 */
enum err_code compose_quotes(struct composer *c, const struct extract *extract,
			     struct err *err) WARN_UNUSED;

/*
 * After a model failed: ends what it had begun (an open block of code included) and says so; when it had
 * not begun, says `instead` (a sentence).
 */
enum err_code compose_fallback(struct composer *c, struct str instead, struct err *err) WARN_UNUSED;

/*
 * Says that the documentation does not answer, or does not cover `missing`, and lists the sources as the nearest
 * pages.
 */
enum err_code compose_abstention(struct composer *c, struct str missing,
				 struct err *err) WARN_UNUSED;

/* Ends a block of code that is open, e.g. of a reply that was cut. */
enum err_code compose_close_code(struct composer *c, struct err *err) WARN_UNUSED;

/* Lets out what the guard still holds back; more may follow. */
enum err_code compose_flush(struct composer *c, struct err *err) WARN_UNUSED;

/* Throws away what was held back, as if it had never been written. Only while `hold`. */
void compose_discard(struct composer *c);
/* Sends what was held back. */
enum err_code compose_unhold(struct composer *c, struct err *err) WARN_UNUSED;

/*
 * Lets the guard's rest out, makes the citations of the sources that the text cites (of the first
 * three sources when it cites none and `uncited`), and moves the text into the result.
 */
enum err_code compose_end(struct composer *c, const struct extract *extract, bool uncited,
			  struct err *err) WARN_UNUSED;
void compose_release(struct composer *c);

#endif
