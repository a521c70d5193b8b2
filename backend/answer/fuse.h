/*
 * Joins several rankings of chunks and texts into one of sections. Scores are scaled to 0 … 1 for
 * each ranking and question, and their weighted mean is taken (the convex combination of Bruch, Gai
 * and Ingber: "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023): unlike ranks, scores
 * say when a ranking is sure of its first and when it is not. Pages are scored first, then the
 * sections of each page among themselves.
 */
#ifndef DOCS_BOT_ANSWER_FUSE_H
#define DOCS_BOT_ANSWER_FUSE_H

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

#define FUSE_MAX_RANKINGS 8

struct fuse_options {
	double section_weight; /* what a section loses for being worse than its page's best */
	size_t page_depth;     /* a cosine no better than that of this many pages counts nothing */
	size_t section_depth;  /* the same for sections */
	size_t max_span;       /* a hit over more sections than this says nothing about a section */
};

struct fuse_ranking {
	const struct store_hits *hits; /* best first */
	double page_weight, section_weight;
	bool cosine; /* scores are cosines: kept for the result, and their zero means nothing */
};

/* The worth of a page, 0 … 1; `ctx` may lower it, or take the page out by returning 0. */
struct fuse_pages {
	enum err_code (*factor)(void *ctx, int64_t document_id, double *factor, struct err *err);
	void *ctx;
};

struct fused {
	int64_t document_id;
	uint32_t section;
	double score;       /* page_score - section_weight * (best section of the page - this) */
	double page_score;  /* 0 … 1, after the factor */
	double page_factor; /* of fuse_pages */
	float cosine;       /* best cosine of a chunk of this section, else of its page, else 0 */
	double page_share[FUSE_MAX_RANKINGS];    /* of each ranking in page_score / page_factor */
	double section_share[FUSE_MAX_RANKINGS]; /* and in the section's own score */
};

struct fused_list {
	struct fused *items; /* best first; ties by document and section */
	size_t count;
};

/*
 * Joins up to FUSE_MAX_RANKINGS rankings; an empty one gives its weight to the others. `pages` may
 * be NULL. Time is linear in the hits and the sections that they name, but for the sort. The list
 * lives in the arena. Errors: those of pages->factor, ERR_NOMEM.
 */
enum err_code fuse_rankings(const struct fuse_ranking *rankings, size_t count,
			    const struct fuse_options *options, const struct fuse_pages *pages,
			    struct arena *arena, struct fused_list *out,
			    struct err *err) WARN_UNUSED;

#endif
