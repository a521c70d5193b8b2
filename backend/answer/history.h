/* What was said before in a conversation, as the steps of the workflow get it. */
#ifndef DOCS_BOT_ANSWER_HISTORY_H
#define DOCS_BOT_ANSWER_HISTORY_H

#include "base/str.h"

enum chat_role { CHAT_USER, CHAT_ASSISTANT };

struct chat_turn {
	enum chat_role role;
	struct str text; /* valid UTF-8 */
};

/* Oldest first. */
struct history {
	const struct chat_turn *turns;
	size_t count;
};

#endif
