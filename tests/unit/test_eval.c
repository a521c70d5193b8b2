/* eval: metrics against values made by hand, and question sets that are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/metrics.h"
#include "eval/run.h"
#include "eval/set.h"
#include "support/fail_alloc.h"
#include "support/mini_site.h"

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-9)
		fail_msg("got %.12f, want %.12f", got, want);
}

/* --- metrics --- */

static const struct str pages[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};

static void first_rank(void **state)
{
	const struct str gold[] = {STR("z"), STR("c"), STR("d")};
	assert_int_equal(metric_first_rank(pages, 4, gold, 3), 3);
	assert_int_equal(metric_first_rank(pages, 2, gold, 3), 0);
	assert_int_equal(metric_first_rank(pages, 4, gold, 1), 0);
	assert_int_equal(metric_first_rank(pages, 4, gold, 0), 0);
	assert_int_equal(metric_first_rank(NULL, 0, gold, 3), 0);
}

static void ndcg(void **state)
{
	const struct str gold[] = {STR("b"), STR("d")};
	double ideal = 1 + 1 / log2(3);
	near(metric_ndcg(pages, 4, gold, 2, 10), (1 / log2(3) + 1 / log2(5)) / ideal);
	near(metric_ndcg(pages, 4, gold, 2, 2), (1 / log2(3)) / ideal);
	near(metric_ndcg(pages, 4, gold, 2, 1), 0);
	near(metric_ndcg(pages, 4, pages, 4, 10), 1);
	near(metric_ndcg(pages, 4, pages, 4, 2), 1); /* the ideal is cut at k too */
	near(metric_ndcg(pages, 4, gold, 0, 10), 0);
	near(metric_ndcg(NULL, 0, gold, 2, 10), 0);
}

static void fact_recall(void **state)
{
	const struct str facts[] = {STR("Retain: TRUE"), STR("missing"), STR("katib")};
	near(metric_fact_recall(STR("Katib: set retain: true"), facts, 3), 2.0 / 3);
	near(metric_fact_recall(STR(""), facts, 3), 0);
	near(metric_fact_recall(STR("x"), facts, 0), 1);
}

static void percentiles_by_nearest_rank(void **state)
{
	/* the example of the method's usual description: 15 20 35 40 50 */
	double values[] = {35, 20, 15, 50, 40};
	near(metric_percentile(values, 5, 5), 15);
	near(metric_percentile(values, 5, 30), 20);
	near(metric_percentile(values, 5, 40), 20);
	near(metric_percentile(values, 5, 50), 35);
	near(metric_percentile(values, 5, 100), 50);
	near(metric_percentile(values, 5, 0), 15);
	near(metric_percentile(values, 0, 50), 0);
	/* whole ranks do not slip by rounding: p % of n values is the p n / 100-th */
	double many[400];
	for (size_t n = 1; n <= 400; n++)
		for (size_t p = 1; p <= 100; p++) {
			if (p * n % 100 != 0)
				continue;
			for (size_t i = 0; i < n; i++)
				many[i] = (double)i + 1;
			if (metric_percentile(many, n, (double)p) != (double)(p * n / 100))
				fail_msg("percentile %zu of %zu values", p, n);
		}
}

/* --- sets --- */

static enum err_code parse(struct str text, struct arena *arena, struct question_set *set,
			   struct err *err)
{
	arena_init(arena, alloc_default(), 1 << 20);
	return question_set_parse(text, arena, set, err);
}

static void sets_are_read(void **state)
{
	struct arena arena;
	struct question_set set;
	struct err err = {ERR_OK, ""};
	if (parse(STR("{\"id\":\"q1\",\"question\":\"Why?\",\"kind\":\"docs\",\"gold_pages\":[\"a."
		      "md\","
		      "\"b.md\"],\"answer_facts\":[\"x\"],\"other\":{\"n\":1}}\r\n"
		      "\n   \n"
		      "{\"id\":\"q2\",\"question\":\"What?\",\"kind\":\"unanswerable\"}\n"
		      "{\"id\":\"q3\",\"question\":\"W\",\"kind\":\"follow_up\",\"gold_pages\":[]}"
		      "\n"
		      "{\"id\":\"q4\",\"question\":\"W\",\"kind\":\"off_topic\"}"),
		  &arena, &set, &err))
		fail_msg("%s", err.message);
	assert_int_equal(set.count, 4);
	assert_true(str_eq(set.items[0].id, STR("q1")));
	assert_true(str_eq(set.items[0].text, STR("Why?")));
	assert_int_equal(set.items[0].kind, QUESTION_DOCS);
	assert_int_equal(set.items[0].gold_count, 2);
	assert_true(str_eq(set.items[0].gold_pages[1], STR("b.md")));
	assert_int_equal(set.items[0].fact_count, 1);
	assert_int_equal(set.items[1].kind, QUESTION_UNANSWERABLE);
	assert_int_equal(set.items[1].gold_count, 0);
	assert_int_equal(set.items[2].kind, QUESTION_FOLLOW_UP);
	assert_int_equal(set.items[3].kind, QUESTION_OFF_TOPIC);
	arena_release(&arena);
}

#define GOOD "{\"id\":\"a\",\"question\":\"b\",\"kind\":\"docs\"}\n"

struct bad_set {
	const char *text, *says[2];
};

