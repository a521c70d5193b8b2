/* eval: the comparison with an earlier report, and the page that reports are shown on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/baseline.h"
#include "eval/page.h"

#define SCORES(hit, facts)                                                                         \
	"\"scores\":{\"hit@1\":" hit ",\"hit@3\":1,\"hit@5\":1,\"hit@10\":1,\"mrr@10\":1,"         \
	"\"ndcg@10\":1,\"fact_recall@5\":" facts "}"

#define ENTRY(rank, hit, facts)                                                                    \
	"{\"docs-bot\":{\"rank\":" rank                                                            \
	"," SCORES(hit, facts) ",\"took_ms\":3,"                                                   \
			       "\"missing_facts\":[\"<fact>\"],\"results\":[{\"score\":0.5,"       \
			       "\"path\":\"a.md\","                                                \
			       "\"title\":\"A\",\"url\":\"https://x.example/"                      \
			       "a\"},{\"score\":0.4,\"path\":\"evil.md\","                         \
			       "\"title\":\"E\",\"url\":\"javascript:alert(1)\"}]}}"

#define QUESTION(id, text, rank, hit, facts)                                                       \
	"{\"id\":\"" id "\",\"file\":\"f\",\"question\":\"" text "\",\"kind\":\"docs\","           \
	"\"gold_pages\":[\"a.md\"],\"profiles\":" ENTRY(rank, hit, facts) "}"

#define REPORT(questions)                                                                          \
	"{\"n\":3,\"model\":\"m & n\",\"precision\":\"int8\",\"retrieval\":{\"hit@1\":0.5},"       \
	"\"answers\":{\"fact_recall\":0.25},\"metamorphic_kept\":0.75,"                            \
	"\"profiles\":[{\"name\":\"docs-bot\",\"n\":3,\"retrieval\":{\"hit@1\":0.5},"              \
	"\"metamorphic\":{\"share\":0.75,\"kept\":3,\"counted\":4,\"variants\":5,"                 \
	"\"changes\":{\"typo\":{\"share\":0.75,\"kept\":3,\"counted\":4,\"variants\":5}}}}],"      \
	"\"questions\":[" questions "]}"

static json_t *parse(const char *text)
{
	struct err err = {ERR_OK, ""};
	json_t *report = NULL;
	if (eval_report_parse(str_c(text), &report, &err))
		fail_msg("%s", err.message);
	return report;
}

static double at(const json_t *figure, const char *key)
{
	assert_true(json_is_number(json_object_get(figure, key)));
	return json_number_value(json_object_get(figure, key));
}

static void reports_are_compared_by_question(void **state)
{
	struct err err = {ERR_OK, ""};
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 24);
	json_t *before = parse(REPORT(QUESTION("a", "one", "1", "1", "0.5") "," QUESTION(
		"b", "two", "3", "0",
		"1") "," QUESTION("gone", "three", "1", "1",
				  "1") "," QUESTION("c", "its words were others", "1", "1", "1")));
	json_t *now = parse(REPORT(QUESTION("a", "one", "1", "1", "1") "," QUESTION(
		"b", "two", "1", "1", "1") "," QUESTION("new", "four", "0", "0",
							"0") "," QUESTION("c", "than these", "0",
									  "0", "0")));
	if (eval_report_compare(now, before, &arena, &err))
		fail_msg("%s", err.message);
	const json_t *baseline = json_object_get(now, "baseline");
	const json_t *profile = json_array_get(json_object_get(baseline, "profiles"), 0);
	const json_t *hit1 = json_object_get(json_object_get(profile, "retrieval"), "hit@1");
	assert_int_equal(json_get_int(profile, "n", 0), 2); /* a and b */
	assert_true(fabs(at(hit1, "before") - 0.5) < 1e-9);
	assert_true(fabs(at(hit1, "now") - 1) < 1e-9);
	assert_true(fabs(at(hit1, "difference") - 0.5) < 1e-9);
	const json_t *interval = json_object_get(hit1, "interval");
	assert_true(json_number_value(json_array_get(interval, 0)) == 0);
	assert_true(json_number_value(json_array_get(interval, 1)) == 1);
	/* a by its facts, b by its rank */
	const json_t *changed = json_object_get(profile, "changed");
	assert_int_equal(json_array_size(changed), 2);
	const json_t *b = json_array_get(changed, 1);
	assert_true(str_eq(json_get_str(b, "id"), STR("b")));
	assert_int_equal(json_integer_value(json_array_get(json_object_get(b, "rank"), 0)), 3);
	const json_t *figures = json_object_get(baseline, "figures");
	assert_true(at(json_object_get(figures, "fact_recall"), "now") == 0.25);
	assert_true(at(json_object_get(figures, "metamorphic_kept"), "before") == 0.75);
	json_decref(before);
	json_decref(now);
	arena_release(&arena);
}

