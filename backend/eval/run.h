/* Runs a question set through retrieval and the answer workflow and measures both. */
#ifndef DOCS_BOT_EVAL_RUN_H
#define DOCS_BOT_EVAL_RUN_H

#include "answer/answer.h"
#include "eval/set.h"

struct eval_retrieval { /* means over questions */
	size_t n;
	double hit1, hit3, hit5, hit10, mrr10, ndcg10, fact_recall5;
};

struct eval_answers {
	double fact_recall;          /* over `docs` questions */
	double citation_validity;    /* share of citations whose address was retrieved */
	double citation_hit;         /* share of `docs` questions that cite a gold page */
	double abstention_precision; /* share of abstentions that were unanswerable */
	double abstention_recall;    /* share of unanswerable questions that were abstained */
	double refused_answerable;   /* share of `docs` questions that were abstained or refused */
	double off_topic_refusal;
};

struct eval_outcome { /* one question */
	const struct question *question;
	size_t rank;           /* of the first gold page, 0: not among the results */
	struct str first_page; /* that came instead */
	double fact_recall5, answer_fact_recall;
	enum answer_route route;
	float cosine; /* best of the retrieved */
};

struct eval_result {
	size_t n;
	struct eval_retrieval retrieval, follow_up; /* kind docs; kind follow_up */
	struct eval_answers answers;
	double p50_ms, p95_ms; /* per question: answer, or retrieval when that alone ran */
	struct eval_outcome *outcomes;
};

/* Everything lives in the arena. `answers` false: retrieval only. */
enum err_code eval_run(const struct answer_deps *deps, const struct question_set *set, bool answers,
		       struct arena *arena, struct eval_result *out, struct err *err) WARN_UNUSED;

#endif
