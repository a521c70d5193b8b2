#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/backends.h"
#include "embed/inproc/model.h"

enum { MEGABYTE = 1000000 };

const struct option model_options[] = {
	{"force", NULL, "fetch: download again even when the model is there"},
	{NULL, NULL, NULL},
};

struct progress {
	bool terminal, shown;
	uint64_t last;
};

static void show_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct progress *state = ctx;
	if (!state->terminal || (done < state->last + MEGABYTE && done != total && done))
		return;
	state->last = done;
	state->shown = true;
	if (total)
		fprintf(stderr, "\r%s: %llu of %llu MB   ", what,
			(unsigned long long)(done / MEGABYTE),
			(unsigned long long)(total / MEGABYTE));
	else
		fprintf(stderr, "\r%s: %llu MB   ", what, (unsigned long long)(done / MEGABYTE));
}

static int list(struct context *ctx, struct str models)
{
	size_t count;
	const struct model_spec *specs = model_specs(&count);
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++) {
		struct str dir;
		struct err err;
		bool present =
			!model_resolve(str_c(specs[i].name), models.ptr, ctx->arena, &dir, &err) &&
			!model_check_present(dir.ptr, str_c(specs[i].name), &err);
		if (ctx->json)
			json_array_append_new(
				array, json_pack("{s:s, s:I, s:I, s:s, s:b}", "name", specs[i].name,
						 "dimension", (json_int_t)specs[i].dimension,
						 "max_tokens", (json_int_t)specs[i].max_tokens,
						 "sha256", specs[i].sha256, "present", present));
		else
			printf("%-20s %4zu dimensions %4zu MB  %s\n", specs[i].name,
			       specs[i].dimension, specs[i].bytes / MEGABYTE,
			       present ? "present" : "not fetched");
	}
	if (ctx->json)
		return context_print_json(json_pack("{s:o}", "models", array)) ? EXIT_DONE
									       : EXIT_FAILED;
	json_decref(array);
	return EXIT_DONE;
}

static int info(struct context *ctx, struct str dir)
{
	struct err err;
	struct embedder *embedder;
	if (backends_embedder(ctx, &embedder, &err))
		return context_fail(ctx, &err);
	int status = EXIT_DONE;
	if (ctx->json) {
		json_t *object = json_pack(
			"{s:s, s:o, s:I, s:I, s:s}", "name", embedder->model, "path",
			json_from_str(dir), "dimension", (json_int_t)embedder->dimension,
			"max_tokens", (json_int_t)embedder->max_tokens, "sha256", embedder->sha256);
		status = context_print_json(object) ? EXIT_DONE : EXIT_FAILED;
	} else {
		printf("name        %s\npath        %.*s\ndimension   %zu\nmax tokens  %zu\n"
		       "sha256      %s\n",
		       embedder->model, STR_ARG(dir), embedder->dimension, embedder->max_tokens,
		       embedder->sha256);
	}
	embed_close(embedder);
	return status;
}

static int fetch(struct context *ctx, const struct model_spec *spec, struct str models)
{
	struct err err;
	struct progress progress = {.terminal = isatty(STDERR_FILENO)};
	enum err_code code = model_fetch(spec, models.ptr, context_option(ctx, "force") != NULL,
					 &ctx->log, show_progress, &progress, ctx->alloc, &err);
	if (progress.shown)
		fputc('\n', stderr);
	if (code)
		return context_fail(ctx, &err);
	if (ctx->json)
		return context_print_json(json_pack("{s:s, s:s, s:o}", "status", "success", "name",
						    spec->name, "models_dir",
						    json_from_str(models)))
			       ? EXIT_DONE
			       : EXIT_FAILED;
	printf("%s is in %.*s/%s\n", spec->name, STR_ARG(models), spec->name);
	return EXIT_DONE;
}

static int verify(struct context *ctx, const struct model_spec *spec, struct str dir)
{
	struct err err;
	if (model_check_present(dir.ptr, str_c(spec->name), &err) ||
	    model_verify(spec, dir.ptr, &err))
		return context_fail(ctx, &err);
	if (ctx->json)
		return context_print_json(json_pack("{s:s, s:s, s:s}", "status", "success", "name",
						    spec->name, "sha256", spec->sha256))
			       ? EXIT_DONE
			       : EXIT_FAILED;
	printf("%s is complete and unchanged (SHA-256 %s)\n", spec->name, spec->sha256);
	return EXIT_DONE;
}

int command_model(struct context *ctx)
{
	struct err err;
	struct str models, dir, action = str_c(ctx->args[0]);
	if (ctx->arg_count > 1 &&
	    config_set(&ctx->config, SET_MODEL, str_c(ctx->args[1]), CONFIG_FLAG, &err))
		return context_fail(ctx, &err);
	struct str name = backends_model_name(ctx);
	if (backends_models_dir(ctx, &models, &err) ||
	    model_resolve(name, models.ptr, ctx->arena, &dir, &err))
		return context_fail(ctx, &err);
	if (str_eq(action, STR("list")))
		return list(ctx, models);
	if (str_eq(action, STR("info")))
		return info(ctx, dir);
	const struct model_spec *spec = model_find(name);
	if (!str_eq(action, STR("fetch")) && !str_eq(action, STR("verify")))
		return context_usage(ctx, "model knows list, info, fetch and verify, not '%.*s'",
				     STR_ARG(action));
	if (!spec) {
		err_set(&err, ERR_NOTFOUND,
			"unknown model '%.*s'; `docs-bot model list` shows them", STR_ARG(name));
		return context_fail(ctx, &err);
	}
	return str_eq(action, STR("fetch")) ? fetch(ctx, spec, models) : verify(ctx, spec, dir);
}
