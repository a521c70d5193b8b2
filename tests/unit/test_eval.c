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

#include "eval/baseline.h"
#include "eval/context.h"
#include "eval/report.h"
#include "eval/summary.h"
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
	return question_set_parse(text, STR("set.jsonl"), arena, set, err);
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
		{"{\"id\":\"a\",\"question\":\"b\",\"kind\":\"docs\",\"variant_of\":\"c\"}",
		 {"line 1:", "needs 'change'"}},
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
			STR("set.jsonl"), &arena, &set, &err);
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

struct run_fixture {
	struct mini_site site;
	struct arena arena;
	struct question_set set;
	struct store *store;
	struct answer_deps deps;
	struct eval_result result;
	struct err err;
};

static const struct str run_set = STR(
	"{\"id\":\"1\",\"kind\":\"docs\",\"question\":\"keep the pods of finished trials retain\","
	"\"gold_pages\":[\"content/en/docs/katib/trials.md\"],"
	"\"answer_facts\":[\"retain: true\",\"no such fact\"],\"group\":\"first\"}\n"
	"{\"id\":\"2\",\"kind\":\"docs\",\"question\":\"set_caching_options on a component task\","
	"\"gold_pages\":[\"elsewhere.md\"]}\n"
	"{\"id\":\"3\",\"kind\":\"unanswerable\",\"question\":\"zebra quokka wombat platypus\"}\n"
	"{\"id\":\"4\",\"kind\":\"docs\",\"question\":\"KEEP THE PODS OF FINISHED TRIALS RETAIN\","
	"\"gold_pages\":[\"content/en/docs/katib/trials.md\"],\"variant_of\":\"1\","
	"\"change\":\"upper\"}\n"
	"{\"id\":\"5\",\"kind\":\"docs\",\"question\":\"zebra\",\"gold_pages\":[\"elsewhere.md\"],"
	"\"variant_of\":\"2\",\"change\":\"other\"}\n"
	"{\"id\":\"6\",\"kind\":\"docs\",\"question\":\"quokka\","
	"\"gold_pages\":[\"content/en/docs/katib/none.md\"],\"variant_of\":\"1\","
	"\"change\":\"other\"}\n");

static int open_run(void **state)
{
	static struct run_fixture f;
	struct index_report report;
	struct question_set parsed;
	static const char *const folders[] = {"site"};
	f = (struct run_fixture){.err = {ERR_OK, ""}};
	mini_site_make(&f.site);
	arena_init(&f.arena, alloc_default(), 256 << 20);
	if (mini_site_index(&f.site, folders, 1, alloc_default(), &f.arena, &report, &f.err) ||
	    mini_site_store(&f.site, alloc_default(), &f.store, &f.err) ||
	    question_set_parse(run_set, STR("set.jsonl"), &f.arena, &parsed, &f.err) ||
	    question_set_join(&parsed, 1, &f.arena, &f.set, &f.err))
		fail_msg("%s", f.err.message);
	f.deps = (struct answer_deps){
		.store = f.store, .embedder = &f.site.fake.embedder, .clock = clock_system()};
	*state = &f;
	return 0;
}

static int close_run(void **state)
{
	struct run_fixture *f = *state;
	store_close(f->store);
	arena_release(&f->arena);
	mini_site_remove(&f->site);
	return 0;
}

static void run_set_with(struct run_fixture *f, const struct eval_options *options)
{
	if (eval_run(&f->deps, &f->set, options, &f->arena, &f->result, &f->err))
		fail_msg("%s", f->err.message);
}

static const struct eval_options both = {
	.profiles = {true, true}, .answers = true, .context_tokens = 2000};

