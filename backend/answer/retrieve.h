/*
 * Retrieval: dense and lexical rankings of sections and pages, joined by their scores (fuse.h), and
 * the sections around the best ones, as much as a budget of tokens allows.
 */
#ifndef DOCS_BOT_ANSWER_RETRIEVE_H
#define DOCS_BOT_ANSWER_RETRIEVE_H

#include "answer/fuse.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "embed/embed.h"
#include "store/store.h"

#define RETRIEVE_MAX_QUERY 100000 /* bytes; longer queries are refused */
#define RETRIEVE_MAX_TOP_K 100

/* The rankings that are joined. */
enum retrieve_signal {
	SIGNAL_WINDOWS,    /* cosine of windows of the page */
	SIGNAL_SECTIONS,   /* cosine of sections */
	SIGNAL_PARAGRAPHS, /* cosine of paragraphs */
	SIGNAL_WORDS,      /* BM25 of sections */
	SIGNAL_PAGE_WORDS, /* BM25 of whole pages */
	SIGNAL_COUNT
};

/* "windows", "sections", "paragraphs", "words", "page_words"; static storage. */
const char *retrieve_signal_name(enum retrieve_signal signal);

struct retrieve_tuning {
	double page_weight[SIGNAL_COUNT];    /* of each ranking in a page's score */
	double section_weight[SIGNAL_COUNT]; /* and among the sections of a page */
	double within_page;     /* what a section loses for being worse than its page's best */
	double archived_factor; /* of the score of archived pages nobody asked for, 0 … 1 */
	double pull_request_min; /* least cosine of a pull request among the results (KEP-867: 0.4) */
	size_t context_tokens;   /* to which the texts of the first five results may grow */
};

/* Chosen by cross-validation on the question sets, see docs/decisions/0002-retrieval.md. */
struct retrieve_tuning retrieve_tuning_default(void);

/*
 * "windows=1 words=1.5": a weight of 0 … 100 for each signal that is named, 0 for the others; separated
 * by spaces or commas. ERR_INVALID names what cannot be read.
 */
enum err_code retrieve_weights_parse(struct str text, double weights[SIGNAL_COUNT],
				     struct err *err) WARN_UNUSED;

struct rerank_stage; /* answer/rerank.h */

struct retrieve_options {
	size_t top_k;                         /* 1 … RETRIEVE_MAX_TOP_K */
	const struct retrieve_tuning *tuning; /* NULL: the default */
	struct str type, repo, version;       /* only documents with these; empty: all */
	struct rerank_stage *rerank;          /* NULL: results in the order of the fusion */
};

/* A paragraph chunk of a result's section that is near the query. */
struct retrieve_match {
	struct str text;
	float cosine;
};

struct retrieve_result {
	size_t rank;          /* from 1 */
	double score;         /* fused, or rerank_results()'s; comparable within one query only */
	float cosine;         /* best cosine of a chunk of this section or page with the query */
	struct fused signals; /* how the score came about, by retrieve_signal */
	struct store_passage passage;   /* the section */
	struct str text;                /* with the sections around it that fit the budget */
	struct str url;                 /* with the heading's anchor */
	struct retrieve_match *matches; /* best first */
	size_t match_count;
	bool reranked;                    /* the reranker read it; the next three are then set */
	float rerank;                     /* its own score */
	double rerank_share, fused_share; /* what makes up `score` */
};

struct retrieve_results {
	struct retrieve_result *items;
	size_t count;
	int64_t took_us;
	bool partial; /* part of the index had no vectors yet: cosines may be missing */
};

/* What retrieve() refuses: ERR_INVALID for empty, over-long or non-UTF-8 queries. */
enum err_code retrieve_check_query(struct str query, struct err *err) WARN_UNUSED;

/*
 * The top_k sections for a query, best first. Archived pages rank lower unless the query asks for
 * them (query.h). Long queries are embedded in parts of the model's length. Results live in the arena. Uses store and embedder from the calling thread only.
 * Errors: ERR_INVALID for empty, over-long or non-UTF-8 queries, else those of the ports.
 */
enum err_code retrieve(struct store *store, struct embedder *embedder, const struct clock *clock,
		       struct str query, const struct retrieve_options *options,
		       struct arena *arena, struct retrieve_results *out,
		       struct err *err) WARN_UNUSED;

/* The highest cosine of all results, 0 when there are none. */
float retrieve_best_cosine(const struct retrieve_results *results);

#endif
