/*
 * What search, ask and eval share: a store to read, an embedder, and a reranker and a language model if
 * there are any.
 */
#ifndef DOCS_BOT_CMD_QUERY_H
#define DOCS_BOT_CMD_QUERY_H

#include "answer/answer.h"
#include "answer/hosts.h"
#include "answer/rerank.h"
#include "cmd/backends.h"

struct query_session {
	struct store *store;
	struct embedder *embedder;
	struct retrieve_tuning tuning;
	struct rerank_stage stage;
	struct rerank_stage *rerank; /* &stage, or NULL */
	struct llm *llm;             /* or NULL; query_open_llm() */
	struct answer_settings settings;
	struct hosts *hosts; /* that links may lead to */
};

/*
 * Everything, or nothing and an error that says what to do. The session must not be moved while it
 * is open.
 */
enum err_code query_open(struct context *ctx, struct query_session *session,
			 struct err *err) WARN_UNUSED;
/* The settings of retrieval. ERR_INVALID when a list of weights cannot be read. */
enum err_code query_tuning(const struct context *ctx, struct retrieve_tuning *out,
			   struct err *err) WARN_UNUSED;

/* The settings of answers. */
struct answer_settings query_answer_settings(const struct context *ctx);
/* Opens the language model of the settings; none when there is none, or in extractive mode. */
enum err_code query_open_llm(struct context *ctx, struct query_session *session,
			     struct err *err) WARN_UNUSED;
/* What answer_run() needs; valid as long as the session. */
struct answer_deps query_answer_deps(const struct context *ctx,
				     const struct query_session *session);

void query_close(struct query_session *session);

#endif
