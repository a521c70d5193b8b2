/*
 * Which hosts links in an answer may lead to: where the documents themselves are and what is below, what
 * the configuration names, and hosts that several independent documents link to. Documents of one text, or that place a
 * link behind the same words, count once, so that neither copies of a page nor of a paragraph make a
 * host known; issues and pull requests do not count, for anybody writes them.
 */
#ifndef DOCS_BOT_ANSWER_HOSTS_H
#define DOCS_BOT_ANSWER_HOSTS_H

#include <pthread.h>

#include "store/store.h"

#define HOSTS_WITNESSES 3 /* independent documents that must link to a host */

struct hosts;

/*
 * Reads the store's hosts. `configured` names hosts ("example.org") and all below one ("*.example.org"),
 * separated by commas or blanks. A leading "www." makes no difference.
 * *out is the caller's, immutable, and used by any number of threads. Takes some milliseconds for some
 * thousand documents. Errors: those of the store, ERR_NOMEM.
 */
enum err_code hosts_open(struct store *store, struct str configured, const struct alloc *alloc,
			 struct hosts **out, struct err *err) WARN_UNUSED;
void hosts_close(struct hosts *hosts); /* NULL is fine */

/*
 * Whether the host (lower case, no port) may be shown; `ctx` is a struct hosts, so that it fits
 * guard_policy.host_allowed. Microseconds.
 */
bool hosts_allowed(void *ctx, struct str host);
size_t hosts_count(const struct hosts *hosts);

/*
 * The hosts of the index as it is now, shared by threads that each have a store of their own: read again
 * when another generation of it was published. Must not move once it is set up.
 */
struct hosts_cache {
	const struct alloc *alloc;
	struct str configured; /* borrowed */
	pthread_mutex_t lock;
	struct hosts *current; /* NULL: none yet */
	uint64_t generation;
};

void hosts_cache_init(struct hosts_cache *cache, struct str configured, const struct alloc *alloc);
void hosts_cache_release(struct hosts_cache *cache); /* nobody may hold any */

/*
 * The hosts of what the store sees, to be given back by hosts_release(). One thread reads while others
 * that ask meanwhile wait for it. Errors: those of hosts_open().
 */
enum err_code hosts_acquire(struct hosts_cache *cache, struct store *store, struct hosts **out,
			    struct err *err) WARN_UNUSED;
void hosts_release(struct hosts *hosts); /* NULL is fine */

#endif
