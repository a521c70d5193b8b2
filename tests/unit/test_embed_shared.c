/* The shared embedder: its cache, its batches, and what happens to errors, with a fake inside. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "embed/shared.h"
#include "support/fail_alloc.h"
#include "support/fake_embedder.h"

#define DIMENSION FAKE_EMBEDDER_DIMENSION
#define MAX_CALLS 4096

/* Passes on to a fake, remembers the calls, and can be held shut. */
struct gate {
	struct embedder embedder;
	struct fake_embedder fake;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool shut;
	size_t entered, inside, most_inside;
	size_t call_sizes[MAX_CALLS];
	atomic_size_t alone; /* calls of embed_alone() */
	bool closed;
};

static enum err_code gate_tokenize(struct embedder *e, struct str text, struct arena *arena,
				   struct token_list *out, struct err *err)
{
	struct gate *gate = (struct gate *)e;

	return embed_tokenize(&gate->fake.embedder, text, arena, out, err);
}

static enum err_code gate_embed(struct embedder *e, const struct str *texts, size_t count,
				float *vectors, struct err *err)
{
	struct gate *gate = (struct gate *)e;
	enum err_code code;

	pthread_mutex_lock(&gate->lock);
	assert_true(gate->entered < MAX_CALLS);
	gate->call_sizes[gate->entered++] = count;
	gate->inside++;
	if (gate->inside > gate->most_inside)
		gate->most_inside = gate->inside;
	pthread_cond_broadcast(&gate->changed);
	while (gate->shut)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	code = embed_texts(&gate->fake.embedder, texts, count, vectors, err);
	pthread_mutex_lock(&gate->lock);
	gate->inside--;
	pthread_mutex_unlock(&gate->lock);
	return code;
}

static void gate_close(struct embedder *e)
{
	((struct gate *)e)->closed = true;
}

static enum err_code gate_embed_alone(struct embedder *e, struct str text, float *vector,
				      struct err *err)
{
	atomic_fetch_add(&((struct gate *)e)->alone, 1);
	return gate_embed(e, &text, 1, vector, err);
}

static const struct embedder_ops gate_ops = {.tokenize = gate_tokenize,
					     .embed = gate_embed,
					     .embed_alone = gate_embed_alone,
					     .close = gate_close};