static void a_run_measures_retrieval_and_answers(void **state)
{
	struct run_fixture *f = *state;
	struct eval_summary docs;
	run_set_with(f, &both);
	const struct eval_filter filter = {.kind = QUESTION_DOCS};
	if (eval_summarize(&f->result, EVAL_DOCS_BOT, &filter, &f->arena, &docs, &f->err))
		fail_msg("%s", f->err.message);
	assert_int_equal(docs.n, 2); /* variants do not count */
	near(docs.mean[METRIC_HIT_1], 0.5);
	near(docs.mean[METRIC_HIT_10], 0.5);
	near(docs.mean[METRIC_MRR_10], 0.5);
	near(docs.mean[METRIC_NDCG_10], 0.5);
	near(docs.mean[METRIC_FACT_RECALL_5], (0.5 + 1) / 2);
	near(docs.interval[METRIC_HIT_1].low, 0);
	near(docs.interval[METRIC_HIT_1].high, 1);
	assert_true(docs.p95_ms >= docs.p50_ms && docs.p50_ms > 0);
	const struct eval_ranking *first = &f->result.outcomes[0].rankings[EVAL_DOCS_BOT];
	assert_int_equal(first->rank, 1);
	assert_true(str_eq(first->top[0].path, STR("content/en/docs/katib/trials.md")));
	assert_int_equal(first->missing_count, 1);
	assert_true(str_eq(*first->missing[0], STR("no such fact")));
	assert_int_equal(f->result.outcomes[1].rankings[EVAL_DOCS_BOT].rank, 0);
	const struct eval_answers *answers = &f->result.answers;
	near(answers->citation_hit, 0.5);
	near(answers->citation_validity, 1);
	near(answers->abstention_recall, 1);
	near(answers->abstention_precision, 1);
	near(answers->false_abstention, 0);
	assert_true(f->result.outcomes[2].answered);
	assert_false(f->result.outcomes[3].answered);
}

static void count_calls(void *ctx, size_t done, size_t total)
{
	size_t *calls = ctx;
	assert_int_equal(done, ++*calls);
	assert_int_equal(total, 6);
}

static void the_run_tells_how_far_it_is(void **state)
{
	size_t calls = 0;
	struct eval_options options = both;
	options.answers = false;
	options.progress = count_calls;
	options.progress_ctx = &calls;
	run_set_with(*state, &options);
	assert_int_equal(calls, 6);
}

static void a_stop_ends_the_run(void **state)
{
	struct run_fixture *f = *state;
	atomic_bool stop = true;
	struct answer_deps stopped = f->deps;
	stopped.cancelled = &stop;
	assert_int_equal(eval_run(&stopped, &f->set, &both, &f->arena, &f->result, &f->err),
			 ERR_CANCELLED);
}

static void variants_count_where_the_original_is_found(void **state)
{
	struct run_fixture *f = *state;
	run_set_with(f, &(struct eval_options){.profiles = {true, false}, .context_tokens = 2000});
	struct eval_kept all = eval_count_kept(&f->result, EVAL_DOCS_BOT, STR(""));
	struct eval_kept upper = eval_count_kept(&f->result, EVAL_DOCS_BOT, STR("upper"));
	struct eval_kept other = eval_count_kept(&f->result, EVAL_DOCS_BOT, STR("other"));
	assert_int_equal(all.variants, 3);
	assert_int_equal(all.counted, 2); /* nobody finds elsewhere.md */
	assert_int_equal(all.kept, 1);
	assert_int_equal(upper.kept, 1);
	assert_int_equal(other.variants, 2);
	assert_int_equal(other.counted, 1);
	assert_int_equal(other.kept, 0);
	near(eval_kept_share(&all), 0.5);
	near(eval_kept_share(&(struct eval_kept){3, 0, 0}), 1);
}

