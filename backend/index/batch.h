/* Prepared documents on their way into the store, and the threads that embed their chunks. */
#ifndef DOCS_BOT_INDEX_BATCH_H
#define DOCS_BOT_INDEX_BATCH_H

#include <pthread.h>

#include "index/prepare.h"

#define BATCH_MAX_DOCUMENTS 64
#define BATCH_MAX_THREADS   64
#define BATCH_SETS          2 /* one is embedded while the other is filled or stored */

struct pending; /* a chunk that is not in the embedding cache */

struct batch_set {
	struct prepared documents[BATCH_MAX_DOCUMENTS];
	size_t count;
	struct pending *pending;
	size_t pending_count, capacity;
	uint32_t *slots; /* of a table of `pending` by text */
	size_t slot_count;
	struct pending **order; /* those to be embedded, longest first */
	size_t order_count;
	size_t next, done; /* of `order`: taken by a thread, and embedded */
};

/* The fields are batch.c's; the thread rules stand at its top. */
struct batch {
	const struct index_deps *deps;
	const struct index_options *options;
	const char *source; /* its name */
	struct batch_set sets[BATCH_SETS];
	struct batch_set *filling;
	struct batch_set *line[BATCH_SETS]; /* being embedded, oldest first */
	size_t line_length;
	uint64_t reused; /* chunks found in the cache or embedded for another, over its life */
	/* Told, on the caller's thread, how many chunks are embedded by now; may be NULL. */
	void (*tick)(void *ctx, uint64_t embedded);
	void *tick_ctx;

	pthread_mutex_t lock;
	pthread_cond_t work, progress;
	pthread_t threads[BATCH_MAX_THREADS];
	size_t thread_count, working;
	bool quit, failed;
	struct err first; /* of the failure */
	uint64_t live;    /* chunks embedded over its life */
};

/* One thread uses a batch, the caller's; it starts the others itself. */
enum err_code batch_init(struct batch *batch, const struct index_deps *deps,
			 const struct index_options *options, const char *source,
			 struct err *err) WARN_UNUSED;
/* Ends the threads. What was embedded but not stored, after an error, goes into the cache. */
void batch_release(struct batch *batch);

/*
 * Takes over the document (its arena too, also on failure) and looks its chunks up in the
 * embedding cache; those not found wait for batch_submit().
 */
enum err_code batch_add(struct batch *batch, struct prepared *document,
			struct err *err) WARN_UNUSED;

/* Enough work for every thread, or no room for another document: time for batch_submit(). */
bool batch_full(const struct batch *batch);

/*
 * Hands what was added to the threads, which embed it, longest first, while the caller adds more.
 * Meanwhile finishes what was submitted before: helps to embed it, stores cache entries and
 * documents. So at most two sets are in memory. After an error only release is left.
 */
enum err_code batch_submit(struct batch *batch, struct err *err) WARN_UNUSED;

/* Submits the rest, and finishes everything. */
enum err_code batch_finish(struct batch *batch, struct err *err) WARN_UNUSED;

/* Chunks embedded so far. */
uint64_t batch_embedded(struct batch *batch);

#endif
