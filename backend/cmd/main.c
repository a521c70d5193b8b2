/* docs-bot: parses the command line, reads the settings, runs one command. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/help.h"
#include "cmd/sources.h"

enum { RUN_MEMORY_MAX = 1 << 30 };

static atomic_bool stop_requested;

static void request_stop(int signal_number)
{
	(void)signal_number;
	/* A second signal ends the program the hard way. */
	if (atomic_exchange(&stop_requested, true))
		_exit(130);
}

static void handle_signals(void)
{
	struct sigaction action = {.sa_handler = request_stop};
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static const struct option *find_option(const struct option *options, struct str name)
{
	for (; options && options->name; options++)
		if (str_eq(str_c(options->name), name))
			return options;
	return NULL;
}

struct parsed {
	const struct command *command;
	const char *config_file;
	bool help, version;
};

/* Where the value of an option at argv[*at] is: after '=' or in the next argument. */
static const char *option_value(int argc, char **argv, int *at)
{
	const char *equals = strchr(argv[*at], '=');
	if (equals)
		return equals + 1;
	return *at + 1 < argc ? argv[++*at] : NULL;
}

struct names {
	const struct config *config;
	const struct option *options;
};

/* All that may follow "--": settings, global options, the command's options. */
static const char *known_option(const void *ctx, size_t i)
{
	const struct names *names = ctx;
	if (i < names->config->count)
		return names->config->table[i].name;
	i -= names->config->count;
	const struct option *lists[] = {global_options, names->options};
	for (size_t l = 0; l < 2; l++)
		for (const struct option *o = lists[l]; o && o->name; o++)
			if (i-- == 0)
				return o->name;
	return "";
}

static int unknown_option(struct context *ctx, const struct parsed *parsed, struct str name)
{
	struct names names = {&ctx->config, parsed->command ? parsed->command->options : NULL};
	const char *near = config_nearest(name, known_option, &names, ctx->config.count + 64);
	if (near && *near)
		return context_usage(ctx, "unknown option --%.*s; did you mean --%s?",
				     STR_ARG(name), near);
	return context_usage(ctx, "unknown option --%.*s; see docs-bot --help", STR_ARG(name));
}

static int take_option(struct context *ctx, struct parsed *parsed, int argc, char **argv, int *at)
{
	struct err err;
	struct str name = str_c(argv[*at] + 2);
	size_t equals = str_find(name, STR("="), 0);
	if (equals != STR_NPOS)
		name = str_slice(name, 0, equals);
	const struct option *option = find_option(global_options, name);
	bool global = option != NULL;
	if (!option && parsed->command)
		option = find_option(parsed->command->options, name);
	size_t setting = option ? ctx->config.count : config_find(&ctx->config, name);
	if (!option && setting == ctx->config.count)
		return unknown_option(ctx, parsed, name);
	const char *value = "";
	if (!option || option->value) {
		value = option_value(argc, argv, at);
		if (!value)
			return context_usage(ctx, "--%.*s needs a value", STR_ARG(name));
	} else if (equals != STR_NPOS) {
		return context_usage(ctx, "--%.*s takes no value", STR_ARG(name));
	}
	if (!option) {
		if (config_set(&ctx->config, setting, str_c(value), CONFIG_FLAG, &err))
			return context_usage(ctx, "%s", err.message);
	} else if (!global) {
		ctx->given[ctx->given_count++] = (struct given_option){option, value};
	} else if (str_eq(name, STR("json"))) {
		ctx->json = true;
	} else if (str_eq(name, STR("help"))) {
		parsed->help = true;
	} else if (str_eq(name, STR("version"))) {
		parsed->version = true;
	} else {
		parsed->config_file = value;
	}
	return EXIT_DONE;
}

static const char *command_name(const void *ctx, size_t i)
{
	return ((const struct command *)ctx)[i].name;
}

static int take_command(struct context *ctx, struct parsed *parsed, const char *word)
{
	size_t count = 0;
	for (; commands[count].name; count++)
		if (strcmp(commands[count].name, word) == 0)
			parsed->command = &commands[count];
	if (parsed->command)
		return EXIT_DONE;
	const char *near = config_nearest(str_c(word), command_name, commands, count);
	if (near)
		return context_usage(ctx, "unknown command '%s'; did you mean '%s'?", word, near);
	return context_usage(ctx, "unknown command '%s'; see docs-bot --help", word);
}

static int parse_arguments(struct context *ctx, struct parsed *parsed, int argc, char **argv)
{
	bool only_words = false;
	for (int i = 1; i < argc; i++) {
		int code = EXIT_DONE;
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && strcmp(argv[i], "-h") == 0)
			parsed->help = true;
		else if (!only_words && strncmp(argv[i], "--", 2) == 0)
			code = take_option(ctx, parsed, argc, argv, &i);
		else if (!parsed->command)
			code = take_command(ctx, parsed, argv[i]);
		else
			ctx->args[ctx->arg_count++] = argv[i];
		if (code)
			return code;
	}
	return EXIT_DONE;
}

static const char *environment(const char *name)
{
	return getenv(name);
}

static int run_command(struct context *ctx, const struct parsed *parsed)
{
	const struct command *command = parsed->command;
	struct err err;
	if (parsed->version)
		return command_version(ctx);
	if (parsed->help || !command) {
		help_print(command, parsed->help ? stdout : stderr);
		return parsed->help ? EXIT_DONE : EXIT_USAGE;
	}
	if (ctx->arg_count < command->min_args || ctx->arg_count > command->max_args)
		return context_usage(ctx, "usage: docs-bot %s %s (see docs-bot %s --help)",
				     command->name, command->arguments, command->name);
	ctx->config_file = parsed->config_file;
	if ((parsed->config_file && config_read_file(&ctx->config, parsed->config_file, &err)) ||
	    config_read_env(&ctx->config, environment, &err))
		return context_fail(ctx, &err);
	log_level_parse(config_string(&ctx->config, SET_LOG_LEVEL), &ctx->log.level);
	ctx->log.json = strcmp(config_string(&ctx->config, SET_LOG_FORMAT), "json") == 0;
	return command->run(ctx);
}

int main(int argc, char **argv)
{
	struct err err;
	struct arena arena;
	struct parsed parsed = {0};
	arena_init(&arena, alloc_default(), RUN_MEMORY_MAX);
	struct context ctx = {.alloc = alloc_default(),
			      .clock = clock_system(),
			      .log = {stderr, LOG_INFO, false, clock_system()},
			      .arena = &arena,
			      .stop = &stop_requested};
	ctx.args = arena_array(&arena, (size_t)argc, sizeof(*ctx.args));
	ctx.given = arena_array(&arena, (size_t)argc, sizeof(*ctx.given));
	int code;
	if (!ctx.args || !ctx.given ||
	    config_init(&ctx.config, settings_table, SETTING_COUNT, &arena, &err)) {
		fputs("docs-bot: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	config_add_section(&ctx.config, "sources", source_settings, SOURCE_SETTING_COUNT);
	handle_signals();
	code = parse_arguments(&ctx, &parsed, argc, argv);
	if (!code)
		code = run_command(&ctx, &parsed);
	if (fflush(stdout) != 0 && code == EXIT_DONE)
		code = EXIT_FAILED;
	arena_release(&arena);
	return code;
}
