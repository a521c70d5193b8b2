/* How far an answer is supported by its sources, sentence by sentence. */
#ifndef DOCS_BOT_ANSWER_GROUND_H
#define DOCS_BOT_ANSWER_GROUND_H

#include "answer/retrieve.h"

struct ground_sentence {
	struct str text; /* view into the answer */
	double support;  /* 0 … 1, by words and, where these do not decide, by cosine */
	bool claims;     /* states something: no greeting, heading or question */
	bool supported;
};

struct ground {
	struct ground_sentence *sentences;
	size_t count;
	size_t claims, unsupported;
	bool grounded; /* there are claims, and all of them but a small share are supported */
};

/*
 * Scores an answer (Markdown) against the texts of its sources. Embeds only sentences that words
 * leave open; embedder may be NULL (words alone). Lives in the arena.
 */
enum err_code ground_check(struct embedder *embedder, struct str answer,
			   const struct retrieve_results *sources, struct arena *arena,
			   struct ground *out, struct err *err) WARN_UNUSED;

#endif
