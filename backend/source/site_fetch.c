/* One request of a crawl: its turn, where it may lead, and what becomes of the answer. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "source/charset.h"
#include "source/page_links.h"
#include "source/site.h"

#define REDIRECTS_MAX 5

static const struct retry_policy retry_policy = {.attempts = 3, .base_ms = 500, .cap_ms = 30000};

static bool in_folder(const struct site_crawl *c, const struct url *to)
{
	struct str bare = str_slice(c->folder, 0, c->folder.len - 1);

	return str_starts(to->path, c->folder) || (bare.len && str_eq(to->path, bare));
}

/* Waits for its turn; refuses what is out of bounds, which only a redirection can lead to. */
static enum err_code before(void *ctx, struct str to, struct err *err)
{
	struct site_crawl *c = ctx;
	struct url url, origin;
	struct str target;
	int64_t now = clock_monotonic_us(clock_system());
	enum err_code code = ERR_OK;
	bool same;

	if (!url_parse(to, &url) || !url_parse(c->origin, &origin))
		return err_set(err, ERR_MISMATCH, "leads to what is no web address");
	same = c->scope == SITE_START ? url_same_host(&origin, &url)
				      : url_same_origin(&origin, &url);
	if (!same || (c->scope == SITE_FOLDER && !in_folder(c, &url)))
		return err_set(err, ERR_MISMATCH, "leads out of the website, to %.200s", to.ptr);
	target = (struct str){url.path.ptr, url.path.len + (url.query.len ? url.query.len + 1 : 0)};
	if (c->scope != SITE_HOST && !robots_allows(&c->robots, target))
		return err_set(err, ERR_MISMATCH, "robots.txt does not allow it");
	if (c->next_us > now)
		code = retry_wait((unsigned)((c->next_us - now + 999) / 1000), c->source->stop,
				  err);
	now = clock_monotonic_us(clock_system());
	c->next_us = now + c->interval_us;
	return code;
}

static bool is_type(struct str type, const char *name)
{
	struct str wanted = str_c(name);

	return type.len >= wanted.len && str_eq_nocase(str_slice(type, 0, wanted.len), wanted) &&
	       (type.len == wanted.len || type.ptr[wanted.len] == ';' ||
		ascii_space(type.ptr[wanted.len]));
}

static bool is_html_type(struct str type)
{
	return is_type(type, "text/html") || is_type(type, "application/xhtml+xml");
}

static bool is_markdown_type(struct str type)
{
	return is_type(type, "text/markdown") || is_type(type, "text/x-markdown");
}

static bool wanted(void *ctx, struct str type)
{
	(void)ctx;
	type = str_trim(type);
	return type.len == 0 || is_html_type(type) || is_markdown_type(type) ||
	       is_type(type, "text/plain");
}

static struct http_get make_get(struct site_crawl *c, const char *url, size_t max_bytes)
{
	const struct site_source *s = c->source;

	return (struct http_get){.url = url,
				 .user_agent = s->user_agent,
				 .max_bytes = max_bytes,
				 .max_redirects = REDIRECTS_MAX,
				 .timeouts = s->timeouts,
				 .retry = retry_policy,
				 .stop = s->stop,
				 .before = before,
				 .ctx = c};
}

enum err_code site_fetch_file(struct site_crawl *c, struct str url, size_t max_bytes,
			      struct http_answer *answer, struct err *err)
{
	const struct http_get get = make_get(c, url.ptr, max_bytes);

	c->scope = SITE_HOST;
	return http_get(c->client, &get, answer, err);
}

/* Markdown is often served as plain text. */
static const char *kind_of(struct str type, struct str url, struct str body)
{
	struct url parts;
	struct str text = str_trim(body);

	if (is_html_type(type))
		return "html";
	if (is_markdown_type(type))
		return "md";
	if (is_type(type, "text/plain"))
		return url_parse(url, &parts) && str_ends(parts.path, STR(".md")) ? "md" : "txt";
	return text.len && text.ptr[0] == '<' ? "html" : NULL;
}

static enum err_code set_reason(struct site_crawl *c, struct str *reason, const char *text,
				struct err *err)
{
	*reason = arena_str(c->listing.arena, str_c(text));
	return reason->ptr ? ERR_OK : arena_fail(c->listing.arena, err);
}

