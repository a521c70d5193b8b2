/* Opens what sources.c has read, and shows what fetching does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/backends.h"
#include "cmd/sources.h"

enum { LINE_US = 5000000 };

/* One for each source: its thread alone writes here. */
struct fetching {
	const struct clock *clock;
	const char *name;
	int64_t last_us;
};

static void show_fetching(void *ctx, const struct source_progress *p)
{
	struct fetching *f = ctx;
	int64_t now = clock_monotonic_us(f->clock);
	if (f->last_us == 0)
		f->last_us = now; /* what is done at once is not worth a line */
	if (now - f->last_us < LINE_US)
		return;
	f->last_us = now;
	if (p->total)
		fprintf(stderr, "%s: %s, %llu of %llu, %.1f MB\n", f->name, p->stage,
			(unsigned long long)p->done, (unsigned long long)p->total,
			(double)p->bytes / 1e6);
	else
		fprintf(stderr, "%s: %s, %llu, %.1f MB\n", f->name, p->stage,
			(unsigned long long)p->done, (double)p->bytes / 1e6);
}

static const char *token_of(const struct source_spec *spec)
{
	const char *name = spec->token_env;
	if (!name && str_starts(str_c(spec->location), STR("https://github.com/")))
		name = "GITHUB_TOKEN";
	const char *token = name ? getenv(name) : NULL;
	return token && *token ? token : NULL;
}

static enum err_code open_dir(struct context *ctx, const struct source_spec *spec,
			      struct source **out, struct err *err)
{
	const struct source_dir_options options = {
		.root = spec->location,
		.name = spec->name,
		.include = spec->include,
		.include_count = spec->include_count,
		.exclude = spec->exclude,
		.exclude_count = spec->exclude_count,
		.max_file_bytes = (size_t)config_int(&ctx->config, SET_MAX_FILE_BYTES),
		.max_files = (size_t)config_int(&ctx->config, SET_MAX_FILES),
		.no_ignore = spec->no_ignore};
	return source_dir_open(&options, ctx->alloc, out, err);
}

static enum err_code open_git(struct context *ctx, const struct source_spec *spec,
			      const char *cache_dir, struct fetching *fetching, struct source **out,
			      struct err *err)
{
	const struct source_git_options options = {
		.url = spec->location,
		.name = spec->name,
		.branch = spec->branch,
		.token = token_of(spec),
		.cache_dir = cache_dir,
		.paths = spec->paths,
		.path_count = spec->path_count,
		.include = spec->include,
		.include_count = spec->include_count,
		.exclude = spec->exclude,
		.exclude_count = spec->exclude_count,
		.depth = spec->depth,
		.max_file_bytes = (size_t)config_int(&ctx->config, SET_MAX_FILE_BYTES),
		.max_files = (size_t)config_int(&ctx->config, SET_MAX_FILES),
		.stop = ctx->stop,
		.progress = show_fetching,
		.progress_ctx = fetching};
	return source_git_open(&options, ctx->alloc, out, err);
}

static enum err_code open_site(struct context *ctx, const struct source_spec *spec,
			       const char *cache_dir, struct fetching *fetching,
			       struct source **out, struct err *err)
{
	const struct source_site_options options = {
		.url = spec->location,
		.name = spec->name,
		.cache_dir = cache_dir,
		.include = spec->include,
		.include_count = spec->include_count,
		.exclude = spec->exclude,
		.exclude_count = spec->exclude_count,
		.max_pages = spec->max_pages,
		.max_depth = spec->max_depth,
		.max_file_bytes = (size_t)config_int(&ctx->config, SET_MAX_FILE_BYTES),
		.requests_per_second = spec->rate,
		.stop = ctx->stop,
		.progress = show_fetching,
		.progress_ctx = fetching};
	return source_site_open(&options, ctx->alloc, out, err);
}

static enum err_code open_one(struct context *ctx, const struct source_spec *spec,
			      const char *cache_dir, struct index_source *out, struct err *err)
{
	struct fetching *fetching = arena_get(ctx->arena, sizeof(*fetching));
	struct err problem = {ERR_OK, ""};
	if (!fetching)
		return arena_fail(ctx->arena, err);
	out->name = spec->name ? spec->name : spec->location;
	*fetching = (struct fetching){.clock = ctx->clock, .name = out->name};
	enum err_code code =
		spec->type == SOURCE_DIR ? open_dir(ctx, spec, &out->source, &problem)
		: spec->type == SOURCE_GIT
			? open_git(ctx, spec, cache_dir, fetching, &out->source, &problem)
			: open_site(ctx, spec, cache_dir, fetching, &out->source, &problem);
	if (code == ERR_NOMEM)
		return err_set(err, code, "%s", problem.message);
	if (code) {
		out->source = NULL;
		out->failure = problem;
		return ERR_OK;
	}
	fetching->name = out->source->name;
	out->url = spec->url;
	out->url.ref = str_c(spec->branch);
	if (!out->url.web_url.len)
		out->url.web_url = str_c(out->source->web_url);
	out->version = spec->version;
	out->archived = spec->archived;
	return ERR_OK;
}

enum err_code sources_open(struct context *ctx, const struct source_specs *specs,
			   struct index_source *out, struct err *err)
{
	struct str data, cache = STR("");
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < specs->count && !code && !cache.len; i++) {
		if (specs->items[i].type == SOURCE_DIR)
			continue;
		code = backends_data_dir(ctx, &data, err);
		if (code)
			return code;
		cache = arena_printf(ctx->arena, "%.*s/sources", STR_ARG(data));
		if (!cache.ptr)
			return arena_fail(ctx->arena, err);
	}
	for (size_t i = 0; i < specs->count && !code; i++)
		code = open_one(ctx, &specs->items[i], cache.ptr, &out[i], err);
	return code;
}

void sources_close(struct index_source *sources, size_t count)
{
	for (size_t i = 0; sources && i < count; i++)
		source_close(sources[i].source);
}
