#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/utf8.h"
#include "parse/document.h"
#include "support/fail_alloc.h"

/*
 * A document as lines: "= level heading|anchor|path" for a section that has a heading, then
 * "P text", "L0 text" (depth), "C language|text", "T text" for blocks.
 */
static void render(const struct document *document, struct buf *out)
{
	for (size_t i = 0; i < document->section_count; i++) {
		const struct section *s = &document->sections[i];

		if (s->level)
			buf_printf(out, "= %d %.*s|%.*s|%.*s\n", s->level, STR_ARG(s->heading),
				   STR_ARG(s->anchor), STR_ARG(s->path));
		for (size_t k = 0; k < s->block_count; k++) {
			const struct block *b = &s->blocks[k];

			if (b->kind == BLOCK_LIST_ITEM)
				buf_printf(out, "L%d ", b->depth);
			else if (b->kind == BLOCK_CODE)
				buf_printf(out, "C %.*s|", STR_ARG(b->language));
			else
				buf_printf(out, "%c ", b->kind == BLOCK_TABLE_ROW ? 'T' : 'P');
			buf_append(out, b->text);
			buf_append_byte(out, '\n');
		}
	}
}

static void check_text(struct str text, const char *title, const char *expected)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct buf out;

	arena_init(&arena, alloc_default(), 64 << 20);
	buf_init(&out, alloc_default(), 1 << 20);
	assert_int_equal(parse_markdown(text, &arena, &document, &err), ERR_OK);
	render(&document, &out);
	buf_append_byte(&out, '\0');
	assert_string_equal(out.ptr, expected);
	if (title) {
		assert_int_equal(document.title.len, strlen(title));
		assert_memory_equal(document.title.ptr, title, strlen(title));
	}
	buf_release(&out);
	arena_release(&arena);
}

static void check(const char *text, const char *expected)
{
	check_text(str_c(text), NULL, expected);
}

static void test_code_spans(void **state)
{
	check("set `--flag`, ``a ` b``, `` `x` `` and ` ` `",
	      "P set `--flag`, ``a ` b``, `` `x` `` and `\n");
	check("# The `kind` of it\n\n`a`", "= 1 The kind of it|the-kind-of-it|\nP `a`\n");
}

static void test_paragraphs(void **state)
{
	check("a  b\nc\\\nd  \ne\n\n*em* **strong** `co  de` ~~gone~~ ~5 ~6",
	      "P a b c d e\nP em strong `co de` gone ~5 ~6\n");
	check("[link *text*](http://x \"t\") ![alt `x`](i.png) <http://auto> &amp; &nbsp;&copy; "
	      "\\*lit\\*",
	      "P link text alt `x` http://auto & \xC2\xA9 *lit*\n");
	check("[a]: http://x\n\n[a] b", "P a b\n");
	check("> quoted\n> text\n\n***\n\nafter", "P quoted text\nP after\n");
	check("see http://x/a_b_c", "P see http://x/a_b_c\n");
	check("a\r\nb\rc\r\n\r\nd", "P a b c\nP d\n");
	check("", "");
	check(" \n\n", "");
}

static void test_code(void **state)
{
	check("```python title=\"x\"\ndef f():\n    return  1\n\n\tx\n```\n",
	      "C python|def f():\n    return  1\n\n\tx\n");
	check("    indented\n      more\n", "C |indented\n  more\n");
	check("~~~\nno end\n", "C |no end\n");
	check("```yaml{hl_lines=1}\na: 1\n```\n", "C yaml|a: 1\n");
	check("```\n\n```\n", "");
	check("- item\n\n  ```sh\n  ls\n    -l\n  ```\n\n  more\n",
	      "L0 item\nC sh|ls\n  -l\nP more\n");
}

static void test_lists(void **state)
{
	check("- a\n  b\n- c\n  - d\n    1. e\n- f\n\nafter",
	      "L0 a b\nL0 c\nL1 d\nL2 e\nL0 f\nP after\n");
	check("1. one\n\n   two\n2. three\n", "L0 one two\nL0 three\n");
	check("- a\n  > q\n", "L0 a\nP q\n");
	check("-\n- b\n", "L0 b\n");
	check("- - a\n", "L1 a\n");
	check("- [ ] todo\n- [x] done\n", "L0 [ ] todo\nL0 [x] done\n");
}

static void test_tables(void **state)
{
	check("| Name | `Default` |\n|---|:-:|\n| a | **1** |\n| b \\| c | |\n| | |\n",
	      "T Name: a; `Default`: 1\nT Name: b | c\n");
	check("|only|header|\n|-|-|\n", "T only; header\n");
	check("||x|\n|-|-|\n|1|2|\n\nafter", "T 1; x: 2\nP after\n");
	check("Key: | b\n-|-\n1|2\n", "T Key: 1; b: 2\n");
}

