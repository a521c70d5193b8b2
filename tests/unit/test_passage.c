/* answer/passage: sentences, list items and code of a section. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/passage.h"
#include "base/buf.h"
#include "parse/document.h"
#include "support/fail_alloc.h"
#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
	arena_init(&arena, alloc_default(), 256 << 20);
	return 0;
}

static int teardown(void **state)
{
	arena_release(&arena);
	return 0;
}

static struct unit_list split(struct str text, struct str heading)
{
	struct unit_list out = {0};
	struct err err = {ERR_OK, ""};
	if (passage_split(text, heading, &arena, &out, &err))
		fail_msg("%s", err.message);
	for (size_t i = 0; i < out.count; i++) {
		/* quotes are views, never copies */
		assert_true(out.items[i].text.ptr >= text.ptr);
		assert_true(out.items[i].text.ptr + out.items[i].text.len <= text.ptr + text.len);
		assert_true(out.items[i].text.len > 0);
	}
	return out;
}

static void check(const struct unit_list *list, size_t i, enum unit_kind kind, const char *text)
{
	if (i >= list->count)
		fail_msg("no unit %zu ('%s')", i, text);
	if (list->items[i].kind != kind || !str_eq(list->items[i].text, str_c(text)))
		fail_msg("unit %zu is of kind %d: '%.*s', want '%s'", i, (int)list->items[i].kind,
			 STR_ARG(list->items[i].text), text);
}

struct sentence_case {
	const char *text;
	size_t length;
};

static void sentences_end_where_readers_end_them(void **state)
{
	static const struct sentence_case cases[] = {
		{"One. Two.", 4},
		{"One! Two", 4},
		{"One? Two", 4},
		{"One two", 7},
		{"Ends here.", 10},
		{"Use e.g. Katib here. Next.", 20},
		{"Use i.e. Katib here. Next.", 20},
		{"See Fig. 3 now. Next.", 15},
		{"Set spec.earlyStopping now. Next.", 27},
		{"Version 1.9.1 is out. Next.", 21},
		{"It is v1.9. Next.", 11},
		{"Call x.f() first. Then.", 17},
		{"(A whole one.) Next.", 14},
		{"He said \"stop.\" Next.", 15},
		{"Wait ... until it ends. Next.", 23},
		{"Ends etc. Next one.", 19},
		{"It is about vectc. Next.", 18}, /* ends like "etc", but is no abbreviation */
		{"Open a.yaml.\nThen", 12},
		{"", 0},
		{".", 1},
		{". .", 1},
		{"Caf\xc3\xa9. \xc3\x89t\xc3\xa9.", 6},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t got = passage_sentence(str_c(cases[i].text));
		if (got != cases[i].length)
			fail_msg("'%s': %zu, want %zu", cases[i].text, got, cases[i].length);
	}
}

static void a_section_falls_into_its_parts(void **state)
{
	struct unit_list list = split(STR("Early stopping\n"
					  "Stops trials early. Saves money.\n"
					  "- first item. With two sentences.\n"
					  "- second item\n"
					  "```yaml\n"
					  "a: 1\n"
					  "\n"
					  "  b: 2\n"
					  "```\n"
					  "Name: x; Default: 3\n"),
				      STR("Early stopping"));
	assert_int_equal(list.count, 6);
	check(&list, 0, UNIT_SENTENCE, "Stops trials early.");
	check(&list, 1, UNIT_SENTENCE, "Saves money.");
	check(&list, 2, UNIT_LIST_ITEM, "first item. With two sentences.");
	check(&list, 3, UNIT_LIST_ITEM, "second item");
	check(&list, 4, UNIT_CODE, "a: 1\n\n  b: 2");
	check(&list, 5, UNIT_SENTENCE, "Name: x; Default: 3");
	assert_true(str_eq(list.items[4].language, STR("yaml")));
	assert_int_equal(list.items[0].paragraph, list.items[1].paragraph);
	assert_int_not_equal(list.items[1].paragraph, list.items[5].paragraph);
}

static void headings_are_left_out_once(void **state)
{
	struct unit_list list = split(STR("Katib\nKatib tunes."), STR("Katib"));
	assert_int_equal(list.count, 1);
	check(&list, 0, UNIT_SENTENCE, "Katib tunes.");
	assert_int_equal(split(STR("Katib"), STR("Katib")).count, 0);
	assert_int_equal(split(STR(""), STR("")).count, 0);
	assert_int_equal(split(STR("\n \n\t\n"), STR("")).count, 0);
	assert_int_equal(split((struct str){"", 0}, STR("Longer")).count, 0);
}

static void fences_nest_by_length(void **state)
{
	struct unit_list list = split(STR("````markdown\n```go\nx\n```\n````\nAfter.\n"), STR(""));
	assert_int_equal(list.count, 2);
	check(&list, 0, UNIT_CODE, "```go\nx\n```");
	check(&list, 1, UNIT_SENTENCE, "After.");
	assert_true(str_eq(list.items[0].language, STR("markdown")));
	/* empty code is nothing to quote */
	list = split(STR("```\n```\nAfter."), STR(""));
	assert_int_equal(list.count, 1);
	check(&list, 0, UNIT_SENTENCE, "After.");
}

