#include "index/gather.h"

#include <pthread.h>

#define LIST_MEMORY_MAX ((size_t)1 << 30) /* of the paths of one source */

struct gathering {
	const struct index_source *sources;
	struct gathered *out;
	size_t count;
	atomic_size_t next; /* to be listed */
	const atomic_bool *stop;
};

static void gather_one(const struct index_source *from, struct gathered *out)
{
	if (from->source)
		out->failure.code =
			source_list(from->source, &out->arena, &out->list, &out->failure);
	else
		out->failure = from->failure;
}

static void *gather_some(void *arg)
{
	struct gathering *g = arg;
	size_t i;
	while ((i = atomic_fetch_add(&g->next, 1)) < g->count) {
		if (g->stop && atomic_load(g->stop))
			err_set(&g->out[i].failure, ERR_CANCELLED, "stopped");
		else
			gather_one(&g->sources[i], &g->out[i]);
	}
	return NULL;
}

enum err_code gather_sources(const struct index_deps *deps, const struct index_source *sources,
			     size_t count, struct gathered *out, struct err *err)
{
	struct gathering g = {.sources = sources, .out = out, .count = count, .stop = deps->stop};
	pthread_t threads[GATHER_MAX_THREADS];
	size_t started = 0;
	atomic_init(&g.next, 0);
	for (size_t i = 0; i < count; i++)
		arena_init(&out[i].arena, deps->alloc, LIST_MEMORY_MAX);
	/* The caller lists too; with fewer threads than wished it only takes longer. */
	while (started + 1 < count && started < GATHER_MAX_THREADS &&
	       pthread_create(&threads[started], NULL, gather_some, &g) == 0)
		started++;
	gather_some(&g);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < count; i++) {
		enum err_code code = out[i].failure.code;
		if (code == ERR_NOMEM || code == ERR_CANCELLED)
			return err_set(err, code, "%s", out[i].failure.message);
	}
	return ERR_OK;
}

void gather_release(struct gathered *gathered, size_t count)
{
	for (size_t i = 0; gathered && i < count; i++)
		if (gathered[i].arena.alloc)
			arena_release(&gathered[i].arena);
}
