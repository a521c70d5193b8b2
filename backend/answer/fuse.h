/*
 * Reciprocal rank fusion (Cormack, Clarke, Büttcher: SIGIR 2009): an item's score is the sum of
 * weight / (k + rank) over the rankings that hold it. Here the items are sections, and evidence
 * for a page counts for each of its sections.
 */
#ifndef DOCS_BOT_ANSWER_FUSE_H
#define DOCS_BOT_ANSWER_FUSE_H

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct fuse_options {
	double k;              /* rank constant: small values trust the first ranks */
	double page_weight;    /* of evidence for the page */
	double section_weight; /* of evidence for the section itself */
	size_t max_span;       /* a hit over more sections than this says nothing about a section */
};

struct fuse_ranking {
	const struct store_hits *hits; /* best first */
	double weight;
	bool cosine; /* scores are cosines, kept for the result */
};

struct fused {
	int64_t document_id;
	uint32_t section;
	double score;
	float cosine; /* best cosine of a chunk of this section, else of its page, else 0 */
};

struct fused_list {
	struct fused *items; /* best first; ties by document and section */
	size_t count;
};

/* Joins the rankings. Linear in hits times candidates; the list lives in the arena. */
enum err_code fuse_rankings(const struct fuse_ranking *rankings, size_t count,
			    const struct fuse_options *options, struct arena *arena,
			    struct fused_list *out, struct err *err) WARN_UNUSED;

#endif
