/* The reranking stage: the order that it makes, and that nothing fails when the reranker does. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/answer.h"
#include "answer/rerank.h"
#include "support/mini_site.h"

enum { RESULTS = 6 };

/* A reranker that gives what the test says, or looks for a word. */
struct fake {
	struct reranker base;
	float scores[RESULTS];
	const char *word; /* not NULL: 1 for texts that hold it, else 0 */
	enum err_code code;
	size_t calls, texts;
	char query[128], first[512];
};

static enum err_code fake_score(struct reranker *r, struct str query, const struct str *texts,
				size_t count, float *scores, struct err *err)
{
	struct fake *fake = (struct fake *)r;
	fake->calls++;
	fake->texts = count;
	snprintf(fake->query, sizeof(fake->query), "%.*s", STR_ARG(query));
	snprintf(fake->first, sizeof(fake->first), "%.*s", STR_ARG(str_slice(texts[0], 0, 500)));
	if (fake->code)
		return err_set(err, fake->code, "the fake is broken");
	for (size_t i = 0; i < count; i++)
		scores[i] = !fake->word                                            ? fake->scores[i]
			    : str_find(texts[i], str_c(fake->word), 0) == STR_NPOS ? 0
										   : 1;
	return ERR_OK;
}

static const struct reranker_ops fake_ops = {.score = fake_score};

struct fixture {
	struct fake fake;
	struct rerank_stage stage;
	struct clock clock;
	int64_t now_us;
	struct logger log;
	char *lines; /* what was logged */
	size_t lines_len;
	struct arena arena;
	struct retrieve_result items[RESULTS];
	struct retrieve_results results;
};

static int64_t fake_now(void *ctx)
{
	return ((struct fixture *)ctx)->now_us;
}

static int64_t fake_wall(void *ctx)
{
	return ((struct fixture *)ctx)->now_us / 1000;
}

/* Fused scores 6, 5, 4, 3, 2, 1, and cosines that tell who is who. */
static void fill_results(struct fixture *f)
{
	for (size_t i = 0; i < RESULTS; i++)
		f->items[i] = (struct retrieve_result){.rank = i + 1,
						       .score = (double)(RESULTS - i),
						       .cosine = (float)i,
						       .passage = {.title = STR("Page"),
								   .section_path = STR("A > B"),
								   .text = STR("Some text")}};
	f->results = (struct retrieve_results){.items = f->items, .count = RESULTS};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	*state = f;
	f->fake.base = (struct reranker){.ops = &fake_ops, .name = "fake"};
	f->clock = (struct clock){fake_now, fake_wall, f};
	f->now_us = 1000000000;
	f->log = (struct logger){.stream = open_memstream(&f->lines, &f->lines_len),
				 .level = LOG_WARN,
				 .clock = &f->clock};
	if (!f->log.stream)
		return -1;
	arena_init(&f->arena, alloc_default(), 64U << 20);
	rerank_stage_init(&f->stage, &f->fake.base, 20, 1, &f->clock, &f->log);
	fill_results(f);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_release(&f->arena);
	fclose(f->log.stream);
	free(f->lines);
	free(f);
	return 0;
}

static void rerank(struct fixture *f, size_t top_k)
{
	fill_results(f);
	rerank_results(&f->stage, STR("the question"), top_k, &f->arena, &f->results);
}

/* The results are those of the former ranks in `want` ("2 0 1"), with falling scores. */
static void expect_order(struct fixture *f, const char *want)
{
	char got[64] = "";
	for (size_t i = 0, at = 0; i < f->results.count; i++) {
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%d", i ? " " : "",
				       (int)f->results.items[i].cosine);
		assert_int_equal(f->results.items[i].rank, i + 1);
		if (i)
			assert_true(f->results.items[i].score <= f->results.items[i - 1].score);
	}
	assert_string_equal(got, want);
}

static void set_scores(struct fixture *f, const float scores[RESULTS])
{
	memcpy(f->fake.scores, scores, sizeof(f->fake.scores));
}

