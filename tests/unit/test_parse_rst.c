#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/parsed.h"

static void check(const char *text, const char *expected)
{
	parsed_check(PARSE_RST, str_c(text), expected);
}

static const char page[] = ".. _intro-label:\n"
			   "\n"
			   "=====\n"
			   "Title\n"
			   "=====\n"
			   "\n"
			   ".. comment here\n"
			   "   more\n"
			   "\n"
			   ".. |x| replace:: **Kubeflow**\n"
			   "\n"
			   "Welcome to |x|, see :ref:`the docs <target>` and ``code *x*``, *em*, a "
			   "`link <http://x>`_ or word_.\n"
			   "More at :py:func:`~kfp.dsl.component`::\n"
			   "\n"
			   "    kubectl get <NAME>\n"
			   "      --all {{ x }}\n"
			   "\n"
			   "Sub\n"
			   "---\n"
			   ":Author: Me\n"
			   ":Version: 1\n"
			   "\n"
			   "- one\n"
			   "  continued\n"
			   "\n"
			   "  second para\n"
			   "\n"
			   "  - nested\n"
			   "\n"
			   "    .. code-block:: bash\n"
			   "       :linenos:\n"
			   "\n"
			   "       ls\n"
			   "         -l\n"
			   "\n"
			   "#. first\n"
			   "#. second\n"
			   "\n"
			   "term\n"
			   "    definition of it\n"
			   "other : type\n"
			   "    again\n"
			   "\n"
			   ".. note:: This is noted\n"
			   "   on two lines.\n"
			   "\n"
			   "   Second.\n"
			   "\n"
			   ".. list-table:: Ports\n"
			   "   :header-rows: 1\n"
			   "\n"
			   "   * - Name\n"
			   "     - Port\n"
			   "   * - web\n"
			   "     - 80\n"
			   "       tcp\n"
			   "\n"
			   ".. csv-table:: CSV\n"
			   "   :header: \"A\", \"B\"\n"
			   "\n"
			   "   \"x, y\", 2\n"
			   "   z, 3\n"
			   "\n"
			   "+------+-----+\n"
			   "| H1   | H2  |\n"
			   "+======+=====+\n"
			   "| a    | b   |\n"
			   "| more |     |\n"
			   "+------+-----+\n"
			   "| c    | d   |\n"
			   "+------+-----+\n"
			   "\n"
			   "=====  =====\n"
			   "S1     S2\n"
			   "=====  =====\n"
			   "a      b c\n"
			   "d      e\n"
			   "=====  =====\n"
			   "\n"
			   ".. toctree::\n"
			   "   :maxdepth: 2\n"
			   "\n"
			   "   a\n"
			   "   b\n"
			   "\n"
			   ".. _explicit target:\n"
			   "\n"
			   "Sub\n"
			   "---\n"
			   "\n"
			   "Text [1]_.\n"
			   "\n"
			   ".. [1] The foot note.\n"
			   "\n"
			   ">>> 1 + 1\n"
			   "2\n"
			   "\n"
			   ".. figure:: x.png\n"
			   "   :alt: Alt text\n"
			   "\n"
			   "   The caption.\n"
			   "\n"
			   "Über Größe 2.0!\n"
			   "~~~~~~~~~~~~~~~\n"
			   "\n"
			   "End\\ s \\*here\\*. `a`_ http://x_y_\n";

/* One page with everything that Sphinx sites use. */
static void test_page(void **state)
{
	check(page,
	      "= 1 Title|intro-label|\n"
	      "P Welcome to Kubeflow, see the docs and `code *x*`, em, a link or word. More at "
	      "component:\n"
	      "C |kubectl get <NAME>\n"
	      "  --all {{ x }}\n"
	      "= 2 Sub|sub|Sub\n"
	      "P Author: Me\n"
	      "P Version: 1\n"
	      "L0 one continued second para\n"
	      "L1 nested\n"
	      "C bash|ls\n"
	      "  -l\n"
	      "L0 first\n"
	      "L0 second\n"
	      "P term: definition of it\n"
	      "P other : type: again\n"
	      "P Note: This is noted on two lines.\n"
	      "P Second.\n"
	      "P Ports\n"
	      "T Name: web; Port: 80 tcp\n"
	      "P CSV\n"
	      "T A: x, y; B: 2\n"
	      "T A: z; B: 3\n"
	      "T H1: a more; H2: b\n"
	      "T H1: c; H2: d\n"
	      "T S1: a; S2: b c\n"
	      "T S1: d; S2: e\n"
	      "= 2 Sub|explicit-target|Sub\n"
	      "P Text [1].\n"
	      "P The foot note.\n"
	      "C python|>>> 1 + 1\n"
	      "2\n"
	      "P Alt text\n"
	      "P The caption.\n"
	      "= 3 Über Größe 2.0!|uber-grosze-2-0|Sub > Über Größe 2.0!\n"
	      "P Ends *here*. a http://x_y\n");
	parsed_check_lines(PARSE_RST, STR(page),
			   "3-16 Title\n"
			   "18-84 Sub\n"
			   "88-101 Sub\n"
			   "103-106 Über Größe 2.0!\n");
	parsed_check_meta(PARSE_RST, STR(page), "Title\n\n\n");
}

