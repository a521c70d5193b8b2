/* How many tokens a text may become in a language model whose tokenizer is not here. */
#ifndef DOCS_BOT_ANSWER_BUDGET_H
#define DOCS_BOT_ANSWER_BUDGET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * An estimate that is rather too high, for byte-pair vocabularies of 32,000 words and more: letters
 * by four, digits and punctuation one by one, other bytes than ASCII one by one. docs/decisions says
 * how it compares with real ones.
 */
size_t budget_tokens(struct str text);

/* The longest beginning of whole lines, or else of whole code points, that fits. */
struct str budget_cut(struct str text, size_t tokens);

/*
 * The beginning and the end of a text that is too long, with a line that says so between; both are
 * what questions with a log in them need. `text` itself when it fits, else in the arena.
 */
enum err_code budget_ends(struct str text, size_t tokens, struct arena *arena, struct str *out,
			  struct err *err) WARN_UNUSED;

#endif