static void gate_init(struct gate *gate)
{
	memset(gate, 0, sizeof(*gate));
	fake_embedder_init(&gate->fake);
	gate->embedder = gate->fake.embedder;
	gate->embedder.ops = &gate_ops;
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

static void gate_shut(struct gate *gate, bool shut)
{
	pthread_mutex_lock(&gate->lock);
	gate->shut = shut;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static void gate_wait_entered(struct gate *gate, size_t entered)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->entered < entered)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static struct embedder *shared_of(struct gate *gate, size_t entries, size_t calls)
{
	const struct embed_shared_options options = {
		.cache_entries = entries, .cache_bytes = 1 << 20, .calls = calls};
	struct embedder *shared;
	struct err err;

	assert_int_equal(
		embed_shared_open(&gate->embedder, &options, alloc_default(), &shared, &err),
		ERR_OK);
	return shared;
}

static struct embed_shared_stats stats_of(struct embedder *shared)
{
	struct embed_shared_stats stats;

	assert_true(embed_shared_stats(shared, &stats));
	return stats;
}

/* Until that many texts were looked up without success: they are then embedded, or wait for it. */
static void wait_misses(struct embedder *shared, uint64_t misses)
{
	while (stats_of(shared).misses < misses)
		usleep(200);
}

struct asker {
	pthread_t thread;
	struct embedder *shared;
	struct str text;
	float vector[DIMENSION];
	enum err_code code;
	struct err err;
};

static void *ask(void *ctx)
{
	struct asker *asker = ctx;

	asker->code = embed_texts(asker->shared, &asker->text, 1, asker->vector, &asker->err);
	return NULL;
}

static void start(struct asker *asker, struct embedder *shared, const char *text)
{
	memset(asker, 0, sizeof(*asker));
	asker->shared = shared;
	asker->text = str_c(text);
	assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

static void check_vector(const float *vector, struct str text)
{
	struct fake_embedder fake;
	float want[DIMENSION];
	struct err err;

	fake_embedder_init(&fake);
	assert_int_equal(embed_texts(&fake.embedder, &text, 1, want, &err), ERR_OK);
	assert_memory_equal(vector, want, sizeof(want));
}

static void join(struct asker *asker)
{
	assert_int_equal(pthread_join(asker->thread, NULL), 0);
	assert_int_equal(asker->code, ERR_OK);
	check_vector(asker->vector, asker->text);
}

static void ask_now(struct embedder *shared, const char *text)
{
	struct asker asker;

	start(&asker, shared, text);
	join(&asker);
}

static void test_waiting_texts_go_together(void **state)
{
	static const char *const texts[] = {"alpha", "beta", "gamma", "delta", "epsilon"};
	struct gate gate;
	struct asker first, others[5];

	(void)state;
	gate_init(&gate);
	gate_shut(&gate, true);
	struct embedder *shared = shared_of(&gate, 100, 1);
	start(&first, shared, "first");
	gate_wait_entered(&gate, 1); /* alone, at once */
	for (size_t i = 0; i < 5; i++)
		start(&others[i], shared, texts[i]);
	wait_misses(shared, 6);
	assert_int_equal(gate.entered, 1);
	gate_shut(&gate, false);
	join(&first);
	for (size_t i = 0; i < 5; i++)
		join(&others[i]);
	assert_int_equal(gate.entered, 2);
	assert_int_equal(gate.call_sizes[0], 1);
	assert_int_equal(gate.call_sizes[1], 5);
	struct embed_shared_stats stats = stats_of(shared);
	assert_int_equal(stats.calls, 2);
	assert_int_equal(stats.texts, 6);
	assert_int_equal(stats.calls_by_size[0], 1);
	assert_int_equal(stats.calls_by_size[3], 1); /* 5 to 8 */
	assert_int_equal(stats.cache_entries, 6);
	embed_close(shared);
	assert_true(gate.closed);
}

static void test_several_calls_share_the_queue(void **state)
{
	struct gate gate;
	struct asker askers[8];
	char texts[8][16];

	(void)state;
	gate_init(&gate);
	gate_shut(&gate, true);
	struct embedder *shared = shared_of(&gate, 0, 2);
	for (size_t i = 0; i < 8; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "text %zu", i);
		start(&askers[i], shared, texts[i]);
		if (i < 2)
			gate_wait_entered(&gate, i + 1); /* both start at once */
	}
	wait_misses(shared, 8);
	assert_int_equal(gate.entered, 2);
	gate_shut(&gate, false);
	for (size_t i = 0; i < 8; i++)
		join(&askers[i]);
	assert_int_equal(gate.most_inside, 2);
	size_t largest = 0;
	for (size_t i = 0; i < gate.entered; i++)
		if (gate.call_sizes[i] > largest)
			largest = gate.call_sizes[i];
	assert_int_equal(largest, 3); /* half of six; which of the two enters first is chance */
	assert_int_equal(stats_of(shared).texts, 8);
	embed_close(shared);
}

/* A helper for one text is for a time in which nothing else is embedded. */
static void test_only_a_lone_text_is_said_to_be_alone(void **state)
{
	struct gate gate;
	struct asker first, second;
	float vector[DIMENSION];
	struct err err;

	(void)state;
	gate_init(&gate);
	struct embedder *shared = shared_of(&gate, 0, 2);
	ask_now(shared, "one");
	assert_int_equal(gate.alone, 1);
	assert_int_equal(embed_alone(shared, STR("two"), vector, &err), ERR_OK);
	check_vector(vector, STR("two"));
	assert_int_equal(gate.alone, 2);
	gate_shut(&gate, true);
	start(&first, shared, "three");
	gate_wait_entered(&gate, 3);
	assert_int_equal(gate.alone, 3);
	start(&second, shared, "four"); /* beside another */
	gate_wait_entered(&gate, 4);
	gate_shut(&gate, false);
	join(&first);
	join(&second);
	assert_int_equal(gate.alone, 3);
	embed_close(shared);
}

static void test_equal_texts_are_embedded_once(void **state)
{
	struct gate gate;
	struct asker running[3], queued[3];

	(void)state;
	gate_init(&gate);
	gate_shut(&gate, true);
	struct embedder *shared = shared_of(&gate, 0, 1);
	for (size_t i = 0; i < 3; i++)
		start(&running[i], shared, "same");
	gate_wait_entered(&gate, 1);
	wait_misses(shared, 3);
	for (size_t i = 0; i < 3; i++)
		start(&queued[i], shared, "other");
	wait_misses(shared, 6);
	gate_shut(&gate, false);
	for (size_t i = 0; i < 3; i++) {
		join(&running[i]);
		join(&queued[i]);
	}
	assert_int_equal(gate.fake.embedded, 2);
	assert_int_equal(stats_of(shared).joined, 4);
	embed_close(shared);
}

static void test_large_texts_go_alone(void **state)
{
	static char large[3][6000];
	struct gate gate;
	struct asker first, askers[3];

	(void)state;
	gate_init(&gate);
	gate_shut(&gate, true);
	gate.fake.embedder.max_tokens = 100000;
	gate.embedder.max_tokens = 100000;
	struct embedder *shared = shared_of(&gate, 0, 1);
	start(&first, shared, "first");
	gate_wait_entered(&gate, 1);
	for (size_t i = 0; i < 3; i++) {
		memset(large[i], 'a' + (int)i, sizeof(large[i]) - 1);
		start(&askers[i], shared, large[i]);
	}
	wait_misses(shared, 4);
	gate_shut(&gate, false);
	(void)pthread_join(first.thread, NULL);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
		assert_int_equal(askers[i].code, ERR_OK);
	}
	assert_int_equal(gate.entered, 4);
	embed_close(shared);
}

