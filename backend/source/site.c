/* A website as a source: opening, and reading what was listed. */
#include "source/site.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define NAME_LENGTH 32 /* hexadecimal digits of the address's hash */

static enum err_code site_list(struct source *base, struct arena *arena, struct source_list *out,
			       struct err *err)
{
	return site_crawl_run((struct site_source *)base, arena, out, err);
}

static int compare_path(const void *key, const void *entry)
{
	return str_cmp(*(const struct str *)key, ((const struct site_entry *)entry)->path);
}

static enum err_code site_read(struct source *base, struct str path, struct buf *out,
			       struct err *err)
{
	struct site_source *s = (struct site_source *)base;
	const struct site_entry *entry = NULL;
	struct site_page page;
	struct arena arena;
	struct buf text;
	bool found;
	enum err_code code;

	if (s->entry_count)
		entry = bsearch(&path, s->entries, s->entry_count, sizeof(*s->entries),
				compare_path);
	if (!entry)
		return err_set(err, ERR_NOTFOUND, "%.*s is no page of %.200s",
			       path.len > 200 ? 200 : (int)path.len, path.ptr, s->base.name);
	arena_init(&arena, s->alloc, (size_t)64 << 10);
	buf_init(&text, s->alloc, s->cache.max_bytes);
	code = site_cache_load(&s->cache, entry->key.ptr, &arena, &page, &text, &found, err);
	if (code == ERR_OK && (!found || !str_eq(str_c(page.hash), entry->hash)))
		code = err_set(err, ERR_UNAVAILABLE,
			       "the cached page was changed by another run: index again");
	if (code == ERR_OK && !buf_append(out, buf_str(&text)))
		code = buf_ok(out, "the page", err);
	buf_release(&text);
	arena_release(&arena);
	return code;
}

static void site_close(struct source *base)
{
	struct site_source *s = (struct site_source *)base;

	arena_release(&s->entries_arena);
	arena_release(&s->arena);
	alloc_free(s->alloc, s);
}

static const struct source_ops site_ops = {
	.list = site_list,
	.read = site_read,
	.close = site_close,
};

/* "https://www.kubeflow.org/docs/" is named "www.kubeflow.org/docs". */
static enum err_code set_names(struct site_source *s, const char *given, struct err *err)
{
	struct url url;
	struct str name = str_c(given), path;

	if (!url_parse(s->start, &url))
		return err_set(err, ERR_INVALID, "%.200s is no web address", s->start.ptr);
	path = url.path;
	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	name = name.len
		       ? arena_str(&s->arena, name)
		       : arena_printf(&s->arena, "%.*s%.*s", STR_ARG(url.authority), STR_ARG(path));
	if (!name.ptr)
		return arena_fail(&s->arena, err);
	s->base.name = name.ptr;
	s->base.repo = s->base.web_url = "";
	return ERR_OK;
}

static enum err_code copy_options(struct site_source *s, const struct source_site_options *o,
				  struct err *err)
{
	struct err problem;
	struct str dir, agent;
	char hash[65];
	double rate = o->requests_per_second > 0 ? o->requests_per_second : 5;
	enum err_code code = url_join(STR(""), str_c(o->url), &s->arena, &s->start, &problem);

	/* a password in the address is not repeated */
	if (code != ERR_OK)
		return err_set(err, code,
			       strchr(o->url, '@')
				       ? "the address of the website cannot be used: it "
					 "must be http or https, without a password"
				       : "%.200s is not the address of a website",
			       o->url);
	sha256_hex(s->start.ptr, s->start.len, hash);
	dir = arena_printf(&s->arena, "%s/site/%.*s", o->cache_dir, NAME_LENGTH, hash);
	agent = arena_str(&s->arena,
			  o->user_agent && *o->user_agent
				  ? str_c(o->user_agent)
				  : STR("docs-bot/" DOCS_BOT_VERSION " (documentation index)"));
	if (!dir.ptr || !agent.ptr)
		return arena_fail(&s->arena, err);
	s->user_agent = agent.ptr;
	s->cache = (struct site_cache){.dir = dir.ptr,
				       .alloc = s->alloc,
				       .max_bytes = o->max_file_bytes ? o->max_file_bytes
								      : (size_t)10 << 20};
	s->max_pages = o->max_pages ? o->max_pages : 10000;
	s->max_depth = o->max_depth ? o->max_depth : 16;
	s->interval_us = (int64_t)(1e6 / (rate > 0.001 ? rate : 0.001));
	s->stop = o->stop;
	s->timeouts = (struct http_timeouts){
		.connect_ms = o->timeouts.connect_ms ? o->timeouts.connect_ms : 10000,
		.stall_ms = o->timeouts.stall_ms ? o->timeouts.stall_ms : 60000,
		.total_ms = o->timeouts.total_ms ? o->timeouts.total_ms : 120000};
	s->progress = o->progress;
	s->progress_ctx = o->progress_ctx;
	code = source_filter_init(&s->filter, o->include, o->include_count, o->exclude,
				  o->exclude_count, &s->arena, err);
	return code == ERR_OK ? set_names(s, o->name, err) : code;
}

enum err_code source_site_open(const struct source_site_options *options, const struct alloc *alloc,
			       struct source **out, struct err *err)
{
	struct site_source *s = alloc_zero(alloc, 1, sizeof(*s));
	enum err_code code;

	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory");
	s->base.ops = &site_ops;
	s->alloc = alloc;
	arena_init(&s->arena, alloc, (size_t)16 << 20);
	arena_init(&s->entries_arena, alloc, (size_t)256 << 20);
	code = copy_options(s, options, err);
	if (code == ERR_OK)
		*out = &s->base;
	else
		site_close(&s->base);
	return code;
}
