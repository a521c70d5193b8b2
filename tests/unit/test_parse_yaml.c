#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/parsed.h"

static void check(const char *text, const char *expected)
{
	parsed_check(PARSE_YAML, str_c(text), expected);
}

static void test_manifest(void **state)
{
	const char *text = "# Serves the page.\n#\n# Scaled by hand.\n---\napiVersion: apps/v1\n"
			   "kind: Deployment\nmetadata:\n  name: web   # the name\n"
			   "  namespace: \"demo\"\nspec:\n    replicas:  2\n\n";

	check(text, "= 1 Deployment web (demo)||\nP Serves the page.\nP Scaled by hand.\n"
		    "C yaml|apiVersion: apps/v1\nkind: Deployment\nmetadata:\n"
		    "  name: web   # the name\n  namespace: \"demo\"\nspec:\n    replicas:  2\n");
	parsed_check_meta(PARSE_YAML, str_c(text), "Deployment web (demo)\n\n\n");
	parsed_check_lines(PARSE_YAML, str_c(text), "1-11 Deployment web (demo)\n");
	/* another way to write the same */
	check("{kind: Pod, apiVersion: v1, metadata: {name: a, labels: {name: b}}}\n",
	      "= 1 Pod a||\nC yaml|{kind: Pod, apiVersion: v1, metadata: {name: a, labels: {name: "
	      "b}}}\n");
	check("apiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: a\r\n",
	      "= 1 Pod a||\nC yaml|apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n");
	check("apiVersion: v1\nkind: List\nitems:\n- metadata:\n    name: inner\n",
	      "= 1 List||\nC yaml|apiVersion: v1\nkind: List\nitems:\n- metadata:\n    name: "
	      "inner\n");
	check("kind: Secret\nspec:\n  metadata: {name: no}\nmetadata: &m {generateName: x-}\nuse: "
	      "*m\n",
	      "= 1 Secret x-||\nC yaml|kind: Secret\nspec:\n  metadata: {name: no}\n"
	      "metadata: &m {generateName: x-}\nuse: *m\n");
}

static void test_documents(void **state)
{
	const char *text = "---\nkind: A\nmetadata: {name: a}\n---\n# second\nkind: B\nmetadata:\n"
			   "  name: b\n  namespace: n\n...\n---\n# only words\n--- # three\n"
			   "kind: C\napiVersion: v1\n";

	check(text, "= 2 A a||A a\nC yaml|kind: A\nmetadata: {name: a}\n= 2 B b (n)||B b (n)\n"
		    "P second\nC yaml|kind: B\nmetadata:\n  name: b\n  namespace: n\n"
		    "= 2 C||C\nP only words\nC yaml|kind: C\napiVersion: v1\n");
	parsed_check_lines(PARSE_YAML, str_c(text), "2-3 A a\n5-9 B b (n)\n12-15 C\n");
	parsed_check_meta(PARSE_YAML, str_c(text), "\n\n\n");
	check("", "");
	check("---\n---\n", "");
	check("# words\n", "P words\n");
	check("%YAML 1.1\n---\na: 1\n", "C yaml|a: 1\n");
	check("--- {a: 1}\n--- [2]\n", "C yaml|--- {a: 1}\nC yaml|--- [2]\n");
}

static void test_templates(void **state)
{
	check("{{- if .Values.on }}\napiVersion: v1\nkind: Service\nmetadata:\n"
	      "  name: {{ .Release.Name }}-web\n  namespace: <NAMESPACE>\n  labels:\n"
	      "    name: other\n{{- end }}\n",
	      "= 1 Service {{ .Release.Name }}-web (<NAMESPACE>)||\n"
	      "C yaml|{{- if .Values.on }}\napiVersion: v1\nkind: Service\nmetadata:\n"
	      "  name: {{ .Release.Name }}-web\n  namespace: <NAMESPACE>\n  labels:\n"
	      "    name: other\n{{- end }}\n");
	check("kind: \"unclosed\nmetadata:\n\tname: tab\n",
	      "= 1 \"unclosed tab||\nC yaml|kind: \"unclosed\nmetadata:\n\tname: tab\n");
	check("'a\xC3\xA9: 1\nb: 2\n", "C yaml|'a\xC3\xA9: 1\nb: 2\n");
	parsed_check_lines(PARSE_YAML, STR("'a\xC3\xA9: 1\n---\nb: 2\n"),
			   "1-1 'a\xC3\xA9\n3-3 b\n");
	check("just words, not a mapping: at all\n", "C yaml|just words, not a mapping: at all\n");
}

