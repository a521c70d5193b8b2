#include "embed/shared_cache.h"

#include <string.h>

struct shared_entry {
	struct shared_entry *chain;         /* of the bucket */
	struct shared_entry *newer, *older; /* by last use */
	uint64_t hash;
	size_t text_len, bytes;
	float vector[]; /* [dimension], then the text */
};

#define MAX_ENTRIES ((size_t)1 << 24)

enum err_code shared_cache_init(struct shared_cache *cache, size_t max_entries, size_t max_bytes,
				size_t dimension, const struct alloc *alloc, struct err *err)
{
	*cache = (struct shared_cache){.alloc = alloc,
				       .dimension = dimension,
				       .max_entries = max_entries < MAX_ENTRIES ? max_entries
										: MAX_ENTRIES,
				       .max_bytes = max_bytes};
	if (!max_entries)
		return ERR_OK;
	cache->bucket_count = 1;
	while (cache->bucket_count < cache->max_entries)
		cache->bucket_count *= 2;
	cache->buckets = alloc_zero(alloc, cache->bucket_count, sizeof(*cache->buckets));
	return cache->buckets ? ERR_OK
			      : err_set(err, ERR_NOMEM, "out of memory for a cache of %zu entries",
					cache->max_entries);
}

static struct str text_of(const struct shared_cache *cache, const struct shared_entry *entry)
{
	return (struct str){(const char *)(entry->vector + cache->dimension), entry->text_len};
}

static struct shared_entry **find(const struct shared_cache *cache, struct str text, uint64_t hash)
{
	struct shared_entry **link = &cache->buckets[hash & (cache->bucket_count - 1)];
	while (*link && ((*link)->hash != hash || !str_eq(text_of(cache, *link), text)))
		link = &(*link)->chain;
	return link;
}

static void unlink_use(struct shared_cache *cache, struct shared_entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void make_newest(struct shared_cache *cache, struct shared_entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void drop_oldest(struct shared_cache *cache)
{
	struct shared_entry *entry = cache->oldest;
	*find(cache, text_of(cache, entry), entry->hash) = entry->chain;
	unlink_use(cache, entry);
	cache->count--;
	cache->bytes -= entry->bytes;
	alloc_free(cache->alloc, entry);
}

void shared_cache_release(struct shared_cache *cache)
{
	while (cache->oldest)
		drop_oldest(cache);
	alloc_free(cache->alloc, cache->buckets);
	cache->buckets = NULL;
}

bool shared_cache_get(struct shared_cache *cache, struct str text, uint64_t hash, float *vector)
{
	if (!cache->buckets)
		return false;
	struct shared_entry *entry = *find(cache, text, hash);
	if (!entry)
		return false;
	unlink_use(cache, entry);
	make_newest(cache, entry);
	memcpy(vector, entry->vector, cache->dimension * sizeof(*vector));
	return true;
}

void shared_cache_put(struct shared_cache *cache, struct str text, uint64_t hash,
		      const float *vector)
{
	size_t bytes;
	if (!cache->buckets || *find(cache, text, hash) ||
	    !size_mul(cache->dimension, sizeof(*vector), &bytes) ||
	    !size_add(bytes, sizeof(struct shared_entry), &bytes) ||
	    !size_add(bytes, text.len, &bytes) || bytes > cache->max_bytes)
		return;
	while (cache->count == cache->max_entries || cache->bytes > cache->max_bytes - bytes)
		drop_oldest(cache);
	struct shared_entry *entry = alloc_get(cache->alloc, bytes);
	if (!entry)
		return;
	*entry = (struct shared_entry){.hash = hash, .text_len = text.len, .bytes = bytes};
	memcpy(entry->vector, vector, cache->dimension * sizeof(*vector));
	if (text.len)
		memcpy(entry->vector + cache->dimension, text.ptr, text.len);
	*find(cache, text, hash) = entry;
	make_newest(cache, entry);
	cache->count++;
	cache->bytes += bytes;
}
