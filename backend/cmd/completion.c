#include <stdio.h>
#include <string.h>

#include "cmd/command.h"

/* '_' in settings is '-' in flags. */
static void print_flag_name(const char *name)
{
	fputs(" --", stdout);
	for (; *name; name++)
		putchar(*name == '_' ? '-' : *name);
}

static void print_flags(const struct option *options)
{
	for (; options && options->name; options++)
		print_flag_name(options->name);
}

static void print_common_flags(void)
{
	print_flags(global_options);
	for (size_t i = 0; i < SETTING_COUNT; i++)
		print_flag_name(settings_table[i].name);
}

static void print_names(void)
{
	for (const struct command *c = commands; c->name; c++)
		printf(" %s", c->name);
}

static void print_bash(void)
{
	fputs("_docs_bot() {\n  local cur=${COMP_WORDS[COMP_CWORD]} word flags=''\n"
	      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case $word in\n",
	      stdout);
	for (const struct command *c = commands; c->name; c++) {
		printf("      %s) flags+='", c->name);
		print_flags(c->options);
		fputs(" ';;\n", stdout);
	}
	fputs("    esac\n  done\n  if [[ $cur == -* ]]; then\n    COMPREPLY=($(compgen -W \"$flags",
	      stdout);
	print_common_flags();
	fputs("\" -- \"$cur\"))\n  elif ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W \"",
	      stdout);
	print_names();
	fputs("\" -- \"$cur\"))\n  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n  fi\n}\n"
	      "complete -F _docs_bot docs-bot\n",
	      stdout);
}

static void print_zsh(void)
{
	fputs("#compdef docs-bot\n_docs_bot() {\n  if (( CURRENT == 2 )); then\n    compadd --",
	      stdout);
	print_names();
	fputs("\n  elif [[ $words[CURRENT] == -* ]]; then\n    compadd --", stdout);
	print_common_flags();
	for (const struct command *c = commands; c->name; c++)
		print_flags(c->options);
	fputs("\n  else\n    _files\n  fi\n}\ncompdef _docs_bot docs-bot\n", stdout);
}

static void print_fish(void)
{
	for (const struct command *c = commands; c->name; c++) {
		printf("complete -c docs-bot -n __fish_use_subcommand -a %s -d '%s'\n", c->name,
		       c->summary);
		for (const struct option *o = c->options; o && o->name; o++)
			printf("complete -c docs-bot -n '__fish_seen_subcommand_from %s' -l %s\n",
			       c->name, o->name);
	}
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		fputs("complete -c docs-bot -l ", stdout);
		for (const char *p = settings_table[i].name; *p; p++)
			putchar(*p == '_' ? '-' : *p);
		putchar('\n');
	}
}

int command_completion(struct context *ctx)
{
	const char *shell = ctx->args[0];
	if (strcmp(shell, "bash") == 0)
		print_bash();
	else if (strcmp(shell, "zsh") == 0)
		print_zsh();
	else if (strcmp(shell, "fish") == 0)
		print_fish();
	else
		return context_usage(ctx, "completion knows bash, zsh and fish, not '%s'", shell);
	return EXIT_DONE;
}