static void the_kep_reads_whole_windows(void **state)
{
	struct run_fixture *f = *state;
	struct eval_hits hits;
	struct eval_context context, cut;
	float *question, *window;
	size_t dimension = f->deps.embedder->dimension;
	struct str text = f->set.items[0].text;
	if (eval_profile_search(&f->deps, EVAL_KEP, text, &f->arena, &hits, &f->err))
		fail_msg("%s", f->err.message);
	assert_int_equal(hits.top_count, EVAL_TOP); /* six pages, a window each */
	assert_int_equal(hits.page_count, MINI_SITE_PAGES);
	question = arena_array(&f->arena, dimension, sizeof(float));
	window = arena_array(&f->arena, dimension, sizeof(float));
	assert_int_equal(embed_texts(f->deps.embedder, &text, 1, question, &f->err), ERR_OK);
	for (size_t i = 0; i < hits.top_count; i++) {
		double cosine = 0;
		/* the score is the cosine of the window's own text: nothing was put in front */
		assert_int_equal(
			embed_texts(f->deps.embedder, &hits.top[i].text, 1, window, &f->err),
			ERR_OK);
		for (size_t j = 0; j < dimension; j++)
			cosine += (double)question[j] * window[j];
		if (fabs(cosine - hits.top[i].score) > 1e-5)
			fail_msg("window %zu: score %f, cosine %f", i, hits.top[i].score, cosine);
		assert_true(i == 0 || hits.top[i].score <= hits.top[i - 1].score);
	}
	size_t tokens = 0;
	for (size_t i = 0; i < hits.top_count; i++) {
		struct token_list list;
		assert_int_equal(embed_tokenize(f->deps.embedder, hits.top[i].text, &f->arena,
						&list, &f->err),
				 ERR_OK);
		tokens += list.count;
	}
	assert_int_equal(
		eval_context_make(f->deps.embedder, &hits, 0, &f->arena, &context, &f->err),
		ERR_OK);
	assert_int_equal(context.tokens, tokens);
	for (size_t budget = 1; budget < tokens; budget += 7) {
		assert_int_equal(eval_context_make(f->deps.embedder, &hits, budget, &f->arena, &cut,
						   &f->err),
				 ERR_OK);
		assert_int_equal(cut.tokens, budget);
		assert_true(str_starts(context.text, cut.text));
	}
}

static void an_over_long_question_is_cut(void **state)
{
	struct run_fixture *f = *state;
	struct eval_hits hits;
	struct buf text;
	buf_init(&text, alloc_default(), 1 << 20);
	for (size_t i = 0; i < 4 * f->deps.embedder->max_tokens; i++)
		buf_append(&text, STR("trials of pods "));
	if (eval_profile_search(&f->deps, EVAL_KEP, buf_str(&text), &f->arena, &hits, &f->err))
		fail_msg("%s", f->err.message);
	assert_int_equal(hits.top_count, EVAL_TOP);
	buf_release(&text);
}

/* --- bootstrap --- */

static void intervals_are_those_of_the_mean(void **state)
{
	struct arena arena;
	struct interval a, b;
	struct err err = {ERR_OK, ""};
	double values[100], shifted[100], same[100];
	arena_init(&arena, alloc_default(), 1 << 24);
	for (size_t i = 0; i < 100; i++) {
		values[i] = i < 70;
		shifted[i] = values[i] + 10;
		same[i] = 3;
	}
	assert_int_equal(bootstrap_mean(values, 100, &arena, &a, &err), ERR_OK);
	/* 0.7 ± 1.96 √(0.7 · 0.3 / 100) = 0.61 … 0.79 */
	assert_true(fabs(a.low - 0.61) < 0.02 && fabs(a.high - 0.79) < 0.02);
	assert_int_equal(bootstrap_mean(values, 100, &arena, &b, &err), ERR_OK);
	assert_true(a.low == b.low && a.high == b.high);
	assert_int_equal(bootstrap_mean(shifted, 100, &arena, &b, &err), ERR_OK);
	near(b.low, a.low + 10); /* the same resamples */
	near(b.high, a.high + 10);
	assert_int_equal(bootstrap_mean(same, 100, &arena, &b, &err), ERR_OK);
	near(b.low, 3);
	near(b.high, 3);
	assert_int_equal(bootstrap_mean(values, 0, &arena, &b, &err), ERR_OK);
	near(b.high, 0);
	arena_release(&arena);
	arena_init(&arena, alloc_default(), 100);
	assert_int_equal(bootstrap_mean(values, 100, &arena, &b, &err), ERR_LIMIT);
	arena_release(&arena);
}

