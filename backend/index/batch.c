/*
 * Two sets of documents take turns, so that no processor waits for another kind of work: while the
 * threads embed the chunks of one, the caller prepares the documents of the other or stores those
 * that are done. With nothing else to do the caller embeds too.
 *
 * Threads: `lock` guards every set's `next` and `done`, the line of sets, and the failure; it is not
 * held while anything is embedded. The rest of a set is the caller's until it is in the line, and
 * constant from then on until the set is finished, except what the thread that took a chunk writes
 * of it (vector, embedded) before it counts it as done.
 */
#include "index/batch.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { PENDING_PER_THREAD = 64 };

/* A chunk that is not in the embedding cache. */
struct pending {
	struct str text;
	size_t tokens;
	float *vector;
	unsigned char hash[STORE_HASH_SIZE];
	bool embedded;        /* the vector is there, and not yet in the cache */
	const float *same_as; /* of an earlier chunk with the same text, to be copied; or NULL */
	bool other_set;       /* that chunk is in the set before this one */
};

enum err_code batch_init(struct batch *batch, const struct index_deps *deps,
			 const struct index_options *options, const char *source, struct err *err)
{
	memset(batch, 0, sizeof(*batch));
	batch->deps = deps;
	batch->options = options;
	batch->source = source;
	batch->filling = &batch->sets[0];
	if (pthread_mutex_init(&batch->lock, NULL))
		return err_set(err, ERR_INTERNAL, "cannot create a mutex");
	if (pthread_cond_init(&batch->work, NULL)) {
		pthread_mutex_destroy(&batch->lock);
		return err_set(err, ERR_INTERNAL, "cannot create a condition");
	}
	if (pthread_cond_init(&batch->progress, NULL)) {
		pthread_cond_destroy(&batch->work);
		pthread_mutex_destroy(&batch->lock);
		return err_set(err, ERR_INTERNAL, "cannot create a condition");
	}
	return ERR_OK;
}

static void set_clear(struct batch_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		arena_release(&set->documents[i].arena);
	set->count = 0;
	set->pending_count = 0;
	set->next = set->done = 0;
	if (set->slots)
		memset(set->slots, 0, set->slot_count * sizeof(*set->slots));
}

static void set_release(struct batch_set *set, const struct alloc *alloc)
{
	set_clear(set);
	alloc_free(alloc, set->pending);
	alloc_free(alloc, set->order);
	alloc_free(alloc, set->slots);
	memset(set, 0, sizeof(*set));
}

bool batch_full(const struct batch *batch)
{
	return batch->filling->count == BATCH_MAX_DOCUMENTS ||
	       batch->filling->pending_count >= batch->options->threads * PENDING_PER_THREAD;
}

/* ---- chunks with the same text: a table of places in `pending`, by the hash of the text ---- */

/* The slot that holds `hash` or where it would go. */
static uint32_t *find_slot(const struct batch_set *set, const unsigned char *hash)
{
	uint64_t first;
	memcpy(&first, hash, sizeof(first));
	for (size_t at = first & (set->slot_count - 1);; at = (at + 1) & (set->slot_count - 1)) {
		uint32_t *slot = &set->slots[at];
		if (!*slot || memcmp(set->pending[*slot - 1].hash, hash, STORE_HASH_SIZE) == 0)
			return slot;
	}
}

/* A short section is its own paragraph, and pages repeat each other. */
static const float *find_same(const struct batch_set *set, const unsigned char *hash)
{
	if (!set->slots)
		return NULL;
	uint32_t slot = *find_slot(set, hash);
	return slot ? set->pending[slot - 1].vector : NULL;
}

