#include "source/site_queue.h"

#include "source/filter.h"

#define VISITED SIZE_MAX /* a depth: not to be taken */

static size_t *find_slot(const struct site_queue *q, struct str url)
{
	size_t at = (size_t)str_hash(url) & (q->slot_count - 1);

	while (q->slots[at] && !str_eq(q->addresses[q->slots[at] - 1].url, url))
		at = (at + 1) & (q->slot_count - 1);
	return &q->slots[at];
}

/* Keeps the table at most half full. */
static enum err_code make_slots(struct site_queue *q, struct err *err)
{
	size_t *old = q->slots;

	if (q->slot_count && q->count < q->slot_count / 2)
		return ERR_OK;
	q->slots = alloc_zero(q->alloc, q->slot_count ? q->slot_count * 2 : 256, sizeof(*q->slots));
	if (!q->slots) {
		q->slots = old;
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	q->slot_count = q->slot_count ? q->slot_count * 2 : 256;
	alloc_free(q->alloc, old);
	for (size_t i = 0; i < q->count; i++)
		*find_slot(q, q->addresses[i].url) = i + 1;
	return ERR_OK;
}

enum err_code site_queue_add(struct site_queue *q, struct str url, size_t depth, bool *is_new,
			     struct err *err)
{
	void *addresses = q->addresses;
	size_t *slot;
	enum err_code code = make_slots(q, err);

	if (is_new)
		*is_new = false;
	if (code != ERR_OK)
		return code;
	slot = find_slot(q, url);
	if (*slot)
		return ERR_OK;
	if (q->count == q->max) {
		q->overflowed = true;
		return ERR_OK;
	}
	code = source_make_room(q->alloc, &addresses, q->count, &q->capacity, sizeof(*q->addresses),
				err);
	if (code != ERR_OK)
		return code;
	q->addresses = addresses;
	url = arena_str(q->arena, url);
	if (!url.ptr)
		return arena_fail(q->arena, err);
	q->addresses[q->count++] = (struct site_address){url, depth};
	*slot = q->count;
	if (is_new)
		*is_new = true;
	return ERR_OK;
}

enum err_code site_queue_mark(struct site_queue *q, struct str url, bool *is_new, struct err *err)
{
	enum err_code code = site_queue_add(q, url, VISITED, is_new, err);
	size_t *slot;

	if (code != ERR_OK || *is_new)
		return code;
	slot = find_slot(q, url);
	if (!*slot) /* the queue is full: treated as visited */
		return ERR_OK;
	/* one that still waits need not be visited again */
	if (*slot - 1 >= q->next && q->addresses[*slot - 1].depth != VISITED) {
		q->addresses[*slot - 1].depth = VISITED;
		*is_new = true;
	}
	return ERR_OK;
}

bool site_queue_take(struct site_queue *q, struct site_address *out)
{
	while (q->next < q->count) {
		*out = q->addresses[q->next++];
		if (out->depth != VISITED)
			return true;
	}
	return false;
}

void site_queue_release(struct site_queue *q)
{
	alloc_free(q->alloc, q->addresses);
	alloc_free(q->alloc, q->slots);
}
