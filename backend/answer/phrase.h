/*
 * Rules over folded words: tables of words with classes, and patterns of words. Both are compiled for
 * each text, which takes some hundredths of a millisecond and needs no state that lives on.
 */
#ifndef DOCS_BOT_ANSWER_PHRASE_H
#define DOCS_BOT_ANSWER_PHRASE_H

#include "answer/fold.h"

#define PHRASE_CLASSES 64

/* Words of one class, with a space between them; a word may stand in several rows. */
struct phrase_words {
	unsigned word_class; /* below PHRASE_CLASSES */
	const char *name;    /* in patterns: "@name"; NULL: not used there */
	const char *words;
};

/*
 * A pattern is a row of elements with a space between them:
 *   show|print     one word of these; @name: of a class
 *   ?please|now    the same, may be missing
 *   ~3             up to three words of the same sentence
 *   ^ and $        beginning and end of a clause (a comma, colon or bracket ends one)
 * Words are matched as they stand in folded text.
 */
struct phrase {
	const char *pattern;
	const char *label; /* what it means when it matches */
	unsigned flags;    /* of the table's own */
};

struct lexicon;

/* A text with the classes of its words, one bit each. */
struct reading {
	struct folded text;
	uint64_t *classes;
};

/* Tables are static. *out lives in the arena. Errors: those of the arena. */
enum err_code lexicon_compile(const struct phrase_words *rows, size_t count, struct arena *arena,
			      struct lexicon **out, struct err *err) WARN_UNUSED;

/*
 * The classes of a folded word: its own, and those of the word without an English ending (-s, -es,
 * -ed, -ing).
 */
uint64_t lexicon_classes(const struct lexicon *lexicon, struct str word);

/* Folds a text and looks its words up. Lives in the arena. */
enum err_code reading_make(const struct lexicon *lexicon, struct str text, struct arena *arena,
			   struct reading *out, struct err *err) WARN_UNUSED;

struct phrase_set;

/* Patterns that cannot be read are ERR_INTERNAL: a test compiles every table. */
enum err_code phrases_compile(const struct phrase *phrases, size_t count,
			      const struct lexicon *lexicon, struct arena *arena,
			      struct phrase_set **out, struct err *err) WARN_UNUSED;

struct phrase_match {
	const struct phrase *phrase;
	size_t from, to; /* words [from, to) */
};

/*
 * The first match at or after word `from`, the first phrase of the table where several begin at one
 * word; false when there is none. Words times phrases, but for the few that match in part.
 */
bool phrases_find(const struct phrase_set *set, const struct reading *reading, size_t from,
		  size_t to, struct phrase_match *out);

#endif