static void bad_sets_name_the_line(void **state)
{
	static const struct bad_set cases[] = {
		{"", {"no questions", ""}},
		{"\n \n", {"no questions", ""}},
		{GOOD "\nnot json\n", {"line 3:", "not valid JSON"}},
		{GOOD "[1]\n", {"line 2:", "'id' and 'question'"}},
		{GOOD "{\"question\":\"b\",\"kind\":\"docs\"}", {"line 2:", "'id' and 'question'"}},
		{"{\"id\":\"a\",\"question\":\"\",\"kind\":\"docs\"}", {"line 1:", "'question'"}},
		{"{\"id\":7,\"question\":\"b\",\"kind\":\"docs\"}", {"line 1:", "'id'"}},
		{"{\"id\":\"a\",\"question\":\"b\"}", {"line 1:", "unknown kind ''"}},
		{"{\"id\":\"a\",\"question\":\"b\",\"kind\":\"doc\"}",
		 {"line 1:", "expected docs, follow_up"}},
		{"{\"id\":\"a\",\"question\":\"b\",\"kind\":\"docs\",\"gold_pages\":\"x.md\"}",
		 {"line 1:", "'gold_pages' must be a list"}},
		{"{\"id\":\"a\",\"question\":\"b\",\"kind\":\"docs\",\"answer_facts\":[1]}",
		 {"line 1:", "'answer_facts' must be a list"}},
		{GOOD "\xff\xfe\n", {"line 2:", "not valid JSON"}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		struct question_set set;
		struct err err = {ERR_OK, ""};
		if (parse(str_c(cases[i].text), &arena, &set, &err) != ERR_INVALID)
			fail_msg("case %zu is taken", i);
		for (size_t j = 0; j < 2; j++)
			if (!strstr(err.message, cases[i].says[j]))
				fail_msg("case %zu: '%s' does not say '%s'", i, err.message,
					 cases[i].says[j]);
		arena_release(&arena);
	}
}

static void memory_runs_out_while_reading(void **state)
{
	struct err err = {ERR_OK, ""};
	for (size_t max = 0;; max += 16) {
		struct arena arena;
		struct question_set set;
		arena_init(&arena, alloc_default(), max);
		enum err_code code = question_set_parse(
			STR(GOOD
			    "{\"id\":\"a\",\"question\":\"b\",\"kind\":\"docs\",\"gold_pages\":"
			    "[\"x\"]}"),
			&arena, &set, &err);
		arena_release(&arena);
		if (code == ERR_OK) {
			assert_int_equal(set.count, 2);
			assert_true(max > 100);
			break;
		}
		assert_int_equal(code, ERR_LIMIT);
	}
}

/* --- a run --- */

static void a_run_measures_retrieval_and_answers(void **state)
{
	struct mini_site site;
	struct arena arena;
	struct index_report report;
	struct question_set set;
	struct eval_result result;
	struct store *store = NULL;
	struct err err = {ERR_OK, ""};
	static const char *const folders[] = {"site"};
	mini_site_make(&site);
	arena_init(&arena, alloc_default(), 256 << 20);
	if (mini_site_index(&site, folders, 1, alloc_default(), &arena, &report, &err) ||
	    mini_site_store(&site, alloc_default(), &store, &err) ||
	    question_set_parse(
		    STR("{\"id\":\"1\",\"kind\":\"docs\",\"question\":\"keep the pods of finished "
			"trials retain\",\"gold_pages\":[\"content/en/docs/katib/trials.md\"],"
			"\"answer_facts\":[\"retain: true\",\"no such fact\"]}\n"
			"{\"id\":\"2\",\"kind\":\"docs\",\"question\":\"set_caching_options on a "
			"component task\",\"gold_pages\":[\"elsewhere.md\"]}\n"
			"{\"id\":\"3\",\"kind\":\"unanswerable\",\"question\":\"zebra quokka "
			"wombat platypus\"}\n"),
		    &arena, &set, &err))
		fail_msg("%s", err.message);
	const struct answer_deps deps = {store, &site.fake.embedder, clock_system(), NULL};
	if (eval_run(&deps, &set, true, &arena, &result, &err))
		fail_msg("%s", err.message);
	assert_int_equal(result.n, 3);
	assert_int_equal(result.retrieval.n, 2);
	assert_int_equal(result.follow_up.n, 0);
	near(result.retrieval.hit1, 0.5);
	near(result.retrieval.hit10, 0.5);
	near(result.retrieval.mrr10, 0.5);
	near(result.retrieval.ndcg10, 0.5);
	near(result.retrieval.fact_recall5, (0.5 + 1) / 2);
	assert_int_equal(result.outcomes[0].rank, 1);
	assert_true(str_eq(result.outcomes[0].first_page, STR("content/en/docs/katib/trials.md")));
	assert_int_equal(result.outcomes[1].rank, 0);
	near(result.answers.citation_hit, 0.5);
	near(result.answers.citation_validity, 1);
	near(result.answers.abstention_recall, 1);
	near(result.answers.abstention_precision, 1);
	near(result.answers.refused_answerable, 0);
	assert_true(result.p95_ms >= result.p50_ms && result.p50_ms > 0);
	/* a stop ends it */
	atomic_bool stop = true;
	const struct answer_deps stopped = {store, &site.fake.embedder, clock_system(), &stop};
	assert_int_equal(eval_run(&stopped, &set, false, &arena, &result, &err), ERR_CANCELLED);
	store_close(store);
	arena_release(&arena);
	mini_site_remove(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_rank),
		cmocka_unit_test(ndcg),
		cmocka_unit_test(fact_recall),
		cmocka_unit_test(percentiles_by_nearest_rank),
		cmocka_unit_test(sets_are_read),
		cmocka_unit_test(bad_sets_name_the_line),
		cmocka_unit_test(memory_runs_out_while_reading),
		cmocka_unit_test(a_run_measures_retrieval_and_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
