#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/parsed.h"

static void test_formats(void **state)
{
	static const struct {
		const char *path;
		enum parse_format format;
	} cases[] = {
		{"a/b.md", PARSE_MARKDOWN},     {"README.MD", PARSE_MARKDOWN},
		{"x.markdown", PARSE_MARKDOWN}, {"x.mdx", PARSE_MARKDOWN},
		{"i.html", PARSE_HTML},         {"i.HTM", PARSE_HTML},
		{"a.rst", PARSE_RST},           {"n.ipynb", PARSE_NOTEBOOK},
		{"v.yaml", PARSE_YAML},         {"v.yml", PARSE_YAML},
		{"setup.py", PARSE_PYTHON},     {"main.go", PARSE_GO},
		{"LICENSE.txt", PARSE_PLAIN},   {"LICENSE", PARSE_UNKNOWN},
		{"a.md/b", PARSE_UNKNOWN},      {"", PARSE_UNKNOWN},
		{"md", PARSE_UNKNOWN},          {"a.pyc", PARSE_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse_format_of(str_c(cases[i].path)), cases[i].format);
	assert_true(parse_format_is_code(PARSE_YAML));
	assert_true(parse_format_is_code(PARSE_GO));
	assert_false(parse_format_is_code(PARSE_NOTEBOOK));
	assert_false(parse_format_is_code(PARSE_UNKNOWN));
}

static void test_plain_lines(void **state)
{
	parsed_check_lines(PARSE_PLAIN, STR("\n\na\nb\n\nc\n\n"), "3-6 \n");
	parsed_check_lines(PARSE_PLAIN, STR(""), "0-0 \n");
}

/* Lines are those of the file, whatever front matter and shortcodes were rewritten to. */
static void test_markdown_lines(void **state)
{
	parsed_check_lines(
		PARSE_MARKDOWN,
		STR("---\ntitle: T\n---\nintro\n\n## One\na\nb\n\n```\nc\n```\n\nTwo\n---\n"
		    "- x\n- y\n\n### Empty\n"),
		"4-4 \n6-12 One\n14-17 Two\n19-19 Empty\n");
	/* tabs of code get fences, blocks of shortcodes blank lines, and one may span lines */
	parsed_check_lines(
		PARSE_MARKDOWN,
		STR("# A\n{{< tabs >}}\n{{< tab header=\"X\" lang=\"sh\" >}}\nls\n\npwd\n"
		    "{{< /tab >}}\n{{< /tabs >}}\n## B\n{{< figure\n  alt=\"f\"\n>}}\n## C\nend\n"),
		"1-8 A\n9-12 B\n13-14 C\n");
	parsed_check_lines(PARSE_MARKDOWN, STR("a\r\n\r\n## B\r\n\r\n| x |\r\n|---|\r\n| 1 |\r\n"),
			   "1-1 \n3-7 B\n");
	parsed_check_lines(PARSE_MARKDOWN, STR("<h2 id=\"q\">Q</h2>\n<p>a</p>\n\nb\n"), "1-4 Q\n");
}

static void test_mdx(void **state)
{
	const char *page =
		"---\ntitle: T\n---\nimport Tabs from '@theme/Tabs';\nimport {\n  A,\n} from "
		"\"x\";\n\nexport const y = 1;\n\n<Tabs groupId=\"a\">\n<TabItem label='b'>\n\n"
		"Words `<Tabs>` of <NAME> <Link to=\"x\">here</Link>.\n\n```js\nimport x from "
		"'y';\n"
		":::note\n<Tabs>\n```\n\n</TabItem></Tabs>\n\n:::tip Do this\n\nNow.\n\n:::\nEnd\n";

	parsed_check(PARSE_MARKDOWN, str_c(page),
		     "P Words `<Tabs>` of <NAME> here.\nC js|import x from 'y';\n:::note\n<Tabs>\n"
		     "P Tip: Do this\nP Now.\nP End\n");
	parsed_check_lines(PARSE_MARKDOWN, str_c(page), "14-29 \n");
	parsed_check(PARSE_MARKDOWN, STR(":::note[Mind]\ntext\n:::\n:::{warning}\nhot\n:::\n"),
		     "P Note: Mind text\nP Warning: hot\n");
	/* prose that only looks like it */
	parsed_check(PARSE_MARKDOWN, STR("import the file and go on with 'x'\n\n<Tabs>\n"),
		     "P import the file and go on with 'x'\nP <Tabs>\n");
}

static void test_unknown(void **state)
{
	parsed_check(PARSE_UNKNOWN, STR("# A\nb\n"), "= 1 A|a|\nP b\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),        cmocka_unit_test(test_plain_lines),
		cmocka_unit_test(test_markdown_lines), cmocka_unit_test(test_mdx),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
