/* The words of a question and how much of them a text holds: for choosing what to quote. */
#ifndef DOCS_BOT_ANSWER_TERMS_H
#define DOCS_BOT_ANSWER_TERMS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define TERMS_MAX 64

struct term {
	struct str word; /* lower case, as it stands in the question */
	struct str stem; /* its beginning, a light suffix cut */
	double weight;   /* inverse document frequency, set by terms_weigh() */
	size_t synonyms; /* the group that its stem belongs to, private to terms.c */
};

struct terms {
	struct term items[TERMS_MAX];
	size_t count;
};

/* Whether the word, in any case, says nothing about a topic: "the", "how", "please". */
bool terms_stop_word(struct str word);

/* The distinct content words of a question: stop words dropped, identifiers also in parts. */
enum err_code terms_of(struct str question, struct arena *arena, struct terms *out,
		       struct err *err) WARN_UNUSED;

/*
 * The names in a question that are written as code is: with '_' inside, in camelCase, with dashes in
 * front, or the key of a label ("set_caching_options", "trialTemplate", "--dry-run",
 * "example.org/max-runs"). Each once, at most `max`; versions, hosts, paths, files and names of
 * exceptions are none. Views into the question. Returns how many.
 */
size_t terms_names(struct str question, struct str *out, size_t max);

/*
 * Whether a word of a text counts as the term: an inflection of it, a camelCase word with such a part,
 * or a common synonym; a number only as it stands.
 */
bool terms_matches(const struct term *term, struct str word);

/* The next word at or after *at, which goes behind it; false at the end. */
bool terms_next_word(struct str text, size_t *at, struct str *word);

/* Which of the terms the text holds, by bit. Linear in the text times terms. */
uint64_t terms_found(const struct terms *terms, struct str text);

/* Sum of the weights of these terms. */
double terms_weight(const struct terms *terms, uint64_t found);

/* Weighs each term by how few of the texts hold it: ln(1 + n / df) (Spärck Jones 1972). */
void terms_weigh(struct terms *terms, const struct str *texts, size_t count);

/* Sum of the weights of the terms that the text holds. Linear in the text times terms. */
double terms_score(const struct terms *terms, struct str text);

/* Share of the terms, by weight, that stand in one of the texts: 0 … 1. */
double terms_coverage(const struct terms *terms, const struct str *texts, size_t count);

#endif
