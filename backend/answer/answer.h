/*
 * The query workflow: route, rewrite, retrieve, judge, write, verify. run.c reads top to bottom.
 */
#ifndef DOCS_BOT_ANSWER_ANSWER_H
#define DOCS_BOT_ANSWER_ANSWER_H

#include <stdatomic.h>

#include "answer/history.h"
#include "answer/judge.h"
#include "answer/retrieve.h"
#include "answer/route.h"
#include "llm/llm.h"

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
	/* What a search that the model asked for has found, as text for people. */
	bool (*tool_result)(void *ctx, struct str tool, struct str text);
};

enum answer_mode {
	ANSWER_AUTO,           /* search first; a model may search on when that is not enough */
	ANSWER_RETRIEVE_FIRST, /* search first, no tools */
	ANSWER_TOOLS,          /* the model searches by tools */
	ANSWER_EXTRACTIVE,     /* no model */
};

struct answer_settings {
	enum answer_mode mode;
	const char *project;      /* whose documentation this is: "Kubeflow" */
	size_t max_searches;      /* in one turn */
	size_t reply_tokens;      /* of the model */
	size_t context_tokens;    /* of sources in a prompt */
	bool replace_unsupported; /* show no answer of a model that its sources do not support */
};

struct answer_settings answer_settings_default(void);

/* Lends a store for as long as one search takes. */
struct answer_stores {
	void *ctx;
	enum err_code (*take)(void *ctx, struct store **out, struct err *err);
	void (*put)(void *ctx, enum err_code code); /* with what its use ended with */
};

struct answer_deps {
	struct store *store; /* for the whole of a turn; NULL: stores */
	const struct answer_stores *stores;
	struct embedder *embedder;
	const struct clock *clock;
	const struct retrieve_tuning *tuning;   /* NULL: the default */
	const atomic_bool *cancelled;           /* may be NULL; polled at every stage and token */
	struct rerank_stage *rerank;            /* NULL: no reranker */
	struct llm *llm;                        /* NULL: answers are quotes */
	const struct answer_settings *settings; /* NULL: the default */
	/* Hosts that links may lead to beside the citations'; NULL: none. */
	bool (*host_allowed)(void *ctx, struct str host);
	void *hosts;
};

struct answer_request {
	struct str question;    /* valid UTF-8 */
	struct history history; /* of the conversation, may be empty */
};

/* Who wrote the text. */
enum answer_writer { WRITER_QUOTES, WRITER_MODEL, WRITER_FIXED };

struct answer_result {
	struct str text;
	struct answer_citation *citations;
	size_t citation_count;
	enum answer_route route;
	unsigned sources;        /* collections, of enum route_source */
	struct str reason;       /* of the route */
	struct str search_query; /* what was searched for first */
	enum answer_writer writer;
	bool grounded; /* every statement is quoted from, or supported by, a cited source */
	bool abstained;
	bool fell_back;     /* the model failed, and documents are quoted instead */
	struct str failure; /* then: why, for the log */
	struct retrieve_results retrieved;
	struct judgement judgement; /* of the retrieved; zero when nothing was searched */
	size_t searches;
	uint64_t prompt_tokens, completion_tokens;
	int64_t retrieval_us, first_token_us, total_us;
	int64_t llm_us; /* of total_us: waiting for the model */
};

/*
 * Answers one question. Without a language model, or when it fails, the answer quotes the documents.
 * Everything in *out lives in the arena. Errors: as retrieve(); ERR_CANCELLED when the reader left.
 */
enum err_code answer_run(const struct answer_deps *deps, const struct answer_request *request,
			 const struct answer_sink *sink, struct arena *arena,
			 struct answer_result *out, struct err *err) WARN_UNUSED;

#endif