static enum err_code reserve_pending(struct batch *batch, size_t extra, struct err *err)
{
	struct batch_set *set = batch->filling;
	const struct alloc *alloc = batch->deps->alloc;
	size_t need, bytes, slots = 64;
	if (!size_add(set->pending_count, extra, &need) || need > UINT32_MAX / 8)
		return err_set(err, ERR_LIMIT, "too many chunks");
	if (need <= set->capacity)
		return ERR_OK;
	if (!size_mul(2 * need, sizeof(*set->pending), &bytes))
		return err_set(err, ERR_LIMIT, "too many chunks");
	while (slots < 4 * need)
		slots *= 2;
	struct pending *grown = alloc_resize(alloc, set->pending, bytes);
	if (grown)
		set->pending = grown;
	struct pending **order = alloc_resize(alloc, set->order, 2 * need * sizeof(*set->order));
	if (order)
		set->order = order;
	uint32_t *table = alloc_zero(alloc, slots, sizeof(*table));
	if (!grown || !order || !table) {
		alloc_free(alloc, table);
		return err_set(err, ERR_NOMEM, "out of memory for %zu chunks", need);
	}
	alloc_free(alloc, set->slots);
	set->slots = table;
	set->slot_count = slots;
	set->capacity = 2 * need;
	for (size_t i = 0; i < set->pending_count; i++) {
		uint32_t *slot = find_slot(set, set->pending[i].hash);
		if (!*slot)
			*slot = (uint32_t)i + 1;
	}
	return ERR_OK;
}

static void add_pending(struct batch_set *set, const struct pending *item)
{
	uint32_t *slot = find_slot(set, item->hash);
	set->pending[set->pending_count++] = *item;
	if (!*slot)
		*slot = (uint32_t)set->pending_count;
}

enum err_code batch_add(struct batch *batch, struct prepared *document, struct err *err)
{
	size_t dimension = batch->deps->embedder->dimension;
	struct batch_set *set = batch->filling;
	struct prepared *slot = &set->documents[set->count++];
	*slot = *document;
	enum err_code code = reserve_pending(batch, slot->chunks.count, err);
	for (size_t i = 0; i < slot->chunks.count && !code; i++) {
		struct pending item = {.text = slot->chunks.items[i].embed_text,
				       .tokens = slot->chunks.items[i].token_count,
				       .vector = slot->vectors + i * dimension};
		bool found = false;
		if (!EVP_Digest(item.text.ptr, item.text.len, item.hash, NULL, EVP_sha256(), NULL))
			return err_set(err, ERR_NOMEM, "out of memory while hashing");
		code = store_cache_get(batch->deps->store, str_c(batch->deps->embedder->cache_key),
				       item.hash, item.vector, dimension, &found, err);
		if (!found && !code)
			item.same_as = find_same(set, item.hash);
		if (!found && !code && !item.same_as && batch->line_length) {
			item.same_as = find_same(batch->line[0], item.hash);
			item.other_set = item.same_as != NULL;
		}
		if (found || item.same_as)
			batch->reused++;
		if (!found && !code)
			add_pending(set, &item);
	}
	return code;
}

/* ---- embedding, by any thread ---- */

static bool stopping(const struct batch *batch)
{
	return batch->deps->stop && atomic_load(batch->deps->stop);
}

/* Takes the next chunk, of the oldest set that has one. With the lock. */
static struct pending *claim(struct batch *batch, struct batch_set **of)
{
	if (batch->failed || stopping(batch))
		return NULL;
	for (size_t i = 0; i < batch->line_length; i++) {
		struct batch_set *set = batch->line[i];
		*of = set;
		if (set->next < set->order_count)
			return set->order[set->next++];
	}
	return NULL;
}

/* Embeds a chunk. With the lock, which it leaves meanwhile. */
static void work_on(struct batch *batch, struct batch_set *set, struct pending *item)
{
	struct err problem = {ERR_OK, ""};
	batch->working++;
	pthread_mutex_unlock(&batch->lock);
	item->embedded = embed_texts(batch->deps->embedder, &item->text, 1, item->vector,
				     &problem) == ERR_OK;
	pthread_mutex_lock(&batch->lock);
	batch->working--;
	set->done++;
	if (item->embedded) {
		batch->live++;
	} else if (!batch->failed) {
		batch->failed = true;
		batch->first = problem;
	}
	pthread_cond_broadcast(&batch->progress);
}

static void *embed_thread(void *arg)
{
	struct batch *batch = arg;
	struct batch_set *set;
	pthread_mutex_lock(&batch->lock);
	while (!batch->quit) {
		struct pending *item = claim(batch, &set);
		if (item)
			work_on(batch, set, item);
		else
			pthread_cond_wait(&batch->work, &batch->lock);
	}
	pthread_mutex_unlock(&batch->lock);
	return NULL;
}

