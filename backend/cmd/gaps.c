#include <stdio.h>

#include "answer/guard.h"
#include "answer/present.h"
#include "cmd/backends.h"

enum { DEFAULT_LIMIT = 100, QUESTION_BYTES = 240 };

const struct option gaps_options[] = {
	{"limit", "N", "how many questions to show, those asked most often first (100)"},
	{NULL, NULL, NULL},
};

static json_t *pages_json(const struct state_gap *gap)
{
	json_t *list = json_array();
	for (size_t i = 0; i < gap->page_count && list; i++)
		if (json_array_append_new(list, json_pack("{s:o, s:o}", "title",
							  json_from_str(gap->pages[i].title), "url",
							  json_from_str(gap->pages[i].url)))) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *gaps_json(const struct state_gaps *gaps)
{
	json_t *list = json_array();
	for (size_t i = 0; i < gaps->count && list; i++) {
		const struct state_gap *gap = &gaps->items[i];
		char first[32], last[32];
		clock_format(gap->first_ms, first);
		clock_format(gap->last_ms, last);
		if (json_array_append_new(list,
					  json_pack("{s:o, s:I, s:s, s:s, s:o, s:o}", "question",
						    json_from_str(gap->question), "count",
						    (json_int_t)gap->count, "first", first, "last",
						    last, "reason", json_from_str(gap->reason),
						    "pages", pages_json(gap)))) {
			json_decref(list);
			list = NULL;
		}
	}
	return json_pack("{s:o}", "gaps", list);
}

/* Readers asked these, and wherever they end up, a terminal must not obey them. */
static enum err_code print_text(const char *before, struct str text, struct arena *arena,
				struct err *err)
{
	enum err_code code = guard_question(text, arena, &text, err);
	if (!code) {
		text = present_one_line(text, QUESTION_BYTES, arena);
		if (!text.ptr)
			return arena_fail(arena, err);
		printf("%s%.*s", before, STR_ARG(text));
	}
	return code;
}

static enum err_code print_gap(const struct state_gap *gap, struct arena *arena, struct err *err)
{
	char last[32];
	clock_format(gap->last_ms, last);
	printf("%llu× ", (unsigned long long)gap->count);
	enum err_code code = print_text("", gap->question, arena, err);
	printf("\n   last %.10s", last);
	if (!code && gap->reason.len)
		code = print_text(": ", gap->reason, arena, err);
	putchar('\n');
	for (size_t i = 0; i < gap->page_count && !code; i++) {
		code = print_text("   near: ", gap->pages[i].title, arena, err);
		if (!code)
			code = print_text("  ", gap->pages[i].url, arena, err);
		putchar('\n');
	}
	return code;
}

int command_gaps(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct state *state = NULL;
	struct state_gaps gaps = {0};
	uint64_t limit = DEFAULT_LIMIT;
	const char *given = context_option(ctx, "limit");
	if (given && (!str_to_u64(str_c(given), &limit) || !limit))
		return context_usage(ctx, "--limit must be a whole number from 1, not '%s'", given);
	enum err_code code = backends_state(ctx, false, &state, &err);
	if (!code)
		code = state_gaps(state, (size_t)limit, ctx->arena, &gaps, &err);
	state_close(state);
	if (code && code != ERR_NOTFOUND) /* no service has noted anything here yet */
		return context_fail(ctx, &err);
	if (ctx->json)
		return context_print_json(gaps_json(&gaps)) ? EXIT_DONE : EXIT_FAILED;
	if (!gaps.count)
		puts("No questions without an answer have been noted.");
	for (size_t i = 0; i < gaps.count; i++)
		if (print_gap(&gaps.items[i], ctx->arena, &err))
			return context_fail(ctx, &err);
	return EXIT_DONE;
}
