/* answer/present: the JSON keys that interface.md fixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/present.h"
#include <cmocka.h>

static void one_line(const char *text, size_t max, const char *want)
{
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 20);
	struct str got = present_one_line(str_c(text), max, &arena);
	if (!str_eq(got, str_c(want)))
		fail_msg("'%s' at %zu: got '%.*s', want '%s'", text, max, STR_ARG(got), want);
	arena_release(&arena);
}

static void text_is_folded_to_one_line(void **state)
{
	one_line("", 10, "");
	one_line(" \n ", 10, "");
	one_line("  a \n\t b  ", 10, "a b");
	one_line("hello world", 11, "hello world");
	one_line("hello world again", 13, "hello world…");
	one_line("hello world again", 12, "hello world…");
	one_line("unbroken-word-of-length", 8, "unbroken…");
	one_line("\xc3\xa9\xc3\xa9\xc3\xa9", 3, "\xc3\xa9…"); /* never half a character */
	one_line("abc", 0, "…");
	struct arena small;
	arena_init(&small, alloc_default(), 4);
	assert_null(present_one_line(STR("some words"), 100, &small).ptr);
	arena_release(&small);
}

static void assert_member(const json_t *object, const char *key, const char *want)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_string(value))
		fail_msg("no string under '%s'", key);
	assert_string_equal(json_string_value(value), want);
}

static void results_have_the_fixed_keys(void **state)
{
	struct retrieve_result items[2] = {
		{.rank = 1,
		 .score = 0.5,
		 .passage = {.type = STR("doc"),
			     .title = STR("Trials"),
			     .section_path = STR("A > B"),
			     .path = STR("docs/a.md"),
			     .source = STR("website"),
			     .repo = STR("kubeflow/website"),
			     .version = STR("1.9"),
			     .text = STR("a section of it")},
		 .signals = {.page_score = 0.5,
			     .page_factor = 0.75,
			     .page_share = {[SIGNAL_WORDS] = 0.625},
			     .section_share = {[SIGNAL_WORDS] = 0.25, [SIGNAL_WINDOWS] = 0.5}},
		 .text = STR("Text\n\"quoted\""),
		 .url = STR("https://e.org/#b")},
		{.rank = 2, .passage = {.source = STR("folder")}},
	};
	struct retrieve_results results = {.items = items, .count = 2, .took_us = 12500};
	json_t *value = present_results(STR("why?"), &results, false);
	assert_non_null(value);
	assert_member(value, "query", "why?");
	assert_true(json_number_value(json_object_get(value, "took_ms")) == 12.5);
	const json_t *list = json_object_get(value, "results");
	assert_int_equal(json_array_size(list), 2);
	const json_t *first = json_array_get(list, 0);
	assert_int_equal(json_object_size(first), 10);
	assert_member(first, "version", "1.9");
	assert_int_equal(json_integer_value(json_object_get(first, "rank")), 1);
	assert_true(json_real_value(json_object_get(first, "score")) == 0.5);
	assert_member(first, "type", "doc");
	assert_member(first, "title", "Trials");
	assert_member(first, "section", "A > B");
	assert_member(first, "url", "https://e.org/#b");
	assert_member(first, "path", "docs/a.md");
	assert_member(first, "repo", "kubeflow/website");
	assert_member(first, "text", "Text\n\"quoted\"");
	assert_member(json_array_get(list, 1), "title", "");
	assert_member(json_array_get(list, 1), "repo", "folder"); /* without one: the source */
	json_decref(value);
	value = present_results(STR("why?"), &results, true);
	const json_t *signals =
		json_object_get(json_array_get(json_object_get(value, "results"), 0), "signals");
	assert_int_equal(json_object_size(signals), 3 + SIGNAL_COUNT);
	assert_true(json_number_value(json_object_get(signals, "page")) == 0.5);
	assert_true(json_number_value(json_object_get(signals, "section")) == 0.75);
	assert_true(json_number_value(json_object_get(signals, "archived_factor")) == 0.75);
	const json_t *words = json_object_get(signals, "words");
	assert_true(json_number_value(json_object_get(words, "page")) == 0.625);
	assert_true(json_number_value(json_object_get(words, "section")) == 0.25);
	json_decref(value);
	struct retrieve_results none = {.items = NULL};
	value = present_results(STR(""), &none, false);
	assert_int_equal(json_array_size(json_object_get(value, "results")), 0);
	json_decref(value);
}

