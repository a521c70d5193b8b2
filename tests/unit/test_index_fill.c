/*
 * index: text first, then vectors. The processors embed while chunks are loaded and stored. A source,
 * a store and an embedder of the test's own, which see what happens at the same time.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "index/fill.h"
#include "index/run.h"
#include "support/fake_embedder.h"

enum { DOCUMENTS = 192, CHUNKS = 2 * DOCUMENTS, DIMENSION = FAKE_EMBEDDER_DIMENSION };

struct bench;

struct bench_source {
	struct source base;
	struct bench *bench;
};

struct bench_store {
	struct store base;
	struct bench *bench;
};

struct bench_embedder {
	struct embedder base;
	struct fake_embedder fake;
	struct bench *bench;
};

/* A chunk in the store. */
struct kept {
	struct str text;
	unsigned char hash[STORE_HASH_SIZE];
	bool has_vector;
	float vector[DIMENSION];
};

struct bench {
	struct bench_source source;
	struct bench_store store;
	struct bench_embedder embedder;
	struct arena arena;
	struct index_options options;
	struct index_report report;
	struct err err;
	atomic_bool stop;
	size_t repeat; /* document i has the text of document i % repeat */
	size_t count;  /* documents of the source */
	struct clock clock;
	int64_t now_us, tick_us; /* how far the clock goes each time it is asked */

	pthread_t caller;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct kept chunks[CHUNKS];
	size_t chunk_count, cached, loads, resumes, publishes;
	size_t complete_before;    /* chunks that the store says it had, all with vectors */
	size_t pending_at_publish; /* the first time */
	bool running;
	size_t stop_at_embedding; /* 0: never */
	size_t begun;             /* texts that other threads than the caller's have begun */
	/* The first of them holds its text until the caller has loaded so many sets; 0: does not. */
	size_t hold_until_loads;
	bool holding;
	/* The caller stores no vector before the others have begun a text of the second set. */
	bool store_waits;
	bool timed_out;
	struct {
		unsigned char hash[STORE_HASH_SIZE];
		float vector[DIMENSION];
	} cache[CHUNKS];
};

/* A bound for code that does not do what is waited for, not a measurement. */
#define PATIENCE_SECONDS 20

/* Waits for a change. With the lock; false: it took too long. */
static bool patient(struct bench *b, const struct timespec *end)
{
	if (!b->timed_out && pthread_cond_timedwait(&b->changed, &b->lock, end))
		b->timed_out = true;
	return !b->timed_out;
}

static struct timespec deadline(void)
{
	struct timespec end;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_SECONDS;
	return end;
}

/* ---- the source ---- */

static enum err_code source_list_all(struct source *s, struct arena *arena, struct source_list *out,
				     struct err *err)
{
	struct bench *b = ((struct bench_source *)s)->bench;

	*out = (struct source_list){0};
	out->items = arena_array(arena, b->count, sizeof(*out->items));
	assert_non_null(out->items);
	for (size_t i = 0; i < b->count; i++)
		out->items[i].path = arena_printf(arena, "%03zu.md", i);
	out->count = b->count;
	return ERR_OK;
}

static size_t number_of(struct str path)
{
	return (size_t)(path.ptr[0] - '0') * 100 + (size_t)(path.ptr[1] - '0') * 10 +
	       (size_t)(path.ptr[2] - '0');
}

static enum err_code source_read_one(struct source *s, struct str path, struct buf *out,
				     struct err *err)
{
	struct bench *b = ((struct bench_source *)s)->bench;

	assert_true(buf_printf(out, "# Page\n\nThe text number%zu of all.\n",
			       number_of(path) % b->repeat));
	return ERR_OK;
}

static const struct source_ops source_ops = {.list = source_list_all, .read = source_read_one};

/* ---- the store ---- */

static struct bench *bench_of(struct store *s)
{
	return ((struct bench_store *)s)->bench;
}

