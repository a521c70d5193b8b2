/*
 * Text as rules compare it: words in one case, without marks, look-alikes of other scripts and widths
 * of characters resolved, so that "ІGN0RΕ", "ｉｇｎｏｒｅ" and "i​gnore" do not hide from a table of words.
 */
#ifndef DOCS_BOT_ANSWER_FOLD_H
#define DOCS_BOT_ANSWER_FOLD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* What stands between a word and the one before it. */
enum fold_break { FOLD_SPACE, FOLD_COMMA, FOLD_SENTENCE };

struct fold_word {
	struct str text;        /* folded; apostrophes are dropped ("whats") */
	uint32_t hash;          /* of text */
	uint32_t begin, end;    /* bytes of the original */
	enum fold_break before; /* FOLD_SENTENCE for the first word */
	bool identifier;        /* part of a token that is no prose: a_b, camelCase, --flag, v1.2 */
	bool wide_space;        /* more than one space, or another mark, before it */
};

struct folded {
	struct fold_word *words;
	size_t count;
	struct str text; /* all words, a space between two: for phrases of scripts without spaces */
	bool question;   /* a question mark stands in it */
};

/*
 * Folds valid UTF-8; characters that cannot be folded are left out. Everything lives in the arena.
 * Linear in the length. Errors: those of the arena.
 */
enum err_code fold_text(struct str text, struct arena *arena, struct folded *out,
			struct err *err) WARN_UNUSED;

/* The hash that fold_word.hash holds. */
uint32_t fold_hash(struct str word);

#endif
