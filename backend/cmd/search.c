#include <stdio.h>
#include <string.h>

#include "answer/present.h"
#include "cmd/query.h"

enum { SNIPPET_BYTES = 240, DEFAULT_TOP_K = 5 };

const struct option search_options[] = {
	{"top-k", "N", "how many sections to show (5)"},
	{"type", "TYPE", "only results of this type: doc, pull_request, issue or code"},
	{"repo", "OWNER/NAME", "only results of this repository (or source, where it has none)"},
	{"release", "VERSION", "only results about this version of the software, as 1.9"},
	{"explain", NULL, "show what each ranking adds to a score"},
	{NULL, NULL, NULL},
};

/* The shares of the rankings, by page and among the sections of the page, and the reranker's. */
static void print_signals(const struct retrieve_result *r)
{
	const struct fused *f = &r->signals;
	fputs("   page", stdout);
	for (int i = 0; i < SIGNAL_COUNT; i++)
		printf("  %s %.3f", retrieve_signal_name((enum retrieve_signal)i),
		       f->page_share[i]);
	if (f->page_factor < 1)
		printf("  × %.2f: archived", f->page_factor);
	printf("  = %.3f\n   section", f->page_score);
	for (int i = 0; i < SIGNAL_COUNT; i++)
		printf("  %s %.3f", retrieve_signal_name((enum retrieve_signal)i),
		       f->section_share[i]);
	fputc('\n', stdout);
	if (r->reranked)
		printf("   reranker %.4f: share %.3f, of the rankings %.3f\n", (double)r->rerank,
		       r->rerank_share, r->fused_share);
}

static void print_results(const struct retrieve_results *results, bool explain, struct arena *arena)
{
	if (results->count == 0)
		puts("No results.");
	for (size_t i = 0; i < results->count; i++) {
		const struct retrieve_result *r = &results->items[i];
		struct str text = present_one_line(r->passage.text, SNIPPET_BYTES, arena);
		printf("%zu. %.*s%s%.*s  (%.4f)\n   %.*s\n   %.*s\n", r->rank,
		       STR_ARG(r->passage.title), r->passage.section_path.len ? " › " : "",
		       STR_ARG(r->passage.section_path), r->score, STR_ARG(r->url), STR_ARG(text));
		if (explain)
			print_signals(r);
		fputc('\n', stdout);
	}
}

/* As /api/search takes them. */
static bool known_type(const char *type)
{
	static const char *const types[] = {"doc", "pull_request", "issue", "code"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static struct str option_str(const struct context *ctx, const char *name)
{
	const char *value = context_option(ctx, name);
	return value ? str_c(value) : STR("");
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
	struct str query = context_words(ctx);
	bool explain = context_option(ctx, "explain") != NULL;
	if (query_open(ctx, &session, &err))
		return context_fail(ctx, &err);
	const struct retrieve_options options = {.top_k = (size_t)top_k,
						 .tuning = &session.tuning,
						 .rerank = session.rerank,
						 .type = option_str(ctx, "type"),
						 .repo = option_str(ctx, "repo"),
						 .version = option_str(ctx, "release")};
	int status = EXIT_DONE;
	enum err_code code = retrieve(session.store, session.embedder, ctx->clock, query, &options,
				      ctx->arena, &results, &err);
	if (code)
		status = context_fail(ctx, &err);
	else if (ctx->json)
		status = context_print_json(present_results(query, &results, explain))
				 ? EXIT_DONE
				 : EXIT_FAILED;
	else
		print_results(&results, explain, ctx->arena);
	query_close(&session);
	return status;
}
