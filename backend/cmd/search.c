#include <stdio.h>
#include <string.h>

#include "answer/present.h"
#include "cmd/query.h"

enum { SNIPPET_BYTES = 240, DEFAULT_TOP_K = 5 };

const struct option search_options[] = {
	{"top-k", "N", "how many sections to show (5)"},
	{"type", "TYPE", "only results of this type: doc, pull_request, issue or code"},
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

/* As /api/search takes them; an index of documentation holds nothing but "doc". */
static bool known_type(const char *type)
{
	static const char *const types[] = {"doc", "pull_request", "issue", "code"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* Takes out the results of other types; those that stay keep their rank. */
static void keep_type(struct retrieve_results *results, struct str type)
{
	size_t kept = 0;
	for (size_t i = 0; i < results->count; i++)
		if (str_eq(results->items[i].passage.type, type))
			results->items[kept++] = results->items[i];
	results->count = kept;
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
	if (type && !known_type(type))
		return context_usage(
			ctx, "--type must be doc, pull_request, issue or code, not '%s'", type);
	const struct retrieve_options options = {.top_k = (size_t)top_k};
	struct str query = context_words(ctx);
	if (query_open(ctx, &session, &err))
		return context_fail(ctx, &err);
	int status = EXIT_DONE;
	enum err_code code = retrieve(session.store, session.embedder, ctx->clock, query, &options,
				      ctx->arena, &results, &err);
	if (!code && type)
		keep_type(&results, str_c(type));
	if (code)
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
