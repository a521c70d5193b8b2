/* answer/query: what a question is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/query.h"

struct subject_case {
	const char *question, *want;
};

static void preventing_verbs_are_dropped(void **state)
{
	static const struct subject_case cases[] = {
		{"How do I stop Katib from deleting the pods?",
		 "How do I Katib deleting the pods?"},
		{"prevent users from seeing it", "users seeing it"},
		{"KEEP a b c d e f FROM doing", "a b c d e f doing"},
		/* anything else stays as it is */
		{"keep a b c d e f g from doing", "keep a b c d e f g from doing"},
		{"How do I keep the pods?", "How do I keep the pods?"},
		{"stop from deleting", "stop from deleting"},
		{"stop it from", "stop it from"},
		{"stop reading from disk", "stop reading from disk"},
		{"keep files from this run", "keep files from this run"},
		{"stop stop x from running", "stop x running"},
		{"unstoppable x from running", "unstoppable x from running"},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		arena_init(&arena, alloc_default(), 1 << 16);
		struct str got = query_subject(str_c(cases[i].question), &arena);
		/* white space where the verb was does not matter */
		char folded[200];
		size_t len = 0;
		for (size_t j = 0; j < got.len && len + 1 < sizeof(folded); j++)
			if (got.ptr[j] != ' ' || (len && folded[len - 1] != ' '))
				folded[len++] = got.ptr[j];
		folded[len] = '\0';
		assert_non_null(got.ptr);
		assert_string_equal(folded, cases[i].want);
		arena_release(&arena);
	}
}

static void questions_about_what_is_old(void **state)
{
	static const char *const yes[] = {"the LEGACY dashboard", "old sdk?",
					  "is it deprecated.",    "older releases",
					  "archived pages",       "(obsolete)"};
	static const char *const no[] = {"",       "household", "golden",
					 "folder", "deprecate", "how bold is v2"};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(query_asks_for_old(str_c(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(query_asks_for_old(str_c(no[i])));
}

struct version_case {
	const char *question, *version;
	bool named;
};

static void questions_name_versions(void **state)
{
	static const struct version_case cases[] = {
		{"in Kubeflow 1.9?", "1.9", true},
		{"in Kubeflow v1.9.1, please", "1.9", true},
		{"1.9.", "v1.9", true},
		{"KFP V1 components", "1", true},
		{"kfp 1.8.22", "1", true},
		{"kfp 1.8.22", "v1", true},
		{"kfp==1.8.22", "1.8", true},
		{"kubeflow 1.10", "1.1", false},
		{"kubeflow 11.9", "1.9", false},
		{"v1beta1", "1", false},
		{"I have 1 pod", "1", false},
		{"v2", "1", false},
		{"any", "", false},
		{"v", "v", false},
		{"", "1", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (query_names_version(str_c(cases[i].question), str_c(cases[i].version)) !=
		    cases[i].named)
			fail_msg("%s / %s", cases[i].question, cases[i].version);
}

static void memory_runs_out(void **state)
{
	struct arena arena;
	arena_init(&arena, alloc_default(), 8);
	assert_null(query_subject(STR("stop it from deleting everything"), &arena).ptr);
	assert_non_null(query_subject(STR("anything else"), &arena).ptr);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preventing_verbs_are_dropped),
		cmocka_unit_test(questions_about_what_is_old),
		cmocka_unit_test(questions_name_versions),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