static void test_titles(void **state)
{
	/* levels are in the order in which adornments are met, over and under alone differ */
	check("A\n-\n\nB\n====\n\n====\nC\n====\n\nD\n----\n",
	      "P A -\n= 1 B|b|\n= 2 C|c|C\n= 3 D|d|C > D\n");
	check("1. Run\n======\nx\n\nRun\n======\n\nRun\n======\n\n\xE4\xB8\xAD\n======\n",
	      "= 1 1. Run|run|\nP x\n= 1 Run|id1|Run\n= 1 Run|id2|Run\n= 1 "
	      "\xE4\xB8\xAD||\xE4\xB8\xAD\n");
	check("Text\n\n----\n\nmore\n", "P Text\nP more\n");
	check("``code`` *is* :ref:`x <y>`\n==========================\n",
	      "= 1 code is x|code-is-x|\n");
}

static void test_directives(void **state)
{
	check(".. admonition:: Mind *this*\n   :class: x\n\n   Body.\n", "P Mind this: Body.\n");
	check(".. warning::\n\n   - a\n   - b\n\nafter\n", "P Warning\nL0 a\nL0 b\nP after\n");
	check(".. versionadded:: 2.1\n\n.. deprecated:: 3\n   Use x.\n",
	      "P New in version 2.1\nP Deprecated since version 3 Use x.\n");
	check(".. highlight:: yaml\n\nSo::\n\n  a:\n    b\n\n::\n\n  c\n",
	      "P So:\nC yaml|a:\n  b\nC yaml|c\n");
	check(".. raw:: html\n\n   <b>\n\n.. include:: x\n.. image:: y\n   :alt: An image\n",
	      "P An image\n");
	check(".. tab-set::\n\n   .. tab-item:: Bash\n\n      .. code-block:: bash\n         "
	      ":caption: "
	      "Run\n\n         ls\n",
	      "P Bash\nP Run\nC bash|ls\n");
	check(".. meta::\n   :description: About it\n\n.. py:function:: f(x)\n   :module: m\n\n   "
	      "Runs.\n",
	      "C python|f(x)\nP Runs.\n");
	parsed_check_meta(PARSE_RST, STR(".. meta::\n   :description: About it\n"),
			  "\nAbout it\n\n");
	check("..\n   hidden\n\n.. also hidden\n   more\n\nshown\n", "P shown\n");
}

static void test_inline(void **state)
{
	check("2 * 3 * 4, a*b, x_y_z, __init__, ``a\\b``, \\*lit\\*, `unclosed, **also\n",
	      "P 2 * 3 * 4, a*b, x_y_z, __init__, `a\\b`, *lit*, `unclosed, **also\n");
	check(":doc:`/guide/x` :term:`pods <pod>` :class:`!Foo` |unknown| `a b`__ [CIT]_\n",
	      "P /guide/x pods Foo unknown a b [CIT]\n");
	check(".. |a| replace:: |b| x\n.. |b| replace:: |a| y\n\n|a|\n", "P b x\n");
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
		"`",         "*",
		"|",         ":a:`",
		"``",        "a_ ",
		"- ",        "::\n",
		".. \n",     ".. a::\n",
		"===\n",     "= =\n",
		"+-+\n",     "|a\n",
		":a: ",      "a\n b\n",
		"- a\n",     ">>> a\n",
		"A\n====\n", "\\",
		"1. ",       ".. |a| replace:: b\n",
		"|a| ",      ".. _a:\n",
		".. [1] ",   "[a]_ ",
		"\t\n",      "====  ====\na  b\n",
		"* - a\n",   ".. csv-table::\n\n  \"a\n",
	};
	struct buf text;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char *many = repeat(units[i], 50000);

		parsed_check_sound(PARSE_RST, str_c(many));
		free(many);
	}
	buf_init(&text, alloc_default(), 1 << 24);
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "%*s- a\n\n", i * 2, "");
	parsed_check_sound(PARSE_RST, buf_str(&text));
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),       cmocka_unit_test(test_titles),
		cmocka_unit_test(test_directives), cmocka_unit_test(test_inline),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