static void carriage_returns_do_not_confuse(void **state)
{
	struct unit_list list = split(
		STR("H\r\nOne. Two.\r\n- item\r\n```sh\r\nls\r\n```\r\nAfter.\r\n"), STR("H"));
	assert_int_equal(list.count, 5);
	check(&list, 0, UNIT_SENTENCE, "One.");
	check(&list, 1, UNIT_SENTENCE, "Two.");
	check(&list, 2, UNIT_LIST_ITEM, "item");
	check(&list, 3, UNIT_CODE, "ls\r");
	check(&list, 4, UNIT_SENTENCE, "After.");
	assert_true(str_eq(list.items[3].language, STR("sh")));
}

/* Plain text may hold a fence that is never closed: what follows is not lost. */
static void an_open_fence_loses_nothing(void **state)
{
	struct unit_list list = split(STR("```sh\nOne. Two.\n- item"), STR(""));
	assert_int_equal(list.count, 4);
	check(&list, 0, UNIT_SENTENCE, "```sh");
	check(&list, 1, UNIT_SENTENCE, "One.");
	check(&list, 3, UNIT_LIST_ITEM, "item");
	list = split(STR("Text.\n```"), STR(""));
	assert_int_equal(list.count, 2);
	check(&list, 1, UNIT_SENTENCE, "```");
}

/* What section_text() writes is what comes back: see its contract in parse/document.h. */
static void section_text_round_trips(void **state)
{
	struct block blocks[] = {
		{BLOCK_PARAGRAPH, STR("Set it as follows:"), STR(""), 0},
		{BLOCK_LIST_ITEM, STR("an item"), STR(""), 0},
		{BLOCK_CODE, STR("a: 1\n\n- not an item. Not a sentence."), STR("yaml"), 0},
		{BLOCK_CODE, STR("```\ninner\n```"), STR(""), 0},
		{BLOCK_TABLE_ROW, STR("Name: x; Value: 3"), STR(""), 0},
		/* the info string of a ~~~ fence may hold backticks */
		{BLOCK_CODE, STR("b: 2"), STR("`odd"), 0},
	};
	struct section section = {2, STR("Heading"), STR("heading"), STR("Heading"), blocks, 6, 0,
				  0};
	struct str text = section_text(&section, &arena);
	assert_non_null(text.ptr);
	struct unit_list list = split(text, section.heading);
	assert_int_equal(list.count, 6);
	check(&list, 5, UNIT_CODE, "b: 2");
	check(&list, 0, UNIT_SENTENCE, "Set it as follows:");
	check(&list, 1, UNIT_LIST_ITEM, "an item");
	check(&list, 2, UNIT_CODE, "a: 1\n\n- not an item. Not a sentence.");
	check(&list, 3, UNIT_CODE, "```\ninner\n```");
	check(&list, 4, UNIT_SENTENCE, "Name: x; Value: 3");
	assert_true(str_eq(list.items[2].language, STR("yaml")));
}

/*
 * Ten megabytes of what could make a careless splitter quadratic. Counts, not times: a quadratic
 * one would not end while anybody waits.
 */
static void hostile_text_takes_linear_time(void **state)
{
	static const char *const pieces[] = {"A. ",          "a. ",   ".",     "\n",
					     "```x\n",       "- \n",  "e.g. ", "````````",
					     "x.)))\"\"\" ", "```\n", " "};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct buf text;
		buf_init(&text, alloc_default(), 2 << 20);
		while (text.len < (1 << 20))
			assert_true(buf_append(&text, str_c(pieces[i])));
		struct unit_list list = split(buf_str(&text), STR(""));
		assert_true(list.count <= text.len);
		buf_release(&text);
		arena_release(&arena);
	}
}

static void memory_runs_out(void **state)
{
	struct unit_list out;
	struct err err = {ERR_OK, ""};
	struct arena small;
	struct fail_alloc fail;
	fail_alloc_init(&fail, 1, false);
	arena_init(&small, &fail.alloc, 1 << 20);
	assert_int_equal(passage_split(STR("a. B."), STR(""), &small, &out, &err), ERR_NOMEM);
	arena_release(&small);
	arena_init(&small, alloc_default(), 16);
	assert_int_equal(passage_split(STR("a. B."), STR(""), &small, &out, &err), ERR_LIMIT);
	arena_release(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences_end_where_readers_end_them),
		cmocka_unit_test_setup_teardown(a_section_falls_into_its_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(headings_are_left_out_once, setup, teardown),
		cmocka_unit_test_setup_teardown(fences_nest_by_length, setup, teardown),
		cmocka_unit_test_setup_teardown(carriage_returns_do_not_confuse, setup, teardown),
		cmocka_unit_test_setup_teardown(an_open_fence_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(section_text_round_trips, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_text_takes_linear_time, setup, teardown),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