static void test_headings(void **state)
{
	check("intro\n\n# Title\n\na\n\n## One\n\nb\n\n### Deep `code` *x*\n\n## One\n\n#### Far\n",
	      "P intro\n= 1 Title|title|\nP a\n= 2 One|one|One\nP b\n"
	      "= 3 Deep code x|deep-code-x|One > Deep code x\n= 2 One|one-1|One\n"
	      "= 4 Far|far|One > Far\n");
	check("---\ntitle: Page\n---\n# Page\n\na\n\n# Other\n\n## Sub\n",
	      "= 1 Page|page|\nP a\n= 1 Other|other|Other\n= 2 Sub|sub|Other > Sub\n");
	check("Set\next\n===\nx\n\nTwo\n---\n", "= 1 Set ext|ext|\nP x\n= 2 Two|two|Two\n");
	check_text(STR("---\ndescription: d\n---\n# From *heading*\n\nx"), "From heading",
		   "= 1 From heading|from-heading|\nP x\n");
	check_text(STR("+++\ntitle = \"Front\"\n+++\nx"), "Front", "P x\n");
	/* headings in quotes and lists are on the page like any other */
	check("> ## Quoted\n> x\n", "= 2 Quoted|quoted|Quoted\nP x\n");
	check("- ## Item\n  x\n", "= 2 Item|item|Item\nP x\n");
}

/* Ids as goldmark makes them for Hugo: from the heading's source, not from its text. */
static void test_anchors(void **state)
{
	check("## Step 1: Use `foo_bar` & (baz)\n",
	      "= 2 Step 1: Use foo_bar & (baz)|step-1-use-foo_bar--baz|Step 1: Use foo_bar & "
	      "(baz)\n");
	check("## Configure *kubectl* {#my-id .x}\n",
	      "= 2 Configure kubectl|my-id|Configure kubectl\n");
	check("## Closed ## {#cl}\n## Also closed ##\n## C#\n",
	      "= 2 Closed|cl|Closed\n= 2 Also closed|also-closed|Also closed\n= 2 C#|c|C#\n");
	check("## A {#a}\n## A\n## {braces}\n## x {.class}\n",
	      "= 2 A|a|A\n= 2 A|a-1|A\n= 2 {braces}|braces|{braces}\n= 2 x|x|x\n");
	check("### [`prow`](https://x.io/p-q)\n", "= 3 prow|prowhttpsxiop-q|prow\n");
	check("## \xE7\xA5\x9E Resum\xC3\x89 1+2=3\n",
	      "= 2 \xE7\xA5\x9E Resum\xC3\x89 1+2=3|\xE7\xA5\x9E-resum\xC3\xA9-123|"
	      "\xE7\xA5\x9E Resum\xC3\x89 1+2=3\n");
	check("## ?!\n## !?\n## Many   spaces\n", "= 2 ?!|heading|?!\n= 2 !?|heading-1|!?\n= 2 "
						  "Many spaces|many---spaces|Many spaces\n");
	check("## x\n## x\n## x-1\n## x\n",
	      "= 2 x|x|x\n= 2 x|x-1|x\n= 2 x-1|x-1-1|x-1\n= 2 x|x-2|x\n");
	check("## Install {{% v %}} now\n", "= 2 Install now|install--now|Install now\n");
}

