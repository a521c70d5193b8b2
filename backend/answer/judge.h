/* Whether what was retrieved answers the question. */
#ifndef DOCS_BOT_ANSWER_JUDGE_H
#define DOCS_BOT_ANSWER_JUDGE_H

#include "answer/extract.h"
#include "answer/retrieve.h"

struct judgement {
	double probability; /* that the sources hold the answer: calibrated, 0 … 1 */
	bool sufficient;    /* probability at or above the threshold */
	struct str
		missing; /* a version or component that the question names and the sources do not cover; empty: none */
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
