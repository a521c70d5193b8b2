/* Counters of one service, written by any thread and read as Prometheus text. */
#ifndef DOCS_BOT_SERVE_METRICS_H
#define DOCS_BOT_SERVE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "answer/answer.h"
#include "answer/rerank.h"
#include "base/buf.h"
#include "base/err.h"
#include "embed/shared.h"

/* What a request asked for: the `route` label. Unknown paths share one, so labels stay few. */
#define METRICS_ROUTES(X)                                                                          \
	X(METRICS_PAGE, "page")                                                                    \
	X(METRICS_ASSETS, "assets")                                                                \
	X(METRICS_WEBSOCKET, "websocket")                                                          \
	X(METRICS_SEARCH, "search")                                                                \
	X(METRICS_CHAT, "chat")                                                                    \
	X(METRICS_OPENAI_CHAT, "openai_chat")                                                      \
	X(METRICS_OPENAI_EMBEDDINGS, "openai_embeddings")                                          \
	X(METRICS_OPENAI_MODELS, "openai_models")                                                  \
	X(METRICS_MCP, "mcp")                                                                      \
	X(METRICS_A2A, "a2a")                                                                      \
	X(METRICS_DOCUMENT, "document")                                                            \
	X(METRICS_HEALTH, "health")                                                                \
	X(METRICS_READY, "ready")                                                                  \
	X(METRICS_METRICS, "metrics")                                                              \
	X(METRICS_OTHER, "other")

enum metrics_route {
#define METRICS_ENUM(name, label) name,
	METRICS_ROUTES(METRICS_ENUM)
#undef METRICS_ENUM
		METRICS_ROUTE_COUNT
};

#define METRICS_STATUS_COUNT 18 /* see metrics.c */
#define METRICS_ANSWER_COUNT 6  /* the answer's routes, and errors */
#define METRICS_BUCKET_COUNT 12

struct metrics_histogram {
	atomic_ullong buckets[METRICS_BUCKET_COUNT]; /* not cumulative; the last is +Inf */
	atomic_ullong sum_us;
};

struct metrics {
	atomic_ullong requests[METRICS_ROUTE_COUNT][METRICS_STATUS_COUNT];
	atomic_ullong answers[METRICS_ANSWER_COUNT];
	atomic_ullong rejected; /* jobs that found the queue full */
	struct metrics_histogram answer_seconds, search_seconds;
	struct metrics_histogram llm_seconds; /* of answers that a model took part in */
	atomic_ullong llm_tokens[2];          /* of prompts, of replies */
	atomic_ullong fallbacks, unsupported;
};

/* Values that others own, read when the text is made. */
struct metrics_gauges {
	size_t connections, queue_depth, workers;
	const struct embed_shared_stats *embed; /* NULL: the embedder is not shared */
	struct rerank_stage *rerank;            /* NULL: no reranker */
};

void metrics_request(struct metrics *metrics, enum metrics_route route, int status);
/* `route` is an enum answer_route, or -1 for an answer that failed. */
void metrics_answer(struct metrics *metrics, int route, int64_t took_us);
/* What a language model had to do with an answer. */
void metrics_model(struct metrics *metrics, const struct answer_result *answer);
void metrics_observe(struct metrics_histogram *histogram, int64_t took_us);

/* Prometheus text format 0.0.4. */
enum err_code metrics_write(struct metrics *metrics, const struct metrics_gauges *gauges,
			    struct buf *out, struct err *err) WARN_UNUSED;

#endif
