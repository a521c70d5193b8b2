/* How far an answer is supported by its sources, sentence by sentence. */
#ifndef DOCS_BOT_ANSWER_GROUND_H
#define DOCS_BOT_ANSWER_GROUND_H

#include "answer/retrieve.h"

/*
 * What the support of a sentence is computed from. A window is a sentence of a source with its
 * neighbours; literals are what must be right to the letter: code, names, flags, numbers, versions,
 * addresses, and proper names.
 */
enum ground_feature {
	GROUND_WINDOW, /* share of the sentence's words, by rarity, in the best window */
	GROUND_SOURCE, /* and in the source that it stands in */
	GROUND_FAR,    /* share of the literals that stand in that source, but not in the window */
	GROUND_ELSEWHERE, /* and that stand in other sources only */
	GROUND_INVENTED,  /* 1 when one stands in none */
	GROUND_POLARITY, /* 1 when either the sentence or the nearest one of the window says "not" */
	GROUND_COSINE,   /* of the sentence and the window; 0 unless it was embedded */
	GROUND_FEATURES
};

/* "window", "source", …; static storage. */
const char *ground_feature_name(enum ground_feature feature);

struct ground_sentence {
	struct str text; /* view into the answer; of code: the block without its fences */
	double support;  /* 0 … 1, by words and, where these do not decide, by cosine */
	bool claims;     /* states something: no greeting, heading or question */
	bool supported;
	bool invented; /* a flag, name, number or address in it stands in no source */
	double features[GROUND_FEATURES];
};

struct ground {
	struct ground_sentence *sentences;
	size_t count;
	size_t claims, unsupported;
	bool grounded; /* there are claims, and all of them but a small share are supported */
};

/*
 * Scores an answer (Markdown) against the texts of its sources. Embeds only sentences that words
 * leave open, a few, in one call; embedder may be NULL (words alone). Of a long answer the first
 * sentences are checked, and it is not grounded when there are more. Lives in the arena. Errors: those
 * of embed_texts(), ERR_NOMEM, ERR_LIMIT.
 */
enum err_code ground_check(struct embedder *embedder, struct str answer,
			   const struct retrieve_results *sources, struct arena *arena,
			   struct ground *out, struct err *err) WARN_UNUSED;

#endif
