#include "cmd/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct command commands[] = {
	{"index", "[SOURCE…]", "index folders, git repositories and websites", index_options, 0, 64,
	 command_index},
	{"search", "QUERY…", "find the sections that match", search_options, 1, 4096,
	 command_search},
	{"ask", "QUESTION…", "answer one question from the index", ask_options, 1, 4096,
	 command_ask},
	{"route", "QUESTION…", "tell how a question would be handled, without searching",
	 route_options, 1, 4096, command_route},
	{"serve", "", "run the service with its chat page", NULL, 0, 0, command_serve},
	{"mcp", "", "the search tools for editors (MCP over standard input and output)", NULL, 0, 0,
	 command_mcp},
	{"eval", "FILE.jsonl…", "measure retrieval and answers on question sets", eval_options, 0,
	 64, command_eval},
	{"gaps", "", "questions that the documentation does not answer", gaps_options, 0, 0,
	 command_gaps},
	{"model", "list|info|fetch|verify [NAME]", "embedding models", model_options, 1, 2,
	 command_model},
	{"bench", "encode|search", "figures of this machine", bench_options, 1, 1, command_bench},
	{"config", "show|check", "every setting, its value and where it came from", NULL, 1, 1,
	 command_config},
	{"completion", "bash|zsh|fish", "print a completion script for a shell", NULL, 1, 1,
	 command_completion},
	{"version", "", "print the version", NULL, 0, 0, command_version},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

const struct option global_options[] = {
	{"config", "FILE", "read settings from a YAML file"},
	{"json", NULL, "print one JSON document"},
	{"help", NULL, "show help"},
	{"version", NULL, "show the version"},
	{NULL, NULL, NULL},
};

const char *context_option(const struct context *ctx, const char *name)
{
	for (size_t i = ctx->given_count; i-- > 0;)
		if (strcmp(ctx->given[i].option->name, name) == 0)
			return ctx->given[i].value;
	return NULL;
}

struct str context_words(const struct context *ctx)
{
	struct str text = STR("");
	for (size_t i = 0; i < ctx->arg_count && text.ptr; i++)
		text = i ? arena_printf(ctx->arena, "%.*s %s", STR_ARG(text), ctx->args[i])
			 : str_c(ctx->args[i]);
	return text;
}

bool context_print_json(json_t *value)
{
	bool ok = value &&
		  json_dumpf(value, stdout,
			     JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12)) == 0 &&
		  putchar('\n') != EOF && fflush(stdout) == 0;
	json_decref(value);
	return ok;
}

int context_fail(const struct context *ctx, const struct err *err)
{
	fprintf(stderr, "docs-bot: %s\n", err->message);
	if (ctx->json)
		context_print_json(json_pack("{s:s, s:o}", "status", "failed", "error",
					     json_from_str(str_c(err->message))));
	return EXIT_FAILED;
}

int context_usage(const struct context *ctx, const char *fmt, ...)
{
	(void)ctx;
	va_list args;
	fputs("docs-bot: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_USAGE;
}
