/* Whether what was retrieved answers the question. */
#ifndef DOCS_BOT_ANSWER_JUDGE_H
#define DOCS_BOT_ANSWER_JUDGE_H

#include "answer/extract.h"
#include "answer/retrieve.h"

/*
 * What speaks for or against an answer. Words count by how few sections of the whole corpus hold
 * them; "held" is by one of the sections found first, with its title.
 */
enum judge_feature {
	JUDGE_COSINE,        /* best cosine */
	JUDGE_MARGIN,        /* and by how much it is above retrieve_results.background */
	JUDGE_COVERED,       /* share of the question's words that the best section holds */
	JUDGE_COVERED_ALL,   /* and all sections together */
	JUDGE_TOGETHER,      /* largest share that stands in one paragraph near the question */
	JUDGE_UNKNOWN,       /* share that stands nowhere in the corpus */
	JUDGE_RAREST,        /* 1 when the rarest word is not held */
	JUDGE_NAMES,         /* share of names (terms_names()) that are not held; 0 without any */
	JUDGE_NAMES_UNKNOWN, /* and that stand nowhere in the corpus */
	JUDGE_AGREEMENT,     /* score of the best page: 1 when all rankings have it first */
	JUDGE_FEATURES
};

/* "cosine", "margin", …; static storage. */
const char *judge_feature_name(enum judge_feature feature);

struct judgement {
	double probability; /* that the sources hold the answer: calibrated, 0 … 1 */
	bool sufficient;    /* probability at or above the threshold */
	struct str
		missing; /* a version or component that the question names and the sources do not cover; empty: none */
	double features[JUDGE_FEATURES];
};

/*
 * Calibrated on the question sets, see docs/decisions. `store` may be asked for the corpus's document
 * frequencies. Lives in the arena. Calling thread only.
 */
enum err_code judge_sources(struct store *store, struct str question,
			    const struct retrieve_results *results, const struct extract *extract,
			    struct arena *arena, struct judgement *out,
			    struct err *err) WARN_UNUSED;

#endif