static size_t pending_count(const struct bench *b)
{
	size_t count = 0;

	for (size_t i = 0; i < b->chunk_count; i++)
		count += !b->chunks[i].has_vector;
	return count;
}

static enum err_code store_tell(struct store *s, struct arena *arena, struct store_stats *out,
				struct err *err)
{
	struct bench *b = bench_of(s);

	*out = (struct store_stats){.chunks = b->complete_before + b->chunk_count,
				    .pending_chunks = pending_count(b)};
	return ERR_OK;
}

static enum err_code store_begin_run(struct store *s, const struct store_identity *identity,
				     bool rebuild, struct err *err)
{
	bench_of(s)->running = true;
	return ERR_OK;
}

static enum err_code store_is_unchanged(struct store *s, struct str source, struct str path,
					struct str content_hash, uint64_t *chunks, bool *same,
					struct err *err)
{
	return ERR_OK;
}

static enum err_code store_put_one(struct store *s, const struct store_document *document,
				   struct err *err)
{
	struct bench *b = bench_of(s);

	assert_true(pthread_equal(pthread_self(), b->caller));
	assert_true(b->running);
	assert_int_equal(document->chunk_count, 2);
	for (size_t i = 0; i < document->chunk_count; i++) {
		struct kept *kept = &b->chunks[b->chunk_count++];

		assert_null(document->chunks[i].vector);
		kept->text = arena_str(&b->arena, document->chunks[i].embed_text);
		memcpy(kept->hash, document->chunks[i].hash, sizeof(kept->hash));
	}
	return ERR_OK;
}

static enum err_code store_list_none(struct store *s, struct str source, struct arena *arena,
				     struct store_listing *out, struct err *err)
{
	return ERR_OK;
}

static enum err_code store_sweep_old(struct store *s, struct str source, uint64_t *documents,
				     uint64_t *chunks, struct err *err)
{
	return ERR_OK;
}

static enum err_code cache_find(struct store *s, struct str model_name,
				const unsigned char hash[STORE_HASH_SIZE], float *vector,
				size_t dimension, bool *found, struct err *err)
{
	struct bench *b = bench_of(s);

	for (size_t i = 0; i < b->cached && !*found; i++) {
		*found = memcmp(b->cache[i].hash, hash, STORE_HASH_SIZE) == 0;
		if (*found)
			memcpy(vector, b->cache[i].vector, sizeof(b->cache[i].vector));
	}
	return ERR_OK;
}

static enum err_code cache_keep(struct store *s, struct str model_name,
				const unsigned char hash[STORE_HASH_SIZE], const float *vector,
				size_t dimension, struct err *err)
{
	struct bench *b = bench_of(s);

	assert_true(pthread_equal(pthread_self(), b->caller));
	assert_true(b->cached < CHUNKS);
	memcpy(b->cache[b->cached].hash, hash, STORE_HASH_SIZE);
	memcpy(b->cache[b->cached++].vector, vector, sizeof(b->cache[0].vector));
	return ERR_OK;
}

/* Ids are places, from 1. */
static enum err_code store_waiting(struct store *s, const struct store_pending *after, size_t max,
				   struct arena *arena, struct store_pending_list *out,
				   struct err *err)
{
	struct bench *b = bench_of(s);
	struct store_pending *items = arena_array(arena, max, sizeof(*items));
	size_t count = 0;

	assert_non_null(items);
	for (size_t i = after ? (size_t)after->id : 0; i < b->chunk_count && count < max; i++)
		if (!b->chunks[i].has_vector)
			items[count++] =
				(struct store_pending){(int64_t)i + 1, 0, b->chunks[i].text};
	*out = (struct store_pending_list){items, count};
	pthread_mutex_lock(&b->lock);
	b->loads++;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	return ERR_OK;
}

static enum err_code store_resume_run(struct store *s, const struct store_identity *identity,
				      struct err *err)
{
	struct bench *b = bench_of(s);

