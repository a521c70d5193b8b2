#include <stdio.h>
#include <string.h>

#include "cmd/command.h"

static const char *shown_value(const struct config *config, size_t i)
{
	bool secret = config->table[i].type == CONFIG_SECRET;
	return secret && config->values[i].text.len ? "********" : config->values[i].text.ptr;
}

static int show(struct context *ctx)
{
	const struct config *config = &ctx->config;
	json_t *object = json_object();
	for (size_t i = 0; i < config->count; i++) {
		const char *origin = config_origin_name(config->values[i].origin);
		if (ctx->json)
			json_object_set_new(object, config->table[i].name,
					    json_pack("{s:s, s:s}", "value", shown_value(config, i),
						      "origin", origin));
		else
			printf("%-20s %-32s (%s)\n", config->table[i].name, shown_value(config, i),
			       origin);
	}
	if (ctx->json)
		return context_print_json(object) ? EXIT_DONE : EXIT_FAILED;
	json_decref(object);
	return EXIT_DONE;
}

int command_config(struct context *ctx)
{
	if (strcmp(ctx->args[0], "show") == 0)
		return show(ctx);
	if (strcmp(ctx->args[0], "check") != 0)
		return context_usage(ctx, "config knows 'show' and 'check', not '%s'",
				     ctx->args[0]);
	/* Reading them checked them: main() would have failed before. */
	if (ctx->json)
		return context_print_json(json_pack("{s:s}", "status", "success")) ? EXIT_DONE
										   : EXIT_FAILED;
	puts("The settings are valid.");
	return EXIT_DONE;
}
