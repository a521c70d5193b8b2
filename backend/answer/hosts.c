#include "answer/hosts.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "net/url.h"

enum {
	MEMORY_MAX = 64 << 20,
	BINS = STORE_PRINT_SIZE / 2,
	/*
	 * Documents of whose words a quarter are the same are not independent: in the documentation of
	 * Kubeflow 129 of 14,028 pairs of pages are so near, releases and versions of one page.
	 */
	ALIKE_BINS = BINS / 4,
};

struct host_entry {
	struct str name;
	bool below; /* what stands below it, too */
};

struct hosts {
	struct arena arena;
	struct host_entry *items; /* sorted by name */
	size_t count, capacity;
	atomic_size_t users;
};

struct collector {
	struct hosts *hosts;
	struct str host; /* whose witnesses come now; in `current` */
	char current[256];
	struct store_witness seen[HOSTS_WITNESSES];
	unsigned char prints[HOSTS_WITNESSES][STORE_PRINT_SIZE];
	size_t seen_count;
	bool failed;
};

static struct str without_www(struct str host)
{
	struct str www = STR("www.");
	return str_eq_nocase(str_slice(host, 0, www.len), www) ? str_slice(host, www.len, host.len)
							       : host;
}

static bool add(struct hosts *hosts, struct str name, bool below)
{
	if (hosts->count == hosts->capacity) {
		size_t grown = hosts->capacity ? hosts->capacity * 2 : 64;
		struct host_entry *items = arena_array(&hosts->arena, grown, sizeof(*items));
		if (!items)
			return false;
		for (size_t i = 0; i < hosts->count; i++)
			items[i] = hosts->items[i];
		hosts->items = items;
		hosts->capacity = grown;
	}
	struct str copy = arena_str(&hosts->arena, without_www(name));
	if (!copy.ptr)
		return false;
	for (size_t i = 0; i < copy.len; i++)
		((char *)copy.ptr)[i] = ascii_lower(copy.ptr[i]);
	hosts->items[hosts->count++] = (struct host_entry){copy, below};
	return true;
}

static void take_address(void *ctx, struct str address)
{
	struct collector *c = ctx;
	struct url url;
	if (url_parse(address, &url) && url.host.len && !add(c->hosts, url.host, true))
		c->failed = true;
}

/* Bins of MinHash that agree, of those that both have: an estimate of the share of common shingles. */
static bool alike(const unsigned char *a, const unsigned char *b)
{
	size_t same = 0, both = 0;
	for (size_t i = 0; i < BINS; i++) {
		bool empty_a = a[2 * i] == 0xff && a[2 * i + 1] == 0xff;
		bool empty_b = b[2 * i] == 0xff && b[2 * i + 1] == 0xff;
		if (empty_a && empty_b)
			continue;
		both++;
		same += a[2 * i] == b[2 * i] && a[2 * i + 1] == b[2 * i + 1];
	}
	/* nothing to compare: two pages of a few words are no two witnesses */
	return both < BINS / 8 || same * BINS >= both * ALIKE_BINS;
}

static bool independent(const struct collector *c, const struct store_witness *w)
{
	for (size_t i = 0; i < c->seen_count; i++)
		if (c->seen[i].context == w->context || alike(c->prints[i], w->print))
			return false;
	return true;
}

static void take_witness(void *ctx, const struct store_witness *w)
{
	struct collector *c = ctx;
	if (w->host.len > sizeof(c->current) || !w->print)
		return;
	if (!str_eq(c->host, w->host)) {
		for (size_t i = 0; i < w->host.len; i++)
			c->current[i] = w->host.ptr[i];
		c->host = (struct str){c->current, w->host.len};
		c->seen_count = 0;
	}
	if (c->seen_count == HOSTS_WITNESSES || !independent(c, w))
		return;
	for (size_t i = 0; i < STORE_PRINT_SIZE; i++)
		c->prints[c->seen_count][i] = w->print[i];
	c->seen[c->seen_count++] = *w;
	if (c->seen_count == HOSTS_WITNESSES && !add(c->hosts, c->host, false))
		c->failed = true;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct host_entry *)a)->name, ((const struct host_entry *)b)->name);
}