static void test_settings(void **state)
{
	struct buf text;

	buf_init(&text, alloc_default(), 1 << 20);
	check("# Defaults.\nimage:\n  tag: v1\n# -- how many\nreplicas: 1\n",
	      "P Defaults.\nC yaml|image:\n  tag: v1\n# -- how many\nreplicas: 1\n");
	/* long ones get sections of a few keys, each with the comments in front of it */
	for (int key = 0; key < 3; key++) {
		buf_printf(&text, "# -- About %c.\nkey%c:\n", 'a' + key, 'a' + key);
		for (int i = 0; i < 70; i++)
			buf_printf(&text, "  item%02d: some text\n", i);
	}
	parsed_check_lines(PARSE_YAML, buf_str(&text), "1-72 keya\n73-144 keyb\n145-216 keyc\n");
	buf_clear(&text);
	for (int key = 0; key < 300; key++)
		buf_printf(&text, "k%03d: some\n", key);
	parsed_check_lines(PARSE_YAML, buf_str(&text),
			   "1-145 k000, k001, k002, k003, k004, k005, \xE2\x80\xA6\n"
			   "146-290 k145, k146, k147, k148, k149, k150, \xE2\x80\xA6\n"
			   "291-300 k290, k291, k292, k293, k294, k295, \xE2\x80\xA6\n");
	buf_release(&text);
}

/* A long document is several blocks, cut in front of keys or items, that together are its text. */
static void test_long(void **state)
{
	struct buf text;
	struct arena arena;
	struct document document;
	struct err err;
	struct buf all;

	buf_init(&text, alloc_default(), 1 << 20);
	buf_printf(&text, "kind: Big\nmetadata:\n  name: x\nspec:\n");
	for (int i = 0; i < 200; i++)
		buf_printf(&text, "  - name: item%d\n    # of %d\n    value: |\n      a\n", i, i);
	buf_printf(&text, "data:\n  long: %01500d\nend: 1", 7);
	arena_init(&arena, alloc_default(), 64 << 20);
	buf_init(&all, alloc_default(), 1 << 20);
	assert_int_equal(parse_document(PARSE_YAML, buf_str(&text), &arena, &document, &err),
			 ERR_OK);
	assert_int_equal(document.section_count, 1);
	assert_true(document.sections[0].block_count > 5);
	for (size_t i = 0; i < document.sections[0].block_count; i++) {
		struct str block = document.sections[0].blocks[i].text;

		assert_true(block.len <= 1700);
		assert_true(i == 0 || str_starts(block, STR("  - name")) ||
			    str_starts(block, STR("data:")) || str_starts(block, STR("end:")) ||
			    str_starts(block, STR("spec:")));
		if (i)
			buf_append_byte(&all, '\n');
		buf_append(&all, block);
	}
	buf_append_byte(&all, '\0');
	assert_string_equal(all.ptr, text.ptr);
	buf_release(&all);
	arena_release(&arena);
	buf_release(&text);
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
		"[",
		"{a: ",
		"- ",
		"? ",
		"---\n",
		"a: 1\n",
		"%TAG !a! b\n",
		"#\n",
		"a:\n b:\n",
		"&a *a\n",
		"\"",
		"- a\n",
		"...\n# c\n",
		"k: &a [*a, *a]\n",
		"{{ x }}\n",
		"x",
		"kind: A\nmetadata: {name: b}\n---\n",
	};
	struct buf text;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char *many = repeat(units[i], 100000);

		parsed_check_sound(PARSE_YAML, str_c(many));
		free(many);
	}
	buf_init(&text, alloc_default(), 1 << 24);
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "%*sa:\n", i / 2, "");
	parsed_check_sound(PARSE_YAML, buf_str(&text));
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest),  cmocka_unit_test(test_documents),
		cmocka_unit_test(test_templates), cmocka_unit_test(test_settings),
		cmocka_unit_test(test_long),      cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
