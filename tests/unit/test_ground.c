/* answer/ground: sentences of answers against sources made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/ground.h"
#include "answer/ground_text.h"
#include "base/buf.h"
#include "support/fake_embedder.h"
#include <cmocka.h>

static struct arena arena;

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

#define RETAIN                                                                                     \
	"By default Katib deletes the pods of finished trials. Set retain to true in the trial "   \
	"template to keep them. The setting is not used by resumed experiments.\n"                 \
	"```yaml\ntrialTemplate:\n  retain: true\n```\n"
#define LIMITS                                                                                     \
	"The controller starts at most 3 trials at once. Raise --max-parallel to 12 with version " \
	"1.8.22 and newer. Seldon is another server."

static struct retrieve_result sources[] = {
	{.rank = 1,
	 .passage = {.title = {"Configure trials", 16},
		     .heading = {"Keep pods", 9},
		     .section_path = {"Keep pods", 9}},
	 .text = {RETAIN, sizeof(RETAIN) - 1}},
	{.rank = 2,
	 .passage = {.title = {"Limits", 6}, .section_path = {"Limits", 6}},
	 .text = {LIMITS, sizeof(LIMITS) - 1}},
};

static struct ground check(struct embedder *embedder, const char *answer)
{
	const struct retrieve_results results = {.items = sources, .count = 2};
	struct ground out;
	struct err err = {ERR_OK, ""};
	if (ground_check(embedder, str_c(answer), &results, &arena, &out, &err))
		fail_msg("%s", err.message);
	return out;
}

static double support_of(const char *sentence)
{
	struct ground g = check(NULL, sentence);
	assert_int_equal(g.count, 1);
	assert_true(g.sentences[0].claims);
	return g.sentences[0].support;
}

static void what_the_sources_say_is_grounded(void **state)
{
	struct ground g =
		check(NULL, "By default Katib deletes the pods of finished trials [1]. "
			    "Set `retain` to true in the trial template to keep "
			    "them. [1]\n\n```yaml\ntrialTemplate:\n  retain: true\n```\n");
	assert_int_equal(g.count, 3);
	assert_int_equal(g.claims, 3);
	assert_int_equal(g.unsupported, 0);
	assert_true(g.grounded);
	for (size_t i = 0; i < g.count; i++)
		assert_true(g.sentences[i].supported && g.sentences[i].support > 0.7);
}

static void what_no_source_says_is_not(void **state)
{
	struct ground g = check(NULL, "Bananas grow in warm valleys near the southern coast. "
				      "Their harvest begins in autumn before the rain.");
	assert_int_equal(g.claims, 2);
	assert_int_equal(g.unsupported, 2);
	assert_false(g.grounded);
	assert_true(g.sentences[0].support < 0.3);
}

/* One wrong letter of a flag, number or version makes a command that does not work. */
static void invented_literals_are_not_supported(void **state)
{
	static const char *const pairs[][2] = {
		{"Raise --max-parallel to 12 with version 1.8.22 and newer.",
		 "Raise --max-concurrent to 12 with version 1.8.22 and newer."},
		{"Raise --max-parallel to 12 with version 1.8.22 and newer.",
		 "Raise --max-parallel to 14 with version 1.8.22 and newer."},
		{"Raise --max-parallel to 12 with version 1.8.22 and newer.",
		 "Raise --max-parallel to 12 with version 1.8.2 and newer."},
		{"Set retain to true in the trial template to keep them.",
		 "Set keepFinishedPods to true in the trial template to keep them."},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_true(support_of(pairs[i][0]) >= 0.5);
		struct ground g = check(NULL, pairs[i][1]);
		assert_false(g.sentences[0].supported);
		assert_true(g.sentences[0].invented);
		assert_false(g.grounded);
	}
}

/* A fact of another page, or its contrary, is worth less than the fact. */
static void changed_sentences_are_worth_less(void **state)
{
	assert_true(support_of("By default Katib does not delete the pods of finished trials.") <
		    support_of("By default Katib deletes the pods of finished trials."));
	assert_true(support_of("By default Seldon deletes the pods of finished trials.") <
		    support_of("By default Katib deletes the pods of finished trials."));
}

static void invented_code_is_not_supported(void **state)
{
	struct ground g = check(NULL, "```sh\nkubectl frobnicate experiments --purge-everything "
				      "now\n```\n");
	assert_int_equal(g.claims, 1);
	assert_false(g.sentences[0].supported);
	assert_true(g.sentences[0].invented);
	assert_false(g.grounded);
}

static void courtesies_claim_nothing(void **state)
{
	struct ground g = check(NULL, "# Keep pods\n\nSure! Happy to help with this question.\n"
				      "Do you want to keep them?\nRun this:\n");
	for (size_t i = 0; i < g.count; i++)
		if (g.sentences[i].claims)
			assert_true(str_starts(g.sentences[i].text, STR("Happy")));
	assert_false(check(NULL, "").grounded);
	assert_false(check(NULL, "Hello!\n\n#\n").grounded);
}

