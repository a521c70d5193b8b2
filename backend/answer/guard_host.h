/*
 * Addresses in text, and whether they may be shown: private to answer/guard*.c and answer/hosts.c.
 * Browsers, programs that make links of bare names, and shells each read addresses in their own way;
 * what any of them would follow is an address here.
 */
#ifndef DOCS_BOT_ANSWER_GUARD_HOST_H
#define DOCS_BOT_ANSWER_GUARD_HOST_H

#include "answer/guard.h"

#define GUARD_HOST_MAX 253

/* Whether the label, in any case, is a top-level domain: "com", "py", "xn--p1ai". */
bool guard_is_public_tld(struct str label);

enum guard_verdict {
	GUARD_NO_HOST, /* no name of a host that leads out of the reader's network */
	GUARD_ALLOWED,
	GUARD_FOREIGN,
};

/*
 * Judges what stands where a host does (without port and user): names inside a cluster, private and
 * reserved addresses, example.com and placeholders lead nowhere; punycode, letters beyond ASCII and
 * numbers in disguise must be allowed by name.
 */
enum guard_verdict guard_judge_host(const struct guard_policy *policy, struct str host);

enum guard_context {
	GUARD_PROSE,
	GUARD_SPAN,    /* code within a sentence */
	GUARD_CODE,    /* names with dots are attributes, files, packages and images there */
	GUARD_COMMAND, /* arguments of what fetches or installs */
};

struct guard_address {
	size_t from, to; /* within the text */
	enum guard_verdict verdict;
	bool script; /* javascript:, data:, …: no host at all */
};

/*
 * The first address in `text` at or behind `at`: one that is an address to whatever reads it. `text` is
 * whole words. False when there is none.
 */
bool guard_find_address(const struct guard_policy *policy, struct str text, size_t at,
			enum guard_context context, struct guard_address *out);

/*
 * Whether the destination of a link may be followed: http, https or mailto to an allowed host, or a
 * place on the page. Percent-encoding and references (&#58;) are seen through.
 */
bool guard_link_allowed(const struct guard_policy *policy, struct str destination);

#endif
