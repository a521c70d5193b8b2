/* answer/compose: citations, fences, abstention, and a reader that leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/compose.h"
#include "base/utf8.h"
#include "support/fail_alloc.h"
#include <cmocka.h>

static int64_t ticking(void *ctx)
{
	int64_t *now = ctx;
	return *now += 10;
}

struct fixture {
	struct arena arena;
	int64_t now;
	struct clock clock;
	struct answer_sink sink;
	struct answer_result out;
	struct buf heard;
	size_t pieces, leave_after; /* the sink says no at that piece; 0: never */
};

static bool hear(void *ctx, struct str piece)
{
	struct fixture *f = ctx;
	assert_true(piece.len > 0);
	assert_true(utf8_valid(piece));
	assert_true(buf_append(&f->heard, piece));
	return ++f->pieces != f->leave_after;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	*state = f;
	arena_init(&f->arena, alloc_default(), 8 << 20);
	f->clock = (struct clock){ticking, ticking, &f->now};
	f->sink = (struct answer_sink){f, NULL, hear};
	buf_init(&f->heard, alloc_default(), 8 << 20);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	buf_release(&f->heard);
	arena_release(&f->arena);
	free(f);
	return 0;
}

static struct retrieve_result result(int64_t document, const char *title, const char *heading,
				     const char *url)
{
	return (struct retrieve_result){.rank = 1,
					.passage = {.document_id = document,
						    .title = str_c(title),
						    .heading = str_c(heading),
						    .section_path = str_c(heading),
						    .text = STR("Heading\nFirst  words\nof it.")},
					.url = str_c(url)};
}

static struct quote prose(size_t source, const char *text, bool same_paragraph)
{
	return (struct quote){.source = source,
			      .kind = UNIT_SENTENCE,
			      .text = str_c(text),
			      .same_paragraph = same_paragraph};
}

static struct quote item(size_t source, const char *text)
{
	return (struct quote){.source = source, .kind = UNIT_LIST_ITEM, .text = str_c(text)};
}

static struct quote code(size_t source, const char *language, const char *text)
{
	return (struct quote){.source = source,
			      .kind = UNIT_CODE,
			      .text = str_c(text),
			      .language = str_c(language)};
}

static enum err_code run(struct fixture *f, struct quote *quotes, size_t count,
			 const struct retrieve_result **sources, size_t source_count,
			 struct err *err)
{
	struct extract extract = {quotes, count, sources, source_count, 1};
	struct composer c;
	compose_begin(&c, &f->sink, &f->clock, 0, &f->arena, &f->out);
	enum err_code got = compose_quotes(&c, &extract, err);
	if (!got)
		got = compose_end(&c, err);
	compose_release(&c);
	return got;
}

static void compose(struct fixture *f, struct quote *quotes, size_t count,
		    const struct retrieve_result **sources, size_t source_count)
{
	struct err err = {ERR_OK, ""};
	if (run(f, quotes, count, sources, source_count, &err))
		fail_msg("%s", err.message);
	/* what was streamed is the answer */
	assert_true(str_eq(buf_str(&f->heard), f->out.text));
	assert_int_equal(f->pieces, count);
	assert_true(f->out.first_token_us > 0);
}

static void assert_text(const struct fixture *f, const char *want)
{
	if (!str_eq(f->out.text, str_c(want)))
		fail_msg("got:\n%.*s\nwant:\n%s", STR_ARG(f->out.text), want);
}

static void every_part_carries_its_citation(void **state)
{
	struct fixture *f = *state;
	struct retrieve_result a = result(1, "Trials", "Keep pods", "https://e.org/a/#keep"),
			       b = result(2, "Other", "", "https://e.org/b/");
	const struct retrieve_result *sources[] = {&a, &b};
	struct quote quotes[] = {
		prose(0, "One.", false), prose(0, "Two.", true),   prose(0, "Three.", false),
		item(0, "first"),        item(0, "second"),        item(1, "other page"),
		code(1, "yaml", "a: 1"), prose(1, "Last.", false),
	};
	compose(f, quotes, 8, sources, 2);
	assert_text(f, "One. Two. [1]\n\nThree. [1]\n\n- first [1]\n- second [1]\n\n"
		       "- other page [2]\n\n```yaml\na: 1\n```\n\nLast. [2]");
	assert_int_equal(f->out.citation_count, 2);
	assert_int_equal(f->out.citations[0].index, 1);
	assert_int_equal(f->out.citations[1].index, 2);
	assert_true(str_eq(f->out.citations[0].title, STR("Trials")));
	assert_true(str_eq(f->out.citations[0].section, STR("Keep pods")));
	assert_true(str_eq(f->out.citations[0].url, STR("https://e.org/a/#keep")));
	assert_true(str_eq(f->out.citations[0].quote, STR("One.")));
	assert_true(str_eq(f->out.citations[1].quote, STR("other page")));
	assert_int_equal(f->out.route, ROUTE_DOCS);
	assert_true(f->out.grounded);
	assert_false(f->out.abstained);
}

