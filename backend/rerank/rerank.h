/*
 * The port to cross-encoders, which read a query together with a text and say how well the text
 * answers it. Backends: tei/ (a server), inproc/ (BERT in this process). An instance begins with a
 * pointer to its operations.
 */
#ifndef DOCS_BOT_RERANK_RERANK_H
#define DOCS_BOT_RERANK_RERANK_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define RERANK_TEXTS_MAX 1000 /* of one call */
/* Bytes that a backend sees at most; what is behind is cut at a character. */
#define RERANK_QUERY_BYTES ((size_t)8 << 10)
#define RERANK_TEXT_BYTES  ((size_t)16 << 10)

struct reranker;

struct reranker_ops {
	enum err_code (*score)(struct reranker *r, struct str query, const struct str *texts,
			       size_t count, float *scores, struct err *err);
	void (*close)(struct reranker *r);
};

/* Filled by the backend when it opens; constant afterwards. */
struct reranker {
	const struct reranker_ops *ops;
	const char *name; /* for logs: the model, or the server's host */
	/* Longest pair of query and text, special tokens included; 0: known to the server alone. */
	size_t max_tokens;
};

/*
 * scores[i] says how relevant texts[i] is to the query: finite, larger is more, comparable within
 * one call (0 to 1 when the model ends in a sigmoid). A text that does not fit beside the query is
 * cut at a token border ("only_second" of transformers); so is, first, a query that would take more
 * than half of the room. `scores` is undefined after an error.
 * Thread-safe; computes in the calling thread and some helpers that end with the call, or waits for
 * the server, for a bounded time.
 * Errors: ERR_INVALID for text that is not UTF-8; ERR_UNAVAILABLE, ERR_BUSY, ERR_FORMAT, ERR_LIMIT
 * from servers. Results without reranking are then the ones to show.
 */
enum err_code rerank_score(struct reranker *r, struct str query, const struct str *texts,
			   size_t count, float *scores, struct err *err) WARN_UNUSED;

void rerank_close(struct reranker *r); /* NULL is fine */

#endif
