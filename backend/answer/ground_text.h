/* The parts of grounding that read text: an answer's sentences, their literals, the sources' words. */
#ifndef DOCS_BOT_ANSWER_GROUND_TEXT_H
#define DOCS_BOT_ANSWER_GROUND_TEXT_H

#include "answer/retrieve.h"
#include "answer/terms.h"

#define GROUND_SENTENCES_MAX 200
#define GROUND_LITERALS_MAX  32

struct answer_sentence {
	struct str text;
	bool code;   /* a fenced block */
	bool claims; /* states something */
};

struct answer_sentences {
	struct answer_sentence *items;
	size_t count;
	bool more; /* the answer goes on after GROUND_SENTENCES_MAX */
};

/* Cuts Markdown into sentences, list items, table rows and code blocks; citations [n] at ends go. */
enum err_code ground_split(struct str answer, struct arena *arena, struct answer_sentences *out,
			   struct err *err) WARN_UNUSED;

/*
 * What must be right to the letter: code spans, names as terms_names() has them, numbers and
 * versions, flags, web and mail addresses, and words with a capital within the sentence. Views;
 * returns how many.
 */
size_t ground_literals(struct str sentence, struct str out[GROUND_LITERALS_MAX]);

/* Whether the text holds the literal, in any case, not as a part of a longer word. */
bool ground_holds(struct str text, struct str literal);

/* Whether the sentence says "not", "never", "without" and the like. */
bool ground_negates(struct str sentence);

/* A sentence, list item or line of code of a source. */
struct source_unit {
	struct str text;
	size_t source;
};

struct source_posting {
	size_t unit;
	const struct source_posting *next;
};

/* A distinct word of the sources as it is written first, and the units that hold it. */
struct source_word {
	struct str word;
	const struct source_posting *postings;
};

struct source_index {
	const struct retrieve_results *sources;
	struct source_unit *units; /* in reading order, source by source */
	size_t unit_count;
	struct source_word *words;
	size_t word_count;
};

/* Reads the texts of the sources, each up to a limit. Linear time. Lives in the arena. */
enum err_code ground_index(const struct retrieve_results *sources, struct arena *arena,
			   struct source_index *out, struct err *err) WARN_UNUSED;

#endif
