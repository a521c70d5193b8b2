/*
 * What a crawler wants of an HTML page: its links and what it says to robots. A scan over tags, without
 * a tree: gumbo and libxml2 recurse into foreign nesting, and links need none. For source/ alone.
 */
#ifndef DOCS_BOT_SOURCE_PAGE_LINKS_H
#define DOCS_BOT_SOURCE_PAGE_LINKS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define PAGE_LINKS_MAX 20000

struct page_links {
	struct str *
		hrefs; /* of <a> and <area>, as written, references replaced; not those of nofollow */
	size_t count;
	struct str base;        /* of <base href>, else empty */
	bool noindex, nofollow; /* of <meta name="robots"> */
};

enum err_code page_links_scan(struct str html, struct arena *arena, struct page_links *out,
			      struct err *err) WARN_UNUSED;

/* The charset that a <meta> among the first kilobytes declares, a view; empty without one. */
struct str page_declared_charset(struct str html);

/* noindex and nofollow of a robots header or attribute, for all robots or for docs-bot; kept when absent. */
void page_robots_words(struct str text, bool *noindex, bool *nofollow);

#endif