/* --- the report --- */

static double figure(const json_t *report, const char *name)
{
	double value = -1;
	if (!eval_report_figure(report, str_c(name), &value))
		fail_msg("no figure %s", name);
	return value;
}

static void the_report_has_every_figure(void **state)
{
	struct run_fixture *f = *state;
	json_t *report;
	double value;
	run_set_with(f, &both);
	const struct eval_setup setup = {"fake", "f32"};
	if (eval_report_make(&f->result, &setup, &f->arena, &report, &f->err))
		fail_msg("%s", f->err.message);
	assert_int_equal(json_get_int(report, "n", 0), 3);
	near(figure(report, "hit@1"), 0.5);
	near(figure(report, "retrieval.hit@1"), 0.5);
	near(figure(report, "docs-bot.mrr@10"), 0.5);
	near(figure(report, "answers.citation_validity"), 1);
	near(figure(report, "abstention_recall"), 1);
	near(figure(report, "metamorphic_kept"), 0.5);
	assert_true(figure(report, "kep.hit@10") == 0.5);
	assert_false(eval_report_figure(report, STR("hit@2"), &value));
	assert_false(eval_report_figure(report, STR("other.hit@1"), &value));
	assert_int_equal(json_array_size(json_object_get(report, "profiles")), 2);
	assert_int_equal(json_array_size(json_object_get(report, "questions")), 6);
	assert_int_equal(json_array_size(json_object_get(report, "differences")), 1);
	/* a file and a group; there is no follow_up */
	assert_int_equal(json_array_size(json_object_get(report, "rows")), 2);
	const json_t *failures = json_object_get(report, "failures");
	assert_int_equal(json_array_size(failures), 1);
	assert_true(str_eq(json_get_str(json_array_get(failures, 0), "id"), STR("2")));
	json_decref(report);
	/* one method alone: no comparison, no answers of the KEP's */
	run_set_with(f, &(struct eval_options){.profiles = {false, true}, .context_tokens = 2000});
	if (eval_report_make(&f->result, &setup, &f->arena, &report, &f->err))
		fail_msg("%s", f->err.message);
	near(figure(report, "hit@10"), figure(report, "kep.hit@10"));
	assert_null(json_object_get(report, "answers"));
	assert_int_equal(json_array_size(json_object_get(report, "differences")), 0);
	json_decref(report);
}

/* Every size of memory that is too small is an error, and leaves nothing behind (see asan). */
static void memory_runs_out_in_a_run(void **state)
{
	struct run_fixture *f = *state;
	const struct eval_setup setup = {"fake", "f32"};
	enum { STEP = 2048, PART = 64 };
	size_t used = 0, failures = 0;
	json_t *report;
	for (size_t max = PART; !used; max += max < STEP ? PART : STEP) {
		struct arena arena;
		arena_init(&arena, alloc_default(), max);
		enum err_code code =
			eval_run(&f->deps, &f->set, &both, &arena, &f->result, &f->err);
		if (!code)
			used = arena.used;
		else
			assert_int_equal(code, ERR_LIMIT);
		failures += code != ERR_OK;
		arena_release(&arena);
	}
	assert_true(failures > 3);
	run_set_with(f, &both);
	failures = 0;
	for (size_t max = 0;; max += STEP) {
		struct arena arena;
		arena_init(&arena, alloc_default(), max);
		enum err_code code = eval_report_make(&f->result, &setup, &arena, &report, &f->err);
		arena_release(&arena);
		if (code == ERR_OK)
			break;
		assert_int_equal(code, ERR_LIMIT);
		assert_null(report);
		failures++;
	}
	assert_true(failures > 10);
	json_t *baseline = json_deep_copy(report);
	for (size_t max = 0;; max += STEP) {
		struct arena arena;
		arena_init(&arena, alloc_default(), max);
		enum err_code code = eval_report_compare(report, baseline, &arena, &f->err);
		arena_release(&arena);
		if (code == ERR_OK)
			break;
		assert_int_equal(code, ERR_LIMIT);
		assert_null(json_object_get(report, "baseline"));
	}
	assert_non_null(json_object_get(report, "baseline"));
	json_decref(report);
	json_decref(baseline);
}