static void the_reranker_orders(void **state)
{
	struct fixture *f = *state;
	set_scores(f, (const float[]){-3, 2, 9, 2, -7, 8.5f});
	rerank(f, RESULTS);
	expect_order(f, "2 5 1 3 0 4"); /* equal scores keep their order */
	assert_true(f->results.items[0].score == 1 && f->results.items[5].score == 0);
	assert_true(f->results.items[0].reranked && f->results.items[0].rerank == 9);
	assert_string_equal(f->fake.query, "the question");
	assert_string_equal(f->fake.first, "Page - A > B\nSome text");
	rerank(f, 2);
	expect_order(f, "2 5");
	assert_int_equal(f->fake.texts, RESULTS);
	assert_int_equal(f->stage.done, 2);
	set_scores(f, (const float[]){4, 4, 4, 4, 4, 4});
	rerank(f, RESULTS);
	expect_order(f, "0 1 2 3 4 5");
}

static void a_weight_mixes_both(void **state)
{
	struct fixture *f = *state;
	/* stretched: 0 .2 .6 0 .4 1 against 1 .8 .6 .4 .2 0 */
	set_scores(f, (const float[]){10, 12, 16, 10, 14, 20});
	f->stage.weight = 0.5;
	rerank(f, RESULTS);
	expect_order(f, "2 0 1 5 4 3");
	assert_true(fabs(f->results.items[0].score - 0.6) < 1e-9);
	assert_true(fabs(f->results.items[1].rerank_share - 0) < 1e-9);
	assert_true(fabs(f->results.items[1].fused_share - 0.5) < 1e-9);
	f->stage.weight = 0;
	rerank(f, RESULTS);
	expect_order(f, "0 1 2 3 4 5");
	f->stage.weight = 0.9;
	rerank(f, 3);
	expect_order(f, "5 2 4");
}

static void only_the_depth_is_read(void **state)
{
	struct fixture *f = *state;
	set_scores(f, (const float[]){1, 2, 3, 0, 0, 0});
	f->stage.depth = 3;
	rerank(f, 5);
	expect_order(f, "2 1 0 3 4");
	assert_int_equal(f->fake.texts, 3);
	assert_false(f->results.items[3].reranked);
	assert_true(f->results.items[2].score >= 0 && f->results.items[3].score < 0);
	assert_int_equal(rerank_candidates(&f->stage, 2), 3);
	assert_int_equal(rerank_candidates(&f->stage, 5), 5);
	assert_int_equal(rerank_candidates(NULL, 5), 5);
}

static void without_a_reranker(void **state)
{
	struct fixture *f = *state;
	rerank_results(NULL, STR("q"), 4, &f->arena, &f->results);
	expect_order(f, "0 1 2 3");
	f->results.count = 0;
	rerank_results(&f->stage, STR("q"), 4, &f->arena, &f->results);
	assert_int_equal(f->fake.calls, 0);
}

static size_t warnings(struct fixture *f)
{
	size_t count = 0;
	fflush(f->log.stream);
	struct str all = {f->lines, f->lines_len};
	for (size_t at = 0; (at = str_find(all, STR("the fake is broken"), at)) != STR_NPOS; at++)
		count++;
	return count;
}

static void a_failure_changes_nothing(void **state)
{
	struct fixture *f = *state;
	f->fake.code = ERR_FORMAT;
	for (size_t i = 0; i < 5; i++) {
		rerank(f, 4);
		expect_order(f, "0 1 2 3");
		assert_true(f->results.items[0].score == RESULTS);
		assert_false(f->results.items[0].reranked);
		f->now_us += 10000000;
	}
	assert_int_equal(f->fake.calls, 5);
	assert_int_equal(f->stage.failed, 5);
	assert_int_equal(warnings(f), 1);
	f->now_us += 10000000; /* a minute after the first */
	rerank(f, 4);
	assert_int_equal(warnings(f), 2);
	f->fake.code = ERR_OK;
	set_scores(f, (const float[]){0, 1, 0, 0, 0, 0});
	rerank(f, 2);
	expect_order(f, "1 0");
}

