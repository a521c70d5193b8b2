/* Private to shared.c: the vectors of the texts that were embedded last. The caller locks. */
#ifndef DOCS_BOT_EMBED_SHARED_CACHE_H
#define DOCS_BOT_EMBED_SHARED_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

struct shared_entry;

struct shared_cache {
	const struct alloc *alloc;
	size_t dimension, max_entries, max_bytes;
	size_t count, bytes;
	struct shared_entry **buckets; /* a power of two of them; NULL: no cache */
	size_t bucket_count;
	struct shared_entry *newest, *oldest;
};

/* max_entries 0: nothing is kept. */
enum err_code shared_cache_init(struct shared_cache *cache, size_t max_entries, size_t max_bytes,
				size_t dimension, const struct alloc *alloc,
				struct err *err) WARN_UNUSED;
void shared_cache_release(struct shared_cache *cache);

/* Copies `dimension` values into `vector` and makes the entry the newest; false: not there. */
bool shared_cache_get(struct shared_cache *cache, struct str text, uint64_t hash,
		      float *vector) WARN_UNUSED;

/* Keeps a copy, at the cost of the oldest entries; without memory, or when too large, not. */
void shared_cache_put(struct shared_cache *cache, struct str text, uint64_t hash,
		      const float *vector);

#endif