/* The answer 200 as a page: converted, looked through, kept. */
static enum err_code accept_page(struct site_crawl *c, const struct http_answer *answer,
				 struct site_page *page, struct buf *text,
				 enum site_outcome *outcome, struct str *reason, struct err *err)
{
	struct str type = str_trim(str_c(answer->type)), url = str_c(answer->url);
	const char *kind = kind_of(type, url, buf_str(&answer->body));
	struct page_links links;
	struct err problem = {ERR_OK, ""};
	enum err_code code;

	*outcome = SITE_OTHER;
	if (!kind)
		return set_reason(c, reason, "declares no type and is no HTML", err);
	buf_clear(text);
	code = charset_to_utf8(buf_str(&answer->body), type, str_eq(str_c(kind), STR("html")), text,
			       &problem);
	if (code == ERR_FORMAT || code == ERR_LIMIT)
		return set_reason(c, reason, problem.message, err);
	if (code != ERR_OK)
		return err_set(err, code, "%s", problem.message);
	page->url = arena_str(&c->page, url);
	page->kind = arena_str(&c->page, str_c(kind));
	page->etag = arena_str(&c->page, str_c(answer->etag));
	page->modified = arena_str(&c->page, str_c(answer->modified));
	page->noindex = page->nofollow = false;
	if (!page->url.ptr || !page->kind.ptr || !page->etag.ptr || !page->modified.ptr)
		return arena_fail(&c->page, err);
	page_robots_words(str_c(answer->robots), &page->noindex, &page->nofollow);
	if (str_eq(page->kind, STR("html"))) {
		code = page_links_scan(buf_str(text), &c->page, &links, err);
		if (code != ERR_OK)
			return code;
		page->noindex = page->noindex || links.noindex;
		page->nofollow = page->nofollow || links.nofollow;
	}
	sha256_hex(text->ptr ? text->ptr : "", text->len, page->hash);
	*outcome = SITE_PAGE;
	return site_cache_save(&c->source->cache, page, buf_str(text), err);
}

/* What an answer that is no page means. */
static enum err_code refuse(struct site_crawl *c, enum err_code failure, const char *message,
			    bool cached, enum site_outcome *outcome, struct str *reason,
			    struct err *err)
{
	if (failure == ERR_NOMEM || failure == ERR_CANCELLED)
		return err_set(err, failure, "%s", message);
	if (failure != ERR_UNAVAILABLE) {
		*outcome = SITE_OTHER;
		return set_reason(c, reason, message, err);
	}
	*outcome = cached ? SITE_STALE : SITE_FAILED;
	*reason = arena_printf(c->listing.arena, cached ? "%s: kept as it was last seen" : "%s",
			       message);
	return reason->ptr ? ERR_OK : arena_fail(c->listing.arena, err);
}

enum err_code site_fetch_page(struct site_crawl *c, struct str url, struct site_page *page,
			      struct buf *text, enum site_outcome *outcome, struct str *reason,
			      struct err *err)
{
	struct http_get get = make_get(c, url.ptr, c->source->cache.max_bytes);
	struct http_answer answer;
	struct err problem = {ERR_OK, ""};
	char key[65];
	bool cached;
	enum err_code code;

	site_cache_key(url, key);
	*reason = STR("");
	buf_clear(text);
	code = site_cache_load(&c->source->cache, key, &c->page, page, text, &cached, err);
	if (code != ERR_OK)
		return code;
	get.accept = "text/html,application/xhtml+xml,text/markdown;q=0.9,text/plain;q=0.8";
	get.wanted = wanted;
	if (cached) {
		get.etag = page->etag.ptr;
		get.modified = page->modified.ptr;
	}
	code = http_get(c->client, &get, &answer, &problem);
	c->bytes += answer.body.len;
	if (code != ERR_OK) {
		code = refuse(c, code, problem.message, cached, outcome, reason, err);
	} else if (answer.status == 304 && cached) {
		*outcome = SITE_PAGE;
	} else if (answer.status == 200) {
		code = accept_page(c, &answer, page, text, outcome, reason, err);
	} else {
		*outcome = SITE_GONE;
		*reason = arena_printf(c->listing.arena, "the server answers %ld", answer.status);
		code = reason->ptr ? ERR_OK : arena_fail(c->listing.arena, err);
	}
	http_answer_release(&answer);
	return code;
}
