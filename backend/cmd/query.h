/* What search, ask and eval share: a store to read, an embedder, and a reranker if there is one. */
#ifndef DOCS_BOT_CMD_QUERY_H
#define DOCS_BOT_CMD_QUERY_H

#include "answer/rerank.h"
#include "cmd/backends.h"

struct query_session {
	struct store *store;
	struct embedder *embedder;
	struct retrieve_tuning tuning;
	struct rerank_stage stage;
	struct rerank_stage *rerank; /* &stage, or NULL */
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

void query_close(struct query_session *session);

#endif
