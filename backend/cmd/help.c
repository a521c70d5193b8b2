#include "cmd/help.h"

static void print_flag(FILE *out, const char *name, const char *value, const char *help)
{
	char flag[64];
	snprintf(flag, sizeof(flag), "--%s%s%s", name, value ? " " : "", value ? value : "");
	for (char *p = flag; *p && *p != ' '; p++)
		if (*p == '_')
			*p = '-';
	fprintf(out, "  %-26s %s\n", flag, help);
}

static void print_options(FILE *out, const struct option *options)
{
	for (; options && options->name; options++)
		print_flag(out, options->name, options->value, options->help);
}

static void print_settings(FILE *out)
{
	static const char *const values[] = {"TEXT", "N", "X", "true|false", "SECRET"};
	fputs("\nSettings (each also in the --config file or, where named, the environment):\n",
	      out);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct config_setting *s = &settings_table[i];
		char help[256];
		snprintf(help, sizeof(help), "%s%s%s%s%s%s%s", s->description,
			 *s->fallback ? " [" : "", s->fallback, *s->fallback ? "]" : "",
			 s->env ? " ($" : "", s->env ? s->env : "", s->env ? ")" : "");
		print_flag(out, s->name, s->choices ? s->choices : values[s->type], help);
	}
}

void help_print(const struct command *command, FILE *out)
{
	if (command) {
		fprintf(out, "docs-bot %s %s\n  %s\n", command->name, command->arguments,
			command->summary);
		if (command->options)
			fputs("\nOptions:\n", out);
		print_options(out, command->options);
	} else {
		fputs("docs-bot answers questions about documentation, from that documentation.\n\n"
		      "usage: docs-bot COMMAND [arguments] [options]\n\nCommands:\n",
		      out);
		for (const struct command *c = commands; c->name; c++) {
			char usage[64];
			snprintf(usage, sizeof(usage), "%s %s", c->name, c->arguments);
			fprintf(out, "  %-38s %s\n", usage, c->summary);
		}
		fputs("\nOptions:\n", out);
	}
	if (!command) {
		print_options(out, global_options);
		print_settings(out);
		fputs("\nExamples:\n"
		      "  docs-bot index ~/website --base-url https://www.kubeflow.org\n"
		      "  docs-bot ask How do I keep the pods of finished trials?\n"
		      "  docs-bot serve --listen 127.0.0.1:8000\n",
		      out);
	} else {
		fputs("\nGlobal options and settings: docs-bot --help\n", out);
	}
}