/* One text of a batch that is too long fails, with its message; the others do not. */
static void test_error_is_of_one_text(void **state)
{
	static char too_long[4000];
	struct gate gate;
	struct asker first, good[2], bad[2];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(too_long); i++)
		too_long[i] = i % 2 ? ' ' : 'x';
	gate_init(&gate);
	gate_shut(&gate, true);
	struct embedder *shared = shared_of(&gate, 100, 1);
	start(&first, shared, "first");
	gate_wait_entered(&gate, 1);
	start(&good[0], shared, "good");
	start(&bad[0], shared, too_long);
	start(&bad[1], shared, too_long);
	start(&good[1], shared, "better");
	wait_misses(shared, 5);
	gate_shut(&gate, false);
	join(&first);
	join(&good[0]);
	join(&good[1]);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(bad[i].thread, NULL), 0);
		assert_int_equal(bad[i].code, ERR_LIMIT);
		assert_int_equal(bad[i].err.code, ERR_LIMIT);
		assert_string_equal(bad[i].err.message, "text of 2002 tokens, the model takes 512");
	}
	/* Errors are not kept: the text is tried again. */
	size_t entered = gate.entered;
	start(&bad[0], shared, too_long);
	(void)pthread_join(bad[0].thread, NULL);
	assert_int_equal(bad[0].code, ERR_LIMIT);
	assert_int_equal(gate.entered, entered + 1);
	assert_int_equal(stats_of(shared).cache_entries, 3);
	embed_close(shared);
}

static void test_cache_keeps_what_was_used_last(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	struct embedder *shared = shared_of(&gate, 3, 1);
	ask_now(shared, "a");
	ask_now(shared, "b");
	ask_now(shared, "c");
	ask_now(shared, "a"); /* hit: now b is the oldest */
	ask_now(shared, "d");
	assert_int_equal(gate.fake.embedded, 4);
	ask_now(shared, "a");
	ask_now(shared, "c");
	ask_now(shared, "d");
	assert_int_equal(gate.fake.embedded, 4);
	ask_now(shared, "b");
	ask_now(shared, ""); /* a text too */
	ask_now(shared, "");
	assert_int_equal(gate.fake.embedded, 6);
	struct embed_shared_stats stats = stats_of(shared);
	assert_int_equal(stats.hits, 5);
	assert_int_equal(stats.misses, 6);
	assert_int_equal(stats.cache_entries, 3);
	embed_close(shared);
}

