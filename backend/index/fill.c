/*
 * Two sets of chunks take turns, so that no processor waits for another kind of work: while the
 * threads embed one, the caller loads the other or stores what is done. With nothing else to do the
 * caller embeds too.
 *
 * Threads: `lock` guards every set's `next` and `done`, the items' `embedded`, the line of sets and
 * the failure; it is not held while anything is embedded. The rest of a set is the caller's until it
 * is in the line, and constant from then on until the set is finished, except the vector, which the
 * thread that took the item writes before it counts it as done.
 */
#include "index/fill.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS         2 /* one is embedded while the other is loaded or stored */
#define FIRST_STEP   ((int64_t)3000000)
#define STEP_DIVISOR 4 /* a step takes at least this part of the time so far */

struct item {
	struct store_pending chunk;
	float *vector;
	unsigned char hash[STORE_HASH_SIZE];
	bool embedded;        /* the vector is there, and not yet in the cache */
	const float *same_as; /* of an earlier item with the same text, to be copied; or NULL */
	bool other_set;       /* that item is in the set before this one */
};

struct set {
	struct arena arena; /* the texts */
	struct item *items;
	size_t count;
	float *vectors;
	uint32_t *slots;     /* a table of places in `items`, by the hash of the text */
	struct item **order; /* those to be embedded, longest first */
	size_t order_count;
	size_t next, done; /* of `order`: taken by a thread, and embedded */
};

struct fill {
	const struct index_deps *deps;
	const struct store_identity *identity;
	const struct fill_options *options;
	struct set sets[SETS];
	size_t capacity, slot_count; /* of each set */
	struct set *loading;
	struct set *line[SETS]; /* being embedded, oldest first */
	size_t line_length;
	struct store_pending last; /* loaded */
	uint64_t filled;           /* chunks that have got their vector */
	bool in_step;
	int64_t started_us, step_us; /* of all, and of the open step */

	pthread_mutex_t lock;
	pthread_cond_t work, progress;
	pthread_t threads[FILL_MAX_THREADS];
	size_t thread_count, working;
	bool quit, failed;
	struct err first; /* of the failure */
	uint64_t live;    /* chunks embedded */
};

static bool stopping(const struct fill *fill)
{
	return fill->deps->stop && atomic_load(fill->deps->stop);
}

/* ---- memory ---- */

static enum err_code set_init(struct fill *fill, struct set *set, struct err *err)
{
	const struct alloc *alloc = fill->deps->alloc;
	size_t dimension = fill->deps->embedder->dimension, values;
	arena_init(&set->arena, alloc, SIZE_MAX);
	if (!size_mul(fill->capacity, dimension, &values))
		return err_set(err, ERR_LIMIT, "vectors of %zu dimensions are too long", dimension);
	set->items = alloc_zero(alloc, fill->capacity, sizeof(*set->items));
	set->order = alloc_zero(alloc, fill->capacity, sizeof(*set->order));
	set->slots = alloc_zero(alloc, fill->slot_count, sizeof(*set->slots));
	set->vectors = alloc_zero(alloc, values, sizeof(*set->vectors));
	if (!set->items || !set->order || !set->slots || !set->vectors)
		return err_set(err, ERR_NOMEM, "out of memory for %zu chunks", fill->capacity);
	return ERR_OK;
}

static void set_release(struct set *set, const struct alloc *alloc)
{
	arena_release(&set->arena);
	alloc_free(alloc, set->items);
	alloc_free(alloc, set->order);
	alloc_free(alloc, set->slots);
	alloc_free(alloc, set->vectors);
}

static enum err_code threads_init(struct fill *fill, struct err *err)
{
	if (pthread_mutex_init(&fill->lock, NULL))
		return err_set(err, ERR_INTERNAL, "cannot create a mutex");
	if (pthread_cond_init(&fill->work, NULL)) {
		pthread_mutex_destroy(&fill->lock);
		return err_set(err, ERR_INTERNAL, "cannot create a condition");
	}
	if (pthread_cond_init(&fill->progress, NULL)) {
		pthread_cond_destroy(&fill->work);
		pthread_mutex_destroy(&fill->lock);
		return err_set(err, ERR_INTERNAL, "cannot create a condition");
	}
	return ERR_OK;
}

/* ---- loading a set ---- */

