#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "source/source.h"

struct example {
	const char *pattern, *path;
	bool match;
};

static void test_examples(void **state)
{
	static const struct example examples[] = {
		/* without '/': the last part */
		{"*.md", "a.md", true},
		{"*.md", "docs/deep/a.md", true},
		{"*.md", "a.mdx", false},
		{"docs", "docs/a.md", false},
		{"a?.md", "x/ab.md", true},
		{"a?.md", "a.md", false},
		{"?", "\xC3\xA9", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-b-b-d", false},
		{"*", "x/y", true},
		/* with '/': the whole path */
		{"docs/*.md", "docs/a.md", true},
		{"docs/*.md", "docs/x/a.md", false},
		{"docs/*.md", "a/docs/a.md", false},
		{"/a.md", "a.md", true},
		{"/a.md", "x/a.md", false},
		{"docs/?.md", "docs//.md", false},
		/* ** */
		{"docs/**", "docs/x/y.md", true},
		{"docs/**", "docs", false},
		{"docs/**", "docsx/y", false},
		{"**/a.md", "a.md", true},
		{"**/a.md", "x/y/a.md", true},
		{"**/a.md", "x/ya.md", false},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a/**/b", "a/xb", false},
		{"a/**/b", "axb", false},
		{"a/**/*.md", "a/x.md", true},
		{"a/**/x/**/b", "a/1/x/2/3/b", true},
		{"a/**/x/**/b", "a/1/y/2/3/b", false},
		{"**", "x/y", true},
		/* classes */
		{"[a-c].md", "b.md", true},
		{"[a-c].md", "d.md", false},
		{"[!a-c].md", "d.md", true},
		{"[^a-c].md", "b.md", false},
		{"[]x].md", "].md", true},
		{"[a-].md", "-.md", true},
		{"x/a[!b]c", "x/a/c", false},
		{"[\xC3\xA0-\xC3\xBF]", "\xC3\xA9", true},
		{"[ab", "[ab", true}, /* never closed: literal */
		{"[\\]]", "]", true},
		/* the rest */
		{"\\*.md", "*.md", true},
		{"\\*.md", "a.md", false},
		{"a\\", "a\\", true},
		{"", "", true},
		{"", "a", false},
		{"A.md", "a.md", false},
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		bool match = source_glob_match(str_c(examples[i].pattern), str_c(examples[i].path));

		if (match != examples[i].match)
			fail_msg("\"%s\" and \"%s\": expected %d", examples[i].pattern,
				 examples[i].path, examples[i].match);
	}
}

/* Exponential for a matcher that backtracks. */
static void test_hostile(void **state)
{
	char pattern[401], path[4001];

	for (size_t i = 0; i < 400; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[400] = '\0';
	memset(path, 'a', 4000);
	path[4000] = '\0';
	assert_true(source_glob_match(str_c(pattern), str_c(path)));
	path[3999] = 'b';
	assert_false(source_glob_match(str_c(pattern), str_c(path)));
	for (size_t i = 0; i + 3 < 400; i += 3)
		memcpy(pattern + i, "**/", 3);
	pattern[399] = 'x';
	for (size_t i = 1; i < 4000; i += 2)
		path[i] = '/';
	assert_false(source_glob_match(str_c(pattern), str_c(path)));
}

static void test_too_long(void **state)
{
	char text[2001];

	memset(text, 'a', 2000);
	text[2000] = '\0';
	assert_false(source_glob_match(str_c(text), str_c(text)));
	text[500] = '\0';
	assert_true(source_glob_match(str_c(text), str_c(text)));
}

static void test_invalid_utf8(void **state)
{
	assert_true(source_glob_match(str_c("a\xFF*"), str_c("a\xFF-b")));
	assert_true(source_glob_match(str_c("?"), str_c("\xFF")));
	assert_false(source_glob_match(str_c("\xFE"), str_c("\xFF")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_invalid_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
