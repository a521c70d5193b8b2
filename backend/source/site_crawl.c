/* A run over a website: robots.txt, start page, sitemaps, then page by page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "source/page_links.h"
#include "source/site.h"

#define WORK_BYTES      ((size_t)256 << 20)
#define PAGE_BYTES      ((size_t)64 << 20)
#define ADDRESSES_MIN   1000
#define CRAWL_DELAY_MAX 10.0 /* seconds; some sites ask for minutes, meant for others */
#define FAILURES_MAX    10   /* one after the other: the site is down */

static enum err_code find_origin(struct site_crawl *c, struct str url, struct err *err)
{
	struct url parts;
	struct str path;
	size_t slash = 0;
	bool has_dot = false;

	if (!url_parse(url, &parts))
		return err_set(err, ERR_INVALID, "%.200s is no web address", url.ptr);
	c->origin = arena_str(&c->work, str_slice(url, 0, (size_t)(parts.path.ptr - url.ptr)));
	path = parts.path;
	for (size_t i = 0; i < path.len; i++) {
		has_dot = has_dot || path.ptr[i] == '.';
		if (path.ptr[i] == '/') {
			slash = i + 1;
			has_dot = false;
		}
	}
	/* "/docs" is a folder, "/docs/index.html" is a page of one */
	c->folder = has_dot || slash == path.len ? arena_str(&c->work, str_slice(path, 0, slash))
						 : arena_printf(&c->work, "%.*s/", STR_ARG(path));
	return c->origin.ptr && c->folder.ptr ? ERR_OK : arena_fail(&c->work, err);
}

/* RFC 9309 2.3.1: not there allows all, not reachable forbids all. */
static enum err_code read_robots(struct site_crawl *c, struct err *err)
{
	struct http_answer answer;
	struct err problem = {ERR_OK, ""};
	struct str url = arena_printf(&c->work, "%.*s/robots.txt", STR_ARG(c->origin));
	enum err_code code;

	if (!url.ptr)
		return arena_fail(&c->work, err);
	code = site_fetch_file(c, url, ROBOTS_BYTES, &answer, &problem);
	if (code == ERR_UNAVAILABLE)
		code = err_set(err, code, "%.200s cannot be read, so nothing may be: %s", url.ptr,
			       problem.message);
	else if (code == ERR_NOMEM || code == ERR_CANCELLED)
		code = err_set(err, code, "%s", problem.message);
	else if ((code == ERR_OK || code == ERR_LIMIT) && answer.status == 200)
		code = robots_parse(buf_str(&answer.body), STR("docs-bot"), &c->work, &c->robots,
				    err);
	else
		code = ERR_OK;
	http_answer_release(&answer);
	if (c->robots.crawl_delay > 0) {
		double delay = c->robots.crawl_delay < CRAWL_DELAY_MAX ? c->robots.crawl_delay
								       : CRAWL_DELAY_MAX;
		int64_t interval = (int64_t)(delay * 1e6);

		if (interval > c->interval_us)
			c->interval_us = interval;
	}
	return code;
}

static enum err_code add_links(struct site_crawl *c, const struct site_page *page, struct str text,
			       size_t depth, struct err *err)
{
	struct page_links links;
	struct str base = page->url, url;
	enum err_code code;

	if (page->nofollow || !str_eq(page->kind, STR("html")))
		return ERR_OK;
	code = page_links_scan(text, &c->page, &links, err);
	if (code == ERR_OK && links.base.len) {
		struct err ignored;

		if (url_join(page->url, links.base, &c->page, &base, &ignored) != ERR_OK)
			base = page->url;
	}
	for (size_t i = 0; i < links.count && code == ERR_OK; i++) {
		bool is_new = false;

		code = site_resolve(c, base, links.hrefs[i], &c->page, &url, err);
		if (code == ERR_OK && url.len)
			code = site_queue_add(&c->queue, url, depth + 1, &is_new, err);
		c->start_links += depth == 0 && is_new;
	}
	return code;
}

/* Two addresses may give one path ("/a" and "/a.html"): the later one is told apart by its key. */
static enum err_code unique_path(struct site_crawl *c, const struct site_page *page,
				 struct str *path, struct err *err)
{
	struct str ending = STR("");