/* The slot that holds `hash` or where it would go. */
static uint32_t *find_slot(const struct fill *fill, const struct set *set,
			   const unsigned char *hash)
{
	uint64_t first;
	memcpy(&first, hash, sizeof(first));
	for (size_t at = first & (fill->slot_count - 1);; at = (at + 1) & (fill->slot_count - 1)) {
		uint32_t *slot = &set->slots[at];
		if (!*slot || memcmp(set->items[*slot - 1].hash, hash, STORE_HASH_SIZE) == 0)
			return slot;
	}
}

/* A short section is its own paragraph, and pages repeat each other. */
static const float *find_same(const struct fill *fill, const struct set *set,
			      const unsigned char *hash)
{
	uint32_t slot = *find_slot(fill, set, hash);
	return slot ? set->items[slot - 1].vector : NULL;
}

/* Says where the item's vector comes from: the cache, another item, or else it is to be embedded. */
static enum err_code place(struct fill *fill, struct set *set, struct item *item, struct err *err)
{
	struct str text = item->chunk.text;
	bool found = false;
	if (!EVP_Digest(text.ptr, text.len, item->hash, NULL, EVP_sha256(), NULL))
		return err_set(err, ERR_NOMEM, "out of memory while hashing");
	enum err_code code =
		store_cache_get(fill->deps->store, fill->identity->cache_key, item->hash,
				item->vector, fill->identity->dimension, &found, err);
	if (code || found)
		return code;
	item->same_as = find_same(fill, set, item->hash);
	if (!item->same_as && fill->line_length) {
		item->same_as = find_same(fill, fill->line[0], item->hash);
		item->other_set = item->same_as != NULL;
	}
	if (!item->same_as) {
		*find_slot(fill, set, item->hash) = (uint32_t)(item - set->items) + 1;
		set->order[set->order_count++] = item;
	}
	return ERR_OK;
}

static int longest_first(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;
	if (x->chunk.text.len != y->chunk.text.len)
		return x->chunk.text.len < y->chunk.text.len ? 1 : -1;
	return (x > y) - (x < y);
}

/* The next chunks that wait; none when all are loaded. */
static enum err_code load(struct fill *fill, struct set *set, struct err *err)
{
	struct store_pending_list list;
	const struct store_pending *after = fill->last.id ? &fill->last : NULL;
	arena_reset(&set->arena);
	memset(set->slots, 0, fill->slot_count * sizeof(*set->slots));
	set->count = set->order_count = set->next = set->done = 0;
	enum err_code code =
		store_pending(fill->deps->store, after, fill->capacity, &set->arena, &list, err);
	for (size_t i = 0; i < list.count && !code; i++) {
		struct item *item = &set->items[set->count++];
		*item = (struct item){.chunk = list.items[i],
				      .vector = set->vectors + i * fill->identity->dimension};
		code = place(fill, set, item, err);
		fill->last = item->chunk;
	}
	/* Longest first, so that no thread ends with a long tail. */
	if (!code && set->order_count)
		qsort(set->order, set->order_count, sizeof(struct item *), longest_first);
	return code;
}

/* ---- embedding, by any thread ---- */

/* Takes the next item, of the oldest set that has one. With the lock. */
static struct item *claim(struct fill *fill, struct set **of)
{
	if (fill->failed || stopping(fill))
		return NULL;
	for (size_t i = 0; i < fill->line_length; i++) {
		struct set *set = fill->line[i];
		*of = set;
		if (set->next < set->order_count)
			return set->order[set->next++];
	}
	return NULL;
}

/* Embeds an item. With the lock, which it leaves meanwhile. */
static void work_on(struct fill *fill, struct set *set, struct item *item)
{
	struct err problem = {ERR_OK, ""};
	fill->working++;
	pthread_mutex_unlock(&fill->lock);
	bool done = embed_texts(fill->deps->embedder, &item->chunk.text, 1, item->vector,
				&problem) == ERR_OK;
	pthread_mutex_lock(&fill->lock);
	item->embedded = done;
	fill->working--;
	set->done++;
	if (done) {
		fill->live++;
	} else if (!fill->failed) {
		fill->failed = true;
		fill->first = problem;
	}
	pthread_cond_broadcast(&fill->progress);
}