static void answers_have_the_fixed_keys(void **state)
{
	struct answer_citation citation = {1, STR("T"), STR("S"), STR("u#s"), STR("words")};
	struct answer_result answer = {.text = STR("Text [1]"),
				       .citations = &citation,
				       .citation_count = 1,
				       .route = ROUTE_DOCS,
				       .grounded = true,
				       .retrieval_us = 1000,
				       .first_token_us = 2000,
				       .total_us = 3500};
	json_t *value = present_answer(STR("q"), &answer);
	assert_non_null(value);
	assert_int_equal(json_object_size(value), 7);
	assert_member(value, "question", "q");
	assert_member(value, "answer", "Text [1]");
	assert_member(value, "route", "docs");
	assert_true(json_is_true(json_object_get(value, "grounded")));
	assert_true(json_is_false(json_object_get(value, "abstained")));
	const json_t *took = json_object_get(value, "took_ms");
	assert_true(json_real_value(json_object_get(took, "retrieval")) == 1);
	assert_true(json_real_value(json_object_get(took, "first_token")) == 2);
	assert_true(json_real_value(json_object_get(took, "total")) == 3.5);
	const json_t *first = json_array_get(json_object_get(value, "citations"), 0);
	assert_int_equal(json_object_size(first), 5);
	assert_int_equal(json_integer_value(json_object_get(first, "index")), 1);
	assert_member(first, "title", "T");
	assert_member(first, "section", "S");
	assert_member(first, "url", "u#s");
	assert_member(first, "quote", "words");
	json_decref(value);
}

static void routes_have_names(void **state)
{
	assert_string_equal(answer_route_name(ROUTE_DOCS), "docs");
	assert_string_equal(answer_route_name(ROUTE_KNOWLEDGE), "knowledge");
	assert_string_equal(answer_route_name(ROUTE_ABSTAINED), "abstained");
	assert_string_equal(answer_route_name(ROUTE_REFUSED), "refused");
	assert_string_equal(answer_route_name(ROUTE_SMALLTALK), "smalltalk");
}

/* jansson has its own allocator: a list with an entry missing would be a wrong result. */
static size_t countdown; /* the call that fails, from 1; set by the one test that installs this */

static void *counted_malloc(size_t size)
{
	return countdown && --countdown == 0 ? NULL : malloc(size);
}

static void no_result_is_lost_when_memory_runs_out(void **state)
{
	struct answer_citation citation = {1, STR("T"), STR("S"), STR("u#s"), STR("words")};
	struct answer_result answer = {
		.text = STR("Text [1]"), .citations = &citation, .citation_count = 1};
	struct retrieve_result item = {.rank = 1, .passage = {.title = STR("T")}};
	struct retrieve_results results = {.items = &item, .count = 1, .took_us = 0};
	bool done = false;
	json_object_seed(1);
	for (size_t n = 1; !done; n++) {
		countdown = n;
		json_set_alloc_funcs(counted_malloc, free);
		json_t *a = present_results(STR("q"), &results, true);
		json_t *b = present_answer(STR("q"), &answer);
		done = countdown > 0;
		countdown = 0;
		if (a)
			assert_int_equal(json_array_size(json_object_get(a, "results")), 1);
		if (b)
			assert_int_equal(json_array_size(json_object_get(b, "citations")), 1);
		if (done)
			assert_true(a && b && n > 20);
		json_decref(a);
		json_decref(b);
	}
	json_set_alloc_funcs(malloc, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_folded_to_one_line),
		cmocka_unit_test(results_have_the_fixed_keys),
		cmocka_unit_test(answers_have_the_fixed_keys),
		cmocka_unit_test(routes_have_names),
		cmocka_unit_test(no_result_is_lost_when_memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