	for (size_t i = 0; i < c->listing.count; i++) {
		if (!str_eq(c->listing.items[i].path, *path))
			continue;
		for (size_t dot = path->len; dot > 0 && !ending.len; dot--)
			if (path->ptr[dot - 1] == '.')
				ending = str_slice(*path, dot - 1, path->len);
		*path = arena_printf(&c->work, "%.*s~%.8s%.*s", (int)(path->len - ending.len),
				     path->ptr, page->key, STR_ARG(ending));
		return path->ptr ? ERR_OK : arena_fail(&c->work, err);
	}
	return ERR_OK;
}

static enum err_code add_page(struct site_crawl *c, const struct site_page *page, size_t size,
			      struct err *err)
{
	char id[5 + 64 + 1];
	void *entries = c->entries;
	struct site_source *s = c->source;
	struct source_item item = {.size = size, .id = {id, 0}, .url = page->url};
	struct site_entry entry;
	enum err_code code = site_item_path(page->url, page->kind, &c->work, &item.path, err);

	if (code == ERR_OK && !source_filter_wants_any(&s->filter, item.path))
		return ERR_OK;
	if (code == ERR_OK)
		code = unique_path(c, page, &item.path, err);
	snprintf(id, sizeof(id), "site:%s", page->hash);
	item.id = str_c(id);
	if (code == ERR_OK)
		code = source_make_room(s->alloc, &entries, c->listing.count, &c->entry_capacity,
					sizeof(*c->entries), err);
	if (code != ERR_OK)
		return code;
	c->entries = entries;
	entry = (struct site_entry){.path = arena_str(&s->entries_arena, item.path),
				    .key = arena_str(&s->entries_arena, str_c(page->key)),
				    .hash = arena_str(&s->entries_arena, str_c(page->hash))};
	if (!entry.path.ptr || !entry.key.ptr || !entry.hash.ptr)
		return arena_fail(&s->entries_arena, err);
	c->entries[c->listing.count] = entry;
	return source_add_item(&c->listing, &item, err);
}

static void show_progress(struct site_crawl *c)
{
	const struct source_progress progress = {.stage = "crawling",
						 .done = c->visited,
						 .total = c->queue.count,
						 .bytes = c->bytes};

	if (c->source->progress)
		c->source->progress(c->source->progress_ctx, &progress);
}

static enum err_code note_failure(struct site_crawl *c, struct str url, struct str reason,
				  enum site_outcome outcome, struct err *err)
{
	if (c->failed++ == 0)
		err_set(&c->first_failure, ERR_UNAVAILABLE, "%.200s: %.*s", url.ptr,
			STR_ARG(reason));
	c->in_a_row = outcome == SITE_GONE ? 0 : c->in_a_row + 1;
	if (c->in_a_row == FAILURES_MAX)
		return err_set(err, ERR_UNAVAILABLE,
			       "%.200s does not answer any more (%d pages one after the other, the "
			       "last: %.*s)",
			       c->source->base.name, FAILURES_MAX, STR_ARG(reason));
	return ERR_OK;
}

/* A page that was answered, or is known from the last run. */
static enum err_code take_page(struct site_crawl *c, const struct site_address *at,
			       const struct site_page *page, const struct buf *text,
			       struct err *err)
{
	bool is_new = true;
	enum err_code code = ERR_OK;

	if (!str_eq(page->url, at->url))
		code = site_queue_mark(&c->queue, page->url, &is_new, err);
	if (code != ERR_OK || !is_new)
		return code; /* redirected to a page that is known */
	if (c->follow_links && at->depth < c->source->max_depth)
		code = add_links(c, page, buf_str(text), at->depth, err);
	if (code != ERR_OK)
		return code;
	if (page->noindex)
		return source_add_skip(&c->listing, at->url,
				       STR("asks not to be indexed (noindex)"), err);
	return add_page(c, page, text->len, err);
}

static enum err_code visit(struct site_crawl *c, const struct site_address *at, struct buf *text,
			   enum site_outcome *outcome, struct str *reason, struct err *err)
{
	struct site_page page;
	enum err_code code;