static void test_shortcodes(void **state)
{
	check("{{% alert title=\"Note\" color=\"info\" %}}\nBe **careful**.\n{{% /alert "
	      "%}}\nNext.\n",
	      "P Note: Be careful.\nP Next.\n");
	check("{{< note >}}\n- a\n- b\n\n```sh\nls\n```\n{{< /note >}}\n", "L0 a\nL0 b\nC sh|ls\n");
	check("{{< tabs name=\"ids\" >}}\n{{< tab \"Linux\" >}}\n## H\ntext\n{{< /tab >}}\n"
	      "{{{< blocks/tab name=\"Mac\" codelang=\"yaml\" >}}\n1. one\n{{< /blocks/tab >}}}\n"
	      "{{< /tabs >}}\n",
	      "P Linux\n= 2 H|h|H\nP text\nP Mac\nC yaml|1. one\n");
	check("{{< figure src=\"a.png\" alt=\"The UI\" title=\"Main \\\"page\\\"\" caption=\"The "
	      "UI\" >}}",
	      "P The UI. Main \"page\"\n");
	check("use {{% pipelines/latest-version %}} or {{< kf-version-notice >}}1.9{{< "
	      "/kf-version-notice >}} now",
	      "P use or 1.9 now\n");
	check("{{< youtube id=\"x\" title=\"A talk\">}}\n\n{{< include \"a.md\" >}}\n\n{{< param v "
	      "/>}}",
	      "P A talk\n");
	check("[text]({{< ref \"x.md\" >}}) b", "P text b\n");
	check("{{< figure\n  src=\"a\"\n  alt=\"Two lines\"\n>}}\n\nx", "P Two lines\nP x\n");
	check("shown: {{</* note \"x\" */>}} {{%/* v */%}}",
	      "P shown: {{< note \"x\" >}} {{% v %}}\n");
	check("1. step\n\n   {{% alert title=\"Tip\" %}}\n   do it\n   {{% /alert %}}\n2. next\n",
	      "L0 step\nP Tip: do it\nL0 next\n");
	/* an empty title, and an alert without text */
	check("{{% alert title=\"\" %}}\nx\n{{% /alert %}}\n", "P x\n");
	check("{{% alert title=\"Alone\" %}}\n{{% /alert %}}\ny\n", "P Alone\nP y\n");
}

static void test_tabs_of_code(void **state)
{
	check("{{< tabpane >}}\n{{< tab header=\"Python\" lang=\"python\" >}}\ndef f(x):\n    "
	      "return x"
	      "\n\n# end\n{{< /tab >}}\n{{% tab header=\"Words\" %}}\nplain *text*\n{{% /tab %}}\n"
	      "{{< /tabpane >}}\nafter\n",
	      "P Python\nC python|def f(x):\n    return x\n\n# end\nP Words: plain text\nP "
	      "after\n");
	/* its own fence, no end, a block of code that shows tabs: as they are */
	check("{{< tab \"A\" lang=\"sh\" >}}\n```sh\nls\n```\n{{< /tab >}}\n", "P A\nC sh|ls\n");
	check("{{< tab header=\"A\" lang=\"sh\" >}}\nopen\n{{< tab header=\"B\" lang=\"sh\" >}}\n",
	      "P A open B\n");
	check("```\n{{< tab lang=\"sh\" >}}\nls\n{{< /tab >}}\n```\n",
	      "C |{{< tab lang=\"sh\" >}}\nls\n{{< /tab >}}\n");
}

static void test_shortcodes_in_code(void **state)
{
	check("```yaml\na: {{ .Values.x }}\n{{% alert title=\"n\" %}}\nb: {{workflow.status}}\n"
	      "{{% /alert %}}\n{{</* c */>}}\n```\n",
	      "C yaml|a: {{ .Values.x }}\n{{% alert title=\"n\" %}}\nb: {{workflow.status}}\n"
	      "{{% /alert %}}\n{{< c >}}\n");
	check("- x\n\n  ```\n  {{< tab \"a\" >}}\n    y\n  {{< /tab >}}\n  ```\n",
	      "L0 x\nC |{{< tab \"a\" >}}\n  y\n{{< /tab >}}\n");
	check("    {{< x >}} code\n    {{% v %}}\n", "C |{{< x >}} code\n{{% v %}}\n");
	check("`{{< x >}}` and `{{workflow.status}}` and {{ .Release.Name }}",
	      "P `{{< x >}}` and `{{workflow.status}}` and {{ .Release.Name }}\n");
}

/* Whatever it is, it is no error, and nothing is lost but markup. */
static void test_broken_shortcodes(void **state)
{
	check("{{< open \"x\" >}}\ntext", "P text\n");
	check("text {{< /close >}}", "P text\n");
	check("a {{< b", "P a {{< b\n");
	check("a {{< \"b >}} c", "P a {{< \"b >}} c\n");
	check("a {{<>}} {{% %}} b", "P a {{<>}} {{% %}} b\n");
	check("a {{< b {{< c >}} d", "P a {{< b d\n");
	check("{{< a >}}\n{{< b >}}\nx\n{{< /a >}}\n{{< /b >}}", "P x\n");
	/* their own placeholders may not be forged */
	check("x \xEF\xB7\x90"
	      "0\xEF\xB7\x91 y {{< youtube title=\"t\" >}}",
	      "P x \xEF\xBF\xBD"
	      "0\xEF\xBF\xBD y t\n");
}