static void lists_tables_and_citations_are_read(void **state)
{
	struct answer_sentences out;
	struct err err = {ERR_OK, ""};
	static const char answer[] =
		"Intro sentence of pods [1, 2].\n\n- First item, e.g. this one [1]\n"
		"2. Second item. [2] Third sentence of it.\n> Quoted words here\n| a cell | b |\n"
		"~~~\n```\nunclosed `code";
	assert_int_equal(ground_split(STR(answer), &arena, &out, &err), ERR_OK);
	static const char *const wanted[] = {"Intro sentence of pods",
					     "First item, e.g. this one",
					     "Second item.",
					     "Third sentence of it.",
					     "Quoted words here",
					     "a cell | b |",
					     "~~~",
					     "unclosed `code"};
	assert_int_equal(out.count, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < out.count; i++)
		assert_true(str_eq(out.items[i].text, str_c(wanted[i])));
	assert_true(out.items[7].code);
}

static void literals_are_found_and_compared(void **state)
{
	struct str out[GROUND_LITERALS_MAX];
	size_t n = ground_literals(
		STR("Run `kubectl get` with --dry-run on Katib 1.8.22, see spec.retain or A_B."),
		out);
	static const char *const wanted[] = {"kubectl get", "--dry-run", "Katib", "1.8.22", "A_B"};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		bool found = false;
		for (size_t j = 0; j < n; j++)
			found = found || str_eq(out[j], str_c(wanted[i]));
		if (!found)
			fail_msg("no literal '%s'", wanted[i]);
	}
	assert_int_equal(ground_literals(STR("Everything is in lower case here."), out), 0);
	assert_true(ground_holds(STR("version 1.8 is old"), STR("1.8")));
	assert_false(ground_holds(STR("version 1.8.22 is old"), STR("1.8")));
	assert_false(ground_holds(STR("version 11.8 is old"), STR("1.8")));
	assert_true(ground_holds(STR("It is 1.8."), STR("1.8")));
	assert_true(ground_holds(STR("two PVCs"), STR("PVC")));
	assert_false(ground_holds(STR("retained"), STR("retain")));
	assert_true(ground_negates(STR("It isn't so.")));
	assert_true(ground_negates(STR("It is not so.")));
	assert_false(ground_negates(STR("It is so, it noted.")));
}

/* Embedding is for what words leave open, and bounded. */
static void few_sentences_are_embedded(void **state)
{
	struct fake_embedder fake;
	struct buf answer;
	fake_embedder_init(&fake);
	(void)check(&fake.embedder, "By default Katib deletes the pods of finished trials.");
	assert_int_equal(atomic_load(&fake.embedded), 0);
	buf_init(&answer, alloc_default(), 1 << 20);
	for (int i = 0; i < 40; i++)
		assert_true(buf_append(&answer,
				       STR("Pods of finished trials are removed unless somebody "
					   "wants to look at what is inside.\n\n")));
	assert_true(buf_append_byte(&answer, '\0'));
	(void)check(&fake.embedder, answer.ptr);
	assert_true(atomic_load(&fake.embedded) > 0);
	assert_true(atomic_load(&fake.embedded) <= 12);
	fake.fail_after = 0;
	const struct retrieve_results results = {.items = sources, .count = 2};
	struct ground out;
	struct err err = {ERR_OK, ""};
	assert_int_equal(
		ground_check(&fake.embedder, str_c(answer.ptr), &results, &arena, &out, &err),
		ERR_UNAVAILABLE);
	buf_release(&answer);
}

static void endless_answers_are_bounded(void **state)
{
	struct buf answer;
	buf_init(&answer, alloc_default(), 1 << 20);
	for (int i = 0; i < GROUND_SENTENCES_MAX + 5; i++)
		assert_true(buf_append(&answer, STR("By default Katib deletes the pods of "
						    "finished trials.\n")));
	assert_true(buf_append_byte(&answer, '\0'));
	struct ground g = check(NULL, answer.ptr);
	assert_int_equal(g.count, GROUND_SENTENCES_MAX);
	assert_int_equal(g.unsupported, 0);
	assert_false(g.grounded);
	buf_release(&answer);
	const struct retrieve_results none = {.count = 0};
	struct err err = {ERR_OK, ""};
	assert_int_equal(ground_check(NULL, STR("Pods are deleted."), &none, &arena, &g, &err),
			 ERR_OK);
	assert_false(g.grounded);
	assert_int_equal(g.unsupported, 1);
}

static void memory_runs_out(void **state)
{
	const struct retrieve_results results = {.items = sources, .count = 2};
	struct err err = {ERR_OK, ""};
	bool failed = false;
	for (size_t max = 1024;; max *= 2) {
		struct arena small;
		struct ground out;
		arena_init(&small, alloc_default(), max);
		enum err_code code = ground_check(NULL, STR("Pods of trials are deleted."),
						  &results, &small, &out, &err);
		arena_release(&small);
		if (code == ERR_OK)
			break;
		failed = true;
		assert_true(code == ERR_LIMIT || code == ERR_NOMEM);
	}
	assert_true(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_the_sources_say_is_grounded, setup, teardown),
		cmocka_unit_test_setup_teardown(what_no_source_says_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(invented_literals_are_not_supported, setup,
						teardown),
		cmocka_unit_test_setup_teardown(changed_sentences_are_worth_less, setup, teardown),
		cmocka_unit_test_setup_teardown(invented_code_is_not_supported, setup, teardown),
		cmocka_unit_test_setup_teardown(courtesies_claim_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_tables_and_citations_are_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(literals_are_found_and_compared, setup, teardown),
		cmocka_unit_test_setup_teardown(few_sentences_are_embedded, setup, teardown),
		cmocka_unit_test_setup_teardown(endless_answers_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_runs_out, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