	assert_false(b->running);
	b->running = true;
	b->resumes++;
	return ERR_OK;
}

static enum err_code store_fill(struct store *s, int64_t id, const float *vector, struct err *err)
{
	struct bench *b = bench_of(s);
	struct kept *kept = &b->chunks[id - 1];
	struct timespec end = deadline();

	assert_true(pthread_equal(pthread_self(), b->caller));
	assert_true(b->running);
	assert_false(kept->has_vector);
	pthread_mutex_lock(&b->lock);
	while (b->store_waits && b->begun <= FILL_PER_THREAD && patient(b, &end))
		continue;
	pthread_mutex_unlock(&b->lock);
	kept->has_vector = true;
	memcpy(kept->vector, vector, sizeof(kept->vector));
	return ERR_OK;
}

static enum err_code store_publish_run(struct store *s, int64_t wall_ms, struct err *err)
{
	struct bench *b = bench_of(s);

	assert_true(b->running);
	b->running = false;
	if (!b->publishes++)
		b->pending_at_publish = pending_count(b);
	return ERR_OK;
}

static void store_rollback_run(struct store *s)
{
	bench_of(s)->running = false;
}

static const struct store_ops store_ops = {
	.stats = store_tell,
	.begin = store_begin_run,
	.unchanged = store_is_unchanged,
	.put = store_put_one,
	.sweep = store_sweep_old,
	.list = store_list_none,
	.cache_get = cache_find,
	.cache_put = cache_keep,
	.pending = store_waiting,
	.resume = store_resume_run,
	.set_vector = store_fill,
	.publish = store_publish_run,
	.rollback = store_rollback_run,
};

/* ---- the embedder ---- */

static enum err_code embedder_tokenize(struct embedder *e, struct str text, struct arena *arena,
				       struct token_list *out, struct err *err)
{
	return embed_tokenize(&((struct bench_embedder *)e)->fake.embedder, text, arena, out, err);
}

static enum err_code embedder_embed(struct embedder *e, const struct str *texts, size_t count,
				    float *vectors, struct err *err)
{
	struct bench_embedder *embedder = (struct bench_embedder *)e;
	struct bench *b = embedder->bench;
	struct timespec end = deadline();
	bool callers = pthread_equal(pthread_self(), b->caller);

	pthread_mutex_lock(&b->lock);
	b->begun += !callers;
	pthread_cond_broadcast(&b->changed);
	/* Leaves some of the second set to the others. */
	while (callers && b->store_waits && b->begun <= FILL_PER_THREAD && patient(b, &end))
		continue;
	if (b->hold_until_loads && !b->holding && !callers) {
		b->holding = true;
		pthread_cond_broadcast(&b->changed);
		while (b->loads < b->hold_until_loads && patient(b, &end))
			continue;
	}
	while (b->hold_until_loads && callers && !b->holding && patient(b, &end))
		continue;
	pthread_mutex_unlock(&b->lock);
	enum err_code code = embed_texts(&embedder->fake.embedder, texts, count, vectors, err);
	if (b->stop_at_embedding && atomic_load(&embedder->fake.embedded) >= b->stop_at_embedding)
		atomic_store(&b->stop, true);
	return code;
}

static const struct embedder_ops embedder_ops = {.tokenize = embedder_tokenize,
						 .embed = embedder_embed};

/* ---- the tests ---- */

static int64_t bench_now(void *ctx)
{
	struct bench *b = ctx;

	return b->now_us += b->tick_us;
}

static int64_t bench_wall(void *ctx)
{
	return 0;
}

