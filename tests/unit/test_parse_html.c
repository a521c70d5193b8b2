#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/parsed.h"

static void check(const char *text, const char *expected)
{
	parsed_check(PARSE_HTML, str_c(text), expected);
}

static void test_blocks(void **state)
{
	check("<h2 id=a>One &amp; <em>two</em></h2>\n<p>Text <b>bold</b>\n more&hellip;</p>",
	      "= 2 One & two|a|One & two\nP Text bold more\xE2\x80\xA6\n");
	check("<ul><li>a<li><p>b</p><p>c</p><ol><li>d</ol>after</ul>",
	      "L0 a\nL0 b c\nL1 d\nP after\n");
	check("<dl><dt>Pod</dt><dd>Runs <i>it</i>.</dd><dt>Job<dd><p>Ends.</p><p>Again.</p></dl>",
	      "P Pod: Runs it.\nP Job: Ends.\nP Again.\n");
	check("<table><caption>Ports</caption><thead><tr><th>Name</th><th>Port</th></tr></thead>"
	      "<tbody><tr><th>web</th><td><p>80</p><ul><li>tcp</ul></td></tr>"
	      "<tr><td>db<td>1</table>",
	      "P Ports\nT Name: web; Port: 80 tcp\nT Name: db; Port: 1\n");
	check("<p>a<div>b</div>c<blockquote>d</blockquote><hr>e<br>f &copy &bogus; &#x41;&#66;",
	      "P a\nP b\nP c\nP d\nP e f &copy &bogus; AB\n");
	check("<p>x < y and <NAMESPACE> <img src=i alt='a &quot;b&quot;'>",
	      "P x < y and a \"b\"\n");
	check("<div class='admonition note'><p class='admonition-title'>Note</p><p>Mind.</p></div>",
	      "P Note: Mind.\n");
}

static void test_code(void **state)
{
	check("<pre>\n  a &lt;b&gt;\n\n\tc</pre>", "C |  a <b>\n\n\tc\n");
	check("<pre><code class='hljs language-yaml'>a:\n  - <span class=k>b</span>\n</code></pre>",
	      "C yaml|a:\n  - b\n");
	/* Sphinx, GitHub, Hugo's chroma with numbered lines, Docusaurus */
	check("<div class='highlight-python3 notranslate'><div class=highlight><pre><span></span>x"
	      "</pre></div></div>",
	      "C python|x\n");
	check("<div class='highlight-default'><div class=highlight><pre>x</pre></div></div>",
	      "C |x\n");
	check("<div class='highlight highlight-source-shell'><pre>ls</pre></div>", "C shell|ls\n");
	check("<div class=highlight><table class=lntable><tr><td class=lntd><pre "
	      "class=chroma><code>"
	      "<span class=lnt>1\n</span><span class=lnt>2\n</span></code></pre></td><td "
	      "class=lntd><pre class=chroma><code class=language-go data-lang=go>a\n  "
	      "b</code></pre>"
	      "</td></tr></table></div>",
	      "C go|a\n  b\n");
	check("<div class='language-bash "
	      "codeBlock'><pre><code><span>ls<br></span><span>pwd<br></span>"
	      "</code></pre><button>Copy</button></div>",
	      "C bash|ls\npwd\n");
	check("<ol><li>Run<pre>ls\n -l</pre>then</ol>", "L0 Run\nC |ls\n -l\nP then\n");
	check("<p>use <code>{{ x }}</code> or {{&lt; y }}", "P use `{{ x }}` or {{< y }}\n");
}

static void test_anchors(void **state)
{
	/* Sphinx: the section has the id, the permalink goes */
	check("<section id=install><span id=old></span>\n<h1>Install<a class=headerlink "
	      "href='#install'"
	      " title='Link'>\xC2\xB6</a></h1><p>a</p><section id=sub><h2>Sub</h2>b</section>"
	      "<h2>None</h2>c</section>",
	      "= 1 Install|install|\nP a\n= 2 Sub|sub|Sub\nP b\n= 2 None||None\nP c\n");
	check("<h2><a name=n></a>A</h2>x<h2>B <a href='#b' aria-label=x>#</a></h2>y"
	      "<a id=c></a><h2>C</h2>z<h2>D</h2>",
	      "= 2 A|n|A\nP x\n= 2 B|b|B\nP y\n= 2 C|c|C\nP z\n= 2 D||D\n");
	/* symbols of an API's reference */
	check("<h1 id=t>T</h1><dl class='py function'><dt class='sig sig-object py' id=kfp.run>"
	      "<span>kfp.</span><span>run</span>(<em>x: int = 1</em>)<a class='viewcode-link "
	      "reference' href=s>[source]</a><a class=headerlink href='#kfp.run'>\xC2\xB6</a></dt>"
	      "<dd><p>Runs it.</p></dd></dl>",
	      "= 1 T|t|\n= 2 kfp.run|kfp.run|kfp.run\nC python|kfp.run(x: int = 1)\nP Runs it.\n");
}

