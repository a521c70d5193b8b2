/* The query workflow: retrieve, judge, quote. run.c reads top to bottom. */
#ifndef DOCS_BOT_ANSWER_ANSWER_H
#define DOCS_BOT_ANSWER_ANSWER_H

#include <stdatomic.h>

#include "answer/judge.h"
#include "answer/retrieve.h"
#include "answer/route.h"

struct answer_citation {
	int index;          /* the n of [n] in the text, from 1 */
	struct str title;   /* page */
	struct str section; /* heading */
	struct str url;     /* with anchor */
	struct str quote;   /* first words that the answer took from there */
};

/*
 * Receives an answer as it is made, on the thread that runs it. Any may be NULL. Returning false
 * (the reader has gone) cancels the run.
 */
struct answer_sink {
	void *ctx;
	bool (*status)(void *ctx, const char *stage); /* "retrieving", "generating" */
	bool (*text)(void *ctx, struct str piece);    /* valid UTF-8, in order */
};

struct answer_deps {
	struct store *store;
	struct embedder *embedder;
	const struct clock *clock;
	const struct retrieve_tuning *tuning; /* NULL: the default */
	const atomic_bool *cancelled;         /* may be NULL; polled at every stage */
	struct rerank_stage *rerank;          /* NULL: no reranker */
};

struct answer_result {
	struct str text;
	struct answer_citation *citations;
	size_t citation_count;
	enum answer_route route;
	bool grounded; /* every sentence is quoted from a cited source */
	bool abstained;
	struct retrieve_results retrieved;
	struct judgement judgement; /* of the retrieved; zero when nothing was searched */
	int64_t retrieval_us, first_token_us, total_us;
};

/*
 * Answers one question. Without a language model the answer quotes the documents. Everything in
 * *out lives in the arena. Errors: as retrieve(); ERR_CANCELLED when the reader left.
 */
enum err_code answer_run(const struct answer_deps *deps, struct str question,
			 const struct answer_sink *sink, struct arena *arena,
			 struct answer_result *out, struct err *err) WARN_UNUSED;

#endif