/* One less than the threads wanted, the caller being one; fewer when the system gives no more. */
static void start_threads(struct batch *batch)
{
	size_t wanted = batch->options->threads;
	if (wanted > BATCH_MAX_THREADS)
		wanted = BATCH_MAX_THREADS;
	while (batch->thread_count + 1 < wanted &&
	       pthread_create(&batch->threads[batch->thread_count], NULL, embed_thread, batch) == 0)
		batch->thread_count++;
}

uint64_t batch_embedded(struct batch *batch)
{
	pthread_mutex_lock(&batch->lock);
	uint64_t live = batch->live;
	pthread_mutex_unlock(&batch->lock);
	return live;
}

static int longest_first(const void *a, const void *b)
{
	const struct pending *x = *(const struct pending *const *)a;
	const struct pending *y = *(const struct pending *const *)b;
	if (x->tokens != y->tokens)
		return x->tokens < y->tokens ? 1 : -1;
	return (x > y) - (x < y);
}

/* Longest first, so that no thread ends with a long tail. */
static void join_line(struct batch *batch)
{
	struct batch_set *set = batch->filling;
	set->order_count = 0;
	for (size_t i = 0; i < set->pending_count; i++)
		if (!set->pending[i].same_as)
			set->order[set->order_count++] = &set->pending[i];
	if (set->order_count)
		qsort(set->order, set->order_count, sizeof(*set->order), longest_first);
	pthread_mutex_lock(&batch->lock);
	batch->line[batch->line_length++] = set;
	pthread_cond_broadcast(&batch->work);
	pthread_mutex_unlock(&batch->lock);
	batch->filling = set == &batch->sets[0] ? &batch->sets[1] : &batch->sets[0];
}

/* Embeds with the others until the set is done. */
static enum err_code embed_set(struct batch *batch, const struct batch_set *set, struct err *err)
{
	pthread_mutex_lock(&batch->lock);
	while (set->done < set->order_count && !batch->failed && !stopping(batch)) {
		struct batch_set *of;
		struct pending *item = claim(batch, &of);
		if (!item) {
			/* Another thread works on the last of it, and will say so. */
			if (batch->working)
				pthread_cond_wait(&batch->progress, &batch->lock);
			continue;
		}
		work_on(batch, of, item);
		uint64_t live = batch->live;
		pthread_mutex_unlock(&batch->lock);
		if (batch->tick)
			batch->tick(batch->tick_ctx, live);
		pthread_mutex_lock(&batch->lock);
	}
	bool failed = batch->failed;
	pthread_mutex_unlock(&batch->lock);
	if (stopping(batch))
		return err_set(err, ERR_CANCELLED, "stopped; the index is as it was before");
	/* `first` does not change any more. */
	return failed ? err_set(err, batch->first.code, "%s", batch->first.message) : ERR_OK;
}

/* ---- storing, by the caller ---- */

/*
 * Copies what is equal to chunks of the same set, or of the one before it. Copies stand behind what
 * they are copied from. No thread but the caller's looks at these chunks.
 */
static void copy_same(struct batch *batch, struct batch_set *set, bool other_set)
{
	size_t bytes = batch->deps->embedder->dimension * sizeof(float);
	for (size_t i = 0; i < set->pending_count; i++) {
		struct pending *item = &set->pending[i];
		if (item->same_as && item->other_set == other_set)
			memcpy(item->vector, item->same_as, bytes);
	}
}

static enum err_code cache_embedded(struct batch *batch, struct batch_set *set, struct err *err)
{
	const struct embedder *embedder = batch->deps->embedder;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < set->pending_count && !code; i++) {
		struct pending *item = &set->pending[i];
		if (item->embedded)
			code = store_cache_put(batch->deps->store, str_c(embedder->cache_key),
					       item->hash, item->vector, embedder->dimension, err);
		item->embedded = false;
	}
	return code;
}

static const enum store_unit units[] = {[CHUNK_WINDOW] = STORE_WINDOW,
					[CHUNK_SECTION] = STORE_SECTION,
					[CHUNK_PARAGRAPH] = STORE_PARAGRAPH};

