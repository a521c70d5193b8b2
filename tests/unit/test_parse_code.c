#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/parsed.h"

static const char python[] = "#!/usr/bin/env python\n"
			     "\"\"\"Module doc.\n"
			     "\n"
			     "More of it.\"\"\"\n"
			     "import x\n"
			     "\n"
			     "@decorator(\n"
			     "    \"a: b\",\n"
			     ")\n"
			     "class Outer(Base):\n"
			     "    \"\"\"Outer doc.\"\"\"\n"
			     "\n"
			     "    x = \"\"\"\n"
			     "def not_this():\n"
			     "\"\"\"\n"
			     "\n"
			     "    class Inner:\n"
			     "        async def run(self, a: Dict[str, int] = {\"x\": 1},\n"
			     "                      b=None) -> int:\n"
			     "            r'''Runs.\n"
			     "\n"
			     "            Args:\n"
			     "                a: the first\n"
			     "                    goes on\n"
			     "                b: the second\n"
			     "            '''\n"
			     "            def hidden(): pass\n"
			     "            return 1\n"
			     "\n"
			     "def f(): return 2\n"
			     "def g(\n"
			     "):\n"
			     "    # comment\n"
			     "    'single'\n";

static const char go[] = "// Copyright X\n"
			 "\n"
			 "// Package web serves pages.\n"
			 "//\n"
			 "// It is small.\n"
			 "package web\n"
			 "\n"
			 "import \"fmt\"\n"
			 "\n"
			 "// Mode is how.\n"
			 "type Mode int\n"
			 "\n"
			 "// Modes that there are.\n"
			 "const (\n"
			 "\tA Mode = iota\n"
			 "\tB\n"
			 ")\n"
			 "\n"
			 "/*\n"
			 "func notThis() {\n"
			 "}\n"
			 "*/\n"
			 "\n"
			 "// Server serves.\n"
			 "//   indented\n"
			 "// +kubebuilder:object:root=true\n"
			 "type Server[T any] struct {\n"
			 "\t// Name of it.\n"
			 "\tName string `json:\"name\"`\n"
			 "}\n"
			 "\n"
			 "//go:noinline\n"
			 "// Run runs it.\n"
			 "func (s *Server[T]) Run(\n"
			 "\tctx context.Context,\n"
			 ") error {\n"
			 "\tx := \"}\"\n"
			 "\treturn nil\n"
			 "}\n"
			 "\n"
			 "func plain() { fmt.Println('{') }\n"
			 "var V = map[string]int{\n"
			 "\t\"a\": 1,\n"
			 "}\n";

static void test_python(void **state)
{
	parsed_check(PARSE_PYTHON, STR(python),
		     "P Module doc.\n"
		     "P More of it.\n"
		     "= 2 Outer||Outer\n"
		     "P Outer doc.\n"
		     "C python|@decorator(\n"
		     "    \"a: b\",\n"
		     ")\n"
		     "class Outer(Base):\n"
		     "= 3 Outer.Inner||Outer > Outer.Inner\n"
		     "C python|    class Inner:\n"
		     "= 4 Outer.Inner.run||Outer > Outer.Inner > Outer.Inner.run\n"
		     "P Runs.\n"
		     "P Args:\n"
		     "P a: the first goes on\n"
		     "P b: the second\n"
		     "C python|        async def run(self, a: Dict[str, int] = {\"x\": 1},\n"
		     "                      b=None) -> int:\n"
		     "= 2 f||f\n"
		     "C python|def f(): return 2\n"
		     "= 2 g||g\n"
		     "P single\n"
		     "C python|def g(\n"
		     "):\n");
	parsed_check_lines(PARSE_PYTHON, STR(python),
			   "2-4 \n"
			   "7-28 Outer\n"
			   "17-28 Outer.Inner\n"
			   "18-28 Outer.Inner.run\n"
			   "30-30 f\n"
			   "31-34 g\n");
}

