/* The sitemaps of a website: those that robots.txt names, and /sitemap.xml. */
#include <string.h>

#include "source/site.h"
#include "source/sitemap.h"

#define SITEMAPS_MAX  200
#define NESTING_MAX   2
#define SCRATCH_BYTES ((size_t)64 << 20)

/* Sitemaps to read, and what they brought. */
struct reading {
	struct site_crawl *crawl;
	struct site_queue files; /* depth: nesting; 0 for the guess */
	struct arena scratch;    /* of one file */
	size_t pages;
	struct err *err;
};

static enum err_code skip(struct reading *r, struct str url, const char *what)
{
	struct source_listing *listing = &r->crawl->listing;

	return source_add_skip(listing, url, arena_printf(listing->arena, "the sitemap %s", what),
			       r->err);
}

static enum err_code take_locs(struct reading *r, const struct sitemap *map,
			       const struct site_address *file)
{
	struct site_crawl *c = r->crawl;
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < map->count && code == ERR_OK; i++) {
		struct err ignored;
		struct str url;

		if (map->is_index) {
			code = url_join(file->url, map->locs[i], &r->scratch, &url, &ignored);
			if (code == ERR_OK && file->depth <= NESTING_MAX)
				code = site_queue_add(&r->files, url, file->depth + 1, NULL,
						      r->err);
			else if (code == ERR_INVALID)
				code = ERR_OK;
			else if (code != ERR_OK)
				code = err_set(r->err, code, "%s", ignored.message);
			continue;
		}
		code = site_resolve(c, file->url, map->locs[i], &r->scratch, &url, r->err);
		if (code == ERR_OK && url.len)
			code = site_queue_add(&c->queue, url, 0, NULL, r->err);
		r->pages += url.len > 0;
	}
	return code;
}

static enum err_code take_file(struct reading *r, struct str bytes, const struct site_address *file)
{
	struct buf unpacked;
	struct sitemap map;
	struct err problem = {ERR_OK, ""};
	enum err_code code = ERR_OK;

	buf_init(&unpacked, r->crawl->source->alloc, SITEMAP_BYTES);
	if (sitemap_is_gzip(bytes)) {
		code = sitemap_unpack(bytes, &unpacked, &problem);
		bytes = buf_str(&unpacked);
	}
	if (code == ERR_OK) {
		code = sitemap_parse(bytes, &r->scratch, &map, &problem);
		/* the good part of a damaged one is used as well */
		if (code == ERR_OK || code == ERR_FORMAT) {
			enum err_code taken = take_locs(r, &map, file);

			if (taken != ERR_OK) {
				buf_release(&unpacked);
				return taken;
			}
		}
	}
	buf_release(&unpacked);
	if (code == ERR_NOMEM)
		return err_set(r->err, code, "%s", problem.message);
	/* many sites answer any address with a page: the guess may be wrong */
	return code == ERR_OK || file->depth == 0 ? ERR_OK : skip(r, file->url, problem.message);
}

static enum err_code read_file(struct reading *r, const struct site_address *file)
{
	struct http_answer answer;
	struct err problem = {ERR_OK, ""};
	enum err_code code = site_fetch_file(r->crawl, file->url, SITEMAP_BYTES, &answer, &problem);

	if (code == ERR_OK && answer.status == 200)
		code = take_file(r, buf_str(&answer.body), file);
	else if (code == ERR_NOMEM || code == ERR_CANCELLED)
		code = err_set(r->err, code, "%s", problem.message);
	else if (code == ERR_UNAVAILABLE && file->depth > 0)
		code = err_set(r->err, code, "the sitemap %.200s cannot be read: %s", file->url.ptr,
			       problem.message);
	else if (file->depth > 0)
		code = skip(r, file->url, code == ERR_OK ? "does not exist" : problem.message);
	else
		code = ERR_OK;
	http_answer_release(&answer);
	return code;
}

enum err_code site_read_sitemaps(struct site_crawl *c, size_t *count, struct err *err)
{
	struct reading r = {
		.crawl = c,
		.files = {.alloc = c->source->alloc, .arena = &c->work, .max = SITEMAPS_MAX},
		.err = err};
	struct str guess = arena_printf(&c->work, "%.*s/sitemap.xml", STR_ARG(c->origin));
	struct site_address file;
	enum err_code code = guess.ptr ? ERR_OK : arena_fail(&c->work, err);

	arena_init(&r.scratch, c->source->alloc, SCRATCH_BYTES);
	for (size_t i = 0; i < c->robots.sitemap_count && code == ERR_OK; i++) {
		struct str url;
		struct err ignored;

		if (url_join(c->origin, c->robots.sitemaps[i], &r.scratch, &url, &ignored) ==
		    ERR_OK)
			code = site_queue_add(&r.files, url, 1, NULL, err);
	}
	if (code == ERR_OK)
		code = site_queue_add(&r.files, guess, 0, NULL, err);
	while (code == ERR_OK && site_queue_take(&r.files, &file)) {
		code = read_file(&r, &file);
		arena_reset(&r.scratch);
	}
	site_queue_release(&r.files);
	arena_release(&r.scratch);
	*count = r.pages;
	return code;
}
