/*
 * The command line: one table of commands (commands.c), one file per command. To add a command:
 * write cmd/<name>.c with its run function and options, and add a row to the table; --help,
 * completion and the usage errors follow from it.
 */
#ifndef DOCS_BOT_CMD_COMMAND_H
#define DOCS_BOT_CMD_COMMAND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/settings.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* An option of one command that is not a setting. */
struct option {
	const char *name;  /* without "--" */
	const char *value; /* what to call its value in the help, NULL for a switch */
	const char *help;
};

struct given_option {
	const struct option *option;
	const char *value; /* "" for a switch */
};

struct context {
	const struct alloc *alloc;
	const struct clock *clock;
	struct logger log;
	struct arena *arena; /* for the whole run */
	struct config config;
	const char *config_file; /* NULL: none was given */
	bool json;
	const char **args; /* positional */
	size_t arg_count;
	struct given_option *given;
	size_t given_count;
	const atomic_bool *stop; /* set by SIGINT and SIGTERM */
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;
	const struct option *options; /* ends with a NULL name; may be NULL */
	size_t min_args, max_args;
	int (*run)(struct context *ctx); /* returns an exit code, has printed its own error */
};

extern const struct command commands[]; /* ends with a NULL name */
extern const struct option global_options[];

int command_index(struct context *ctx);
int command_search(struct context *ctx);
int command_ask(struct context *ctx);
int command_route(struct context *ctx);
int command_serve(struct context *ctx);
int command_mcp(struct context *ctx);
int command_gaps(struct context *ctx);
int command_eval(struct context *ctx);
int command_model(struct context *ctx);
int command_bench(struct context *ctx);
int command_config(struct context *ctx);
int command_completion(struct context *ctx);
int command_version(struct context *ctx);

extern const struct option gaps_options[], index_options[], search_options[], ask_options[],
	route_options[], eval_options[], model_options[], bench_options[];

/* The last value given for an option, or NULL. */
const char *context_option(const struct context *ctx, const char *name);

/* All positional arguments joined by spaces: so that questions need no quotes. */
struct str context_words(const struct context *ctx);

/* "docs-bot: message" on stderr (or a JSON object on stdout with --json); returns EXIT_FAILED. */
int context_fail(const struct context *ctx, const struct err *err);

/* As context_fail, for wrong use; returns EXIT_USAGE. */
int context_usage(const struct context *ctx, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prints a JSON document on stdout and gives it up; returns false when stdout fails. */
bool context_print_json(json_t *value);

#endif
