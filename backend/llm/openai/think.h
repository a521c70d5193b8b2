/* Tells `<think>…</think>` at the start of a text, which comes in pieces, from what is said. */
#ifndef DOCS_BOT_LLM_OPENAI_THINK_H
#define DOCS_BOT_LLM_OPENAI_THINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum think_state { THINK_BEGIN, THINK_INSIDE, THINK_BEHIND, THINK_TEXT };

struct think {
	enum think_state state;
	size_t matched; /* bytes of the tag that is being read */
	size_t spaces;  /* white space in front of it, held back */
	char space[16];
};

/* Where the parts go; false stops. Pieces are cut between code points if those that come in are. */
struct think_out {
	void *ctx;
	bool (*text)(void *ctx, struct str piece);
	bool (*reasoning)(void *ctx, struct str piece);
};

/* Starts from a struct think of zeros. */
bool think_feed(struct think *think, struct str piece, const struct think_out *out);
/* Nothing more comes: what was held back is what it looks like. */
bool think_end(struct think *think, const struct think_out *out);

#endif
