/* Whether a text fishes for the assistant's prompt or configuration, however it is written. */
#ifndef DOCS_BOT_ANSWER_ROUTE_FISHING_H
#define DOCS_BOT_ANSWER_ROUTE_FISHING_H

#include "answer/phrase.h"

/* The compiled tables that all steps of one decision share. */
struct route_rules {
	struct lexicon *lexicon;
	struct phrase_set *sets[8]; /* by enum route_phrases */
};

/* Compiles every table. In the arena. Errors: those of the arena; ERR_INTERNAL for a bad pattern. */
enum err_code route_rules_make(struct arena *arena, struct route_rules *out,
			       struct err *err) WARN_UNUSED;

/*
 * Reads the text as it is, with digits for letters (l33t), with letters apart, backwards, turned by 13,
 * and decoded from base64, hexadecimal, binary, percent signs and character references. *why is the
 * reason (static storage), or NULL. Misspelt words
 * that rules depend on are corrected in the reading. Bounded: encodings are looked for in the first 32 kB. Errors:
 * those of the arena.
 */
enum err_code route_find_fishing(const struct route_rules *rules, struct str text,
				 struct reading *reading, struct arena *arena, const char **why,
				 struct err *err) WARN_UNUSED;

/* Whether the sentence around word `at` asks how to do something ("how do I", "can we"). */
bool route_asks_howto(const struct reading *reading, size_t at);

/* Words [*from, *to) of the sentence around word `at`. */
void route_sentence(const struct reading *reading, size_t at, size_t *from, size_t *to);

#endif