#define NOISE "Menu text that nobody asks for, over and over. "

/* What is around the text of a page goes, whichever generator made it. */
static void test_content(void **state)
{
	check("<body><header><a href=/>Home</a></header><nav>" NOISE "</nav><main><aside>" NOISE
	      "</aside><nav class=breadcrumb>x</nav><h1>T</h1><p>Text.</p><div class=td-page-meta>"
	      "<a>Edit this page</a></div></main><footer>" NOISE "</footer></body>",
	      "= 1 T||\nP Text.\n");
	/* Docsy: breadcrumbs, feedback and the like within main */
	check("<body class=td-page><div class='td-sidebar'><ul><li><a href=a>A</a></ul></div>"
	      "<main role=main><ol class=breadcrumb><li>x</ol><div class=td-content><h1>T</h1>"
	      "<div class=lead>Lead words here.</div><p>Text of the page.</p><div class=feedback>"
	      "Was it helpful? <button>Yes</button></div></div></main><div class=td-toc>" NOISE
	      "</div><script>var x = '<p>no';</script>",
	      "= 1 T||\nP Lead words here.\nP Text of the page.\n");
	/* Sphinx, old: a div is the main part; sections are called by their headings */
	check("<div class=document><div class=body role=main><div class=section "
	      "id=cookies><h1>Cookies"
	      "</h1><p>About them.</p><div class='toctree-wrapper compound'><ul><li>" NOISE
	      "</ul></div></div></div></div><div class=sphinxsidebar>" NOISE "</div>",
	      "= 1 Cookies|cookies|\nP About them.\n");
	/* no container at all */
	check("<body><div id=top><a href=a>" NOISE "</a><a href=b>" NOISE
	      "</a></div><div class=page>"
	      "<div><h1>T</h1><p>Here is the text that the page is about, long enough to count.</p>"
	      "</div></div><div id=cookie-banner>We use cookies. <button>OK</button></div>",
	      "= 1 T||\nP Here is the text that the page is about, long enough to count.\n");
	/* a class that says the layout has a sidebar is no sidebar */
	check("<body class='has-sidebar'><div class='sidebar-layout'><p>All of it.</p></div>",
	      "P All of it.\n");
	check("<section id=toc><h2>Table</h2>" NOISE "</section><p>" NOISE NOISE NOISE "</p>",
	      "P Menu text that nobody asks for, over and over. Menu text that nobody asks for, "
	      "over "
	      "and over. Menu text that nobody asks for, over and over.\n");
	check("<main></main><p>Outside of an empty main.</p>", "P Outside of an empty main.\n");
	check("<article><header><h1>T</h1><p>by A</p></header><p>Words.</p></article>",
	      "= 1 T||\nP by A\nP Words.\n");
	check("<div aria-hidden=true>no</div><div style='display: none'>no</div><p>yes, this</p>"
	      "<noscript>no</noscript><svg><title>no</title><text>no</text></svg><iframe>no</"
	      "iframe>",
	      "P yes, this\n");
	check("<ul class='nav nav-tabs' role=tablist><li><button role=tab>Bash</button></ul>"
	      "<div class=tab-content><div class=tab-pane role=tabpanel><pre>ls</pre></div></div>",
	      "L0 Bash\nC |ls\n");
}

