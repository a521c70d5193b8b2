/*
 * A decorator of the embedder for many callers at once, as a service has them: results of single
 * texts are cached, texts that wait are embedded together, and a text that several callers want at
 * once is embedded once.
 */
#ifndef DOCS_BOT_EMBED_SHARED_H
#define DOCS_BOT_EMBED_SHARED_H

#include "embed/embed.h"

/* Upper bounds of the texts of one call, for the histogram; beyond the last is one more bucket. */
#define EMBED_SHARED_BUCKETS 6 /* 1, 2, 4, 8, 16, 32 */

struct embed_shared_options {
	size_t cache_entries; /* 0: no cache */
	size_t cache_bytes;   /* of vectors, texts and what belongs to them */
	size_t calls;         /* of the inner embedder at once, at least 1: the processor's cores */
};

struct embed_shared_stats {
	uint64_t hits, misses; /* single texts found, and not found, in the cache */
	uint64_t joined;       /* of the misses: another caller was embedding the same text */
	uint64_t calls, texts; /* of the inner embedder, for single texts */
	uint64_t calls_by_size[EMBED_SHARED_BUCKETS + 1];
	size_t cache_entries, cache_bytes; /* now */
};

/*
 * Wraps `inner`, which it closes when it is closed, not when this fails.
 *
 * A single text goes to the inner embedder at once, on its caller's thread, while fewer than
 * `calls` are there: a lone question waits for nobody, and gets
 * embed_alone() while no other call is at work. Otherwise it waits, and whoever comes out
 * wakes the first of the queue, who takes those behind him along, his share of them: all, divided
 * by `calls`. So nobody waits for a timer, and what came while others were busy goes together. A
 * call of several texts goes straight to the inner embedder.
 *
 * An error (a text that is too long) is the error of its own text: when a call for several fails,
 * each is tried alone. Errors are not cached. Vectors are cached by the whole text; the model and
 * its precision are those of the one inner embedder.
 *
 * Thread-safe. A waiting caller waits as long as the calls of those before it take. Any allocator
 * failure costs time, not a result.
 */
enum err_code embed_shared_open(struct embedder *inner, const struct embed_shared_options *options,
				const struct alloc *alloc, struct embedder **out,
				struct err *err) WARN_UNUSED;

/* false when `e` is no such decorator (or NULL). Thread-safe. */
bool embed_shared_stats(struct embedder *e, struct embed_shared_stats *out);

#endif
