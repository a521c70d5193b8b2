/*
 * Threads: `lock` guards everything below it and every call that is waiting; it is held to look
 * and to copy vectors, never while anything is embedded. A call is a struct on its caller's stack
 * and stays there until it is DONE; others touch it under the lock only, its text excepted, which is
 * constant.
 *
 * Invariant: while calls wait in the queue, all leaders are at work. A leader that comes out hands
 * his place to the head of the queue, so nobody is left behind.
 */
#include "embed/shared.h"

#include <pthread.h>
#include <string.h>

#include "embed/shared_cache.h"

/* Of one call of the inner embedder: more would delay the first without making the last faster. */
#define MAX_TEXTS 32
#define MAX_BYTES ((size_t)8 << 10)

enum call_state { CALL_WAITING, CALL_LEADING, CALL_DONE };

/* One caller's text. */
struct call {
	struct str text;
	uint64_t hash;
	float *vector; /* the caller's */
	pthread_cond_t wake;
	enum call_state state;
	enum err_code code;
	struct err err;
	struct call *same; /* callers that wait for this very result */
	struct call *next; /* in the queue, or in the list of those being embedded */
};

struct shared {
	struct embedder base;
	struct embedder *inner;
	const struct alloc *alloc;
	size_t max_leaders;

	pthread_mutex_t lock;
	size_t leaders;
	struct call *queue, **queue_end; /* waiting, oldest first */
	size_t queue_length;
	struct call *running; /* being embedded */
	struct shared_cache cache;
	struct embed_shared_stats stats;
};

/* What one leader embeds. */
struct batch {
	struct call *items[MAX_TEXTS];
	size_t count;
};

static struct call *find_same(struct call *list, const struct call *wanted)
{
	for (; list; list = list->next)
		if (list->hash == wanted->hash && str_eq(list->text, wanted->text))
			return list;
	return NULL;
}

static void enqueue(struct shared *s, struct call *call)
{
	*s->queue_end = call;
	s->queue_end = &call->next;
	s->queue_length++;
}

static struct call *dequeue(struct shared *s)
{
	struct call *call = s->queue;
	s->queue = call->next;
	if (!s->queue)
		s->queue_end = &s->queue;
	s->queue_length--;
	call->next = NULL;
	return call;
}

static void run(struct shared *s, struct call *call)
{
	call->next = s->running;
	s->running = call;
}

/* The leader's own text, which is running already, and his share of the queue. */
static void gather(struct shared *s, struct call *leader, struct batch *batch)
{
	size_t share = (s->queue_length + 1 + s->max_leaders - 1) / s->max_leaders;
	size_t bytes = leader->text.len;
	batch->items[0] = leader;
	batch->count = 1;
	while (s->queue && batch->count < share && batch->count < MAX_TEXTS &&
	       bytes + s->queue->text.len <= MAX_BYTES) {
		struct call *call = dequeue(s);
		bytes += call->text.len;
		batch->items[batch->count++] = call;
		run(s, call);
	}
}

static void count_call(struct shared *s, size_t texts)
{
	size_t bucket = 0;
	while (bucket < EMBED_SHARED_BUCKETS && texts > (size_t)1 << bucket)
		bucket++;
	s->stats.calls++;
	s->stats.texts += texts;
	s->stats.calls_by_size[bucket]++;
}

static void embed_one(struct shared *s, struct call *call, bool lonely)
{
	call->code = lonely ? embed_alone(s->inner, call->text, call->vector, &call->err)
			    : embed_texts(s->inner, &call->text, 1, call->vector, &call->err);
}

/* Without the lock: nobody else looks at code, err and vector before the calls are DONE. */
static bool embed_together(struct shared *s, const struct batch *batch)
{
	size_t dimension = s->base.dimension;
	struct str texts[MAX_TEXTS];
	float *vectors = alloc_zero(s->alloc, batch->count, dimension * sizeof(*vectors));
	if (!vectors)
		return false;
	for (size_t i = 0; i < batch->count; i++)
		texts[i] = batch->items[i]->text;
	bool ok = embed_texts(s->inner, texts, batch->count, vectors, NULL) == ERR_OK;
	for (size_t i = 0; i < batch->count && ok; i++) {
		memcpy(batch->items[i]->vector, vectors + i * dimension,
		       dimension * sizeof(*vectors));
		batch->items[i]->code = ERR_OK;
	}
	alloc_free(s->alloc, vectors);
	return ok;
}

static void finish(struct shared *s, struct call *call)
{
	struct call **link = &s->running;
	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	if (call->code == ERR_OK)
		shared_cache_put(&s->cache, call->text, call->hash, call->vector);
	for (struct call *same = call->same, *next; same; same = next) {
		next = same->same;
		same->code = call->code;
		if (call->code == ERR_OK)
			memcpy(same->vector, call->vector, s->base.dimension * sizeof(float));
		else
			same->err = call->err;
		same->state = CALL_DONE;
		pthread_cond_signal(&same->wake);
	}
	/* From here on the call may be gone, unless it is the leader's own. */
	call->state = CALL_DONE;
	pthread_cond_signal(&call->wake);
}

