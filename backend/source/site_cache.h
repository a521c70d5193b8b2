/* Pages of one website on disk, with what makes the next request conditional. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_SITE_CACHE_H
#define DOCS_BOT_SOURCE_SITE_CACHE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct site_cache {
	const char *dir;
	const struct alloc *alloc;
	size_t max_bytes; /* of a page */
};

struct site_page {
	char key[65];    /* of the address that was asked for */
	struct str url;  /* that answered */
	struct str kind; /* "html", "md" or "txt" */
	struct str etag, modified;
	char hash[65]; /* SHA-256 of the text */
	bool noindex, nofollow;
};

/* Names the address's file. */
void site_cache_key(struct str url, char key[65]);

/*
 * The page of `key` with its text, which is UTF-8. *found is false when there is none or it is damaged:
 * each file holds its own checksum.
 */
enum err_code site_cache_load(const struct site_cache *cache, const char *key, struct arena *arena,
			      struct site_page *out, struct buf *text, bool *found,
			      struct err *err) WARN_UNUSED;
enum err_code site_cache_save(const struct site_cache *cache, const struct site_page *page,
			      struct str text, struct err *err) WARN_UNUSED;

/* Removes the files whose keys are not among the `count` sorted ones of `keep`. */
void site_cache_prune(const struct site_cache *cache, const struct str *keep, size_t count);

#endif
