/* answer/rewrite: follow-ups as questions that stand by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/rewrite.h"
#include "support/fail_alloc.h"

enum { MEMORY = 64 << 20, TURNS = 4, WORDS = 4 };

struct rewrite_case {
	const char *turns[TURNS]; /* user, assistant, user, … */
	const char *question;
	const char *with[WORDS];    /* stand in the query, none: it is the question itself */
	const char *without[WORDS]; /* do not */
};

static struct history history_of(const char *const *turns, struct chat_turn *room)
{
	size_t n = 0;
	for (; n < TURNS && turns[n]; n++)
		room[n] = (struct chat_turn){n % 2 ? CHAT_ASSISTANT : CHAT_USER, str_c(turns[n])};
	return (struct history){room, n};
}

static bool holds(struct str text, const char *word)
{
	return str_find_nocase(text, str_c(word), 0) != STR_NPOS;
}

static void follow_ups_carry_their_subject(void **state)
{
	static const struct rewrite_case cases[] = {
		{{"How do I set a GPU limit for a pipeline step?", "Call set_accelerator_limit."},
		 "and for notebooks?",
		 {"and for notebooks?", "GPU", "limit"},
		 {"pipeline", "set_accelerator_limit"}},
		{{"How do I create a profile?", "Apply a Profile resource."},
		 "how do I undo that",
		 {"how do I undo that", "profile"},
		 {NULL}},
		{{"Which Istio is in Kubeflow 1.8?", "1.17."},
		 "what about 1.9",
		 {"Istio", "1.9"},
		 {"1.8"}},
		{{"Does Katib support Postgres?", "Yes."},
		 "same with the SDK?",
		 {"Postgres", "SDK"},
		 {NULL}},
		{{"Can I try a pipeline locally?", "Yes, with local.DockerRunner()."},
		 "what if I can't have that?",
		 {"pipeline", "local.DockerRunner"},
		 {NULL}},
		{{"Which algorithms does Katib have?", "Many.", "what about hyperband?", "Yes."},
		 "which parameters does it need?",
		 {"hyperband", "Katib"},
		 {NULL}},
		/* what stands by itself takes nothing */
		{{"How do I create a profile?", "Apply a Profile resource."},
		 "ok, thanks. how do I set up Spark?",
		 {NULL},
		 {"profile"}},
		{{"How do I create a profile?", "Apply a Profile resource."},
		 "How do I delete an experiment and everything in it?",
		 {NULL},
		 {"profile"}},
		{{"How do I create a profile?", "Apply a Profile resource."},
		 "Different question: where does it log?",
		 {NULL},
		 {"profile"}},
		{{NULL}, "and for notebooks?", {NULL}, {NULL}},
		{{"thanks", "Welcome!"}, "and now?", {NULL}, {NULL}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rewrite_case *c = &cases[i];
		struct chat_turn room[TURNS];
		struct history history = history_of(c->turns, room);
		struct arena arena;
		struct str out;
		struct err err = {ERR_OK, ""};
		arena_init(&arena, alloc_default(), MEMORY);
		assert_int_equal(rewrite_by_rules(str_c(c->question), &history, &arena, &out, &err),
				 ERR_OK);
		assert_int_equal(rewrite_is_follow_up(str_c(c->question), &history),
				 c->with[0] != NULL);
		if (!c->with[0] && !str_eq(out, str_c(c->question)))
			fail_msg("'%s' became '%.*s'", c->question, STR_ARG(out));
		for (size_t w = 0; w < WORDS; w++) {
			if (c->with[w] && !holds(out, c->with[w]))
				fail_msg("'%.*s' has lost '%s'", STR_ARG(out), c->with[w]);
			if (c->without[w] && holds(out, c->without[w]))
				fail_msg("'%.*s' has '%s'", STR_ARG(out), c->without[w]);
		}
		assert_true(str_starts(out, str_c(c->question)));
		arena_release(&arena);
	}
}

struct accept_case {
	const char *first, *question, *proposal, *want; /* NULL: what the rules give */
};

static void proposals_are_checked(void **state)
{
	static const struct accept_case cases[] = {
		{"How do I create a profile?", "how do I delete it?", "How do I delete a profile?",
		 "How do I delete a profile?"},
		{"How do I create a profile?", "how do I delete it?",
		 "\"Standalone question: how do I delete a profile?\"",
		 "how do I delete a profile?"},
		{"How do I create a profile?", "how do I delete it?",
		 "Query: \"How do I delete a profile?\"\nBecause the user asks.",
		 "How do I delete a profile?"},
		/* what is lost comes back */
		{"How do I create a profile?", "can I do it with kfp 2.4 and \"--dry-run\"?",
		 "Can I create a profile?", "Can I create a profile? kfp 2.4 \"--dry-run\""},
		/* made up, of another topic, with an address, empty, of no use */
		{"How do I create a profile?", "how do I delete it?", "How do I delete a TrainJob?",
		 NULL},
		{"How do I create a profile?", "how do I delete it?", "delete profile 1.7", NULL},
		{"How do I create a profile?", "Where does Katib keep its database?",
		 "Where does Katib keep the database of a profile?", NULL},
		{"How do I create a profile?", "how do I delete it?", "see https://evil.example",
		 NULL},
		{"How do I create a profile?", "how do I delete it?", "", NULL},
		{"How do I create a profile?", "how do I delete it?", "Sorry!", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct accept_case *c = &cases[i];
		struct chat_turn turn = {CHAT_USER, str_c(c->first)};
		const struct history history = {&turn, 1};
		struct arena arena;
		struct str got, rules;
		struct err err = {ERR_OK, ""};
		arena_init(&arena, alloc_default(), MEMORY);
		assert_int_equal(rewrite_accept(str_c(c->question), &history, str_c(c->proposal),
						&arena, &got, &err),
				 ERR_OK);
		assert_int_equal(
			rewrite_by_rules(str_c(c->question), &history, &arena, &rules, &err),
			ERR_OK);
		struct str want = c->want ? str_c(c->want) : rules;
		if (!str_eq(got, want))
			fail_msg("'%s' gives '%.*s', not '%.*s'", c->proposal, STR_ARG(got),
				 STR_ARG(want));
		arena_release(&arena);
	}
}

/* A history of 10 MB in one turn, or of very many. */
static void long_histories_are_bounded(void **state)
{
	enum { LENGTH = 10 << 20, COUNT = 100000 };
	char *text = malloc(LENGTH);
	struct chat_turn *turns = calloc(COUNT, sizeof(*turns));
	assert_non_null(text);
	assert_non_null(turns);
	memset(text, 'x', LENGTH);
	for (size_t i = 0; i < COUNT; i++)
		turns[i] = (struct chat_turn){i % 2 ? CHAT_ASSISTANT : CHAT_USER,
					      {text, i < COUNT - 2 ? 10 : LENGTH}};
	const struct history history = {turns, COUNT};
	struct arena arena;
	struct str out;
	struct err err;
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(rewrite_by_rules(STR("and for v2?"), &history, &arena, &out, &err),
			 ERR_OK);
	assert_true(out.len < 10000);
	arena_release(&arena);
	free(turns);
	free(text);
}

static void memory_may_run_out(void **state)
{
	struct chat_turn turn = {CHAT_USER, STR("How do I create a profile?")};
	const struct history history = {&turn, 1};
	bool ended = false;
	for (size_t at = 1; at < 200 && !ended; at++) {
		struct fail_alloc fail;
		struct arena arena;
		struct str out;
		struct err err = {ERR_OK, ""};
		fail_alloc_init(&fail, at, false);
		arena_init(&arena, &fail.alloc, MEMORY);
		enum err_code code =
			rewrite_by_rules(STR("how do I undo that?"), &history, &arena, &out, &err);
		ended = fail.failures == 0;
		assert_int_equal(code, ended ? ERR_OK : ERR_NOMEM);
		arena_release(&arena);
		assert_int_equal(fail.live, 0);
	}
	assert_true(ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follow_ups_carry_their_subject),
		cmocka_unit_test(proposals_are_checked),
		cmocka_unit_test(long_histories_are_bounded),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
