/* Whether what was retrieved answers the question. */
#ifndef DOCS_BOT_ANSWER_JUDGE_H
#define DOCS_BOT_ANSWER_JUDGE_H

#include "answer/extract.h"
#include "answer/retrieve.h"

/*
 * What speaks for or against an answer. Words weigh by how few sections of the whole corpus hold
 * them, ln((N + 1) / (n + 1)); "held" is by one of the sections found first, with what it grew by.
 */
enum judge_feature {
	JUDGE_COSINE,  /* best cosine */
	JUDGE_GAP,     /* score of the best page less that of the next: 0 … 1 */
	JUDGE_COVERED, /* share of the question's words, by weight, that are held */
	JUDGE_DEPTH, /* weight of its words in the best paragraph, in words that stand once only */
	JUDGE_UNKNOWN, /* 1 when a name (terms_names()) is held by none and stands nowhere in the corpus */
	JUDGE_VERSION, /* 1 when judge_missing_version() finds one */
	JUDGE_FEATURES
};

/* "cosine", "gap", …; static storage. */
const char *judge_feature_name(enum judge_feature feature);

struct judgement {
	double probability; /* that the sources hold the answer: calibrated, 0 … 1 */
	bool sufficient;    /* probability at or above the threshold */
	/*
	 * A version, with the word before it ("Katib v0.99"), that the question names and no source
	 * covers: what the sources say is then about another one, whatever the probability. Of
	 * insufficient sources also a name in code that stands nowhere. View into the question; empty:
	 * none.
	 */
	struct str missing;
	double features[JUDGE_FEATURES];
};

/*
 * A logistic regression fitted by tests/eval/judge.py, see docs/decisions. Without any word in common
 * the probability is 0. Asks `store` in how many sections the question's words stand. Calling thread
 * only. Errors: those of the store, ERR_NOMEM.
 */
enum err_code judge_sources(struct store *store, struct str question,
			    const struct retrieve_results *results, const struct extract *extract,
			    struct arena *arena, struct judgement *out,
			    struct err *err) WARN_UNUSED;

/*
 * The first version in the question that no source covers, with the word before it. A source covers
 * one that it names, or a finer one ("1.8.22" for "1.8"), in its text, headings or path, and one that
 * its version label is or begins ("1" for "1.8"), and one whose first number stands behind
 * the same word ("KFP v2" for "KFP 2.4"). Addresses, and numbers after words that stand in no
 * source, are none. View into the question; empty: none.
 */
struct str judge_missing_version(struct str question, const struct retrieve_results *results);

#endif
