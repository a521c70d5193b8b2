/* bench: texts of exact lengths, order statistics, and the measurements on a clock that is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/encode.h"
#include "bench/summary.h"
#include "bench/text.h"
#include "embed/inproc/inproc.h"
#include "support/fail_alloc.h"
#include "support/fake_embedder.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

enum { ARENA_MAX = 64 << 20 };

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-9)
		fail_msg("got %.12f, want %.12f", got, want);
}

/* --- texts --- */

static void expect_tokens(struct embedder *e, size_t tokens, size_t seed)
{
	struct err err = {0};
	struct arena arena;
	struct str text;
	struct token_list list;
	arena_init(&arena, alloc_default(), ARENA_MAX);
	if (bench_text(e, tokens, seed, &arena, &text, &err) != ERR_OK)
		fail_msg("%zu tokens: %s", tokens, err.message);
	assert_int_equal(embed_tokenize(e, text, &arena, &list, &err), ERR_OK);
	assert_int_equal(list.count + e->special_tokens, tokens);
	arena_release(&arena);
}

static void texts_have_exactly_the_tokens_asked_for(void **state)
{
	static const enum tiny_kind kinds[] = {TINY_BERT, TINY_MPNET};
	struct fake_embedder fake;
	fake_embedder_init(&fake);
	for (size_t tokens = 3; tokens <= 512; tokens += tokens < 40 ? 1 : 59)
		expect_tokens(&fake.embedder, tokens, tokens % 5);
	expect_tokens(&fake.embedder, 512, 1000000);
	for (size_t k = 0; k < 2; k++) {
		struct temp_dir dir;
		struct err err = {0};
		struct embedder *e;
		temp_dir_make(&dir);
		assert_true(tiny_model_write(dir.path, kinds[k]));
		const struct embed_inproc_options options = {.dir = dir.path, .name = "tiny"};
		assert_int_equal(embed_inproc_open(&options, alloc_default(), &e, &err), ERR_OK);
		for (size_t tokens = 3; tokens <= 512; tokens += tokens < 40 ? 1 : 59)
			expect_tokens(e, tokens, tokens % 7);
		expect_tokens(e, 512, 3);
		embed_close(e);
		temp_dir_remove(&dir);
	}
}

static void seeds_make_different_texts(void **state)
{
	struct fake_embedder fake;
	struct arena arena;
	struct str texts[8];
	struct err err;
	fake_embedder_init(&fake);
	arena_init(&arena, alloc_default(), ARENA_MAX);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(bench_text(&fake.embedder, 20, i, &arena, &texts[i], &err),
				 ERR_OK);
		for (size_t j = 0; j < i; j++)
			assert_false(str_eq(texts[i], texts[j]));
	}
	struct str again;
	assert_int_equal(bench_text(&fake.embedder, 20, 5, &arena, &again, &err), ERR_OK);
	assert_true(str_eq(again, texts[5]));
	arena_release(&arena);
}

static void lengths_out_of_range_are_refused(void **state)
{
	static const size_t bad[] = {0, 2, 513, SIZE_MAX};
	struct fake_embedder fake;
	struct arena arena;
	fake_embedder_init(&fake);
	arena_init(&arena, alloc_default(), ARENA_MAX);
	for (size_t i = 0; i < 4; i++) {
		struct str text;
		struct err err = {0};
		assert_int_equal(bench_text(&fake.embedder, bad[i], 0, &arena, &text, &err),
				 ERR_INVALID);
		assert_non_null(strstr(err.message, "from 3 to 512"));
		assert_int_equal(text.len, 0);
	}
	arena_release(&arena);
}

/* A tokenizer that gives every text, however short, the same number of tokens. */
static enum err_code seven_tokens(struct embedder *e, struct str text, struct arena *arena,
				  struct token_list *out, struct err *err)
{
	out->count = 7;
	out->items = arena_array(arena, 7, sizeof(*out->items));
	return out->items ? ERR_OK : arena_fail(arena, err);
}

static void a_length_that_cannot_be_made_is_said(void **state)
{
	const struct embedder_ops ops = {.tokenize = seven_tokens};
	struct embedder odd = {.ops = &ops,
			       .model = "odd",
			       .dimension = 4,
			       .max_tokens = 512,
			       .special_tokens = 2};
	struct arena arena;
	struct str text;
	struct err err = {0};
	arena_init(&arena, alloc_default(), ARENA_MAX);
	assert_int_equal(bench_text(&odd, 40, 0, &arena, &text, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "odd"));
	arena_release(&arena);
}

/* --- summaries --- */

static void quantiles_interpolate(void **state)
{
	double five[] = {50, 10, 40, 20, 30}, four[] = {4, 3, 2, 1}, one[] = {7};
	struct bench_summary s;
	bench_summarize(five, 5, &s);
	assert_int_equal(s.runs, 5);
	near(s.min, 10);
	near(s.p25, 20);
	near(s.median, 30);
	near(s.p75, 40);
	near(s.p95, 48);
	near(s.max, 50);
	bench_summarize(four, 4, &s);
	near(s.p25, 1.75);
	near(s.median, 2.5);
	near(s.p75, 3.25);
	bench_summarize(one, 1, &s);
	near(s.min + s.p25 + s.median + s.p75 + s.p95 + s.max, 6 * 7);
	bench_summarize(NULL, 0, &s);
	assert_int_equal(s.runs, 0);
	near(s.median, 0);
}

/* --- measuring --- */

/* Each look at this clock is `step` later than the one before. */
struct told_clock {
	struct clock clock;
	int64_t now, step;
};