static void test_cache_is_bounded_in_bytes(void **state)
{
	const struct embed_shared_options options = {
		.cache_entries = 1000, .cache_bytes = 2000, .calls = 1};
	static char large[1900];
	struct embedder *shared;
	struct gate gate;
	struct err err;
	char text[32];

	(void)state;
	gate_init(&gate);
	assert_int_equal(
		embed_shared_open(&gate.embedder, &options, alloc_default(), &shared, &err),
		ERR_OK);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(text, sizeof(text), "text %d", i);
		ask_now(shared, text);
		assert_true(stats_of(shared).cache_bytes <= 2000);
	}
	assert_true(stats_of(shared).cache_entries > 1);
	assert_true(stats_of(shared).cache_entries < 10);
	size_t before = stats_of(shared).cache_entries;
	memset(large, 'w', sizeof(large) - 1); /* larger than the cache: changes nothing */
	ask_now(shared, large);
	assert_int_equal(stats_of(shared).cache_entries, before);
	ask_now(shared, text);
	assert_int_equal(stats_of(shared).hits, 1);
	embed_close(shared);
}

static void test_without_a_cache(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	struct embedder *shared = shared_of(&gate, 0, 1);
	ask_now(shared, "a");
	ask_now(shared, "a");
	assert_int_equal(gate.fake.embedded, 2);
	assert_int_equal(stats_of(shared).hits, 0);
	assert_int_equal(stats_of(shared).cache_bytes, 0);
	embed_close(shared);
}

static void test_several_texts_and_tokens_pass_through(void **state)
{
	const struct str texts[2] = {STR("one"), STR("two words")};
	float vectors[2 * DIMENSION];
	struct token_list tokens;
	struct arena arena;
	struct gate gate;
	struct err err;

	(void)state;
	gate_init(&gate);
	struct embedder *shared = shared_of(&gate, 10, 1);
	assert_string_equal(shared->model, gate.embedder.model);
	assert_string_equal(shared->sha256, gate.embedder.sha256);
	assert_int_equal(shared->dimension, DIMENSION);
	assert_int_equal(embed_texts(shared, texts, 2, vectors, &err), ERR_OK);
	check_vector(vectors, texts[0]);
	check_vector(vectors + DIMENSION, texts[1]);
	assert_int_equal(gate.call_sizes[0], 2);
	arena_init(&arena, alloc_default(), 1 << 16);
	assert_int_equal(embed_tokenize(shared, texts[1], &arena, &tokens, &err), ERR_OK);
	assert_int_equal(tokens.count, 2);
	arena_release(&arena);
	embed_close(shared);
}

static void test_open_fails_cleanly(void **state)
{
	const struct embed_shared_options options = {
		.cache_entries = 10, .cache_bytes = 1 << 20, .calls = 1};
	const struct embed_shared_options none = {.calls = 0};
	struct embed_shared_stats stats;
	struct embedder *shared;
	struct gate gate;
	struct err err;

	(void)state;
	gate_init(&gate);
	assert_int_equal(embed_shared_open(&gate.embedder, &none, alloc_default(), &shared, &err),
			 ERR_INVALID);
	for (size_t n = 1; n <= 2; n++) {
		struct fail_alloc failing;

		fail_alloc_init(&failing, n, false);
		assert_int_equal(
			embed_shared_open(&gate.embedder, &options, &failing.alloc, &shared, &err),
			ERR_NOMEM);
		assert_null(shared);
		assert_int_equal(failing.live, 0);
	}
	assert_false(gate.closed);
	assert_false(embed_shared_stats(&gate.embedder, &stats));
	assert_false(embed_shared_stats(NULL, &stats));
}

