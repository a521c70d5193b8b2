/* Writes an answer piece by piece to its sink, and keeps text and citations for the result. */
#ifndef DOCS_BOT_ANSWER_COMPOSE_H
#define DOCS_BOT_ANSWER_COMPOSE_H

#include "answer/answer.h"
#include "answer/extract.h"
#include "base/buf.h"

struct composer {
	const struct answer_sink *sink;
	const struct clock *clock;
	int64_t started_us;
	struct arena *arena;
	struct answer_result *out;
	struct buf text;
	size_t sent; /* bytes of text that the sink has */
};

/* Nothing is written yet. compose_release() must follow in every case. */
void compose_begin(struct composer *c, const struct answer_sink *sink, const struct clock *clock,
		   int64_t started_us, struct arena *arena, struct answer_result *out);

/*
 * The quotes in reading order, each paragraph and item with its citation [n]. Code stands under the
 * text it follows; where it comes first of its source, under a line with the heading and [n].
 */
enum err_code compose_quotes(struct composer *c, const struct extract *extract,
			     struct err *err) WARN_UNUSED;

/* Says that the documentation does not answer, and names up to `nearest` distinct pages. */
enum err_code compose_abstention(struct composer *c, size_t nearest, struct err *err) WARN_UNUSED;

/* Moves the text into the result. */
enum err_code compose_end(struct composer *c, struct err *err) WARN_UNUSED;
void compose_release(struct composer *c);

#endif
