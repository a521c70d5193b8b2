/* What search, ask and eval share: a store to read and an embedder. */
#ifndef DOCS_BOT_CMD_QUERY_H
#define DOCS_BOT_CMD_QUERY_H

#include "answer/retrieve.h"
#include "cmd/backends.h"

struct query_session {
	struct store *store;
	struct embedder *embedder;
	struct retrieve_tuning tuning;
};

/* Both, or neither and an error that says what to do. */
enum err_code query_open(struct context *ctx, struct query_session *session,
			 struct err *err) WARN_UNUSED;
/* The settings of retrieval. ERR_INVALID when a list of weights cannot be read. */
enum err_code query_tuning(const struct context *ctx, struct retrieve_tuning *out,
			   struct err *err) WARN_UNUSED;

void query_close(struct query_session *session);

#endif
