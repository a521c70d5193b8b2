/* answer/dump: questions without what was pasted below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/dump.h"
#include "base/buf.h"

#define TRACE                                                                                      \
	"Traceback (most recent call last):\n"                                                     \
	"  File \"/srv/app/run.py\", line 12, in <module>\n"                                       \
	"    start()\n"                                                                            \
	"  File \"/srv/app/run.py\", line 7, in start\n"                                           \
	"    raise TimeoutError(url)\n"                                                            \
	"TimeoutError: http://10.0.0.7:8888/x"
#define PODS                                                                                       \
	"$ kubectl get pods -n a\n"                                                                \
	"NAME      READY   STATUS    RESTARTS\n"                                                   \
	"web-0     0/1     Pending   0\n"                                                          \
	"web-1     1/1     Running   2 (3m ago)"
#define PANIC                                                                                      \
	"panic: runtime error: index out of range [3] with length 3\n\n"                           \
	"goroutine 1 [running]:\n"                                                                 \
	"main.main()\n"                                                                            \
	"\t/src/main.go:9 +0x1d\n"                                                                 \
	"created by net/http.(*Server).Serve in goroutine 1\n"                                     \
	"exit status 2"

struct dump_case {
	const char *question, *want;
};

static void check(const char *question, const char *want)
{
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 20);
	struct str got = dump_strip(str_c(question), &arena);
	if (!got.ptr || !str_eq(got, str_c(want)))
		fail_msg("'%s' became '%.*s'", question, STR_ARG(got));
	arena_release(&arena);
}

static void dumps_are_left_out(void **state)
{
	static const struct dump_case cases[] = {
		{"How do I turn off caching for one step?\n\n" TRACE,
		 "How do I turn off caching for one step?"},
		{TRACE "\n\nHow do I turn off caching for one step?\n",
		 "How do I turn off caching for one step?"},
		{"Which volume does the notebook mount?\n\n" PODS "\n\nIt is about the second one.",
		 "Which volume does the notebook mount?\nIt is about the second one."},
		/* the line above the trace is a paragraph of its own */
		{"set GPU limits on tasks\n\n" PANIC,
		 "set GPU limits on tasks\n"
		 "panic: runtime error: index out of range [3] with length 3"},
		{"\nERROR: Cannot install a and b because these have conflicting needs.\n"
		 "The conflict is caused by:\n"
		 "    a 1.4.2 depends on c<5 and >=4.21\n"
		 "ERROR: ResolutionImpossible: for help visit the site of it\n"
		 "make: *** [Makefile:31: deps] Error 1\n\nis pipelines alone supported?",
		 "is pipelines alone supported?"},
		/* too little is left: the error is what it is about */
		{"why?\n\n" TRACE, "why?\n\n" TRACE},
		{"What does this mean\n\n" TRACE,
		 "What does this mean\nTimeoutError: http://10.0.0.7:8888/x"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].question, cases[i].want);
}

static void questions_stay(void **state)
{
	static const char *const same[] = {
		"",
		"\n\n",
		"one line only",
		"RuntimeError: shared memory is used up. Please try to raise it.\n\nWhere do I set "
		"it?",
		"SDK 2 does not compile it:\n\nwith dsl.ParallelFor(xs) as x:\n    t = "
		"f(x=x)\n\nHow?",
		TRACE, /* nothing else was asked */
		PODS "\n\n" TRACE,
	};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		check(same[i], same[i]);
}

static void long_errors_are_cut_between_characters(void **state)
{
	struct buf text;
	struct arena arena;
	buf_init(&text, alloc_default(), 1 << 16);
	buf_append(&text, STR("What does this mean\n\nError: "));
	for (int i = 0; i < 200; i++)
		buf_append(&text, STR("\xc3\xa9"));
	buf_append(&text, STR("\na=1\nb=2\nc=3"));
	arena_init(&arena, alloc_default(), 1 << 20);
	struct str got = dump_strip(buf_str(&text), &arena);
	assert_int_equal(got.len, strlen("What does this mean\n") + 199); /* not half an é */
	assert_true(str_ends(got, STR("\xc3\xa9")));
	arena_release(&arena);
	arena_init(&arena, alloc_default(), 8);
	assert_null(dump_strip(buf_str(&text), &arena).ptr);
	arena_release(&arena);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dumps_are_left_out),
		cmocka_unit_test(questions_stay),
		cmocka_unit_test(long_errors_are_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