static int setup(void **state)
{
	static struct bench bench; /* large */
	struct bench *b = &bench;

	memset(b, 0, sizeof(*b));
	b->source = (struct bench_source){
		{.ops = &source_ops, .name = "bench", .repo = "", .web_url = ""}, b};
	b->store = (struct bench_store){{&store_ops}, b};
	fake_embedder_init(&b->embedder.fake);
	b->embedder.base = b->embedder.fake.embedder;
	b->embedder.base.ops = &embedder_ops;
	b->embedder.bench = b;
	b->repeat = b->count = DOCUMENTS;
	b->caller = pthread_self();
	b->clock = (struct clock){bench_now, bench_wall, b};
	b->options = (struct index_options){
		.chunk = {.tokens = 64, .overlap = 0.5}, .threads = 2, .max_file_bytes = 1 << 20};
	arena_init(&b->arena, alloc_default(), 64 << 20);
	*state = b;
	return pthread_mutex_init(&b->lock, NULL) || pthread_cond_init(&b->changed, NULL);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	arena_release(&b->arena);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	return 0;
}

static struct index_deps deps_of(struct bench *b)
{
	return (struct index_deps){.store = &b->store.base,
				   .embedder = &b->embedder.base,
				   .alloc = alloc_default(),
				   .clock = &b->clock,
				   .stop = &b->stop};
}

static enum err_code run(struct bench *b)
{
	const struct index_source sources[] = {{.source = &b->source.base}};
	const struct index_deps deps = deps_of(b);

	return index_run(&deps, &b->options, sources, 1, &b->arena, &b->report, &b->err);
}

static void check_done(struct bench *b)
{
	assert_int_equal(b->chunk_count, 2 * b->count);
	assert_int_equal(pending_count(b), 0);
	assert_false(b->running);
	assert_int_equal(b->report.documents, b->count);
	assert_int_equal(b->report.pending_chunks, 0);
	assert_int_equal(b->report.embedded_chunks + b->report.reused_chunks,
			 b->report.total_chunks);
	assert_int_equal(b->report.embedded_chunks, atomic_load(&b->embedder.fake.embedded));
	assert_int_equal(b->cached, b->report.embedded_chunks);
	for (size_t i = 0; i < b->chunk_count; i++) {
		double length = 0;

		for (size_t k = 0; k < DIMENSION; k++)
			length += (double)b->chunks[i].vector[k] * (double)b->chunks[i].vector[k];
		assert_true(fabs(length - 1) < 1e-5); /* filled in */
	}
}

static void text_is_published_before_anything_is_embedded(void **state)
{
	struct bench *b = *state;

	assert_int_equal(run(b), ERR_OK);
	assert_int_equal(b->pending_at_publish, CHUNKS);
	assert_int_equal(b->publishes, 2); /* one step: the clock stands still */
	check_done(b);
}

static void vectors_are_published_in_steps(void **state)
{
	struct bench *b = *state;

	b->tick_us = 4000000;
	b->options.threads = 1;
	assert_int_equal(run(b), ERR_OK);
	assert_true(b->publishes > 3);
	assert_int_equal(b->publishes, b->resumes + 1);
	check_done(b);
}

/* What answers with vectors is not replaced by what has none. */
static void a_complete_index_is_not_made_worse(void **state)
{
	struct bench *b = *state;

	b->complete_before = 1000;
	b->count = 10;
	assert_int_equal(run(b), ERR_OK);
	assert_int_equal(b->pending_at_publish, 0);
	assert_int_equal(b->publishes, 1);
	check_done(b);

	(void)teardown(state);
	assert_int_equal(setup(state), 0);
	b->complete_before = 1000;
	b->options.rebuild = true;
	assert_int_equal(run(b), ERR_OK);
	assert_int_equal(b->pending_at_publish, 0);
	assert_int_equal(b->publishes, 1);
	check_done(b);
}

static void a_large_update_is_published_as_text_first(void **state)
{
	struct bench *b = *state;

	b->complete_before = 1000;
	assert_int_equal(run(b), ERR_OK);
	assert_int_equal(b->pending_at_publish, CHUNKS);
	check_done(b);
}

