/* answer/terms: the words of a question and their weights. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/terms.h"
#include "support/fail_alloc.h"

static struct arena arena;
static struct terms terms;

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

static void ask(const char *question)
{
	struct err err = {ERR_OK, ""};
	if (terms_of(str_c(question), &arena, &terms, &err))
		fail_msg("%s", err.message);
}

static bool has(const char *stem)
{
	for (size_t i = 0; i < terms.count; i++)
		if (str_eq(terms.items[i].stem, str_c(stem)))
			return true;
	return false;
}

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-12)
		fail_msg("got %.12f, want %.12f", got, want);
}

static void content_words_stay(void **state)
{
	ask("How do I stop Katib from deleting the pods of finished trials?");
	assert_int_equal(terms.count, 6);
	assert_true(has("stop") && has("katib") && has("delet") && has("pod") && has("finish") &&
		    has("trial"));
	ask("How can I do it for us?");
	assert_false(has("how"));
	ask("");
	assert_int_equal(terms.count, 0);
	ask("?!... --");
	assert_int_equal(terms.count, 0);
	ask("what is a");
	assert_int_equal(terms.count, 0);
}

static void words_count_once(void **state)
{
	ask("Pipeline pipelines PIPELINE, pipeline!");
	assert_int_equal(terms.count, 1);
	assert_true(has("pipelin"));
}

static void identifiers_fall_into_parts(void **state)
{
	ask("KF_PIPELINES_SA_TOKEN_PATH spec.earlyStopping v2");
	assert_true(has("kf") && has("token") && has("path") && has("spec") && has("v2"));
	ask("x 7");
	assert_int_equal(terms.count, 1); /* a single letter says nothing, a digit may */
	assert_true(has("7"));
}

static void inflections_match(void **state)
{
	ask("deleted");
	near(terms_score(&terms, STR("It deletes pods.")), 1);
	near(terms_score(&terms, STR("DELETE it")), 1);
	near(terms_score(&terms, STR("deletion")), 1);
	near(terms_score(&terms, STR("undeleted")), 0);
	ask("template");
	near(terms_score(&terms, STR("see trialTemplate here")), 1);
	near(terms_score(&terms, STR("contemplate")), 0);
	ask("pod");
	near(terms_score(&terms, STR("podium-like pods")), 1);
	near(terms_score(&terms, STR("podiumlike")), 0); /* too much more than an inflection */
	ask("ml");
	near(terms_score(&terms, STR("mlflow")), 0); /* two letters match only whole */
	near(terms_score(&terms, STR("ML!")), 1);
	near(terms_score(&terms, STR("")), 0);
	ask("delete"); /* and so do synonyms, in their inflections */
	near(terms_score(&terms, STR("Katib removes it")), 1);
	near(terms_score(&terms, STR("cleanup")), 1);
	near(terms_score(&terms, STR("Katib keeps it")), 0);
	ask("\xc3\xa9t\xc3\xa9");
	near(terms_score(&terms, STR("un \xc3\xa9t\xc3\xa9.")), 1);
}

static void rare_words_weigh_more(void **state)
{
	const struct str texts[] = {STR("katib trial"), STR("katib"), STR("katib pod")};
	ask("katib trial unseen");
	terms_weigh(&terms, texts, 3);
	/* ln(1 + (n + 1) / (df + 1)) */
	near(terms.items[0].weight, log(1 + 4.0 / 4));
	near(terms.items[1].weight, log(1 + 4.0 / 2));
	near(terms.items[2].weight, log(1 + 4.0 / 1));
	near(terms_score(&terms, STR("Katib trials")), log(2) + log(3));
	double total = log(2) + log(3) + log(5);
	near(terms_coverage(&terms, texts, 3), (log(2) + log(3)) / total);
	near(terms_coverage(&terms, texts + 1, 1), log(2) / total);
	near(terms_coverage(&terms, texts, 0), 0);
	ask("");
	near(terms_coverage(&terms, texts, 3), 0);
	terms_weigh(&terms, NULL, 0);
}

static void long_questions_are_bounded(void **state)
{
	size_t len = 100000;
	char *text = malloc(len);
	struct err err;
	assert_non_null(text);
	for (size_t i = 0; i < len; i++) /* some 14,000 distinct words */
		text[i] = i % 7 == 6 ? ' ' : (char)('a' + (i / 7 * 7919 >> (i % 7 * 2)) % 26);
	assert_int_equal(terms_of((struct str){text, len}, &arena, &terms, &err), ERR_OK);
	assert_int_equal(terms.count, TERMS_MAX);
	assert_true(terms_score(&terms, (struct str){text, len}) == TERMS_MAX);
	memset(text, 'x', len);
	assert_int_equal(terms_of((struct str){text, len}, &arena, &terms, &err), ERR_OK);
	assert_int_equal(terms.count, 1);
	assert_true(terms_score(&terms, (struct str){text, len}) == 1);
	free(text);
}

static void memory_runs_out(void **state)
{
	struct err err = {ERR_OK, ""};
	struct arena small;
	arena_init(&small, alloc_default(), 16);
	assert_int_equal(terms_of(STR("katib trials"), &small, &terms, &err), ERR_LIMIT);
	arena_release(&small);
	struct fail_alloc fail;
	fail_alloc_init(&fail, 1, false);
	arena_init(&small, &fail.alloc, 1 << 20);
	assert_int_equal(terms_of(STR("katib trials"), &small, &terms, &err), ERR_NOMEM);
	arena_release(&small);
}

static void names_are_written_as_code_is(void **state)
{
	struct str out[4];
	size_t n = terms_names(
		STR("Does set_retry or trialTemplate take --max-retry, see train_it.py, "
		    "example.org/max-runs, a/b_c, example.org, v1.8.22, KeyError, "
		    "e.g. set_retry and well-known words?"),
		out, 4);
	static const char *const wanted[] = {"set_retry", "trialTemplate", "max-retry",
					     "example.org/max-runs"};
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_true(str_eq(out[i], str_c(wanted[i])));
	assert_int_equal(terms_names(STR("set_a set_b set_c"), out, 2), 2);
	assert_int_equal(terms_names(STR(""), out, 4), 0);
	assert_int_equal(terms_names(STR("-- _ . :// example.org v2 10.5"), out, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_written_as_code_is),
		cmocka_unit_test_setup_teardown(content_words_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(words_count_once, setup, teardown),
		cmocka_unit_test_setup_teardown(identifiers_fall_into_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(inflections_match, setup, teardown),
		cmocka_unit_test_setup_teardown(rare_words_weigh_more, setup, teardown),
		cmocka_unit_test_setup_teardown(long_questions_are_bounded, setup, teardown),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
