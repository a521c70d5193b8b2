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
	f->sink = (struct answer_sink){.ctx = f, .text = hear};
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
	const struct answer_deps deps = {.clock = &f->clock};
	struct prompt_sources numbered = {.count = source_count};
	struct composer c;
	for (size_t i = 0; i < source_count; i++)
		numbered.items[i] = sources[i];
	compose_begin(&c, &deps, &f->sink, 0, &numbered, &f->arena, &f->out);
	enum err_code got = compose_quotes(&c, &extract, err);
	if (!got)
		got = compose_end(&c, &extract, false, err);
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

static enum err_code abstain(struct fixture *f, const struct retrieve_result *found, size_t count,
			     struct str missing, struct err *err)
{
	const struct answer_deps deps = {.clock = &f->clock};
	const struct extract none = {0};
	struct prompt_sources numbered = {.count = count};
	struct composer c;
	for (size_t i = 0; i < count; i++)
		numbered.items[i] = &found[i];
	compose_begin(&c, &deps, &f->sink, 0, &numbered, &f->arena, &f->out);
	enum err_code got = compose_abstention(&c, missing, err);
	if (!got)
		got = compose_end(&c, &none, false, err);
	compose_release(&c);
	return got;
}

static void abstention_names_the_sources(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct retrieve_result found[] = {
		result(1, "Trials", "Keep pods", "https://e.org/a#1"),
		result(2, "Page", "", "https://e.org/b"),
		result(3, "Last", "End", "https://e.org/c#1"),
	};
	assert_int_equal(abstain(f, found, 3, STR(""), &err), ERR_OK);
	assert_text(f, "I did not find an answer to this in the documentation. The pages that come "
		       "nearest:\n\n- Trials: Keep pods [1]\n- Page [2]\n- Last: End [3]");
	assert_int_equal(f->out.citation_count, 3);
	assert_true(str_eq(f->out.citations[2].url, STR("https://e.org/c#1")));
	assert_true(str_eq(f->out.citations[0].quote, STR("Heading First words of it.")));
	assert_true(str_eq(buf_str(&f->heard), f->out.text));
}

static void abstention_names_what_is_not_covered(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct retrieve_result found[] = {result(1, "Trials", "", "https://e.org/a")};
	assert_int_equal(abstain(f, found, 1, STR("Katib 0.99"), &err), ERR_OK);
	assert_non_null(strstr(f->out.text.ptr, "does not cover Katib 0.99"));
	assert_true(str_ends(f->out.text, STR("- Trials [1]")));
}

static void abstention_without_anything_near(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	assert_int_equal(abstain(f, NULL, 0, STR(""), &err), ERR_OK);
	assert_text(f, "I did not find an answer to this in the documentation.");
	assert_int_equal(f->out.citation_count, 0);
	f->leave_after = 1;
	f->pieces = 0;
	assert_int_equal(abstain(f, NULL, 0, STR(""), &err), ERR_CANCELLED);
}

struct fallback_case {
	const char *written, *want;
};

static void a_fallback_ends_what_was_begun(void **state)
{
	static const struct fallback_case cases[] = {
		{"", "*The model is silent. This is what the documentation says:*\n\nOne. [1]"},
		{"Begun",
		 "Begun\n\n*The language model stopped here. This is what the documentation "
		 "says:*\n\nOne. [1]"},
		{"```sh\nls",
		 "```sh\nls\n```\n\n*The language model stopped here. This is what the "
		 "documentation says:*\n\nOne. [1]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f;
		struct err err = {ERR_OK, ""};
		assert_int_equal(setup((void **)&f), 0);
		struct retrieve_result a = result(1, "T", "H", "https://e.org/u");
		const struct retrieve_result *sources[] = {&a};
		struct quote quotes[] = {prose(0, "One.", false)};
		struct extract extract = {quotes, 1, sources, 1, 1};
		const struct answer_deps deps = {.clock = &f->clock};
		const struct prompt_sources numbered = {.items = {&a}, .count = 1};
		struct composer c;
		compose_begin(&c, &deps, &f->sink, 0, &numbered, &f->arena, &f->out);
		if (cases[i].written[0])
			assert_int_equal(compose_text(&c, str_c(cases[i].written), &err), ERR_OK);
		assert_int_equal(compose_fallback(&c, STR("The model is silent."), &err), ERR_OK);
		assert_int_equal(compose_quotes(&c, &extract, &err), ERR_OK);
		assert_int_equal(compose_end(&c, &extract, false, &err), ERR_OK);
		compose_release(&c);
		assert_text(f, cases[i].want);
		assert_true(str_eq(buf_str(&f->heard), f->out.text));
		assert_int_equal(f->out.citation_count, 1);
		teardown((void **)&f);
	}
}

static void what_is_held_back_can_be_discarded(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	const struct answer_deps deps = {.clock = &f->clock};
	const struct prompt_sources none = {.count = 0};
	const struct extract no_extract = {0};
	struct composer c;
	compose_begin(&c, &deps, &f->sink, 0, &none, &f->arena, &f->out);
	c.hold = true;
	assert_int_equal(compose_text(&c, STR("wrong "), &err), ERR_OK);
	assert_int_equal(compose_flush(&c, &err), ERR_OK);
	assert_int_equal(f->pieces, 0);
	compose_discard(&c);
	assert_int_equal(compose_text(&c, STR("right "), &err), ERR_OK);
	assert_int_equal(compose_unhold(&c, &err), ERR_OK);
	assert_int_equal(compose_end(&c, &no_extract, false, &err), ERR_OK);
	compose_release(&c);
	assert_text(f, "right ");
	assert_true(str_eq(buf_str(&f->heard), f->out.text));
}

static void memory_runs_out(void **state)
{
	struct fixture *f = *state;
	struct retrieve_result a = result(1, "T", "H", "u");
	const struct retrieve_result *sources[] = {&a};
	struct quote quotes[] = {prose(0, "One.", false), code(0, "go", "x")};
	struct extract extract = {quotes, 2, sources, 1, 1};
	const struct answer_deps deps = {.clock = &f->clock};
	const struct prompt_sources numbered = {.items = {&a}, .count = 1};
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
		compose_begin(&c, &deps, &f->sink, 0, &numbered, &arena, &f->out);
		enum err_code got = compose_quotes(&c, &extract, &err);
		if (!got)
			got = compose_end(&c, &extract, false, &err);
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
		cmocka_unit_test_setup_teardown(abstention_names_the_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(abstention_names_what_is_not_covered, setup,
						teardown),
		cmocka_unit_test(a_fallback_ends_what_was_begun),
		cmocka_unit_test_setup_teardown(what_is_held_back_can_be_discarded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(abstention_without_anything_near, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_runs_out, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
