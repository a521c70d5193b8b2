/* Addresses that a crawl has yet to visit, each of them once. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_SITE_QUEUE_H
#define DOCS_BOT_SOURCE_SITE_QUEUE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct site_address {
	struct str url;
	size_t depth; /* links from the start page */
};

/* First in, first out. All zero but `alloc`, `arena` and `max` is empty. */
struct site_queue {
	const struct alloc *alloc;
	struct arena *arena; /* of the addresses */
	size_t max;          /* further addresses are forgotten */
	struct site_address *addresses;
	size_t count, capacity, next;
	size_t *slots; /* hash table of positions + 1 */
	size_t slot_count;
	bool overflowed;
};

/* Adds the address unless it was added before; *is_new may be NULL. */
enum err_code site_queue_add(struct site_queue *queue, struct str url, size_t depth, bool *is_new,
			     struct err *err) WARN_UNUSED;

/* As site_queue_add(), but the address counts as visited: it will not be taken. */
enum err_code site_queue_mark(struct site_queue *queue, struct str url, bool *is_new,
			      struct err *err) WARN_UNUSED;

/* False when all were taken. */
bool site_queue_take(struct site_queue *queue, struct site_address *out);
void site_queue_release(struct site_queue *queue);

#endif