/* Memory that is short costs the cache and the batches, never a result. */
static void test_out_of_memory_costs_no_result(void **state)
{
	const struct embed_shared_options options = {
		.cache_entries = 10, .cache_bytes = 1 << 20, .calls = 1};
	struct fail_alloc failing;
	struct asker askers[4];
	struct embedder *shared;
	struct gate gate;
	struct err err;

	(void)state;
	gate_init(&gate);
	fail_alloc_init(&failing, 3, true); /* all that come after opening */
	assert_int_equal(embed_shared_open(&gate.embedder, &options, &failing.alloc, &shared, &err),
			 ERR_OK);
	gate_shut(&gate, true);
	start(&askers[0], shared, "a");
	gate_wait_entered(&gate, 1);
	start(&askers[1], shared, "b");
	start(&askers[2], shared, "c");
	start(&askers[3], shared, "d");
	wait_misses(shared, 4);
	gate_shut(&gate, false);
	for (size_t i = 0; i < 4; i++)
		join(&askers[i]);
	assert_true(failing.failures > 0);
	assert_int_equal(stats_of(shared).calls, 4);
	assert_int_equal(stats_of(shared).cache_entries, 0);
	embed_close(shared);
	assert_int_equal(failing.live, 0);
}

struct crowd {
	pthread_t thread;
	struct embedder *shared;
	uint32_t seed;
	size_t wrong;
};

static void *ask_on(void *ctx)
{
	struct crowd *crowd = ctx;

	for (int i = 0; i < 300; i++) {
		struct fake_embedder fake;
		float got[DIMENSION], want[DIMENSION];
		char text[32];
		struct err err;

		crowd->seed = crowd->seed * 1664525U + 1013904223U;
		(void)snprintf(text, sizeof(text), "question %u", crowd->seed >> 16 & 63);
		struct str view = str_c(text);
		fake_embedder_init(&fake);
		if (embed_texts(crowd->shared, &view, 1, got, &err) ||
		    embed_texts(&fake.embedder, &view, 1, want, &err) ||
		    memcmp(got, want, sizeof(got)) != 0)
			crowd->wrong++;
	}
	return NULL;
}

/* Many threads, few places and a small cache: every result is right and nobody is forgotten. */
static void test_crowd(void **state)
{
	enum { THREADS = 12 };
	struct crowd crowd[THREADS];
	struct gate gate;

	(void)state;
	gate_init(&gate);
	struct embedder *shared = shared_of(&gate, 8, 2);
	for (uint32_t i = 0; i < THREADS; i++) {
		crowd[i] = (struct crowd){.shared = shared, .seed = i + 1};
		assert_int_equal(pthread_create(&crowd[i].thread, NULL, ask_on, &crowd[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(crowd[i].thread, NULL), 0);
		assert_int_equal(crowd[i].wrong, 0);
	}
	struct embed_shared_stats stats = stats_of(shared);
	assert_int_equal(stats.hits + stats.misses, THREADS * 300);
	assert_int_equal(stats.texts, stats.misses - stats.joined);
	assert_int_equal(stats.texts, gate.fake.embedded);
	assert_int_equal(stats.calls, gate.entered);
	assert_true(gate.most_inside <= 2);
	embed_close(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting_texts_go_together),
		cmocka_unit_test(test_several_calls_share_the_queue),
		cmocka_unit_test(test_only_a_lone_text_is_said_to_be_alone),
		cmocka_unit_test(test_equal_texts_are_embedded_once),
		cmocka_unit_test(test_large_texts_go_alone),
		cmocka_unit_test(test_error_is_of_one_text),
		cmocka_unit_test(test_cache_keeps_what_was_used_last),
		cmocka_unit_test(test_cache_is_bounded_in_bytes),
		cmocka_unit_test(test_without_a_cache),
		cmocka_unit_test(test_several_texts_and_tokens_pass_through),
		cmocka_unit_test(test_open_fails_cleanly),
		cmocka_unit_test(test_out_of_memory_costs_no_result),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
