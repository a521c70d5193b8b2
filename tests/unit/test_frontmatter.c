#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parse/frontmatter.h"

static struct arena arena;

static struct frontmatter read_front(const char *text)
{
	struct frontmatter front;
	struct err err = {ERR_OK, ""};

	assert_int_equal(frontmatter_read(str_c(text), &arena, &front, &err), ERR_OK);
	return front;
}

static void check(const char *text, const char *title, const char *description, const char *body)
{
	struct frontmatter front = read_front(text);

	assert_int_equal(front.title.len, strlen(title));
	assert_memory_equal(front.title.ptr, title, strlen(title));
	assert_int_equal(front.description.len, strlen(description));
	assert_memory_equal(front.description.ptr, description, strlen(description));
	assert_int_equal(front.body.len, strlen(body));
	assert_memory_equal(front.body.ptr, body, strlen(body));
}

static void test_yaml(void **state)
{
	check("---\ntitle: \"A: b\"\ndescription: >\n  two\n  lines\n---\nbody\n", "A: b",
	      "two lines", "body\n");
	check("---\nlinkTitle: Short\n---\nx", "Short", "", "x");
	check("---\nlinkTitle: Short\ntitle: Long\n---\nx", "Long", "", "x");
	/* only the top level counts */
	check("---\nmenu:\n  title: no\nlist: [title, no]\ntitle: yes it is\n---\n", "yes it is",
	      "", "");
	check("---\r\ntitle: T\r\n---\r\nbody", "T", "", "body");
	check("\xEF\xBB\xBF---\ntitle: T\n---\nbody", "T", "", "body");
}

static void test_toml(void **state)
{
	check("+++\ntitle = \"A \\\"b\\\" \\u00e9\\tc\"\ndescription='lit\\eral' # note\nweight = "
	      "3\n+++\nbody",
	      "A \"b\" \xC3\xA9 c", "lit\\eral", "body");
	check("+++\n[menu]\ntitle = \"no\"\n+++\nbody", "", "", "body");
	check("+++\ntitle = \"a=b\"\n+++\n", "a=b", "", "");
}

static void test_broken(void **state)
{
	/* not closed: it is text */
	check("---\ntitle: T\nbody", "", "", "---\ntitle: T\nbody");
	check("--- \ntitle: T\n+++\n", "", "", "--- \ntitle: T\n+++\n");
	check("no front matter", "", "", "no front matter");
	check("", "", "", "");
	check("---", "", "", "---");
	/* damaged: what was read counts, the block goes */
	check("---\ntitle: T\nbad: [unclosed\n---\nbody", "T", "", "body");
	check("---\n\ttabs: are not allowed\n---\nbody", "", "", "body");
	check("+++\ntitle = \"unclosed\n\n= 3\ndescription = \"\\uD800\"\n+++\nbody", "", "",
	      "body");
	check("---\ntitle:\n---\nbody", "", "", "body");
	check("---\ntitle: [a, b]\n---\nbody", "", "", "body");
}

/* Each of these would take minutes if time grew with the square of the size. */
static void test_hostile(void **state)
{
	size_t size = 60000;
	char *text = malloc(size + 32);
	const char *units[] = {"[", "- ", "? ", "{a: "};

	assert_non_null(text);
	for (size_t u = 0; u < 4; u++) {
		size_t unit = strlen(units[u]), at = 4;

		memcpy(text, "---\n", 4);
		for (; at + unit < size; at += unit)
			memcpy(text + at, units[u], unit);
		memcpy(text + at, "\n---\nbody", 10);
		struct frontmatter front = read_front(text);
		assert_int_equal(front.body.len, 4);
		assert_int_equal(front.title.len, 0);
	}
	free(text);
}

/* Where the page says it is, and that it is not to be published yet. */
static void test_address(void **state)
{
	struct frontmatter front = read_front("---\nurl: /a/b/\nslug: c\ndraft: true\n---\nbody");

	assert_true(str_eq(front.url, STR("/a/b/")));
	assert_true(str_eq(front.slug, STR("c")));
	assert_true(front.draft);
	front = read_front("+++\nurl = \"/x\"\ndraft = true # soon\n+++\n");
	assert_true(str_eq(front.url, STR("/x")));
	assert_true(front.slug.len == 0 && front.slug.ptr);
	front = read_front("+++\ndraft = true\n+++\n");
	assert_true(front.draft);
	assert_false(read_front("---\ndraft: false\n---\n").draft);
	assert_false(read_front("---\nx:\n  draft: true\n---\n").draft);
}

static int setup(void **state)
{
	arena_init(&arena, alloc_default(), 64 << 20);
	return 0;
}

static int teardown(void **state)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_yaml, setup, teardown),
		cmocka_unit_test_setup_teardown(test_toml, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