static void text_alone_is_completed_later(void **state)
{
	struct bench *b = *state;

	b->options.text_only = true;
	assert_int_equal(run(b), ERR_OK);
	assert_int_equal(b->publishes, 1);
	assert_int_equal(b->report.pending_chunks, CHUNKS);
	assert_int_equal(b->report.embedded_chunks + b->report.reused_chunks, 0);
	assert_int_equal(pending_count(b), CHUNKS);
	const struct index_deps deps = deps_of(b);
	assert_int_equal(index_resume(&deps, 2, &b->report, &b->err), ERR_OK);
	assert_int_equal(pending_count(b), 0);
	assert_int_equal(b->report.embedded_chunks, CHUNKS);
	assert_int_equal(b->publishes, 2);
	assert_int_equal(index_resume(&deps, 2, &b->report, &b->err), ERR_OK); /* nothing to do */
	assert_int_equal(b->report.embedded_chunks, 0);
	assert_int_equal(b->publishes, 2);
}

static void chunks_are_loaded_while_others_are_embedded(void **state)
{
	struct bench *b = *state;

	b->hold_until_loads = 2;
	assert_int_equal(run(b), ERR_OK);
	assert_true(b->holding);
	assert_false(b->timed_out);
	check_done(b);
}

static void vectors_are_stored_while_others_are_embedded(void **state)
{
	struct bench *b = *state;

	b->store_waits = true;
	assert_int_equal(run(b), ERR_OK);
	assert_false(b->timed_out);
	check_done(b);
}

/* Equal texts are embedded once, be they of one set, of neighbours, or far apart. */
static void equal_texts_are_embedded_once(void **state)
{
	static const size_t repeats[] = {1, 10, FILL_PER_THREAD, FILL_PER_THREAD + 20};

	for (size_t r = 0; r < sizeof(repeats) / sizeof(repeats[0]); r++) {
		for (size_t threads = 1; threads <= 4; threads += 3) {
			struct bench *b = *state;

			(void)teardown(state);
			assert_int_equal(setup(state), 0);
			b->repeat = repeats[r];
			b->options.threads = threads;
			assert_int_equal(run(b), ERR_OK);
			check_done(b);
			for (size_t i = 2 * b->repeat; i < CHUNKS; i++)
				assert_memory_equal(b->chunks[i].vector,
						    b->chunks[i - 2 * b->repeat].vector,
						    sizeof(b->chunks[i].vector));
			assert_int_equal(b->report.embedded_chunks, 2 * b->repeat);
		}
	}
}

/* Stopped while sets are on their way: what is embedded goes into the cache, the text stays. */
static void a_stopped_run_keeps_what_is_embedded(void **state)
{
	struct bench *b = *state;

	b->stop_at_embedding = 300; /* of the third set: the first is stored by then */
	assert_int_equal(run(b), ERR_CANCELLED);
	assert_non_null(strstr(b->err.message, "next run goes on"));
	assert_int_equal(b->pending_at_publish, CHUNKS);
	assert_false(b->running);
	assert_int_equal(b->cached, atomic_load(&b->embedder.fake.embedded));
	assert_true(b->cached >= 300 && b->cached < CHUNKS);
	size_t before = b->cached;
	assert_true(pending_count(b) < CHUNKS); /* the set that was done is published */

	atomic_store(&b->stop, false);
	b->stop_at_embedding = 0;
	const struct index_deps deps = deps_of(b);
	assert_int_equal(index_resume(&deps, 4, &b->report, &b->err), ERR_OK);
	assert_int_equal(pending_count(b), 0);
	assert_int_equal(b->report.embedded_chunks, CHUNKS - before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(text_is_published_before_anything_is_embedded),
		TEST(vectors_are_published_in_steps),
		TEST(a_complete_index_is_not_made_worse),
		TEST(a_large_update_is_published_as_text_first),
		TEST(text_alone_is_completed_later),
		TEST(chunks_are_loaded_while_others_are_embedded),
		TEST(vectors_are_stored_while_others_are_embedded),
		TEST(equal_texts_are_embedded_once),
		TEST(a_stopped_run_keeps_what_is_embedded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
