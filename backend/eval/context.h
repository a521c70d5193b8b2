/* What a language model would be given to read: the text of the first results, within a budget. */
#ifndef DOCS_BOT_EVAL_CONTEXT_H
#define DOCS_BOT_EVAL_CONTEXT_H

#include "embed/embed.h"
#include "eval/profile.h"

struct eval_context {
	struct str text; /* of the results, best first, a blank line between them */
	size_t tokens;   /* of the embedding model's tokenizer, without special tokens */
};

/*
 * Whole texts while they fit into `budget` tokens; the one that does not is cut behind the last
 * token that does, and nothing follows it. Budget 0: all, uncut. In the arena.
 */
enum err_code eval_context_make(struct embedder *embedder, const struct eval_hits *hits,
				size_t budget, struct arena *arena, struct eval_context *out,
				struct err *err) WARN_UNUSED;

#endif