	arena_reset(&c->page);
	show_progress(c);
	c->visited++;
	code = site_fetch_page(c, at->url, &page, text, outcome, reason, err);
	if (code == ERR_OK && *outcome != SITE_PAGE)
		code = source_add_skip(&c->listing, at->url, *reason, err);
	if (code == ERR_OK && (*outcome == SITE_PAGE || *outcome == SITE_OTHER))
		c->in_a_row = 0;
	else if (code == ERR_OK)
		code = note_failure(c, at->url, *reason, *outcome, err);
	if (code == ERR_OK && (*outcome == SITE_PAGE || *outcome == SITE_STALE))
		code = take_page(c, at, &page, text, err);
	return code;
}

/* The first page decides whether there is a site at all, and where: it may redirect. */
static enum err_code visit_start(struct site_crawl *c, struct buf *text, struct err *err)
{
	struct site_source *s = c->source;
	struct site_address at = {s->start, 0};
	struct site_page page;
	enum site_outcome outcome = SITE_FAILED;
	struct str reason = STR("");
	bool is_new;
	enum err_code code = find_origin(c, s->start, err);

	if (code == ERR_OK)
		code = read_robots(c, err);
	c->scope = SITE_START;
	if (code == ERR_OK)
		code = site_fetch_page(c, s->start, &page, text, &outcome, &reason, err);
	if (code != ERR_OK)
		return code;
	if (outcome != SITE_PAGE)
		return err_set(err, outcome == SITE_GONE ? ERR_NOTFOUND : ERR_UNAVAILABLE,
			       "the start page %.200s: %.*s", s->start.ptr, STR_ARG(reason));
	c->visited = 1;
	/* pages are looked for where the start page is */
	code = find_origin(c, page.url, err);
	c->follow_links = true;
	c->scope = SITE_FOLDER;
	if (code == ERR_OK)
		code = site_queue_mark(&c->queue, s->start, &is_new, err);
	return code == ERR_OK ? take_page(c, &at, &page, text, err) : code;
}

/* Excluded addresses are not asked for at all. */
static enum err_code is_wanted(struct site_crawl *c, struct str url, bool *wanted, struct err *err)
{
	struct url parts;
	struct str path, target;
	enum err_code code;

	arena_reset(&c->page);
	code = site_item_path(url, STR("html"), &c->page, &path, err);
	*wanted = code == ERR_OK && source_filter_wants_any(&c->source->filter, path);
	/* "*.md" names pages that we do not know as such yet */
	if (code == ERR_OK && !*wanted && url_parse(url, &parts) && parts.path.len > 1)
		*wanted = source_filter_wants_any(&c->source->filter,
						  str_slice(parts.path, 1, parts.path.len));
	if (code != ERR_OK || !*wanted || !url_parse(url, &parts))
		return code;
	target = (struct str){parts.path.ptr,
			      parts.path.len + (parts.query.len ? parts.query.len + 1 : 0)};
	if (robots_allows(&c->robots, target))
		return ERR_OK;
	*wanted = false;
	return source_add_skip(&c->listing, url, STR("robots.txt does not allow it"), err);
}

static enum err_code visit_all(struct site_crawl *c, struct buf *text, struct err *err)
{
	struct site_address at;
	enum site_outcome outcome;
	struct str reason;
	enum err_code code = ERR_OK;

	while (code == ERR_OK && site_queue_take(&c->queue, &at)) {
		bool wanted;

		code = is_wanted(c, at.url, &wanted, err);
		if (code != ERR_OK || !wanted)
			continue;
		if (c->visited == c->source->max_pages)
			return source_add_skip(
				&c->listing, at.url,
				arena_printf(c->listing.arena,
					     "more than %zu pages: this one and those that follow "
					     "are left out",
					     c->source->max_pages),
				err);
		c->scope = SITE_FOLDER;
		code = visit(c, &at, text, &outcome, &reason, err);
	}
	return code;
}

static int compare_entries(const void *a, const void *b)
{
	return str_cmp(((const struct site_entry *)a)->path, ((const struct site_entry *)b)->path);
}