/* A server that is gone is not waited for by each question. */
static void a_pause_after_unavailable(void **state)
{
	struct fixture *f = *state;
	f->fake.code = ERR_UNAVAILABLE;
	rerank(f, 4);
	f->now_us += 4999999;
	rerank(f, 4);
	expect_order(f, "0 1 2 3");
	assert_int_equal(f->fake.calls, 1);
	assert_int_equal(f->stage.skipped, 1);
	f->now_us += 1;
	f->fake.code = ERR_BUSY; /* this question was too much, not the next */
	rerank(f, 4);
	f->fake.code = ERR_OK;
	rerank(f, 4);
	assert_int_equal(f->fake.calls, 3);
	assert_int_equal(f->stage.done, 1);
	assert_int_equal(f->stage.failed, 2);
}

static void no_memory_is_a_failure_too(void **state)
{
	struct fixture *f = *state;
	struct arena small;
	for (size_t max = 0; max < 4096; max += 16) {
		fill_results(f);
		set_scores(f, (const float[]){0, 1, 2, 3, 4, 5});
		arena_init(&small, alloc_default(), max);
		rerank_results(&f->stage, STR("q"), 3, &small, &f->results);
		bool done = f->results.items[0].reranked;
		expect_order(f, done ? "5 4 3" : "0 1 2");
		arena_release(&small);
	}
	assert_true(f->stage.done > 0 && f->stage.failed > 0);
}

static void retrieval_and_answers_use_it(void **state)
{
	static const char *const folders[] = {"site"};
	struct fixture *f = *state;
	struct mini_site site;
	struct store *store = NULL;
	struct index_report report;
	struct retrieve_results plain, reranked;
	struct answer_result answer;
	struct err err = {ERR_OK, ""};
	mini_site_make(&site);
	if (mini_site_index(&site, folders, 1, alloc_default(), &f->arena, &report, &err) ||
	    mini_site_store(&site, alloc_default(), &store, &err))
		fail_msg("%s", err.message);
	struct retrieve_options options = {.top_k = 2};
	assert_int_equal(retrieve(store, &site.fake.embedder, clock_system(), STR("cached steps"),
				  &options, &f->arena, &plain, &err),
			 ERR_OK);
	options.top_k = 20;
	assert_int_equal(retrieve(store, &site.fake.embedder, clock_system(), STR("cached steps"),
				  &options, &f->arena, &plain, &err),
			 ERR_OK);
	assert_true(plain.count > 4);
	/* What stands third without the reranker, by words that are in no other. */
	char title[128];
	const struct retrieve_result *third = &plain.items[2];
	snprintf(title, sizeof(title), "%.*s", STR_ARG(third->passage.text));
	f->fake.word = title;
	options.top_k = 2;
	options.rerank = &f->stage;
	assert_int_equal(retrieve(store, &site.fake.embedder, clock_system(), STR("cached steps"),
				  &options, &f->arena, &reranked, &err),
			 ERR_OK);
	assert_int_equal(reranked.count, 2);
	assert_true(str_eq(reranked.items[0].url, third->url));
	assert_true(str_eq(reranked.items[1].url, plain.items[0].url));
	assert_true(f->fake.texts > 4);

	const struct answer_deps deps = {.store = store,
					 .embedder = &site.fake.embedder,
					 .clock = clock_system(),
					 .rerank = &f->stage};
	const struct answer_sink silent = {0};
	assert_int_equal(answer_run(&deps,
				    &(struct answer_request){.question = STR("cached steps")},
				    &silent, &f->arena, &answer, &err),
			 ERR_OK);
	assert_true(str_eq(answer.retrieved.items[0].url, third->url));
	f->fake.code = ERR_UNAVAILABLE;
	assert_int_equal(answer_run(&deps,
				    &(struct answer_request){.question = STR("cached steps")},
				    &silent, &f->arena, &answer, &err),
			 ERR_OK);
	assert_true(str_eq(answer.retrieved.items[0].url, plain.items[0].url));
	store_close(store);
	mini_site_remove(&site);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_reranker_orders),        TEST(a_weight_mixes_both),
		TEST(only_the_depth_is_read),     TEST(without_a_reranker),
		TEST(a_failure_changes_nothing),  TEST(a_pause_after_unavailable),
		TEST(no_memory_is_a_failure_too), TEST(retrieval_and_answers_use_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