static void code_alone_is_introduced_by_its_heading(void **state)
{
	struct fixture *f = *state;
	struct retrieve_result a = result(1, "Trials", "Keep pods", "u"),
			       b = result(2, "Page", "", "v");
	const struct retrieve_result *sources[] = {&a, &b};
	struct quote quotes[] = {code(0, "", "x"), code(1, "sh", "y")};
	compose(f, quotes, 2, sources, 2);
	assert_text(f, "Keep pods [1]:\n\n```\nx\n```\n\nPage [2]:\n\n```sh\ny\n```");
}

static void an_excerpt_of_code_says_so(void **state)
{
	struct fixture *f = *state;
	struct retrieve_result a = result(1, "T", "H", "u");
	const struct retrieve_result *sources[] = {&a};
	struct quote quotes[] = {prose(0, "See.", false), code(0, "go", "x"), code(0, "go", "y")};
	quotes[1].cut_before = quotes[1].cut_after = true;
	compose(f, quotes, 3, sources, 1);
	assert_text(f, "See. [1]\n\n```go\n…\nx\n…\n```\n\n```go\ny\n```");
}

struct fence_case {
	const char *code, *fence;
};

static void code_cannot_close_its_fence(void **state)
{
	static const struct fence_case cases[] = {
		{"no ticks", "```"},      {"`one`", "```"},  {"``two``", "```"},
		{"```\nx\n```", "````"},  {"````", "`````"}, {"a ``` b ``````` c", "````````"},
		{"`` ` ```` `", "`````"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f;
		assert_int_equal(setup((void **)&f), 0);
		struct retrieve_result a = result(1, "T", "H", "u");
		const struct retrieve_result *sources[] = {&a};
		struct quote quotes[] = {prose(0, "See.", false), code(0, "go", cases[i].code)};
		char want[200];
		snprintf(want, sizeof(want), "See. [1]\n\n%sgo\n%s\n%s", cases[i].fence,
			 cases[i].code, cases[i].fence);
		compose(f, quotes, 2, sources, 1);
		assert_text(f, want);
		teardown((void **)&f);
	}
}

static void odd_languages_are_dropped(void **state)
{
	static const char *const odd[] = {
		"a`b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f;
		assert_int_equal(setup((void **)&f), 0);
		struct retrieve_result a = result(1, "T", "H", "u");
		const struct retrieve_result *sources[] = {&a};
		struct quote quotes[] = {prose(0, "See.", false), code(0, odd[i], "x")};
		compose(f, quotes, 2, sources, 1);
		assert_text(f, "See. [1]\n\n```\nx\n```");
		teardown((void **)&f);
	}
}

static void a_reader_that_leaves_ends_it(void **state)
{
	for (size_t leave = 1; leave <= 3; leave++) {
		struct fixture *f;
		struct err err = {ERR_OK, ""};
		assert_int_equal(setup((void **)&f), 0);
		f->leave_after = leave;
		struct retrieve_result a = result(1, "T", "H", "u");
		const struct retrieve_result *sources[] = {&a};
		struct quote quotes[] = {prose(0, "One.", false), prose(0, "Two.", false),
					 prose(0, "Three.", false)};
		assert_int_equal(run(f, quotes, 3, sources, 1, &err), ERR_CANCELLED);
		assert_int_equal(f->pieces, leave);
		teardown((void **)&f);
	}
}

static void a_sink_may_be_deaf(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct retrieve_result a = result(1, "T", "H", "u");
	const struct retrieve_result *sources[] = {&a};
	struct quote quotes[] = {prose(0, "One.", false)};
	f->sink = (struct answer_sink){0};
	assert_int_equal(run(f, quotes, 1, sources, 1, &err), ERR_OK);
	assert_text(f, "One. [1]");
}

static void answers_have_a_limit(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct retrieve_result a = result(1, "T", "H", "u");
	const struct retrieve_result *sources[] = {&a};
	size_t len = 70000;
	char *text = malloc(len);
	assert_non_null(text);
	memset(text, 'a', len);
	struct quote quotes[] = {{.kind = UNIT_SENTENCE, .text = {text, len}}};
	assert_int_equal(run(f, quotes, 1, sources, 1, &err), ERR_LIMIT);
	assert_non_null(strstr(err.message, "the answer is longer"));
	assert_int_equal(f->pieces, 0);
	/* a heading of that size is shown in part, and whole characters only */
	for (size_t i = 0; i + 1 < len; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	a.passage.heading = (struct str){text, len};
	struct quote block[] = {code(0, "", "x")};
	if (run(f, block, 1, sources, 1, &err))
		fail_msg("%s", err.message);
	assert_true(f->out.text.len < 500);
	assert_true(utf8_valid(f->out.text));
	free(text);
}

static enum err_code abstain(struct fixture *f, struct retrieve_result *found, size_t count,
			     size_t nearest, struct err *err)
{
	struct composer c;
	f->out = (struct answer_result){.retrieved = {.items = found, .count = count}};
	compose_begin(&c, &f->sink, &f->clock, 0, &f->arena, &f->out);
	enum err_code got = compose_abstention(&c, nearest, err);
	if (!got)
		got = compose_end(&c, err);
	compose_release(&c);
	return got;
}

static void abstention_names_distinct_pages(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct retrieve_result found[] = {
		result(1, "Trials", "Keep pods", "a#1"),
		result(1, "Trials", "Other", "a#2"),
		result(2, "Page", "", "b"),
		result(1, "Trials", "Third", "a#3"),
		result(3, "Last", "End", "c#1"),
		result(4, "Too many", "End", "d"),
	};
	assert_int_equal(abstain(f, found, 6, 3, &err), ERR_OK);
	assert_text(f, "I did not find an answer to this in the documentation. The pages that come "
		       "nearest:\n\n- Trials: Keep pods [1]\n- Page [2]\n- Last: End [3]");
	assert_int_equal(f->out.citation_count, 3);
	assert_true(str_eq(f->out.citations[2].url, STR("c#1")));
	assert_true(str_eq(f->out.citations[0].quote, STR("Heading First words of it.")));
	assert_int_equal(f->out.route, ROUTE_ABSTAINED);
	assert_true(f->out.abstained);
	assert_false(f->out.grounded);
	assert_true(str_eq(buf_str(&f->heard), f->out.text));
}

static void abstention_without_anything_near(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	assert_int_equal(abstain(f, NULL, 0, 3, &err), ERR_OK);
	assert_text(f, "I did not find an answer to this in the documentation.");
	assert_int_equal(f->out.citation_count, 0);
	f->leave_after = 1;
	f->pieces = 0;
	assert_int_equal(abstain(f, NULL, 0, 3, &err), ERR_CANCELLED);
}

static void memory_runs_out(void **state)
{
	struct fixture *f = *state;
	struct retrieve_result a = result(1, "T", "H", "u");
	const struct retrieve_result *sources[] = {&a};
	struct quote quotes[] = {prose(0, "One.", false), code(0, "go", "x")};
	struct extract extract = {quotes, 2, sources, 1, 1};
	size_t n = 0;
	for (;;) {
		struct fail_alloc fail;
		struct arena arena;
		struct composer c;
		struct err err = {ERR_OK, ""};
		fail_alloc_init(&fail, ++n, false);
		arena_init(&arena, &fail.alloc, 1 << 20);
		f->out = (struct answer_result){0};
		f->pieces = 0;
		compose_begin(&c, &f->sink, &f->clock, 0, &arena, &f->out);
		enum err_code got = compose_quotes(&c, &extract, &err);
		if (!got)
			got = compose_end(&c, &err);
		compose_release(&c);
		bool failed = atomic_load(&fail.failures) > 0;
		assert_int_equal(got, failed ? ERR_NOMEM : ERR_OK);
		arena_release(&arena);
		assert_int_equal(atomic_load(&fail.live), 0);
		if (!failed)
			break;
	}
	assert_true(n > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_part_carries_its_citation, setup, teardown),
		cmocka_unit_test_setup_teardown(code_alone_is_introduced_by_its_heading, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_excerpt_of_code_says_so, setup, teardown),
		cmocka_unit_test(code_cannot_close_its_fence),
		cmocka_unit_test(odd_languages_are_dropped),
		cmocka_unit_test(a_reader_that_leaves_ends_it),
		cmocka_unit_test_setup_teardown(a_sink_may_be_deaf, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_have_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(abstention_names_distinct_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(abstention_without_anything_near, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_runs_out, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