static enum err_code put_document(struct batch *batch, const struct prepared *document,
				  struct arena *arena, struct err *err)
{
	size_t dimension = batch->deps->embedder->dimension;
	const struct document *tree = &document->document;
	struct store_section *sections = arena_array(arena, tree->section_count, sizeof(*sections));
	struct store_chunk *chunks = arena_array(arena, document->chunks.count, sizeof(*chunks));
	if (!sections || !chunks)
		return arena_fail(arena, err);
	for (size_t i = 0; i < tree->section_count; i++) {
		const struct section *from = &tree->sections[i];
		sections[i] = (struct store_section){.heading = from->heading,
						     .anchor = from->anchor,
						     .path = from->path,
						     .text = section_text(from, arena),
						     .level = from->level,
						     .first_line = from->first_line,
						     .last_line = from->last_line};
		if (!sections[i].text.ptr)
			return arena_fail(arena, err);
	}
	for (size_t i = 0; i < document->chunks.count; i++) {
		const struct chunk *from = &document->chunks.items[i];
		chunks[i] = (struct store_chunk){.unit = units[from->kind],
						 .ordinal = (uint32_t)from->ordinal,
						 .first_section = (uint32_t)from->first_section,
						 .last_section = (uint32_t)from->last_section,
						 .text = from->text,
						 .vector = document->vectors + i * dimension};
	}
	struct store_document stored = {.source = str_c(batch->source),
					.path = document->path,
					.title = tree->title,
					.description = tree->description,
					.url = document->url,
					.type = document->type,
					.repo = document->repo,
					.version = document->version,
					.archived = document->archived,
					.content_id = str_c(document->content_id),
					.content_hash = str_c(document->content_hash),
					.sections = sections,
					.section_count = tree->section_count,
					.chunks = chunks,
					.chunk_count = document->chunks.count};
	return store_put(batch->deps->store, &stored, err);
}

/* Stores the oldest set, which is done; cache entries first: they outlive a rollback. */
static enum err_code store_set(struct batch *batch, struct batch_set *set, struct err *err)
{
	/* The documents' own arenas are bounded to turn hostile pages away; these have passed. */
	struct arena scratch;
	enum err_code code = cache_embedded(batch, set, err);
	arena_init(&scratch, batch->deps->alloc, SIZE_MAX);
	for (size_t i = 0; i < set->count && !code; i++) {
		arena_reset(&scratch);
		code = put_document(batch, &set->documents[i], &scratch, err);
	}
	arena_release(&scratch);
	return code;
}

static enum err_code finish_oldest(struct batch *batch, struct err *err)
{
	struct batch_set *set = batch->line[0];
	enum err_code code = embed_set(batch, set, err);
	if (code)
		return code;
	copy_same(batch, set, false);
	if (batch->line_length > 1)
		copy_same(batch, batch->line[1], true);
	pthread_mutex_lock(&batch->lock);
	batch->line[0] = batch->line[1];
	batch->line_length--;
	pthread_mutex_unlock(&batch->lock);
	code = store_set(batch, set, err);
	if (!code)
		set_clear(set);
	return code;
}

enum err_code batch_submit(struct batch *batch, struct err *err)
{
	if (!batch->filling->count)
		return ERR_OK;
	start_threads(batch);
	join_line(batch);
	return batch->line_length == BATCH_SETS ? finish_oldest(batch, err) : ERR_OK;
}

enum err_code batch_finish(struct batch *batch, struct err *err)
{
	enum err_code code = batch_submit(batch, err);
	while (!code && batch->line_length)
		code = finish_oldest(batch, err);
	return code;
}

void batch_release(struct batch *batch)
{
	pthread_mutex_lock(&batch->lock);
	batch->quit = true;
	pthread_cond_broadcast(&batch->work);
	pthread_mutex_unlock(&batch->lock);
	for (size_t i = 0; i < batch->thread_count; i++)
		pthread_join(batch->threads[i], NULL);
	for (size_t i = 0; i < BATCH_SETS; i++) {
		/* After an error or a stop: what was embedded need not be again. */
		(void)cache_embedded(batch, &batch->sets[i], NULL);
		set_release(&batch->sets[i], batch->deps->alloc);
	}
	pthread_cond_destroy(&batch->progress);
	pthread_cond_destroy(&batch->work);
	pthread_mutex_destroy(&batch->lock);
}