static void other_documents_are_no_reports(void **state)
{
	static const char *const texts[] = {
		"",   "{}",
		"[]", "{\"questions\":[],\"profiles\":[]}",
		"{",  "{\"questions\":1,\"profiles\":[],\"retrieval\":{}}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = {ERR_OK, ""};
		json_t *report = NULL;
		assert_int_equal(eval_report_parse(str_c(texts[i]), &report, &err), ERR_INVALID);
		assert_null(report);
	}
}

static struct str page_of(const json_t *report, struct buf *page)
{
	struct err err = {ERR_OK, ""};
	buf_init(page, alloc_default(), 1 << 22);
	if (eval_page_write(&report, 1, page, &err))
		fail_msg("%s", err.message);
	return buf_str(page);
}

static bool has(struct str page, const char *text)
{
	return str_find(page, str_c(text), 0) != STR_NPOS;
}

static void the_page_escapes_and_loads_nothing(void **state)
{
	struct buf buf;
	json_t *report = parse(
		REPORT(QUESTION("q<1>", "<script>alert(\\\"&'\\\")</script>", "2", "0", "0.5")));
	struct str page = page_of(report, &buf);
	assert_true(has(page, "&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;"));
	assert_true(has(page, "q&lt;1&gt;"));
	assert_true(has(page, "m &amp; n"));
	assert_true(has(page, "<code>&lt;fact&gt;</code>"));
	assert_true(has(page, "href=\"https://x.example/a\""));
	assert_true(has(page, "default-src 'none'"));
	assert_true(has(page, "typo"));
	assert_false(has(page, "<script"));
	assert_false(has(page, "javascript:"));
	assert_true(has(page, "evil.md")); /* as text */
	assert_false(has(page, "src="));
	assert_false(has(page, "<link"));
	assert_false(has(page, "url("));
	buf_release(&buf);
	json_decref(report);
}

static void the_page_takes_gaps(void **state)
{
	static const char *const texts[] = {
		"{\"questions\":[],\"profiles\":[],\"retrieval\":{}}",
		"{\"questions\":[1,null,{}],\"profiles\":[1,{},{\"name\":3},{\"name\":\"x\"}],"
		"\"retrieval\":{},\"rows\":[1,{\"profiles\":{\"x\":1}}],\"differences\":[{},2],"
		"\"baseline\":{\"profiles\":[1,{}],\"figures\":{\"x\":[]}},\"answers\":{\"x\":"
		"\"y\"},"
		"\"metamorphic_kept\":\"x\",\"model\":7}",
		"{\"questions\":[{\"variant_of\":1,\"profiles\":{\"x\":{\"rank\":\"1\","
		"\"took_ms\":1e308,\"results\":[1,{\"url\":5}],\"missing_facts\":[1]}},"
		"\"gold_pages\":[2]}],\"profiles\":[{\"name\":\"x\",\"intervals\":{\"hit@1\":["
		"\"a\"]},"
		"\"metamorphic\":{\"changes\":{\"y\":null}}}],\"retrieval\":{},\"metamorphic_"
		"kept\":1}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf buf;
		json_t *report = parse(texts[i]);
		assert_true(has(page_of(report, &buf), "</html>"));
		buf_release(&buf);
		json_decref(report);
	}
}

static void a_page_beyond_its_limit_is_an_error(void **state)
{
	struct err err = {ERR_OK, ""};
	struct buf buf;
	json_t *report = parse(REPORT(QUESTION("a", "one", "1", "1", "1")));
	const json_t *reports[] = {report};
	buf_init(&buf, alloc_default(), 3000);
	assert_int_equal(eval_page_write(reports, 1, &buf, &err), ERR_LIMIT);
	buf_release(&buf);
	json_decref(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_are_compared_by_question),
		cmocka_unit_test(other_documents_are_no_reports),
		cmocka_unit_test(the_page_escapes_and_loads_nothing),
		cmocka_unit_test(the_page_takes_gaps),
		cmocka_unit_test(a_page_beyond_its_limit_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
