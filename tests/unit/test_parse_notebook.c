#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/parsed.h"

static void check(const char *text, const char *expected)
{
	parsed_check(PARSE_NOTEBOOK, str_c(text), expected);
}

static void test_format_4(void **state)
{
	const char *text =
		"{\"cells\": [{\"cell_type\": \"raw\", \"source\": \"---\\ntitle: no\\n---\"},"
		"{\"cell_type\": \"markdown\", \"source\": [\"# Run *it* now\\n\", \"\\n\", "
		"\"Words.\"]},"
		"{\"cell_type\": \"code\", \"execution_count\": 1, \"metadata\": {}, \"source\": "
		"[\"client = f('<NAME>', '{{x}}')\\n\", \"if 1:\\n\", \"    run()\\n\"], "
		"\"outputs\": ["
		"{\"output_type\": \"stream\", \"text\": [\"\\u001b[31mone\\u001b[0m\\n\", "
		"\"two\\n\"]},"
		"{\"output_type\": \"display_data\", \"data\": {\"text/plain\": \"<Figure size "
		"1x1>\"}},"
		"{\"output_type\": \"error\", \"ename\": \"ValueError\", \"evalue\": \"bad\"}]},"
		"{\"cell_type\": \"code\", \"source\": \"%%bash\\nls\", \"outputs\": []},"
		"{\"cell_type\": \"markdown\", \"source\": \"```\\nnever closed\"},"
		"{\"cell_type\": \"markdown\", \"source\": \"- a\\n- b\\n\\n## Next Step\\nend\"}],"
		"\"metadata\": {\"kernelspec\": {\"language\": \"R\"}}, \"nbformat\": 4}";

	check(text, "= 1 Run it now|Run-it-now|\nP Words.\n"
		    "C R|client = f('<NAME>', '{{x}}')\nif 1:\n    run()\n"
		    "C |one\ntwo\nValueError: bad\nC bash|%%bash\nls\nC |never closed\n"
		    "L0 a\nL0 b\n= 2 Next Step|Next-Step|Next Step\nP end\n");
	parsed_check_meta(PARSE_NOTEBOOK, str_c(text), "Run it now\n\n\n");
	parsed_check_lines(PARSE_NOTEBOOK, str_c(text), "0-0 Run it now\n0-0 Next Step\n");
}

static void test_format_3(void **state)
{
	check("{\"nbformat\": 3, \"worksheets\": [{\"cells\": ["
	      "{\"cell_type\": \"heading\", \"level\": 2, \"source\": [\"Old one\"]},"
	      "{\"cell_type\": \"code\", \"language\": \"julia\", \"input\": [\"1 +\\n\", \"1\"],"
	      " \"outputs\": [{\"output_type\": \"pyout\", \"text\": [\"2\"]}]}]}]}",
	      "= 2 Old one|Old-one|Old one\nC julia|1 +\n1\nC |2\n");
}

/* Whatever is missing or of another type is as if it were not there. */
static void test_odd(void **state)
{
	check("{}", "");
	check("{\"cells\": []}", "");
	check("[]", "");
	check("{\"cells\": 5, \"worksheets\": [1, {\"cells\": null}], \"metadata\": []}", "");
	check("{\"cells\": [1, null, {}, {\"cell_type\": \"code\"}, {\"cell_type\": 3}, "
	      "{\"cell_type\": \"code\", \"source\": [1, \"x\", []], \"outputs\": {}},"
	      "{\"cell_type\": \"code\", \"source\": \"y\", \"outputs\": [1, {\"data\": 2, "
	      "\"text\": "
	      "{}}]}, {\"cell_type\": \"heading\", \"source\": \" \"}]}",
	      "C python|x\nC python|y\n");
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {"", "{", "{\"cells\": [", "no", "{\"a\": 1} x"};
	struct arena arena;
	struct document document;
	struct err err;

	arena_init(&arena, alloc_default(), 64 << 20);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			parse_document(PARSE_NOTEBOOK, str_c(texts[i]), &arena, &document, &err),
			ERR_FORMAT);
	arena_release(&arena);
}

/* Of long outputs whole lines are kept, up to a thousand bytes. */
static void test_long_output(void **state)
{
	struct buf text;
	struct arena arena;
	struct document document;
	struct err err;

	buf_init(&text, alloc_default(), 1 << 22);
	buf_append(&text, STR("{\"cells\": [{\"cell_type\": \"code\", \"source\": \"x\", "
			      "\"outputs\": [{\"text\": [\"\""));
	for (int i = 0; i < 100000; i++)
		buf_append(&text, STR(",\"123456789\\n\""));
	buf_append(&text, STR("]}]}]}"));
	arena_init(&arena, alloc_default(), 64 << 20);
	assert_int_equal(parse_document(PARSE_NOTEBOOK, buf_str(&text), &arena, &document, &err),
			 ERR_OK);
	assert_int_equal(document.sections[0].block_count, 2);
	assert_int_equal(document.sections[0].blocks[1].text.len, 999);
	arena_release(&arena);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_4),    cmocka_unit_test(test_format_3),
		cmocka_unit_test(test_odd),         cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_long_output),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