static int64_t told_time(void *ctx)
{
	struct told_clock *told = ctx;
	return told->now += told->step;
}

static void told_clock_init(struct told_clock *told, int64_t step)
{
	*told = (struct told_clock){{told_time, told_time, told}, 0, step};
}

struct fixture {
	struct fake_embedder fake;
	struct told_clock told;
	struct arena arena;
	struct bench_encode_result result;
	struct err err;
};

static enum err_code measure(struct fixture *f, size_t tokens, size_t runs, size_t threads,
			     const atomic_bool *stop)
{
	const struct bench_encode_options options = {tokens, runs, threads};
	return bench_encode(&f->fake.embedder, &f->told.clock, &options, stop, &f->arena,
			    &f->result, &f->err);
}

static void set_up(struct fixture *f, int64_t step)
{
	memset(f, 0, sizeof(*f));
	fake_embedder_init(&f->fake);
	told_clock_init(&f->told, step);
	arena_init(&f->arena, alloc_default(), ARENA_MAX);
}

static void given_runs_are_measured_one_by_one(void **state)
{
	struct fixture f;
	set_up(&f, 4000);
	assert_int_equal(measure(&f, 64, 10, 1, NULL), ERR_OK);
	assert_int_equal(f.fake.embedded, 2 * (1 + 10)); /* one that is not timed */
	assert_int_equal(f.result.ms.runs, 10);
	assert_int_equal(f.result.alone_ms.runs, 10);
	assert_int_equal(f.result.tokens, 64);
	near(f.result.ms.median, 4);
	near(f.result.ms.max, 4);
	near(f.result.alone_ms.median, 4);
	near(f.result.tokens_per_second, 64 * 250);
	near(f.result.threads_tokens_per_second, f.result.tokens_per_second);
	arena_release(&f.arena);
}

static void runs_fit_into_two_seconds(void **state)
{
	struct fixture f;
	set_up(&f, 100000); /* both ways take 0.1 s, 0.3 s after those before */
	assert_int_equal(measure(&f, 20, 0, 1, NULL), ERR_OK);
	assert_int_equal(f.result.ms.runs, 7);
	arena_release(&f.arena);
	set_up(&f, 5000000);
	assert_int_equal(measure(&f, 20, 0, 1, NULL), ERR_OK);
	assert_int_equal(f.result.ms.runs, 5); /* but not fewer */
	arena_release(&f.arena);
	set_up(&f, 1);
	assert_int_equal(measure(&f, 20, 0, 1, NULL), ERR_OK);
	assert_int_equal(f.result.ms.runs, 100); /* nor more */
	arena_release(&f.arena);
}

static void threads_share_the_second_measurement(void **state)
{
	struct fixture f;
	set_up(&f, 1000000);
	assert_int_equal(measure(&f, 32, 6, 3, NULL), ERR_OK);
	assert_int_equal(f.fake.embedded, 2 * (1 + 6) + 3 * 6);
	assert_int_equal(f.result.threads, 3);
	near(f.result.threads_tokens_per_second, 32 * 3 * 6); /* they take one step of the clock */
	arena_release(&f.arena);
}

static void errors_of_any_thread_are_passed_on(void **state)
{
	struct fixture f;
	for (size_t after = 0; after < 20; after++) {
		set_up(&f, 10);
		f.fake.fail_after = after;
		assert_int_equal(measure(&f, 32, 4, 4, NULL), ERR_UNAVAILABLE);
		assert_non_null(strstr(f.err.message, "told to fail"));
		arena_release(&f.arena);
	}
	set_up(&f, 10);
	assert_int_equal(measure(&f, 600, 4, 1, NULL), ERR_INVALID);
	assert_int_equal(measure(&f, 32, 4, 0, NULL), ERR_INVALID);
	assert_int_equal(measure(&f, 32, 4, BENCH_THREADS_MAX + 1, NULL), ERR_INVALID);
	assert_int_equal(measure(&f, 32, BENCH_RUNS_MAX + 1, 1, NULL), ERR_INVALID);
	assert_int_equal(f.fake.embedded, 0);
	arena_release(&f.arena);
}

static void a_stop_ends_it(void **state)
{
	atomic_bool stop = true;
	struct fixture f;
	set_up(&f, 10);
	assert_int_equal(measure(&f, 32, 1000, 2, &stop), ERR_CANCELLED);
	assert_int_equal(f.fake.embedded, 2);
	arena_release(&f.arena);
}

static void memory_runs_out(void **state)
{
	enum err_code code = ERR_NOMEM;
	struct fail_alloc fail;
	size_t at = 0;
	for (; code == ERR_NOMEM && at < 1000; at++) {
		struct fixture f;
		set_up(&f, 10);
		fail_alloc_init(&fail, at + 1, false);
		arena_init(&f.arena, &fail.alloc, ARENA_MAX);
		code = measure(&f, 128, 2, 2, NULL);
		arena_release(&f.arena);
		assert_int_equal(fail.live, 0);
	}
	assert_int_equal(code, ERR_OK);
	assert_true(at > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_have_exactly_the_tokens_asked_for),
		cmocka_unit_test(seeds_make_different_texts),
		cmocka_unit_test(lengths_out_of_range_are_refused),
		cmocka_unit_test(a_length_that_cannot_be_made_is_said),
		cmocka_unit_test(quantiles_interpolate),
		cmocka_unit_test(given_runs_are_measured_one_by_one),
		cmocka_unit_test(runs_fit_into_two_seconds),
		cmocka_unit_test(threads_share_the_second_measurement),
		cmocka_unit_test(errors_of_any_thread_are_passed_on),
		cmocka_unit_test(a_stop_ends_it),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