static void test_meta(void **state)
{
	parsed_check_meta(
		PARSE_HTML,
		STR("<!DOCTYPE html><html><head><title>Install &amp; run | Site - X</title>"
		    "<meta name=description content='How to &quot;run&quot;'>"
		    "<link rel='shortcut icon' href=i><link rel=canonical "
		    "href='https://e.org/a?b&amp;c'></head><body><p>x"),
		"Install & run\nHow to \"run\"\nhttps://e.org/a?b&c\n");
	parsed_check_meta(
		PARSE_HTML,
		STR("<title>A | B</title><link rel=canonical href='/relative'>"
		    "<meta property='og:description' content=d><h1>The <b>name</b></h1>x"),
		"The name\nd\n\n");
	parsed_check_meta(
		PARSE_HTML,
		STR("<title>Page - S</title><header><h1>S</h1></header><main><p>text text"),
		"Page\n\n\n");
	parsed_check_meta(PARSE_HTML, STR("<header><h1>Outside</h1></header><main><p>text text"),
			  "Outside\n\n\n");
	parsed_check_meta(PARSE_HTML, STR("---\ntitle: Front\nurl: /u/\n---\n<p>{{< x >}}a"),
			  "Front\n\n/u/\n");
	parsed_check(PARSE_HTML, STR("---\ntitle: Front\n---\n<p>{{< x \"y\" >}}a {{% /x %}}b"),
		     "P a b\n");
	parsed_check(PARSE_UNKNOWN, STR("\n<!doctype HTML><p>a *b*"), "P a *b*\n");
}

static void test_lines(void **state)
{
	parsed_check_lines(PARSE_HTML,
			   STR("<html>\n<body>\n<h1>A</h1>\n<p>b\nc</p>\n\n<h2>D</h2>\n"
			       "<pre>e\nf\ng</pre>\n</body>\n"),
			   "3-5 A\n7-10 D\n");
}

static void test_odd(void **state)
{
	static const char *const texts[] = {
		"",
		"<",
		"<a",
		"</",
		"<!--",
		"<!",
		"<?",
		"&",
		"<p",
		"</p>",
		"<p><p></p></p>",
		"<table><table><td><tr>",
		"<td>x</td>",
		"</html>x",
		"<li>x",
		"<pre>",
		"<title>",
		"<script>",
		"<style>x</style",
		"<a href='",
		"<a href='>x",
		"<h1><h2></h1>",
		"<dt>",
		"<!-- x --",
		"<body><body><body>",
		"<select><option>x",
		"<h7>x</h7>",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		parsed_check_sound(PARSE_HTML, str_c(texts[i]));
	check("", "");
	check("<html><head><title>T</title></head></html>", "");
	check("<p>a <a title='x < y'>b</a> <b title='<c>'>d", "P a b d\n");
}

static char *repeat(const char *unit, size_t count)
{
	size_t len = strlen(unit);
	char *text = malloc(len * count + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, unit, len);
	text[len * count] = '\0';
	return text;
}

/* Each of these would take minutes if time grew with the square of the size, or end the stack. */
static void test_hostile(void **state)
{
	static const char *const units[] = {
		"<div>",
		"<b>",
		"<p>",
		"<table>",
		"<table><tr><td>",
		"<ul><li>",
		"</div>",
		"<a href='",
		"<a <",
		"<!--",
		"<script>",
		"</script",
		"<p><b>",
		"<dl><dt>",
		"<pre>",
		"<h1>",
		"<main>",
		"<div><div></x>",
		"&",
		"&#x41;",
		"<x y=1>",
		"<div class='a b c d'>x</div>",
		"<section><h2>",
		"<a\n",
		"<![CDATA[",
		"<td><th>",
		"<svg><p></svg>",
		"{{< ",
		"<select>",
		"<dl><dt class=sig id=x>y",
		"<title>",
		"<li><pre>x</li>",
		"<p>x</p><a id=y></a>",
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char *text = repeat(units[i], 100000);

		parsed_check_sound(PARSE_HTML, str_c(text));
		free(text);
	}
	char *deep = repeat("<div>", 100000);
	struct buf text;

	buf_init(&text, alloc_default(), 1 << 24);
	buf_append(&text, str_c(deep));
	buf_append(&text, STR("<p>kept words</p>"));
	parsed_check(PARSE_HTML, buf_str(&text), "P kept words\n");
	buf_clear(&text);
	/* one tag with a long attribute, and very many elements in it */
	buf_append(&text, STR("<div class='"));
	for (int i = 0; i < 100000; i++)
		buf_append(&text, STR("word "));
	buf_append(&text, STR("'>"));
	for (int i = 0; i < 20000; i++)
		buf_append(&text, STR("<pre>x</pre><h2>y</h2>"));
	parsed_check_sound(PARSE_HTML, buf_str(&text));
	buf_release(&text);
	free(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),  cmocka_unit_test(test_code),
		cmocka_unit_test(test_anchors), cmocka_unit_test(test_content),
		cmocka_unit_test(test_meta),    cmocka_unit_test(test_lines),
		cmocka_unit_test(test_odd),     cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
