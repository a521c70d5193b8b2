/* From the sections that were found to as much of their surroundings as a budget of tokens allows. */
#ifndef DOCS_BOT_ANSWER_EXPAND_H
#define DOCS_BOT_ANSWER_EXPAND_H

#include "answer/retrieve.h"

#define EXPAND_RESULTS 5 /* the first results, which share the budget */

/*
 * Sets `text` of every result: of the first EXPAND_RESULTS the section with whole neighbours of the
 * same page, below before above, the best result first, as long as all of them together have at most
 * `budget` tokens (of the embedder's tokenizer) and one has three quarters of it; a section stands in
 * one result only. Of the others, and of those that alone exceed the budget, the section itself.
 * Texts live in the arena. Errors: those of the store and the tokenizer.
 */
enum err_code expand_results(struct store *store, struct embedder *embedder, size_t budget,
			     struct retrieve_results *results, struct arena *arena,
			     struct err *err) WARN_UNUSED;

#endif
