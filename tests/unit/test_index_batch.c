/*
 * index: the processors embed while documents are read and stored. A source, a store and an
 * embedder of the test's own, which see what happens at the same time.
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

#include "index/batch.h"
#include "index/run.h"
#include "support/fake_embedder.h"

enum { DOCUMENTS = 3 * BATCH_MAX_DOCUMENTS, DIMENSION = FAKE_EMBEDDER_DIMENSION };

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

	pthread_t caller;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t reads, puts, cached;
	bool published;
	size_t stop_at_put; /* 0: never */
	/* What other threads than the caller's do: the last page that one has begun to embed. */
	size_t begun; /* its number + 1 */
	/* The first of them holds its chunk until the caller has read so many pages; 0: does not. */
	size_t hold_until_reads;
	bool holding;
	/* The caller stores no page before another thread has begun a page of the second set. */
	bool store_waits;
	bool timed_out;
	struct {
		unsigned char hash[STORE_HASH_SIZE];
		float vector[DIMENSION];
	} cache[4 * DOCUMENTS];
	float vectors[DOCUMENTS][DIMENSION]; /* of each document's first chunk */
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
	*out = (struct source_list){0};
	out->items = arena_array(arena, DOCUMENTS, sizeof(*out->items));
	assert_non_null(out->items);
	for (size_t i = 0; i < DOCUMENTS; i++)
		out->items[i].path = arena_printf(arena, "%03zu.md", i);
	out->count = DOCUMENTS;
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
	struct timespec end = deadline();

	pthread_mutex_lock(&b->lock);
	b->reads++;
	pthread_cond_broadcast(&b->changed);
	while (b->hold_until_reads && b->reads + 1 == b->hold_until_reads && !b->holding &&
	       patient(b, &end))
		continue;
	pthread_mutex_unlock(&b->lock);
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

static enum err_code store_begin_run(struct store *s, const struct store_identity *identity,
				     bool rebuild, struct err *err)
{
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
	struct timespec end = deadline();

	assert_true(pthread_equal(pthread_self(), b->caller));
	pthread_mutex_lock(&b->lock);
	while (b->store_waits && b->begun <= BATCH_MAX_DOCUMENTS && patient(b, &end))
		continue;
	assert_int_equal(number_of(document->path), b->puts); /* in the order of the source */
	memcpy(b->vectors[b->puts++], document->chunks[0].vector, sizeof(b->vectors[0]));
	if (b->puts == b->stop_at_put)
		atomic_store(&b->stop, true);
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
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

	assert_true(b->cached < 4 * DOCUMENTS);
	memcpy(b->cache[b->cached].hash, hash, STORE_HASH_SIZE);
	memcpy(b->cache[b->cached++].vector, vector, sizeof(b->cache[0].vector));
	return ERR_OK;
}

static enum err_code store_publish_run(struct store *s, int64_t wall_ms, struct err *err)
{
	bench_of(s)->published = true;
	return ERR_OK;
}

static void store_rollback_run(struct store *s)
{
}

static const struct store_ops store_ops = {
	.begin = store_begin_run,
	.unchanged = store_is_unchanged,
	.put = store_put_one,
	.sweep = store_sweep_old,
	.cache_get = cache_find,
	.cache_put = cache_keep,
	.publish = store_publish_run,
	.rollback = store_rollback_run,
};

/* ---- the embedder ---- */

static enum err_code embedder_tokenize(struct embedder *e, struct str text, struct arena *arena,
				       struct token_list *out, struct err *err)
{
	return embed_tokenize(&((struct bench_embedder *)e)->fake.embedder, text, arena, out, err);
}

/* The number in the text of a chunk. */
static size_t number_in(struct str text)
{
	size_t at = str_find(text, STR("number"), 0), number = 0;

	assert_true(at != STR_NPOS);
	for (at += 6; at < text.len && ascii_digit((unsigned char)text.ptr[at]); at++)
		number = number * 10 + (size_t)(text.ptr[at] - '0');
	return number;
}

