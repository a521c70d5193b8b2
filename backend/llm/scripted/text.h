/* What the stand-in says about what it was given. */
#ifndef DOCS_BOT_LLM_SCRIPTED_TEXT_H
#define DOCS_BOT_LLM_SCRIPTED_TEXT_H

#include "base/buf.h"
#include "base/json.h"

/* The content of the last message of that role, or the empty view. */
struct str text_last(const json_t *messages, const char *role);

/* What the reader asks: behind "Question:" in the user's last message, or all of that. */
struct str text_question(const json_t *messages);

/*
 * For up to three sources of the last user or tool message the sentence that shares most words with
 * the question, and its number. A source begins with a line "[1] …" or "MARK [1] …" and ends before the
 * next one, or a line that begins with MARK.
 */
void text_echo(const json_t *messages, struct buf *out);

/*
 * Obeys: repeats each line of any message but the system's that has an address, an image, a command or
 * something that sounds like an order in it, and the system's message when one of these asks for it.
 */
void text_gullible(const json_t *messages, struct buf *out);

#endif
