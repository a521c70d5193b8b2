/* The second stage of indexing: chunks that were stored without a vector get theirs. */
#ifndef DOCS_BOT_INDEX_FILL_H
#define DOCS_BOT_INDEX_FILL_H

#include "index/run.h"

#define FILL_MAX_THREADS 64
#define FILL_PER_THREAD  64 /* chunks of one set; two sets are in memory */

struct fill_options {
	size_t threads; /* that embed; ≥ 1, the caller's included */
	/*
	 * Publish in steps, the first after some seconds and then ever fewer: readers load all vectors
	 * anew after each. Otherwise within the caller's run, which publishes.
	 */
	bool steps;
	/* Told, on the caller's thread, how many chunks have been embedded; may be NULL. */
	void (*tick)(void *ctx, uint64_t embedded, uint64_t filled);
	void *tick_ctx;
};

/*
 * Embeds what waits in the store, longest texts of a set first, on several threads, while the caller's
 * stores what is done. Texts that are equal, or that the embedding cache knows, are embedded once.
 * Vectors go into the cache as they come, so that a run that is killed repeats seconds. On a stop
 * (ERR_CANCELLED) in steps what is there is published too. *embedded also counts on failure.
 */
enum err_code fill_vectors(const struct index_deps *deps, const struct store_identity *identity,
			   const struct fill_options *options, uint64_t *embedded,
			   struct err *err) WARN_UNUSED;

#endif