static void test_html(void **state)
{
	check("a <!-- gone --> <b>bold</b><br>line <sup>2</sup> <img src=x alt=\"pic\"> <NAME> "
	      "</i>",
	      "P a bold line 2 pic <NAME>\n");
	check("<!-- gone\n\nstill -->\n\nx", "P x\n");
	check("<style>\na {b}\n\nc\n</style>\n\nx", "P x\n");
	check("<details>\n<summary>More &lt;info&gt;</summary>\n\n**inside**\n\n</details>\n",
	      "P More <info>\nP inside\n");
	check("<table><tr><th>Key</th><th>Value</th></tr>\n<tr><td>a</td><td><code>1</code>"
	      "<p>x</p></td></tr></table>\n\ny",
	      "T Key: a; Value: 1 x\nP y\n");
	check("<table>\n<tr><th>K</th><th>V</th></tr>\n\n<tr><td>a</td><td>\n\n*md* "
	      "text\n\n</td></tr>\n"
	      "<tr><td rowspan=2>b</td></tr>\n</table>\n",
	      "T K: a; V: md text\nT b\n");
	check("<ul><li>a<ul><li>b</li></ul></li><li>c &#x41;&#66;&bogus;</li></ul>",
	      "L0 a\nL1 b\nL0 c AB&bogus;\n");
	check("<h3 id=\"x.Y\">Type <code>Y</code>\n</h3>\n<p>text</p>\n",
	      "= 3 Type Y|x.Y|Type Y\nP text\n");
	check("<pre>\n  a &lt; b\n    c\n</pre>\n", "C |\n  a < b\n    c\n");
	check("<div>\n<a name=\"n\"></a>words {{< youtube title=\"T\" >}}</div>\n", "P words T\n");
	check("a < b and <b", "P a < b and <b\n");
	check("<script>x</scri\n\ny", "");
}

static void test_nothing_but_front_matter(void **state)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};

	check_text(STR("+++\ntitle = \"T\"\ndescription = \"What it is\"\n+++\n"), "T",
		   "P What it is\n");
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(parse_markdown(STR(""), &arena, &document, &err), ERR_OK);
	assert_int_equal(document.section_count, 1);
	assert_int_equal(document.sections[0].block_count, 0);
	arena_release(&arena);
}

static void test_plain(void **state)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct buf out;

	arena_init(&arena, alloc_default(), 1 << 20);
	buf_init(&out, alloc_default(), 1 << 16);
	assert_int_equal(
		parse_plain(STR("\xEF\xBB\xBF# a\r\n  b\r\n\r\n \n- c\n"), &arena, &document, &err),
		ERR_OK);
	render(&document, &out);
	buf_append_byte(&out, '\0');
	assert_string_equal(out.ptr, "P # a b\nP - c\n");
	assert_int_equal(document.title.len, 0);
	buf_release(&out);
	arena_release(&arena);
}

static void test_section_text(void **state)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct str text;

	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(
		parse_markdown(STR("## H\n\np\n\n- i\n\n```c\nint\n  x;\n```\n\n|a|\n|-|\n|1|\n"),
			       &arena, &document, &err),
		ERR_OK);
	text = section_text(&document.sections[0], &arena);
	assert_string_equal(text.ptr, "H\np\n- i\n```c\nint\n  x;\n```\na: 1");
	arena_release(&arena);
}

/* Deep nesting and endless repetition: must neither overflow the stack nor take for ever. */
static void test_hostile(void **state)
{
	static const char *const units[] = {
		"> ",    "- ",    "[",     "![",         "*a ",       "`",
		"<",     "<a \"", "{{<",   "{",          "{{< x >}}", "{{< /x >}}",
		"# a\n", "|",     "|-",    "1. ",        "<td>",      "<ul>",
		"<!-- ", "&",     "~~~\n", "a|b\n-|-\n", "\t",        "\xEF\xB7\x90",
	};

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		struct arena arena;
		struct document document;
		struct err err = {ERR_OK, ""};
		struct buf text;

		arena_init(&arena, alloc_default(), 256 << 20);
		buf_init(&text, alloc_default(), 1 << 20);
		while (text.len < 200000)
			assert_true(buf_append(&text, str_c(units[u])));
		assert_int_equal(parse_markdown(buf_str(&text), &arena, &document, &err), ERR_OK);
		assert_true(document.section_count >= 1);
		buf_release(&text);
		arena_release(&arena);
	}
}

static void test_long_line(void **state)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct buf text;

	arena_init(&arena, alloc_default(), 256 << 20);
	buf_init(&text, alloc_default(), 16 << 20);
	while (text.len < 10000000)
		assert_true(buf_append(&text, STR("word **x** ")));
	assert_int_equal(parse_markdown(buf_str(&text), &arena, &document, &err), ERR_OK);
	assert_int_equal(document.sections[0].block_count, 1);
	assert_true(document.sections[0].blocks[0].text.len > 6000000);
	buf_release(&text);
	arena_release(&arena);
}

