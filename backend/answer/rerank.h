/*
 * The last stage of retrieval, when there is a reranker: a cross-encoder reads the best results
 * together with the question and orders them. It can fail without anybody's answer failing.
 */
#ifndef DOCS_BOT_ANSWER_RERANK_H
#define DOCS_BOT_ANSWER_RERANK_H

#include <stdatomic.h>

#include "answer/retrieve.h"
#include "base/log.h"
#include "rerank/rerank.h"

#define RERANK_DEPTH_MAX RETRIEVE_MAX_TOP_K

/*
 * Shared by all threads that retrieve; must not move once it is set up. After a failure that says
 * "not there" the next questions go without reranking for some seconds, so that they do not each wait
 * for a server that is gone.
 */
struct rerank_stage {
	struct reranker *reranker; /* borrowed */
	size_t depth;              /* results that it reads, 1 … RERANK_DEPTH_MAX */
	double weight;             /* of its scores against the fused ones, 0 … 1 */
	const struct clock *clock;
	const struct logger *log;
	atomic_llong next_warning_us, paused_until_us;
	atomic_ullong done, failed, skipped; /* questions; skipped: while it is paused */
};

void rerank_stage_init(struct rerank_stage *stage, struct reranker *reranker, size_t depth,
		       double weight, const struct clock *clock, const struct logger *log);

/* How many results to collect before rerank_results() for top_k of them. NULL: no reranker. */
size_t rerank_candidates(const struct rerank_stage *stage, size_t top_k);

/*
 * Orders the first `depth` of the results by weight * r + (1 - weight) * f, where r and f are the
 * reranker's and the fused scores, each stretched to 0 … 1 over these results; equal ones keep their
 * order. That sum becomes the results' score, and those behind `depth` get scores below 0. Then all
 * but the first top_k are dropped. When the reranker fails, the order and scores stay as they are
 * (a warning once a minute, and a count). NULL: only drops. Working memory is the arena's.
 */
void rerank_results(struct rerank_stage *stage, struct str query, size_t top_k, struct arena *arena,
		    struct retrieve_results *results);

#endif