static int compare_strings(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Entries by path, the revision, and what the cache need not keep any more. */
static enum err_code finish(struct site_crawl *c, struct source_list *out, struct err *err)
{
	struct site_source *s = c->source;
	size_t count = c->listing.count;
	struct str *keys = arena_array(&c->work, count + c->queue.count, sizeof(*keys));
	struct site_entry *entries = arena_array(&s->entries_arena, count, sizeof(*entries));
	struct buf all;
	enum err_code code;

	if (!keys || !entries)
		return err_set(err, ERR_NOMEM, "out of memory for the pages of %.200s",
			       s->base.name);
	if (count) {
		memcpy(entries, c->entries, count * sizeof(*entries));
		qsort(entries, count, sizeof(*entries), compare_entries);
	}
	buf_init(&all, s->alloc, (size_t)64 << 20);
	for (size_t i = 0; i < count; i++) {
		keys[i] = entries[i].key;
		buf_printf(&all, "%.*s %.*s\n", STR_ARG(entries[i].path), STR_ARG(entries[i].hash));
	}
	code = buf_ok(&all, "the pages", err);
	if (code == ERR_OK)
		code = source_listing_finish(&c->listing, out, err);
	if (code == ERR_OK) {
		sha256_hex(all.ptr ? all.ptr : "", all.len, s->base.revision);
		s->entries = entries;
		s->entry_count = count;
		if (count)
			qsort(keys, count, sizeof(*keys), compare_strings);
		site_cache_prune(&s->cache, keys, count);
	}
	buf_release(&all);
	return code;
}

static enum err_code run(struct site_crawl *c, struct buf *text, struct source_list *out,
			 struct err *err)
{
	size_t from_sitemaps = 0;
	enum err_code code = visit_start(c, text, err);

	if (code == ERR_OK)
		code = site_read_sitemaps(c, &from_sitemaps, err);
	/* a sitemap that names fewer pages than the start page links to does not name them all */
	c->follow_links = from_sitemaps == 0 || from_sitemaps < c->start_links;
	if (code == ERR_OK)
		code = visit_all(c, text, err);
	if (code == ERR_OK && c->failed * 2 > c->visited)
		code = err_set(err, ERR_UNAVAILABLE,
			       "%zu of %zu pages of %.100s cannot be read, so none is taken (%s)",
			       c->failed, c->visited, c->source->base.name,
			       c->first_failure.message);
	if (code == ERR_OK && c->queue.overflowed)
		code = source_add_skip(&c->listing, c->source->start,
				       STR("more addresses were found than are remembered"), err);
	return code == ERR_OK ? finish(c, out, err) : code;
}

enum err_code site_crawl_run(struct site_source *s, struct arena *arena, struct source_list *out,
			     struct err *err)
{
	struct site_crawl c = {.source = s,
			       .listing = {.alloc = s->alloc,
					   .arena = arena,
					   .max_files = SIZE_MAX,
					   .what = s->base.name},
			       .interval_us = s->interval_us};
	struct buf text;
	enum err_code code = file_make_dirs(s->cache.dir, err);

	arena_init(&c.work, s->alloc, WORK_BYTES);
	arena_init(&c.page, s->alloc, PAGE_BYTES + s->cache.max_bytes);
	c.queue = (struct site_queue){
		.alloc = s->alloc, .arena = &c.work, .max = s->max_pages * 4 + ADDRESSES_MIN};
	/* what other charsets become in UTF-8 may be longer */
	buf_init(&text, s->alloc, s->cache.max_bytes);
	arena_release(&s->entries_arena);
	s->entries = NULL;
	s->entry_count = 0;
	if (code == ERR_OK)
		code = http_client_new(s->alloc, &c.client, err);
	if (code == ERR_OK)
		code = run(&c, &text, out, err);
	http_client_free(c.client);
	buf_release(&text);
	source_listing_release(&c.listing);
	site_queue_release(&c.queue);
	alloc_free(s->alloc, c.entries);
	arena_release(&c.page);
	arena_release(&c.work);
	return code;
}
