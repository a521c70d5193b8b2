/* robots.txt as RFC 9309 has it. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_ROBOTS_H
#define DOCS_BOT_SOURCE_ROBOTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define ROBOTS_BYTES ((size_t)500 << 10) /* RFC 9309 2.5: at least so much is read; not more */

struct robots_rule {
	struct str pattern; /* as url_encode() spells it */
	bool allow;
};

/* Lives in the arena that it was parsed into. All zero allows everything. */
struct robots {
	struct robots_rule *rules;
	size_t rule_count;
	struct str *sitemaps; /* as they are written */
	size_t sitemap_count;
	double crawl_delay; /* seconds; 0: none. No part of the RFC, but widely used */
};

/*
 * The rules of the groups that name `agent` (a product token, without case), or else of those for "*".
 * Lines that make no sense are passed over, as the RFC asks.
 */
enum err_code robots_parse(struct str text, struct str agent, struct arena *arena,
			   struct robots *out, struct err *err) WARN_UNUSED;

/* Whether `target`, path and query of a url_join() address, may be fetched: the longest rule decides. */
bool robots_allows(const struct robots *robots, struct str target);

#endif