static void *embed_thread(void *arg)
{
	struct fill *fill = arg;
	struct set *set;
	pthread_mutex_lock(&fill->lock);
	while (!fill->quit) {
		struct item *item = claim(fill, &set);
		if (item)
			work_on(fill, set, item);
		else
			pthread_cond_wait(&fill->work, &fill->lock);
	}
	pthread_mutex_unlock(&fill->lock);
	return NULL;
}

/* One less than the threads wanted, the caller being one; fewer when the system gives no more. */
static void start_threads(struct fill *fill)
{
	size_t wanted = fill->options->threads;
	if (wanted > FILL_MAX_THREADS)
		wanted = FILL_MAX_THREADS;
	while (fill->thread_count + 1 < wanted &&
	       pthread_create(&fill->threads[fill->thread_count], NULL, embed_thread, fill) == 0)
		fill->thread_count++;
}

static void end_threads(struct fill *fill)
{
	pthread_mutex_lock(&fill->lock);
	fill->quit = true;
	pthread_cond_broadcast(&fill->work);
	pthread_mutex_unlock(&fill->lock);
	for (size_t i = 0; i < fill->thread_count; i++)
		pthread_join(fill->threads[i], NULL);
}

static void join_line(struct fill *fill, struct set *set)
{
	pthread_mutex_lock(&fill->lock);
	fill->line[fill->line_length++] = set;
	pthread_cond_broadcast(&fill->work);
	pthread_mutex_unlock(&fill->lock);
}

/* ---- storing, by the caller ---- */

/* Puts what is embedded by now into the cache. */
static enum err_code cache_embedded(struct fill *fill, struct set *set, struct err *err)
{
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < set->order_count && !code; i++) {
		struct item *item = set->order[i];
		pthread_mutex_lock(&fill->lock);
		bool fresh = item->embedded;
		item->embedded = false;
		pthread_mutex_unlock(&fill->lock);
		if (fresh)
			code = store_cache_put(fill->deps->store, fill->identity->cache_key,
					       item->hash, item->vector, fill->identity->dimension,
					       err);
	}
	return code;
}

static enum err_code stopped(const struct fill *fill, struct err *err)
{
	return err_set(
		err, ERR_CANCELLED,
		fill->options->steps
			? "stopped; what is embedded is kept, the next run goes on from there"
			: "stopped; the index is as it was before");
}

/* Embeds with the others until the set is done. */
static enum err_code embed_set(struct fill *fill, const struct set *set, struct err *err)
{
	enum err_code code = ERR_OK;
	pthread_mutex_lock(&fill->lock);
	while (set->done < set->order_count && !fill->failed && !stopping(fill) && !code) {
		struct set *of;
		struct item *item = claim(fill, &of);
		if (!item) {
			/* Another thread works on the last of it, and will say so. */
			if (fill->working)
				pthread_cond_wait(&fill->progress, &fill->lock);
			continue;
		}
		work_on(fill, of, item);
		uint64_t live = fill->live;
		pthread_mutex_unlock(&fill->lock);
		if (fill->options->tick)
			fill->options->tick(fill->options->tick_ctx, live, fill->filled);
		for (size_t i = 0; i < fill->line_length && !code; i++)
			code = cache_embedded(fill, fill->line[i], err);
		pthread_mutex_lock(&fill->lock);
	}
	bool failed = fill->failed;
	pthread_mutex_unlock(&fill->lock);
	if (code)
		return code;
	if (stopping(fill))
		return stopped(fill, err);
	/* `first` does not change any more. */
	return failed ? err_set(err, fill->first.code, "%s", fill->first.message) : ERR_OK;
}

/*
 * Copies what is equal to items of the same set, or of the one before it. Copies stand behind what
 * they are copied from. No thread but the caller's looks at these items.
 */
static void copy_same(struct fill *fill, struct set *set, bool other_set)
{
	size_t bytes = fill->identity->dimension * sizeof(float);
	for (size_t i = 0; i < set->count; i++) {
		struct item *item = &set->items[i];
		if (item->same_as && item->other_set == other_set)
			memcpy(item->vector, item->same_as, bytes);
	}
}

static enum err_code begin_step(struct fill *fill, struct err *err)
{
	if (!fill->options->steps || fill->in_step)
		return ERR_OK;
	enum err_code code = store_resume(fill->deps->store, fill->identity, err);
	fill->in_step = !code;
	return code;
}

