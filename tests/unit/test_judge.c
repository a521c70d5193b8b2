/* answer/judge: what speaks for an answer, and versions that no source covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/judge.h"
#include "support/mini_site.h"
#include <cmocka.h>

struct fixture {
	struct mini_site site;
	struct arena arena;
	struct store *store;
	struct err err;
};

static int setup_group(void **state)
{
	static const char *const folders[] = {"site"};
	struct fixture *f = calloc(1, sizeof(*f));
	struct index_report report;
	if (!f)
		return -1;
	*state = f;
	mini_site_make(&f->site);
	arena_init(&f->arena, alloc_default(), 64 << 20);
	mini_site_write(&f->site, "gadget.md",
			STR("# Gadgets\n\nSet `maxGadgets` to bound the number of gadgets.\n"));
	if (mini_site_index(&f->site, folders, 1, alloc_default(), &f->arena, &report, &f->err) ||
	    mini_site_store(&f->site, alloc_default(), &f->store, &f->err)) {
		print_error("%s\n", f->err.message);
		return -1;
	}
	return 0;
}

static int teardown_group(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	arena_release(&f->arena);
	mini_site_remove(&f->site);
	free(f);
	return 0;
}

static struct judgement judge(struct fixture *f, const char *question)
{
	const struct retrieve_options options = {.top_k = 8};
	struct retrieve_results results;
	struct extract extract;
	struct judgement out;
	arena_reset(&f->arena);
	if (retrieve(f->store, &f->site.fake.embedder, clock_system(), str_c(question), &options,
		     &f->arena, &results, &f->err) ||
	    extract_quotes(str_c(question), &results, &f->arena, &extract, &f->err) ||
	    judge_sources(f->store, str_c(question), &results, &extract, &f->arena, &out, &f->err))
		fail_msg("%s", f->err.message);
	assert_true(out.probability >= 0 && out.probability < 1);
	return out;
}

static void what_the_pages_say_is_more_probable(void **state)
{
	struct judgement said = judge(*state, "How do I bound the number of gadgets?");
	struct judgement other = judge(*state, "How do I paint the gadgets of zanzibar blue?");
	assert_true(said.probability > other.probability);
	assert_true(said.features[JUDGE_COVERED] > 0.9);
	assert_true(other.features[JUDGE_COVERED] < 0.5);
	assert_true(said.features[JUDGE_DEPTH] > other.features[JUDGE_DEPTH]);
	assert_int_equal(said.missing.len, 0);
}

static void names_that_stand_nowhere_speak_against(void **state)
{
	struct judgement known = judge(*state, "What does maxGadgets bound?");
	struct judgement unknown = judge(*state, "What does minGadgets bound?");
	assert_true(known.features[JUDGE_UNKNOWN] == 0);
	assert_true(unknown.features[JUDGE_UNKNOWN] == 1);
	assert_true(unknown.probability < known.probability);
	assert_true(unknown.sufficient ? unknown.missing.len == 0
				       : str_eq(unknown.missing, STR("minGadgets")));
	assert_int_equal(known.missing.len, 0);
}

static void nothing_in_common_is_no_answer(void **state)
{
	struct judgement none = judge(*state, "???");
	assert_false(none.sufficient);
	assert_true(none.probability == 0);
}

static void every_feature_has_a_name(void **state)
{
	for (int i = 0; i < JUDGE_FEATURES; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(judge_feature_name((enum judge_feature)i),
						judge_feature_name((enum judge_feature)j));
}

static void versions_are_looked_for_in_the_sources(void **state)
{
	static const char text[] =
		"Katib v0.18.2 needs KFP 2.4 and Python. Trainer v2 is out. Port 10.7.1.2 is open.";
	struct retrieve_result items[] = {{.passage = {.title = {"Katib", 5},
						       .path = {"docs/kubeflow-1.9/x.md", 22},
						       .version = {"3", 1},
						       .text = {text, sizeof(text) - 1}}}};
	const struct retrieve_results results = {.items = items, .count = 1};
	static const char *const cases[][2] = {
		{"What is new in Katib v0.99?", "Katib v0.99"},
		{"How do I use Katib v0.18?", ""}, /* a finer one is named */
		{"How do I use katib 0.18.2?", ""},
		{"How do I use katib 0.18.3?", "katib 0.18.3"},
		{"Katib 0.1?", "Katib 0.1"}, /* no part of a number */
		{"Is KFP version 1.4 fine?", "KFP version 1.4"},
		{"KFP 2.4.1 or KFP 2.4?", "KFP 2.4.1"},
		{"kubeflow 1.9 please", ""}, /* in the path */
		{"Katib 3.5?", ""},          /* its label begins it */
		{"kfp==2.40 fails", "kfp==2.40"},
		{"Django 4.2 and Katib", ""}, /* nothing of theirs */
		{"Katib at 10.7.1.2:80 costs 3 coins", ""},
		{"Katib needs about 2.5 hours", ""},
		{"Trainer 2.7?", ""}, /* of a line that is named as a whole */
		{"Trainer 4.7?", "Trainer 4.7"},
		{"Katib", ""},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str missing = judge_missing_version(str_c(cases[i][0]), &results);
		if (!str_eq(missing, str_c(cases[i][1])))
			fail_msg("'%s': '%.*s'", cases[i][0], STR_ARG(missing));
	}
	const struct retrieve_results none = {.count = 0};
	assert_int_equal(judge_missing_version(STR("Katib v0.99"), &none).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_pages_say_is_more_probable),
		cmocka_unit_test(names_that_stand_nowhere_speak_against),
		cmocka_unit_test(nothing_in_common_is_no_answer),
		cmocka_unit_test(every_feature_has_a_name),
		cmocka_unit_test(versions_are_looked_for_in_the_sources),
	};
	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
