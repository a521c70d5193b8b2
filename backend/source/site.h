/* What the files of the website source share. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_SITE_H
#define DOCS_BOT_SOURCE_SITE_H

#include "net/http.h"
#include "source/filter.h"
#include "source/robots.h"
#include "source/site_cache.h"
#include "source/site_queue.h"

/* Where an item's text is. */
struct site_entry {
	struct str path;
	struct str key; /* of the cache */
	struct str hash;
};

struct site_source {
	struct source base;
	const struct alloc *alloc;
	struct arena arena; /* of the options' copies */
	struct str start;   /* normalised */
	const char *user_agent;
	struct source_filter filter;
	struct site_cache cache;
	size_t max_pages, max_depth;
	int64_t interval_us; /* between requests */
	const atomic_bool *stop;
	struct http_timeouts timeouts;
	source_progress_fn progress;
	void *progress_ctx;
	struct arena entries_arena;
	struct site_entry *entries; /* of the last listing, by path */
	size_t entry_count;
};

/* Which addresses the request under way may go to. */
enum site_scope {
	SITE_START,  /* the host of the start page, where it may still turn into https */
	SITE_HOST,   /* the host: robots.txt and sitemaps */
	SITE_FOLDER, /* pages */
};

/* One run over the site. */
struct site_crawl {
	struct site_source *source;
	struct http_client *client;
	struct arena work; /* as long as the run */
	struct arena page; /* of the page being looked at */
	struct source_listing listing;
	struct site_queue queue; /* addresses of pages */
	struct robots robots;
	struct str origin; /* "https://host" */
	struct str folder; /* "/docs/": the start page's */
	enum site_scope scope;
	int64_t next_us, interval_us; /* when the next request may go out */
	uint64_t bytes;
	size_t visited, failed,
		in_a_row; /* pages; those that failed, and since the last good one */
	struct err first_failure;
	struct site_entry *entries;
	size_t entry_capacity;
	bool follow_links;
	size_t start_links; /* of the start page, that lead into the folder */
};

enum site_outcome {
	SITE_PAGE,   /* a page with text */
	SITE_STALE,  /* failed for now; the text is that of the last run */
	SITE_FAILED, /* failed, and there is no text */
	SITE_GONE,   /* 404 and the like: answered, and not there */
	SITE_OTHER,  /* no page: another type, too long, leads elsewhere, not readable as text */
};

/*
 * Fetches one page, or takes it from the cache when it did not change. `reason` (for all but
 * SITE_PAGE) lives in the listing's arena. Errors are those that end the run.
 */
enum err_code site_fetch_page(struct site_crawl *crawl, struct str url, struct site_page *page,
			      struct buf *text, enum site_outcome *outcome, struct str *reason,
			      struct err *err) WARN_UNUSED;

/* Fetches what is no page. `answer` is to be released; codes are those of http_get(). */
enum err_code site_fetch_file(struct site_crawl *crawl, struct str url, size_t max_bytes,
			      struct http_answer *answer, struct err *err) WARN_UNUSED;

/*
 * Adds the pages of all sitemaps to the queue; *count of them. ERR_UNAVAILABLE when one that the
 * site names cannot be read now: without it pages would seem to be gone.
 */
enum err_code site_read_sitemaps(struct site_crawl *crawl, size_t *count,
				 struct err *err) WARN_UNUSED;

/*
 * The one form of `ref` on the page `base`, when it is in the folder; *out is empty otherwise. What
 * names this host with the other scheme counts as ours.
 */
enum err_code site_resolve(struct site_crawl *crawl, struct str base, struct str ref,
			   struct arena *arena, struct str *out, struct err *err) WARN_UNUSED;

/* The path of an item: that of the address, with an ending that says the format ("html", "md", "txt"). */
enum err_code site_item_path(struct str url, struct str kind, struct arena *arena, struct str *out,
			     struct err *err) WARN_UNUSED;

/* Lists the site; source->entries are set when it succeeds. */
enum err_code site_crawl_run(struct site_source *source, struct arena *arena,
			     struct source_list *out, struct err *err) WARN_UNUSED;

#endif
