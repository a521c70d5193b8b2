/*
 * Lists a source and reads what it lists, for tests/e2e/test_sources.py:
 *
 *   list_source dir|git|site ADDRESS CACHE_DIR [KEY=VALUE]…
 *
 * Keys: branch, token, path, include, exclude, max_pages, max_depth, max_bytes, max_files, rate,
 * stall_ms, total_ms, name, stop_ms (asks to stop after so long), times (lists so often), wait (1:
 * says so on stderr when it has listed, and reads on after a line of stdin). Prints one JSON object; exit 1 with {"error", "code"} when it fails.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "net/retry.h"
#include "source/source.h"

#define LIST_MAX 16

struct list {
	struct str globs[LIST_MAX];
	size_t count;
};

struct arguments {
	struct source_git_options git;
	struct source_site_options site;
	struct source_dir_options dir;
	struct list paths, include, exclude;
	unsigned stop_ms, wait, times;
	atomic_bool stop;
	uint64_t progressed;
};

static unsigned number(const char *text)
{
	uint64_t value = 0;

	if (!str_to_u64(str_c(text), &value))
		fprintf(stderr, "not a number: %s\n", text);
	return (unsigned)value;
}

static void add(struct list *list, const char *text)
{
	if (list->count < LIST_MAX)
		list->globs[list->count++] = str_c(text);
}

static void on_progress(void *ctx, const struct source_progress *progress)
{
	struct arguments *a = ctx;

	(void)progress;
	a->progressed++;
}

static void set(struct arguments *a, const char *key, const char *value)
{
	struct str k = str_c(key);

	if (str_eq(k, STR("branch")))
		a->git.branch = value;
	else if (str_eq(k, STR("token")))
		a->git.token = value;
	else if (str_eq(k, STR("name")))
		a->git.name = a->site.name = a->dir.name = value;
	else if (str_eq(k, STR("path")))
		add(&a->paths, value);
	else if (str_eq(k, STR("include")))
		add(&a->include, value);
	else if (str_eq(k, STR("exclude")))
		add(&a->exclude, value);
	else if (str_eq(k, STR("max_pages")))
		a->site.max_pages = number(value);
	else if (str_eq(k, STR("max_depth")))
		a->site.max_depth = number(value);
	else if (str_eq(k, STR("max_bytes")))
		a->git.max_file_bytes = a->site.max_file_bytes = a->dir.max_file_bytes =
			number(value);
	else if (str_eq(k, STR("max_files")))
		a->git.max_files = a->dir.max_files = number(value);
	else if (str_eq(k, STR("rate")))
		a->site.requests_per_second = number(value);
	else if (str_eq(k, STR("stall_ms")))
		a->git.timeouts.stall_ms = a->site.timeouts.stall_ms = number(value);
	else if (str_eq(k, STR("total_ms")))
		a->site.timeouts.total_ms = number(value);
	else if (str_eq(k, STR("stop_ms")))
		a->stop_ms = number(value);
	else if (str_eq(k, STR("wait")))
		a->wait = number(value);
	else if (str_eq(k, STR("times")))
		a->times = number(value);
	else
		fprintf(stderr, "unknown key: %s\n", key);
}

static void *stop_later(void *ctx)
{
	struct arguments *a = ctx;
	struct err err;

	if (retry_wait(a->stop_ms, NULL, &err) == ERR_OK)
		atomic_store(&a->stop, true);
	return NULL;
}

static enum err_code open_source(struct arguments *a, const char *kind, const char *address,
				 const char *cache, struct source **out, struct err *err)
{
	a->git.url = a->site.url = a->dir.root = address;
	a->git.cache_dir = a->site.cache_dir = cache;
	a->git.paths = a->paths.globs;
	a->git.path_count = a->paths.count;
	a->git.include = a->site.include = a->dir.include = a->include.globs;
	a->git.include_count = a->site.include_count = a->dir.include_count = a->include.count;
	a->git.exclude = a->site.exclude = a->dir.exclude = a->exclude.globs;
	a->git.exclude_count = a->site.exclude_count = a->dir.exclude_count = a->exclude.count;
	a->git.stop = a->site.stop = &a->stop;
	a->git.progress = a->site.progress = on_progress;
	a->git.progress_ctx = a->site.progress_ctx = a;
	if (str_eq(str_c(kind), STR("git")))
		return source_git_open(&a->git, alloc_default(), out, err);
	if (str_eq(str_c(kind), STR("site")))
		return source_site_open(&a->site, alloc_default(), out, err);
	return source_dir_open(&a->dir, alloc_default(), out, err);
}

static json_t *describe(struct source *source, const struct source_list *list)
{
	json_t *items = json_array(), *skipped = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct source_item *item = &list->items[i];
		struct err err = {ERR_OK, ""};
		struct buf text;

		buf_init(&text, alloc_default(), (size_t)16 << 20);
		enum err_code code = source_read(source, item->path, &text, &err);
		json_array_append_new(
			items,
			json_pack("{s:o, s:o, s:o, s:I, s:o, s:s}", "path",
				  json_from_str(item->path), "id", json_from_str(item->id), "url",
				  json_from_str(item->url), "size", (json_int_t)item->size, "text",
				  code ? json_null() : json_from_str(buf_str(&text)), "error",
				  code ? err.message : ""));
		buf_release(&text);
	}
	for (size_t i = 0; i < list->skip_count; i++)
		json_array_append_new(skipped,
				      json_pack("{s:o, s:o}", "path",
						json_from_str(list->skipped[i].path), "reason",
						json_from_str(list->skipped[i].reason)));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", source->name, "repo",
			 source->repo, "web_url", source->web_url, "revision", source->revision,
			 "items", items, "skipped", skipped);
}

int main(int argc, char **argv)
{
	struct arguments a = {.times = 1};
	struct source *source = NULL;
	struct source_list list;
	struct arena arena;
	struct err err = {ERR_OK, ""};
	enum err_code code;
	json_t *result;
	pthread_t stopper;

	if (argc < 4)
		return 2;
	a.git.max_file_bytes = a.dir.max_file_bytes = 10 << 20;
	a.git.max_files = a.dir.max_files = 10000;
	a.site.requests_per_second = 1000;
	for (int i = 4; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals)
			return 2;
		*equals = '\0';
		set(&a, argv[i], equals + 1);
	}
	if (a.stop_ms && pthread_create(&stopper, NULL, stop_later, &a) == 0)
		pthread_detach(stopper);
	code = open_source(&a, argv[1], argv[2], argv[3], &source, &err);
	arena_init(&arena, alloc_default(), (size_t)256 << 20);
	for (unsigned i = 0; i < a.times && code == ERR_OK; i++)
		code = source_list(source, &arena, &list, &err);
	if (code == ERR_OK && a.wait) {
		fputs("listed\n", stderr);
		(void)getchar();
	}
	result = code == ERR_OK
			 ? describe(source, &list)
			 : json_pack("{s:s, s:s}", "error", err.message, "code", err_label(code));
	if (code == ERR_OK)
		json_object_set_new(result, "progressed", json_integer((json_int_t)a.progressed));
	json_dumpf(result, stdout, JSON_INDENT(1));
	json_decref(result);
	source_close(source);
	arena_release(&arena);
	return code == ERR_OK ? 0 : 1;
}