static void test_limits(void **state)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), 256);
	assert_int_equal(
		parse_markdown(STR("# a\n\nb\n\n# c\n\nd\n\n# e\n"), &arena, &document, &err),
		ERR_LIMIT);
	assert_true(strlen(err.message) > 0);
	arena_release(&arena);
}

/* Every allocation of ours fails in turn: always an error or a whole document, never a leak. */
static void test_failing_allocations(void **state)
{
	struct str text =
		STR("---\ntitle: T\ndescription: d\n---\n{{% alert title=\"N\" %}}\nx\n"
		    "{{% /alert %}}\n## H {#i}\n## H\n- a\n\n|a|\n|-|\n|b|\n\n```\nc\n```\n"
		    "<pre>p</pre>\n\n<h2 id=q>r</h2>\n<td>s {{< youtube title=t >}}\n");
	bool done = false;

	for (size_t n = 1; !done; n++) {
		struct fail_alloc fail;
		struct arena arena;
		struct document document;
		struct err err = {ERR_OK, ""};
		enum err_code code;

		assert_true(n < 1000);
		fail_alloc_init(&fail, n, true);
		arena_init(&arena, &fail.alloc, 1 << 20);
		code = parse_markdown(text, &arena, &document, &err);
		done = atomic_load(&fail.failures) == 0;
		assert_true(done ? code == ERR_OK : code == ERR_NOMEM);
		arena_release(&arena);
		assert_int_equal(atomic_load(&fail.live), 0);
	}
}

static void check_page_text(const char *path, struct str text, bool code)
{
	if (!utf8_valid(text))
		fail_msg("%s: not UTF-8", path);
	if (str_find(text, STR("\xEF\xB7"), 0) != STR_NPOS)
		fail_msg("%s: a placeholder is left in: %.*s", path, STR_ARG(text));
	/* inline code may hold them, but nothing else has these names */
	if (!code && (str_find(text, STR("{{% alert"), 0) != STR_NPOS ||
		      str_find(text, STR("{{% /"), 0) != STR_NPOS ||
		      str_find(text, STR("{{<"), 0) != STR_NPOS))
		fail_msg("%s: shortcode markup is left in: %.*s", path, STR_ARG(text));
}

static void check_page(const char *path)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct buf text;

	arena_init(&arena, alloc_default(), 256 << 20);
	buf_init(&text, alloc_default(), 16 << 20);
	assert_int_equal(file_read(path, 16 << 20, &text, &err), ERR_OK);
	assert_int_equal(parse_markdown(buf_str(&text), &arena, &document, &err), ERR_OK);
	if (document.title.len == 0 || document.section_count == 0)
		fail_msg("%s: no title or no section", path);
	for (size_t i = 0; i < document.section_count; i++) {
		const struct section *s = &document.sections[i];

		check_page_text(path, s->heading, false);
		if (s->level && s->anchor.len == 0)
			fail_msg("%s: no anchor for %.*s", path, STR_ARG(s->heading));
		for (size_t k = 0; k < s->block_count; k++)
			check_page_text(path, s->blocks[k].text, s->blocks[k].kind == BLOCK_CODE);
	}
	buf_release(&text);
	arena_release(&arena);
}

static size_t check_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t pages = 0;

	while (dir && (entry = readdir(dir))) {
		char child[4096];
		struct stat info;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (stat(child, &info) == 0 && S_ISDIR(info.st_mode)) {
			pages += check_folder(child);
		} else if (str_ends(str_c(child), STR(".md"))) {
			check_page(child);
			pages++;
		}
	}
	if (dir)
		closedir(dir);
	return pages;
}

static void test_corpus(void **state)
{
	const char *shared = getenv("DOCS_BOT_SHARED");
	char path[1024];
	struct stat info;

	snprintf(path, sizeof(path), "%s/corpus/kubeflow-website",
		 shared ? shared : PROJECT_DIR "/../shared");
	if (stat(path, &info) != 0)
		skip();
	assert_true(check_folder(path) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_spans),
		cmocka_unit_test(test_paragraphs),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_headings),
		cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_shortcodes),
		cmocka_unit_test(test_tabs_of_code),
		cmocka_unit_test(test_shortcodes_in_code),
		cmocka_unit_test(test_broken_shortcodes),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_nothing_but_front_matter),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_section_text),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failing_allocations),
		cmocka_unit_test(test_corpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
