/*
 * Stores to search in. There are fewer of them than workers: a worker that waits for a language
 * model has given its reader back, so that a thousand answers can be on their way at once while a few
 * search.
 */
#include <inttypes.h>

#include "serve/service.h"

#define READER_SCRATCH_MAX ((size_t)1 << 20)

enum err_code readers_start(struct service *service, struct err *err)
{
	size_t count = service->options->readers;
	service->readers = alloc_zero(service->alloc, count, sizeof(*service->readers));
	if (!service->readers)
		return err_set(err, ERR_NOMEM, "out of memory for %zu readers", count);
	pthread_mutex_init(&service->free_lock, NULL);
	pthread_cond_init(&service->reader_freed, NULL);
	service->reader_count = count;
	for (size_t i = 0; i < count; i++) {
		struct reader *reader = &service->readers[i];
		reader->service = service;
		reader->next_free = service->free_readers;
		service->free_readers = reader;
		pthread_mutex_init(&reader->lock, NULL);
		arena_init(&reader->scratch, service->alloc, READER_SCRATCH_MAX);
	}
	return ERR_OK;
}

void readers_stop(struct service *service)
{
	if (!service->readers)
		return;
	for (size_t i = 0; i < service->reader_count; i++) {
		reader_drop_store(&service->readers[i]);
		arena_release(&service->readers[i].scratch);
		pthread_mutex_destroy(&service->readers[i].lock);
	}
	pthread_cond_destroy(&service->reader_freed);
	pthread_mutex_destroy(&service->free_lock);
	alloc_free(service->alloc, service->readers);
	service->readers = NULL;
	service->reader_count = 0;
}

enum err_code reader_hold(struct reader *reader, struct err *err)
{
	uint64_t epoch = atomic_load(&reader->service->epoch);
	if (reader->held && atomic_load(&reader->epoch) == epoch)
		return ERR_OK;
	enum err_code code = store_hold(reader->store, &reader->generation, err);
	reader->held = !code;
	atomic_store(&reader->epoch, epoch);
	return code;
}

void reader_drop_store(struct reader *reader)
{
	store_close(reader->store);
	reader->store = NULL;
	reader->held = false;
	reader->filled = false;
}

/* Opens the store if it is not open or what it has open was removed. */
static enum err_code open_store(struct reader *reader, struct err *err)
{
	const struct serve_deps *deps = reader->service->deps;
	uint64_t generation;
	struct err ignored = {0};
	if (reader->store && store_generation(reader->store, &generation, &ignored))
		reader_drop_store(reader);
	if (reader->store)
		return ERR_OK;
	enum err_code code = deps->open_store(deps->ctx, &reader->store, err);
	if (code) {
		reader->store = NULL;
		if (code == ERR_NOTFOUND)
			return err_context(err, "no index yet: run `docs-bot index`");
	}
	return code;
}

/* Makes sure that the state the store is held at is something that we can search. */
static enum err_code check_filled(struct reader *reader, struct err *err)
{
	const struct serve_deps *deps = reader->service->deps;
	struct store_stats stats;
	if (reader->filled && reader->filled_generation == reader->generation)
		return ERR_OK;
	reader->filled = false;
	enum err_code code = store_stats(reader->store, &reader->scratch, &stats, err);
	if (code)
		goto out;
	if (!stats.chunks) {
		code = err_set(err, ERR_UNAVAILABLE,
			       "no index yet: run `docs-bot index` and ask again");
		goto out;
	}
	if (deps->embedder && !str_eq(stats.model, str_c(deps->embedder->model))) {
		code = err_set(err, ERR_MISMATCH,
			       "the index was made with model %.*s, not %s: serve with --model "
			       "%.*s, or index again with --rebuild",
			       STR_ARG(stats.model), deps->embedder->model, STR_ARG(stats.model));
		goto out;
	}
	reader->filled = true;
	reader->filled_generation = reader->generation;
	reader->chunks = stats.chunks;
	reader->pending = stats.pending_chunks;
out:
	arena_release(&reader->scratch);
	return code;
}

static struct reader *wait_for_free(struct service *service)
{
	pthread_mutex_lock(&service->free_lock);
	while (!service->free_readers)
		pthread_cond_wait(&service->reader_freed, &service->free_lock);
	struct reader *reader = service->free_readers;
	service->free_readers = reader->next_free;
	pthread_mutex_unlock(&service->free_lock);
	return reader;
}

enum err_code reader_take(struct service *service, struct reader **out, struct err *err)
{
	struct reader *reader = wait_for_free(service);
	pthread_mutex_lock(&reader->lock);
	enum err_code code = open_store(reader, err);
	if (!code)
		code = reader_hold(reader, err);
	if (!code)
		code = check_filled(reader, err);
	*out = code ? NULL : reader;
	if (code)
		reader_put(reader, code);
	return code;
}

void reader_put(struct reader *reader, enum err_code code)
{
	struct service *service = reader->service;
	/* A damaged or replaced index must not stay open for ever. */
	if (code && code != ERR_CANCELLED && code != ERR_INVALID && code != ERR_LIMIT &&
	    code != ERR_UNAVAILABLE)
		reader_drop_store(reader);
	pthread_mutex_unlock(&reader->lock);
	pthread_mutex_lock(&service->free_lock);
	reader->next_free = service->free_readers;
	service->free_readers = reader;
	pthread_cond_signal(&service->reader_freed);
	pthread_mutex_unlock(&service->free_lock);
}
