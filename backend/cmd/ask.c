#include <stdio.h>

#include "answer/present.h"
#include "cmd/history.h"
#include "cmd/query.h"

static bool print_piece(void *ctx, struct str piece)
{
	(void)ctx;
	return fwrite(piece.ptr, 1, piece.len, stdout) == piece.len && fflush(stdout) == 0;
}

static void print_sources(const struct answer_result *answer)
{
	if (answer->citation_count)
		puts(answer->abstained ? "\nNearest pages:" : "\nSources:");
	for (size_t i = 0; i < answer->citation_count; i++) {
		const struct answer_citation *c = &answer->citations[i];
		printf("[%d] %.*s%s%.*s\n    %.*s\n", c->index, STR_ARG(c->title),
		       c->section.len ? " › " : "", STR_ARG(c->section), STR_ARG(c->url));
	}
}

const struct option ask_options[] = {
	HISTORY_OPTION,
	{"no-llm", NULL, "quote the documents even if there is a language model"},
	{NULL, NULL, NULL},
};

int command_ask(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct query_session session;
	struct answer_result answer;
	struct history history;
	struct str question = context_words(ctx);
	if (history_load(ctx, &history, &err) || query_open(ctx, &session, &err))
		return context_fail(ctx, &err);
	if (context_option(ctx, "no-llm"))
		session.settings.mode = ANSWER_EXTRACTIVE;
	if (query_open_llm(ctx, &session, &err)) {
		query_close(&session);
		return context_fail(ctx, &err);
	}
	const struct answer_deps deps = query_answer_deps(ctx, &session);
	const struct answer_request request = {question, history};
	const struct answer_sink sink = {.text = ctx->json ? NULL : print_piece};
	int status = EXIT_DONE;
	if (answer_run(&deps, &request, &sink, ctx->arena, &answer, &err)) {
		status = context_fail(ctx, &err);
	} else if (ctx->json) {
		status = context_print_json(present_answer(question, &answer)) ? EXIT_DONE
									       : EXIT_FAILED;
	} else {
		putchar('\n');
		print_sources(&answer);
	}
	query_close(&session);
	return status;
}
