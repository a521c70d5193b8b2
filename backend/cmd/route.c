#include <stdio.h>

#include "answer/route.h"
#include "base/utf8.h"
#include "cmd/history.h"

const struct option route_options[] = {HISTORY_OPTION, {NULL, NULL, NULL}};

static const struct {
	enum route_source source;
	const char *name;
} source_names[] = {{ROUTE_DOC, "doc"},
		    {ROUTE_ISSUE, "issue"},
		    {ROUTE_CODE, "code"},
		    {ROUTE_PULL_REQUEST, "pull_request"}};

static json_t *sources_json(unsigned sources)
{
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof(source_names) / sizeof(source_names[0]) && list; i++)
		if ((sources & source_names[i].source) &&
		    json_array_append_new(list, json_string(source_names[i].name))) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *route_json(const struct route *route)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "route", answer_route_name(route->route),
			 "sources", sources_json(route->sources), "search_query",
			 json_from_str(route->search_query), "reason", json_from_str(route->reason),
			 "reply", json_from_str(route->reply));
}

static void print_route(const struct route *route)
{
	printf("%s: %.*s\n", answer_route_name(route->route), STR_ARG(route->reason));
	if (route->sources) {
		fputs("sources:", stdout);
		for (size_t i = 0; i < sizeof(source_names) / sizeof(source_names[0]); i++)
			if (route->sources & source_names[i].source)
				printf(" %s", source_names[i].name);
		printf("\nsearch query: %.*s\n", STR_ARG(route->search_query));
	}
	if (route->reply.len)
		printf("reply: %.*s\n", STR_ARG(route->reply));
}

int command_route(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct history history;
	struct route route;
	struct str question = context_words(ctx);
	if (!question.ptr)
		arena_fail(ctx->arena, &err);
	else if (!utf8_valid(question))
		err_set(&err, ERR_INVALID, "the question is no valid UTF-8");
	else if (!history_load(ctx, &history, &err) &&
		 !route_decide(question, &history, ctx->arena, &route, &err) && !ctx->json)
		print_route(&route);
	if (err.code)
		return context_fail(ctx, &err);
	if (ctx->json)
		return context_print_json(route_json(&route)) ? EXIT_DONE : EXIT_FAILED;
	return EXIT_DONE;
}
