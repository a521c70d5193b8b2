/* Sitemaps (sitemaps.org): lists of pages, and lists of such lists. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_SITEMAP_H
#define DOCS_BOT_SOURCE_SITEMAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SITEMAP_BYTES ((size_t)50 << 20) /* the protocol's own limits, unpacked */
#define SITEMAP_URLS  50000

struct sitemap {
	struct str *locs; /* addresses as they are written, trimmed */
	size_t count;
	bool is_index; /* they are sitemaps */
};

/*
 * Reads XML. ERR_FORMAT for what is no sitemap or ends in an error; `out` then has what came before.
 * Document types are refused, so entities cannot multiply. Locations past SITEMAP_URLS are left out.
 */
enum err_code sitemap_parse(struct str xml, struct arena *arena, struct sitemap *out,
			    struct err *err) WARN_UNUSED;

/* True for gzip's magic bytes. */
bool sitemap_is_gzip(struct str bytes);

/* Unpacks gzip, to the buffer's maximum; ERR_LIMIT past it, ERR_FORMAT for damaged bytes. */
enum err_code sitemap_unpack(struct str bytes, struct buf *out, struct err *err) WARN_UNUSED;

#endif
