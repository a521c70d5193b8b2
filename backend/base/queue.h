/* A bounded queue between threads. Ownership of an item passes with it. */
#ifndef DOCS_BOT_BASE_QUEUE_H
#define DOCS_BOT_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/err.h"

struct queue {
	const struct alloc *alloc;
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full;
	void **items;
	size_t head, count, capacity;
	bool closed;
};

enum err_code queue_init(struct queue *queue, const struct alloc *alloc, size_t capacity,
			 struct err *err) WARN_UNUSED;
void queue_release(struct queue *queue); /* the caller has drained it and joined its users */

/* false at once when full or closed; the caller keeps the item. */
bool queue_try_push(struct queue *queue, void *item) WARN_UNUSED;
/* Waits for room; false when closed. */
bool queue_push(struct queue *queue, void *item) WARN_UNUSED;
/* Waits for an item; NULL once closed and empty. */
void *queue_pop(struct queue *queue);
/* Items already in can still be popped; pushes fail from now on. */
void queue_close(struct queue *queue);
size_t queue_length(struct queue *queue);

#endif
