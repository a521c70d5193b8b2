/* Retrieval: dense and lexical rankings of sections and pages, joined by reciprocal rank fusion. */
#ifndef DOCS_BOT_ANSWER_RETRIEVE_H
#define DOCS_BOT_ANSWER_RETRIEVE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "embed/embed.h"
#include "store/store.h"

#define RETRIEVE_MAX_QUERY 100000 /* bytes; longer queries are refused */
#define RETRIEVE_MAX_TOP_K 100

struct retrieve_options {
	size_t top_k; /* 1 … RETRIEVE_MAX_TOP_K */
};

/* A paragraph chunk of a result's section that is near the query. */
struct retrieve_match {
	struct str text;
	float cosine;
};

struct retrieve_result {
	size_t rank;  /* from 1 */
	double score; /* fused; comparable within one query only */
	float cosine; /* best cosine of a chunk of this section or page with the query */
	struct store_passage passage;
	struct str url;                 /* with the heading's anchor */
	struct retrieve_match *matches; /* best first */
	size_t match_count;
};

struct retrieve_results {
	struct retrieve_result *items;
	size_t count;
	int64_t took_us;
};

/*
 * The top_k sections for a query, best first. Long queries are embedded in parts of the model's
 * length. Results live in the arena. Uses store and embedder from the calling thread only.
 * Errors: ERR_INVALID for empty, over-long or non-UTF-8 queries, else those of the ports.
 */
enum err_code retrieve(struct store *store, struct embedder *embedder, const struct clock *clock,
		       struct str query, const struct retrieve_options *options,
		       struct arena *arena, struct retrieve_results *out,
		       struct err *err) WARN_UNUSED;

/* The highest cosine of all results, 0 when there are none. */
float retrieve_best_cosine(const struct retrieve_results *results);

#endif
