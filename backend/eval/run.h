/* Runs a question set through one or more methods of retrieval and through the answer workflow. */
#ifndef DOCS_BOT_EVAL_RUN_H
#define DOCS_BOT_EVAL_RUN_H

#include "eval/metrics.h"
#include "eval/profile.h"
#include "eval/set.h"

struct eval_options {
	bool profiles[EVAL_PROFILES]; /* which to run; one at least */
	bool answers;                 /* measure answers too; those are of this program's method */
	size_t context_tokens;        /* budget of EVAL_DOCS_BOT for fact_recall@5; 0: none */
	/* Told after each question, on the thread of the run; may be NULL. */
	void (*progress)(void *ctx, size_t done, size_t total);
	void *progress_ctx;
};

/* One question by one method. */
struct eval_ranking {
	size_t rank;                 /* of the first gold page, 0: not among the ten pages */
	double scores[METRIC_COUNT]; /* of docs and follow_up questions */
	double plain_scores
		[METRIC_COUNT]; /* of follow_up questions: as they stand, not rewritten */
	double took_ms;
	float cosine; /* best of the retrieved */
	size_t context_tokens;
	struct eval_hit top[EVAL_TOP]; /* without their texts */
	size_t top_count;
	const struct str **missing; /* facts that are not in the context */
	size_t missing_count;
};

struct eval_outcome { /* one question */
	const struct question *question;
	struct eval_ranking rankings[EVAL_PROFILES]; /* of the profiles that ran */
	bool answered;                               /* the members below are set */
	enum answer_route route;
	double answer_fact_recall, answer_ms;
	double added_ms; /* of answer_ms: not waiting for a language model */
	size_t answer_bytes;
	const struct str **answer_missing; /* facts that are not in the answer */
	size_t answer_missing_count;
	bool cites_first; /* the first source of the answer is a gold page */
	struct judgement judgement;
};

struct eval_answers {
	double fact_recall;          /* over `docs` questions */
	double citation_validity;    /* share of citations whose address was retrieved */
	double citation_hit;         /* share of `docs` questions that cite a gold page */
	double first_source;         /* share of those that cite one first */
	double bytes;                /* mean length of the answers to `docs` questions */
	double abstention_precision; /* share of abstentions that were unanswerable */
	double abstention_recall;    /* share of unanswerable questions that were abstained */
	double false_abstention;     /* share of `docs` questions that were abstained or refused */
	double off_topic_refusal;
};

struct eval_result {
	struct eval_options options;
	const struct question_set *set;
	struct eval_outcome *outcomes; /* in the order of the set */
	struct eval_answers answers;
};

/*
 * Asks every question; variants are not answered. Everything lives in the arena. Errors: those of
 * the workflows; ERR_CANCELLED when deps->cancelled was set.
 */
enum err_code eval_run(const struct answer_deps *deps, const struct question_set *set,
		       const struct eval_options *options, struct arena *arena,
		       struct eval_result *out, struct err *err) WARN_UNUSED;

/* Whether a question has pages to find: kinds docs and follow_up. */
bool eval_wants_page(const struct question *question);

#endif
