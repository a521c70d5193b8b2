#include "index/batch.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PENDING_PER_THREAD = 64, MAX_THREADS = 64, SAME_TEXT_REACH = 1024 };

struct pending {
	struct str text;
	size_t tokens;
	float *vector;
	unsigned char hash[STORE_HASH_SIZE];
	bool embedded;        /* the vector is there; read after the threads have ended */
	const float *same_as; /* of an earlier chunk with the same text, to be copied; or NULL */
};

void batch_init(struct batch *batch, const struct index_deps *deps,
		const struct index_options *options, struct source *source)
{
	memset(batch, 0, sizeof(*batch));
	batch->deps = deps;
	batch->options = options;
	batch->source = source;
}

static void drop_documents(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		arena_release(&batch->documents[i].arena);
	batch->count = 0;
	batch->pending_count = 0;
}

void batch_release(struct batch *batch)
{
	drop_documents(batch);
	alloc_free(batch->deps->alloc, batch->pending);
	batch->pending = NULL;
	batch->pending_capacity = 0;
}

bool batch_full(const struct batch *batch)
{
	return batch->count == BATCH_MAX_DOCUMENTS ||
	       batch->pending_count >= batch->options->threads * PENDING_PER_THREAD;
}

static enum err_code reserve_pending(struct batch *batch, size_t extra, struct err *err)
{
	size_t need, bytes;
	if (!size_add(batch->pending_count, extra, &need))
		return err_set(err, ERR_LIMIT, "too many chunks");
	if (need <= batch->pending_capacity)
		return ERR_OK;
	if (!size_mul(need, 2 * sizeof(*batch->pending), &bytes))
		return err_set(err, ERR_LIMIT, "too many chunks");
	struct pending *grown = alloc_resize(batch->deps->alloc, batch->pending, bytes);
	if (!grown)
		return err_set(err, ERR_NOMEM, "out of memory for %zu chunks", need);
	batch->pending = grown;
	batch->pending_capacity = need * 2;
	return ERR_OK;
}

/* A short section is its own paragraph: one text for two chunks of a document. */
static const float *find_same(const struct batch *batch, const unsigned char *hash)
{
	size_t least =
		batch->pending_count > SAME_TEXT_REACH ? batch->pending_count - SAME_TEXT_REACH : 0;
	for (size_t i = batch->pending_count; i-- > least;)
		if (memcmp(batch->pending[i].hash, hash, STORE_HASH_SIZE) == 0)
			return batch->pending[i].same_as ? batch->pending[i].same_as
							 : batch->pending[i].vector;
	return NULL;
}

enum err_code batch_add(struct batch *batch, struct prepared *document, struct err *err)
{
	size_t dimension = batch->deps->embedder->dimension;
	struct prepared *slot = &batch->documents[batch->count++];
	*slot = *document;
	enum err_code code = reserve_pending(batch, slot->chunks.count, err);
	for (size_t i = 0; i < slot->chunks.count && !code; i++) {
		struct pending item = {.text = slot->chunks.items[i].embed_text,
				       .tokens = slot->chunks.items[i].token_count,
				       .vector = slot->vectors + i * dimension};
		bool found = false;
		if (!EVP_Digest(item.text.ptr, item.text.len, item.hash, NULL, EVP_sha256(), NULL))
			return err_set(err, ERR_NOMEM, "out of memory while hashing");
		code = store_cache_get(batch->deps->store, str_c(batch->deps->embedder->sha256),
				       item.hash, item.vector, dimension, &found, err);
		if (!found && !code)
			item.same_as = find_same(batch, item.hash);
		if (found || item.same_as)
			batch->reused++;
		if (!found && !code)
			batch->pending[batch->pending_count++] = item;
	}
	return code;
}

/* Shared by the threads of one flush. */
struct embed_job {
	struct batch *batch;
	atomic_size_t next, done;
	atomic_bool failed;
	pthread_mutex_t lock;
	struct err first; /* under lock */
};

static bool stopping(const struct batch *batch)
{
	return batch->deps->stop && atomic_load(batch->deps->stop);
}