static bool add_configured(struct hosts *hosts, struct str list)
{
	size_t at = 0;
	while (at < list.len) {
		size_t end = at;
		while (end < list.len && list.ptr[end] != ',' && !ascii_space(list.ptr[end]))
			end++;
		bool below = str_starts(str_slice(list, at, end), STR("*."));
		if (end > at && !add(hosts, str_slice(list, at + (below ? 2 : 0), end), below))
			return false;
		at = end + 1;
	}
	return true;
}

enum err_code hosts_open(struct store *store, struct str configured, const struct alloc *alloc,
			 struct hosts **out, struct err *err)
{
	struct collector c = {.host = {"", 0}};
	struct store_host_sink sink = {&c, take_address, take_witness};
	struct hosts *hosts = alloc_zero(alloc, 1, sizeof(*hosts));
	*out = NULL;
	if (!hosts)
		return err_set(err, ERR_NOMEM, "out of memory for the hosts of links");
	arena_init(&hosts->arena, alloc, MEMORY_MAX);
	atomic_init(&hosts->users, 1);
	c.hosts = hosts;
	enum err_code code = store_hosts(store, HOSTS_WITNESSES, &sink, err);
	if (!code && (c.failed || !add_configured(hosts, configured)))
		code = arena_fail(&hosts->arena, err);
	if (code) {
		hosts_close(hosts);
		return code;
	}
	if (hosts->count)
		qsort(hosts->items, hosts->count, sizeof(*hosts->items), by_name);
	*out = hosts;
	return ERR_OK;
}

void hosts_close(struct hosts *hosts)
{
	if (!hosts)
		return;
	const struct alloc *alloc = hosts->arena.alloc;
	arena_release(&hosts->arena);
	alloc_free(alloc, hosts);
}

size_t hosts_count(const struct hosts *hosts)
{
	return hosts->count;
}

/* Whether an entry has the name; `inside`: one that also holds for what stands below it. */
static bool has(const struct hosts *hosts, struct str name, bool inside)
{
	size_t low = 0, high = hosts->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_cmp(hosts->items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < hosts->count && str_eq(hosts->items[low].name, name); low++)
		if (!inside || hosts->items[low].below)
			return true;
	return false;
}

bool hosts_allowed(void *ctx, struct str host)
{
	const struct hosts *hosts = ctx;
	host = without_www(host);
	if (has(hosts, host, false))
		return true;
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] == '.' && has(hosts, str_slice(host, i + 1, host.len), true))
			return true;
	return false;
}

/* ---- shared by threads ---- */

void hosts_cache_init(struct hosts_cache *cache, struct str configured, const struct alloc *alloc)
{
	*cache = (struct hosts_cache){.alloc = alloc, .configured = configured};
	(void)pthread_mutex_init(&cache->lock, NULL);
}

void hosts_cache_release(struct hosts_cache *cache)
{
	hosts_release(cache->current);
	cache->current = NULL;
	(void)pthread_mutex_destroy(&cache->lock);
}

void hosts_release(struct hosts *hosts)
{
	if (hosts && atomic_fetch_sub(&hosts->users, 1) == 1)
		hosts_close(hosts);
}

enum err_code hosts_acquire(struct hosts_cache *cache, struct store *store, struct hosts **out,
			    struct err *err)
{
	uint64_t generation;
	*out = NULL;
	enum err_code code = store_generation(store, &generation, err);
	if (code)
		return code;
	(void)pthread_mutex_lock(&cache->lock);
	if (!cache->current || cache->generation != generation) {
		struct hosts *fresh;
		code = hosts_open(store, cache->configured, cache->alloc, &fresh, err);
		if (!code) {
			hosts_release(cache->current);
			cache->current = fresh;
			cache->generation = generation;
		}
	}
	if (!code) {
		atomic_fetch_add(&cache->current->users, 1);
		*out = cache->current;
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return code;
}