/* Embeds the caller's text and what it takes along. With the lock, which it leaves meanwhile. */
static void lead(struct shared *s, struct call *leader)
{
	struct batch batch;
	gather(s, leader, &batch);
	bool lonely = s->leaders == 1 && batch.count == 1;
	pthread_mutex_unlock(&s->lock);
	bool together = batch.count > 1 && embed_together(s, &batch);
	for (size_t i = 0; i < batch.count && !together; i++)
		embed_one(s, batch.items[i], lonely);
	pthread_mutex_lock(&s->lock);
	if (together)
		count_call(s, batch.count);
	for (size_t i = 0; i < batch.count; i++) {
		if (!together)
			count_call(s, 1);
		finish(s, batch.items[i]);
	}
	if (s->queue) {
		struct call *heir = dequeue(s);
		run(s, heir);
		heir->state = CALL_LEADING;
		pthread_cond_signal(&heir->wake);
	} else {
		s->leaders--;
	}
}

/* With the lock. */
static void embed_call(struct shared *s, struct call *call)
{
	struct call *other = find_same(s->running, call);
	if (!other)
		other = find_same(s->queue, call);
	if (other) {
		call->same = other->same;
		other->same = call;
		s->stats.joined++;
	} else if (s->leaders < s->max_leaders) {
		s->leaders++;
		run(s, call);
		call->state = CALL_LEADING;
	} else {
		enqueue(s, call);
	}
	while (call->state == CALL_WAITING)
		pthread_cond_wait(&call->wake, &s->lock);
	if (call->state == CALL_LEADING)
		lead(s, call);
}

static enum err_code shared_embed(struct embedder *e, const struct str *texts, size_t count,
				  float *vectors, struct err *err)
{
	struct shared *s = (struct shared *)e;
	if (count != 1)
		return embed_texts(s->inner, texts, count, vectors, err);
	struct call call = {.text = texts[0], .hash = str_hash(texts[0]), .vector = vectors};
	if (pthread_cond_init(&call.wake, NULL) != 0)
		return embed_texts(s->inner, texts, 1, vectors, err);
	pthread_mutex_lock(&s->lock);
	bool hit = shared_cache_get(&s->cache, call.text, call.hash, vectors);
	if (hit) {
		s->stats.hits++;
	} else {
		s->stats.misses++;
		embed_call(s, &call);
	}
	pthread_mutex_unlock(&s->lock);
	pthread_cond_destroy(&call.wake);
	return call.code ? err_set(err, call.code, "%s", call.err.message) : ERR_OK;
}

static enum err_code shared_embed_alone(struct embedder *e, struct str text, float *vector,
					struct err *err)
{
	return shared_embed(e, &text, 1, vector, err);
}

static enum err_code shared_tokenize(struct embedder *e, struct str text, struct arena *arena,
				     struct token_list *out, struct err *err)
{
	return embed_tokenize(((struct shared *)e)->inner, text, arena, out, err);
}

static void shared_close(struct embedder *e)
{
	struct shared *s = (struct shared *)e;
	embed_close(s->inner);
	shared_cache_release(&s->cache);
	pthread_mutex_destroy(&s->lock);
	alloc_free(s->alloc, s);
}

static const struct embedder_ops shared_ops = {
	.tokenize = shared_tokenize,
	.embed = shared_embed,
	.embed_alone = shared_embed_alone,
	.close = shared_close,
};

enum err_code embed_shared_open(struct embedder *inner, const struct embed_shared_options *options,
				const struct alloc *alloc, struct embedder **out, struct err *err)
{
	*out = NULL;
	if (!options->calls)
		return err_set(err, ERR_INVALID, "an embedder must take at least one call at once");
	struct shared *s = alloc_zero(alloc, 1, sizeof(*s));
	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory for the shared embedder");
	s->base = *inner;
	s->base.ops = &shared_ops;
	s->inner = inner;
	s->alloc = alloc;
	s->max_leaders = options->calls;
	s->queue_end = &s->queue;
	enum err_code code = shared_cache_init(&s->cache, options->cache_entries,
					       options->cache_bytes, inner->dimension, alloc, err);
	if (code) {
		alloc_free(alloc, s);
		return code;
	}
	if (pthread_mutex_init(&s->lock, NULL) != 0) {
		shared_cache_release(&s->cache);
		alloc_free(alloc, s);
		return err_set(err, ERR_INTERNAL, "cannot create a mutex for the embedder");
	}
	*out = &s->base;
	return ERR_OK;
}

bool embed_shared_stats(struct embedder *e, struct embed_shared_stats *out)
{
	if (!e || e->ops != &shared_ops)
		return false;
	struct shared *s = (struct shared *)e;
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	out->cache_entries = s->cache.count;
	out->cache_bytes = s->cache.bytes;
	pthread_mutex_unlock(&s->lock);
	return true;
}
