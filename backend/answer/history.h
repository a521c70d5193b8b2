/* What was said before in a conversation, as the steps of the workflow get it. */
#ifndef DOCS_BOT_ANSWER_HISTORY_H
#define DOCS_BOT_ANSWER_HISTORY_H

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
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

#define HISTORY_TURNS_MAX  40         /* the newest are kept */
#define HISTORY_TURN_BYTES (16 << 10) /* longer ones are cut */

/*
 * From a JSON list of {role, content}, as chat APIs have it. Turns of other roles than "user" and
 * "assistant", and contents that are no text, are left out: a client must not speak for the system.
 * Lives in the arena. Errors: ERR_NOMEM, ERR_LIMIT of the arena.
 */
enum err_code history_from_json(const json_t *list, struct arena *arena, struct history *out,
				struct err *err) WARN_UNUSED;

#endif