static enum err_code end_step(struct fill *fill, struct err *err)
{
	if (!fill->in_step)
		return ERR_OK;
	fill->in_step = false;
	fill->step_us = clock_monotonic_us(fill->deps->clock);
	enum err_code code =
		store_publish(fill->deps->store, clock_wall_ms(fill->deps->clock), err);
	if (code)
		store_rollback(fill->deps->store);
	return code;
}

static bool step_is_due(const struct fill *fill)
{
	int64_t now = clock_monotonic_us(fill->deps->clock);
	int64_t wait = (now - fill->started_us) / STEP_DIVISOR;
	return now - fill->step_us >= (wait > FIRST_STEP ? wait : FIRST_STEP);
}

/* Stores a set that is done; cache entries first: they outlive a rollback. */
static enum err_code store_set(struct fill *fill, struct set *set, struct err *err)
{
	enum err_code code = cache_embedded(fill, set, err);
	if (!code)
		code = begin_step(fill, err);
	for (size_t i = 0; i < set->count && !code; i++)
		code = store_set_vector(fill->deps->store, set->items[i].chunk.id,
					set->items[i].vector, err);
	if (code)
		return code;
	fill->filled += set->count;
	return step_is_due(fill) ? end_step(fill, err) : ERR_OK;
}

static enum err_code finish_oldest(struct fill *fill, struct err *err)
{
	struct set *set = fill->line[0];
	enum err_code code = embed_set(fill, set, err);
	if (code)
		return code;
	copy_same(fill, set, false);
	if (fill->line_length > 1)
		copy_same(fill, fill->line[1], true);
	pthread_mutex_lock(&fill->lock);
	fill->line[0] = fill->line[1];
	fill->line_length--;
	pthread_mutex_unlock(&fill->lock);
	return store_set(fill, set, err);
}

static enum err_code fill_all(struct fill *fill, struct err *err)
{
	enum err_code code = ERR_OK;
	bool more = true;
	for (size_t turn = 0; !code && (more || fill->line_length); turn++) {
		struct set *set = &fill->sets[turn % SETS];
		if (more && stopping(fill))
			return stopped(fill, err);
		if (more)
			code = load(fill, set, err);
		more = more && set->count > 0;
		if (!code && more)
			join_line(fill, set);
		if (!code && fill->line_length && (!more || fill->line_length == SETS))
			code = finish_oldest(fill, err);
	}
	return code;
}

enum err_code fill_vectors(const struct index_deps *deps, const struct store_identity *identity,
			   const struct fill_options *options, uint64_t *embedded, struct err *err)
{
	struct fill *fill = alloc_zero(deps->alloc, 1, sizeof(*fill));
	*embedded = 0;
	if (!fill)
		return err_set(err, ERR_NOMEM, "out of memory");
	fill->deps = deps;
	fill->identity = identity;
	fill->options = options;
	fill->started_us = fill->step_us = clock_monotonic_us(deps->clock);
	fill->capacity = FILL_PER_THREAD * (options->threads < FILL_MAX_THREADS ? options->threads
										: FILL_MAX_THREADS);
	for (fill->slot_count = 64; fill->slot_count < 2 * fill->capacity;)
		fill->slot_count *= 2;
	enum err_code code = threads_init(fill, err);
	if (code) {
		alloc_free(deps->alloc, fill);
		return code;
	}
	for (size_t i = 0; i < SETS && !code; i++)
		code = set_init(fill, &fill->sets[i], err);
	if (!code) {
		start_threads(fill);
		code = fill_all(fill, err);
		end_threads(fill);
	}
	/* After an error or a stop: what was embedded need not be again. */
	for (size_t i = 0; i < SETS; i++)
		(void)cache_embedded(fill, &fill->sets[i], NULL);
	if (!code || code == ERR_CANCELLED) {
		enum err_code late = end_step(fill, code ? NULL : err);
		code = code ? code : late;
	} else if (options->steps) {
		store_rollback(deps->store);
	}
	*embedded = fill->live;
	for (size_t i = 0; i < SETS; i++)
		set_release(&fill->sets[i], deps->alloc);
	pthread_cond_destroy(&fill->progress);
	pthread_cond_destroy(&fill->work);
	pthread_mutex_destroy(&fill->lock);
	alloc_free(deps->alloc, fill);
	return code;
}
