/* What a turn needs of what was said before, and leaves for what comes after. */
#ifndef DOCS_BOT_SERVE_TALK_H
#define DOCS_BOT_SERVE_TALK_H

#include "serve/service.h"

/*
 * The history of a job's conversation: what the client sent, or else what is remembered of its session.
 * A memory that fails is an empty one. Lives in the arena.
 */
enum err_code talk_history(const struct job *job, struct arena *arena, struct history *out,
			   struct err *err) WARN_UNUSED;

/* Remembers question and answer of a session, and a question that the documentation leaves open. */
void talk_remember(const struct job *job, const struct answer_result *result);

#endif