static enum err_code embedder_embed(struct embedder *e, const struct str *texts, size_t count,
				    float *vectors, struct err *err)
{
	struct bench_embedder *embedder = (struct bench_embedder *)e;
	struct bench *b = embedder->bench;

	struct timespec end = deadline();
	size_t number = number_in(texts[0]) + 1;
	pthread_mutex_lock(&b->lock);
	if (pthread_equal(pthread_self(), b->caller)) {
		/* Leaves some of the second set to the others. */
		while (b->store_waits && number > BATCH_MAX_DOCUMENTS &&
		       b->begun <= BATCH_MAX_DOCUMENTS && patient(b, &end))
			continue;
	} else if (number > b->begun) {
		b->begun = number;
		pthread_cond_broadcast(&b->changed);
	}
	if (b->hold_until_reads && !b->holding && !pthread_equal(pthread_self(), b->caller)) {
		b->holding = true;
		pthread_cond_broadcast(&b->changed);
		while (b->reads < b->hold_until_reads && patient(b, &end))
			continue;
	}
	pthread_mutex_unlock(&b->lock);
	return embed_texts(&embedder->fake.embedder, texts, count, vectors, err);
}

static const struct embedder_ops embedder_ops = {.tokenize = embedder_tokenize,
						 .embed = embedder_embed};

/* ---- the tests ---- */

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
	b->repeat = DOCUMENTS;
	b->caller = pthread_self();
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

static enum err_code run(struct bench *b)
{
	const struct index_source sources[] = {{.source = &b->source.base}};
	const struct index_deps deps = {.store = &b->store.base,
					.embedder = &b->embedder.base,
					.alloc = alloc_default(),
					.clock = clock_system(),
					.stop = &b->stop};

	return index_run(&deps, &b->options, sources, 1, &b->arena, &b->report, &b->err);
}

static void check_done(struct bench *b)
{
	assert_int_equal(b->puts, DOCUMENTS);
	assert_true(b->published);
	assert_int_equal(b->report.documents, DOCUMENTS);
	assert_int_equal(b->report.embedded_chunks + b->report.reused_chunks,
			 b->report.total_chunks);
	assert_int_equal(b->report.embedded_chunks, atomic_load(&b->embedder.fake.embedded));
	assert_int_equal(b->cached, b->report.embedded_chunks);
	for (size_t i = 0; i < DOCUMENTS; i++) {
		double length = 0;

		for (size_t k = 0; k < DIMENSION; k++)
			length += (double)b->vectors[i][k] * (double)b->vectors[i][k];
		assert_true(fabs(length - 1) < 1e-5); /* filled in */
	}
}

static void pages_are_read_while_others_are_embedded(void **state)
{
	struct bench *b = *state;

	b->hold_until_reads = BATCH_MAX_DOCUMENTS + 10;
	assert_int_equal(run(b), ERR_OK);
	assert_true(b->holding);
	assert_false(b->timed_out);
	check_done(b);
}

static void pages_are_stored_while_others_are_embedded(void **state)
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
	static const size_t repeats[] = {1, 10, BATCH_MAX_DOCUMENTS, BATCH_MAX_DOCUMENTS + 20};

	for (size_t r = 0; r < sizeof(repeats) / sizeof(repeats[0]); r++) {
		for (size_t threads = 1; threads <= 4; threads += 3) {
			struct bench *b = *state;

			(void)teardown(state);
			assert_int_equal(setup(state), 0);
			b->repeat = repeats[r];
			b->options.threads = threads;
			assert_int_equal(run(b), ERR_OK);
			check_done(b);
			for (size_t i = b->repeat; i < DOCUMENTS; i++)
				assert_memory_equal(b->vectors[i], b->vectors[i - b->repeat],
						    sizeof(b->vectors[i]));
			size_t each = b->report.total_chunks / DOCUMENTS;
			assert_int_equal(b->report.embedded_chunks, each * b->repeat);
		}
	}
}

/* Stopped while sets are on their way: what is embedded goes into the cache. */
static void a_stopped_run_keeps_what_is_embedded(void **state)
{
	struct bench *b = *state;

	b->stop_at_put = 10;
	b->options.threads = 4;
	assert_int_equal(run(b), ERR_CANCELLED);
	assert_false(b->published);
	assert_int_equal(b->cached, atomic_load(&b->embedder.fake.embedded));
	assert_true(b->cached >= BATCH_MAX_DOCUMENTS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_read_while_others_are_embedded),
		TEST(pages_are_stored_while_others_are_embedded),
		TEST(equal_texts_are_embedded_once),
		TEST(a_stopped_run_keeps_what_is_embedded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
