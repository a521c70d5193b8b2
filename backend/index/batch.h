/* A batch of prepared documents whose new chunks are embedded by all threads at once. */
#ifndef DOCS_BOT_INDEX_BATCH_H
#define DOCS_BOT_INDEX_BATCH_H

#include "index/prepare.h"

#define BATCH_MAX_DOCUMENTS 64

struct pending; /* a chunk that is not in the embedding cache */

struct batch {
	const struct index_deps *deps;
	const struct index_options *options;
	struct source *source;
	struct prepared documents[BATCH_MAX_DOCUMENTS];
	size_t count;
	struct pending *pending;
	size_t pending_count, pending_capacity;
	uint64_t embedded, reused; /* over the batch's life */
	/* Told, on the thread that flushes, how many chunks are embedded by now; may be NULL. */
	void (*tick)(void *ctx, uint64_t embedded);
	void *tick_ctx;
};

void batch_init(struct batch *batch, const struct index_deps *deps,
		const struct index_options *options, struct source *source);
void batch_release(struct batch *batch);

/*
 * Takes over the document (its arena too, also on failure) and looks its chunks up in the
 * embedding cache; those not found wait for batch_flush().
 */
enum err_code batch_add(struct batch *batch, struct prepared *document,
			struct err *err) WARN_UNUSED;

/* Enough work for every thread, or no room for another document. */
bool batch_full(const struct batch *batch);

/* Embeds what waits, longest first, stores cache entries and documents, empties the batch. */
enum err_code batch_flush(struct batch *batch, struct err *err) WARN_UNUSED;

#endif
