#include "base/queue.h"

enum err_code queue_init(struct queue *queue, const struct alloc *alloc, size_t capacity,
			 struct err *err)
{
	*queue = (struct queue){.alloc = alloc, .capacity = capacity};
	queue->items = alloc_zero(alloc, capacity, sizeof(*queue->items));
	if (!queue->items)
		return err_set(err, ERR_NOMEM, "out of memory for a queue of %zu", capacity);
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->not_empty, NULL);
	pthread_cond_init(&queue->not_full, NULL);
	return ERR_OK;
}

void queue_release(struct queue *queue)
{
	if (!queue->items)
		return;
	alloc_free(queue->alloc, queue->items);
	queue->items = NULL;
	pthread_mutex_destroy(&queue->lock);
	pthread_cond_destroy(&queue->not_empty);
	pthread_cond_destroy(&queue->not_full);
}

/* Called with the lock held and room for one more. */
static void put(struct queue *queue, void *item)
{
	queue->items[(queue->head + queue->count) % queue->capacity] = item;
	queue->count++;
	pthread_cond_signal(&queue->not_empty);
}

bool queue_try_push(struct queue *queue, void *item)
{
	pthread_mutex_lock(&queue->lock);
	bool ok = !queue->closed && queue->count < queue->capacity;
	if (ok)
		put(queue, item);
	pthread_mutex_unlock(&queue->lock);
	return ok;
}

bool queue_push(struct queue *queue, void *item)
{
	pthread_mutex_lock(&queue->lock);
	while (!queue->closed && queue->count == queue->capacity)
		pthread_cond_wait(&queue->not_full, &queue->lock);
	bool ok = !queue->closed;
	if (ok)
		put(queue, item);
	pthread_mutex_unlock(&queue->lock);
	return ok;
}

void *queue_pop(struct queue *queue)
{
	void *item = NULL;
	pthread_mutex_lock(&queue->lock);
	while (queue->count == 0 && !queue->closed)
		pthread_cond_wait(&queue->not_empty, &queue->lock);
	if (queue->count) {
		item = queue->items[queue->head];
		queue->head = (queue->head + 1) % queue->capacity;
		queue->count--;
		pthread_cond_signal(&queue->not_full);
	}
	pthread_mutex_unlock(&queue->lock);
	return item;
}

void queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_broadcast(&queue->not_empty);
	pthread_cond_broadcast(&queue->not_full);
	pthread_mutex_unlock(&queue->lock);
}

size_t queue_length(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	size_t count = queue->count;
	pthread_mutex_unlock(&queue->lock);
	return count;
}
