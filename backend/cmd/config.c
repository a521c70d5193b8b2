#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources.h"

static const char *shown_value(const struct config *config, size_t i)
{
	bool secret = config->table[i].type == CONFIG_SECRET;
	return secret && config->values[i].text.len ? "********" : config->values[i].text.ptr;
}

/* What is said of one source; defaults are in --help and the user guide. */
static json_t *source_json(const struct config *source)
{
	json_t *object = json_object();
	for (size_t i = 0; i < source->count; i++) {
		struct str rest = source->values[i].text, one;
		if (source->values[i].origin == CONFIG_DEFAULT)
			continue;
		json_t *list = json_array();
		while (config_next(&rest, &one))
			json_array_append_new(list, json_from_str(one));
		if (source->table[i].type != CONFIG_LIST) {
			json_decref(list);
			list = json_from_str(source->values[i].text);
		}
		json_object_set_new(object, source->table[i].name, list);
	}
	return object;
}

static void show_sources(const struct context *ctx, json_t *object)
{
	const struct config_section *section = &ctx->config.section;
	json_t *list = json_array();
	for (size_t i = 0; i < section->item_count; i++) {
		json_t *source = source_json(&section->items[i].config);
		char *text = json_dumps(source, JSON_COMPACT);
		if (!ctx->json)
			printf("sources[%zu] %s (%s:%zu)\n", i, text ? text : "", ctx->config_file,
			       section->items[i].line);
		free(text);
		json_array_append_new(list, source);
	}
	json_object_set_new(
		object, section->name,
		json_pack("{s:o, s:s}", "value", list, "origin",
			  config_origin_name(section->item_count ? CONFIG_FILE : CONFIG_DEFAULT)));
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
	show_sources(ctx, object);
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
	/* Reading the settings checked them: main() would have failed before. */
	struct source_specs specs;
	struct err err;
	if (sources_from_config(ctx, &specs, &err))
		return context_fail(ctx, &err);
	if (ctx->json)
		return context_print_json(json_pack("{s:s}", "status", "success")) ? EXIT_DONE
										   : EXIT_FAILED;
	puts("The settings are valid.");
	return EXIT_DONE;
}
