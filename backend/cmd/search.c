#include <stdio.h>
#include <string.h>

#include "answer/present.h"
#include "cmd/query.h"

enum { SNIPPET_BYTES = 240, DEFAULT_TOP_K = 5 };

const struct option search_options[] = {
	{"top-k", "N", "how many sections to show (5)"},
	{"type", "doc", "only results of this type"},
	{NULL, NULL, NULL},
};

static void print_results(const struct retrieve_results *results, struct arena *arena)
{
	if (results->count == 0)
		puts("No results.");
	for (size_t i = 0; i < results->count; i++) {
		const struct retrieve_result *r = &results->items[i];
		struct str text = present_one_line(r->passage.text, SNIPPET_BYTES, arena);
		printf("%zu. %.*s%s%.*s  (%.4f)\n   %.*s\n   %.*s\n\n", r->rank,
		       STR_ARG(r->passage.title), r->passage.section_path.len ? " › " : "",
		       STR_ARG(r->passage.section_path), r->score, STR_ARG(r->url), STR_ARG(text));
	}
}

int command_search(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct query_session session;
	struct retrieve_results results;
	uint64_t top_k = DEFAULT_TOP_K;
	const char *given = context_option(ctx, "top-k"), *type = context_option(ctx, "type");
	if (given && (!str_to_u64(str_c(given), &top_k) || top_k < 1 || top_k > RETRIEVE_MAX_TOP_K))
		return context_usage(ctx, "--top-k must be a whole number from 1 to %d, not '%s'",
				     RETRIEVE_MAX_TOP_K, given);
	if (type && strcmp(type, "doc") != 0)
		return context_usage(ctx, "--type must be doc, not '%s'", type);
	const struct retrieve_options options = {.top_k = (size_t)top_k};
	struct str query = context_words(ctx);
	if (query_open(ctx, &session, &err))
		return context_fail(ctx, &err);
	int status = EXIT_DONE;
	if (retrieve(session.store, session.embedder, ctx->clock, query, &options, ctx->arena,
		     &results, &err))
		status = context_fail(ctx, &err);
	else if (ctx->json)
		status = context_print_json(present_results(query, &results, STR("")))
				 ? EXIT_DONE
				 : EXIT_FAILED;
	else
		print_results(&results, ctx->arena);
	query_close(&session);
	return status;
}
