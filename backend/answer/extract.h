/* The extractive answer: what to quote from the retrieved sections, in reading order. */
#ifndef DOCS_BOT_ANSWER_EXTRACT_H
#define DOCS_BOT_ANSWER_EXTRACT_H

#include "answer/passage.h"
#include "answer/retrieve.h"

struct quote {
	size_t source; /* index into the sources of the answer, from 0 */
	enum unit_kind kind;
	struct str text;
	struct str language;
	bool cut_before, cut_after; /* lines of code are left out there */
	bool same_paragraph;        /* goes on in the paragraph of the quote before it */
};

struct extract {
	struct quote *quotes;
	size_t count;
	const struct retrieve_result **sources; /* that are quoted, best first */
	size_t source_count;
	double coverage; /* share of the question's terms, by weight, that the top sections hold */
};

/*
 * Chooses the sentences, list items and code that share most of the question's rarer words, most
 * from the best section. Quotes are views into the passages, never changed. Lists live in the
 * arena. Nothing is chosen from an empty list.
 */
enum err_code extract_quotes(struct str question, const struct retrieve_results *results,
			     struct arena *arena, struct extract *out, struct err *err) WARN_UNUSED;

#endif
