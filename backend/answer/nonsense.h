/* Notices, while a language model writes, that it writes nothing that a reader could use. */
#ifndef DOCS_BOT_ANSWER_NONSENSE_H
#define DOCS_BOT_ANSWER_NONSENSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define NONSENSE_TAIL 512 /* bytes that are remembered */

/* All zero at the beginning of an answer. */
struct nonsense {
	char tail[NONSENSE_TAIL];
	size_t len;
	size_t unchecked; /* bytes since the last look */
};

/*
 * Takes the next piece. True when the answer has begun to repeat itself: the same run of at most 96
 * bytes that holds letters, over and over until it fills 400 bytes; of at most 240 bytes, twice and more in
 * all that is remembered. Costs a few comparisons per byte.
 */
bool nonsense_repeats(struct nonsense *state, struct str piece);

/*
 * Whether the beginning of a text is a tool call in the syntax of a model rather than an answer. A text
 * of fewer bytes than this may still become one while it is a prefix of such a beginning: then *open.
 */
bool nonsense_is_tool_syntax(struct str beginning, bool *open);

#endif
