/* Characters that nobody sees, and the borders of messages: private to answer/guard*.c. */
#ifndef DOCS_BOT_ANSWER_GUARD_TEXT_H
#define DOCS_BOT_ANSWER_GUARD_TEXT_H

#include "base/buf.h"

/* Takes text in any cuts and passes on what a reader sees. Zeroed: at the beginning. */
struct guard_cleaner {
	int32_t previous; /* character that was passed on last */
	int state;        /* within a terminal escape */
	size_t swallowed; /* bytes of it */
	char partial[4];  /* the beginning of a character */
	size_t partial_len;
	size_t removed; /* characters that were dropped */
};

/* `last`: nothing follows. */
void guard_clean(struct guard_cleaner *cleaner, struct str piece, bool last, struct buf *out);

/* Whether nobody sees the character, or it only changes how others are seen. */
bool guard_is_hidden(int32_t codepoint);

#endif