static void test_python_odd(void **state)
{
	parsed_check(PARSE_PYTHON,
		     STR("class A:\r\n\t\"\"\"Doc\r\n\twords.\"\"\"\r\n\tdef f(self):\r\n\t\tx"),
		     "= 2 A||A\nP Doc words.\nC python|class A:\n= 3 A.f||A > A.f\n"
		     "C python|\tdef f(self):\n");
	parsed_check(PARSE_PYTHON,
		     STR("def f(a=':', b=\"(\", # (\n      c=1):\n  u'''x ''' \ndef g(): pass\n"),
		     "= 2 f||f\nP x\nC python|def f(a=':', b=\"(\", # (\n      c=1):\n= 2 g||g\n"
		     "C python|def g(): pass\n");
	parsed_check(PARSE_PYTHON, STR("if x:\n  def f():\n    pass\nx = \\\n  def_()\n"),
		     "= 2 f||f\nC python|  def f():\n");
	parsed_check(PARSE_PYTHON, STR(""), "");
	parsed_check(PARSE_PYTHON, STR("'''never closed"), "P never closed\n");
	parsed_check(PARSE_PYTHON, STR("def f(\n"), "= 2 f||f\nC python|def f(\n");
}

static void test_go(void **state)
{
	parsed_check(PARSE_GO, STR(go),
		     "P Package web serves pages.\n"
		     "P It is small.\n"
		     "= 2 Mode||Mode\n"
		     "P Mode is how.\n"
		     "C go|type Mode int\n"
		     "= 2 A||A\n"
		     "P Modes that there are.\n"
		     "C go|const (\n"
		     "\tA Mode = iota\n"
		     "\tB\n"
		     ")\n"
		     "= 2 Server||Server\n"
		     "P Server serves. indented\n"
		     "C go|type Server[T any] struct {\n"
		     "\t// Name of it.\n"
		     "\tName string `json:\"name\"`\n"
		     "}\n"
		     "= 2 Server.Run||Server.Run\n"
		     "P Run runs it.\n"
		     "C go|func (s *Server[T]) Run(\n"
		     "\tctx context.Context,\n"
		     ") error {\n"
		     "= 2 plain||plain\n"
		     "C go|func plain() { fmt.Println('{') }\n"
		     "= 2 V||V\n"
		     "C go|var V = map[string]int{\n"
		     "\t\"a\": 1,\n"
		     "}\n");
	parsed_check_lines(PARSE_GO, STR(go),
			   "3-6 \n"
			   "10-11 Mode\n"
			   "13-17 A\n"
			   "24-30 Server\n"
			   "32-39 Server.Run\n"
			   "41-41 plain\n"
			   "42-44 V\n");
}

static void test_go_odd(void **state)
{
	parsed_check(PARSE_GO, STR("/*\nPackage a does it.\n*/\npackage a\r\n"),
		     "P Package a does it.\n");
	parsed_check(PARSE_GO, STR("package a\n\nvar s = `\nfunc no() {\n`\n\nfunc (T) M() {\n}\n"),
		     "= 2 s||s\nC go|var s = `\nfunc no() {\n`\n= 2 T.M||T.M\n"
		     "C go|func (T) M() {\n");
	parsed_check(PARSE_GO, STR("\xE4\xB8\xAD */\npackage a\n"), "");
	parsed_check(PARSE_GO, STR("func ("), "");
	parsed_check(PARSE_GO, STR("type"), "");
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

/* Names are cut between code points. */
static void test_long_names(void **state)
{
	char *many = repeat("\xE4\xB8\xAD", 1000);
	struct buf text;

	buf_init(&text, alloc_default(), 1 << 20);
	buf_printf(&text, "def %s():\n", many);
	parsed_check_sound(PARSE_PYTHON, buf_str(&text));
	buf_clear(&text);
	buf_printf(&text, "func (%s) %s() {}\ntype a%s int\n", many, many, many);
	parsed_check_sound(PARSE_GO, buf_str(&text));
	buf_release(&text);
	free(many);
}

/* Each of these would take minutes if time grew with the square of the size, or end the stack. */
static void test_hostile(void **state)
{
	static const char *const units[] = {
		"(",
		")",
		"\"",
		"'''",
		"`",
		"/*",
		"//\n",
		"#\n",
		"def f(\n",
		"def f():\n",
		"class A:\n ",
		"@a\n",
		"func f() {\n",
		"func (",
		"const (\n",
		"var\n",
		"type T\n",
		"\\\n",
		"package a\n",
		"'''a'''\n",
		"def f():\n '''",
		"// a\nvar x\n",
		"x",
		"\t\n",
		"r'",
		"/*\n*/\npackage a\n",
		"def f():\n #\n",
		"const\n",
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char *many = repeat(units[i], 50000);

		parsed_check_sound(PARSE_PYTHON, str_c(many));
		parsed_check_sound(PARSE_GO, str_c(many));
		free(many);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_python),     cmocka_unit_test(test_python_odd),
		cmocka_unit_test(test_go),         cmocka_unit_test(test_go_odd),
		cmocka_unit_test(test_long_names), cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