/* Embeds the next chunk; false when there is none, or the run has failed or is to stop. */
static bool embed_next(struct embed_job *job)
{
	struct batch *batch = job->batch;
	size_t i = atomic_fetch_add(&job->next, 1);
	if (i >= batch->pending_count || atomic_load(&job->failed) || stopping(batch))
		return false;
	struct err problem = {ERR_OK, ""};
	struct pending *item = &batch->pending[i];
	if (item->same_as)
		return true;
	item->embedded = embed_texts(batch->deps->embedder, &item->text, 1, item->vector,
				     &problem) == ERR_OK;
	if (item->embedded) {
		atomic_fetch_add(&job->done, 1);
		return true;
	}
	pthread_mutex_lock(&job->lock);
	if (!atomic_exchange(&job->failed, true))
		job->first = problem;
	pthread_mutex_unlock(&job->lock);
	return false;
}

static void *embed_thread(void *arg)
{
	while (embed_next(arg))
		continue;
	return NULL;
}

static int longest_first(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;
	return (x->tokens < y->tokens) - (x->tokens > y->tokens);
}

/* One sequence per thread at a time, longest first, so that no thread ends with a long tail. */
static enum err_code embed_pending(struct batch *batch, struct err *err)
{
	if (batch->pending_count == 0)
		return ERR_OK;
	qsort(batch->pending, batch->pending_count, sizeof(*batch->pending), longest_first);
	struct embed_job job = {.batch = batch};
	pthread_t threads[MAX_THREADS];
	size_t started = 0, wanted = batch->options->threads;
	pthread_mutex_init(&job.lock, NULL);
	if (wanted > MAX_THREADS)
		wanted = MAX_THREADS;
	while (started + 1 < wanted &&
	       pthread_create(&threads[started], NULL, embed_thread, &job) == 0)
		started++;
	while (embed_next(&job))
		if (batch->tick)
			batch->tick(batch->tick_ctx, batch->embedded + atomic_load(&job.done));
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&job.lock);
	if (stopping(batch))
		return err_set(err, ERR_CANCELLED, "stopped; the index is as it was before");
	if (atomic_load(&job.failed))
		return err_set(err, job.first.code, "%s", job.first.message);
	size_t bytes = batch->deps->embedder->dimension * sizeof(float);
	for (size_t i = 0; i < batch->pending_count; i++) {
		const struct pending *item = &batch->pending[i];
		if (item->same_as)
			memcpy(item->vector, item->same_as, bytes);
		batch->embedded += item->embedded;
	}
	return ERR_OK;
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
						     .level = from->level};
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
	struct store_document stored = {.source = str_c(batch->source->name),
					.path = document->path,
					.title = tree->title,
					.description = tree->description,
					.url = document->url,
					.type = STR("doc"),
					.content_hash = str_c(document->content_hash),
					.sections = sections,
					.section_count = tree->section_count,
					.chunks = chunks,
					.chunk_count = document->chunks.count};
	return store_put(batch->deps->store, &stored, err);
}

enum err_code batch_flush(struct batch *batch, struct err *err)
{
	/* The documents' own arenas are bounded to turn hostile pages away; these have passed. */
	struct arena scratch;
	enum err_code code = embed_pending(batch, err);
	/* A run that stops keeps what it has embedded: the cache outlives the rollback. */
	for (size_t i = 0; i < batch->pending_count; i++) {
		const struct pending *item = &batch->pending[i];
		if (!item->embedded)
			continue;
		enum err_code kept = store_cache_put(
			batch->deps->store, str_c(batch->deps->embedder->sha256), item->hash,
			item->vector, batch->deps->embedder->dimension, code ? NULL : err);
		code = code ? code : kept;
	}
	arena_init(&scratch, batch->deps->alloc, SIZE_MAX);
	for (size_t i = 0; i < batch->count && !code; i++) {
		arena_reset(&scratch);
		code = put_document(batch, &batch->documents[i], &scratch, err);
	}
	arena_release(&scratch);
	drop_documents(batch);
	return code;
}