/* --- joining --- */

struct bad_join {
	const char *a, *b, *says;
};

static void sets_are_joined(void **state)
{
	struct arena arena;
	struct question_set sets[2], all;
	struct err err = {ERR_OK, ""};
	arena_init(&arena, alloc_default(), 1 << 20);
	static const struct str first = STR("{\"id\":\"v\",\"question\":\"B\",\"kind\":\"docs\","
					    "\"variant_of\":\"a\",\"change\":\"upper\"}\n");
	static const struct str second =
		STR("{\"id\":\"a\",\"question\":\"b\",\"kind\":\"docs\",\"gold_pages\":[\"x\"],"
		    "\"hard\":\"terse\"}\n");
	if (question_set_parse(first, STR("one"), &arena, &sets[0], &err) ||
	    question_set_parse(second, STR("two"), &arena, &sets[1], &err) ||
	    question_set_join(sets, 2, &arena, &all, &err))
		fail_msg("%s", err.message);
	assert_int_equal(all.count, 2);
	assert_int_equal(all.items[0].original, 1);
	assert_true(str_eq(all.items[0].file, STR("one")));
	assert_true(str_eq(all.items[1].file, STR("two")));
	assert_true(str_eq(all.items[1].group, STR("terse")));
	arena_release(&arena);
}

#define VARIANT(id, of)                                                                            \
	"{\"id\":\"" id "\",\"question\":\"b\",\"kind\":\"docs\",\"gold_pages\":[\"x\"],"          \
	"\"variant_of\":\"" of "\",\"change\":\"c\"}\n"

static void bad_joins_are_refused(void **state)
{
	static const struct bad_join cases[] = {
		{GOOD, GOOD, "two questions have the id 'a'"},
		{GOOD, VARIANT("v", "gone"), "'v' is a variant of 'gone', which is in none"},
		{GOOD, VARIANT("v", "a"), "not a question of kind docs with gold pages"},
		{VARIANT("v", "v"), GOOD, "not a question of kind docs with gold pages"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		struct question_set sets[2], all;
		struct err err = {ERR_OK, ""};
		arena_init(&arena, alloc_default(), 1 << 20);
		assert_int_equal(
			question_set_parse(str_c(cases[i].a), STR("a"), &arena, &sets[0], &err),
			ERR_OK);
		assert_int_equal(
			question_set_parse(str_c(cases[i].b), STR("b"), &arena, &sets[1], &err),
			ERR_OK);
		assert_int_equal(question_set_join(sets, 2, &arena, &all, &err), ERR_INVALID);
		if (!strstr(err.message, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.message, cases[i].says);
		arena_release(&arena);
	}
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
		cmocka_unit_test(sets_are_joined),
		cmocka_unit_test(bad_joins_are_refused),
		cmocka_unit_test(intervals_are_those_of_the_mean),
		cmocka_unit_test_setup_teardown(a_run_measures_retrieval_and_answers, open_run,
						close_run),
		cmocka_unit_test_setup_teardown(a_stop_ends_the_run, open_run, close_run),
		cmocka_unit_test_setup_teardown(the_run_tells_how_far_it_is, open_run, close_run),
		cmocka_unit_test_setup_teardown(variants_count_where_the_original_is_found,
						open_run, close_run),
		cmocka_unit_test_setup_teardown(the_kep_reads_whole_windows, open_run, close_run),
		cmocka_unit_test_setup_teardown(an_over_long_question_is_cut, open_run, close_run),
		cmocka_unit_test_setup_teardown(the_report_has_every_figure, open_run, close_run),
		cmocka_unit_test_setup_teardown(memory_runs_out_in_a_run, open_run, close_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
