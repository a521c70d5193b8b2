/* Addresses (RFC 3986): taken apart, resolved against a page, and written in one form only. */
#ifndef DOCS_BOT_NET_URL_H
#define DOCS_BOT_NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define URL_MAX 2000 /* bytes of an address that is accepted */

/* Views into the text that was parsed. */
struct url {
	struct str scheme;    /* as written */
	struct str authority; /* all between "//" and the path */
	struct str host;      /* without brackets */
	struct str path;      /* with its '/', or empty */
	struct str query;     /* without '?' */
	struct str fragment;  /* without '#' */
	unsigned port;        /* explicit, or the scheme's (80, 443), else 0 */
	bool has_userinfo;
};

/* Absolute addresses with an authority ("scheme://…"); false for anything else. */
bool url_parse(struct str text, struct url *out);

/* Same scheme, host and port; hosts compare without case. */
bool url_same_origin(const struct url *a, const struct url *b);

/* As url_same_origin(), but `to` may also be https on its own port where `from` is http on its own. */
bool url_same_host(const struct url *from, const struct url *to);

/*
 * The address that `ref` has on the page `base` (empty: ref is absolute), in the form in which equal
 * addresses are equal bytes: host in lower case, no default port, no dot segments, percent-encoding
 * as RFC 3986 6.2.2 has it, other bytes encoded, query parameters sorted and without those that
 * only count visits (utm_…), no fragment. *out is in the arena, NUL-terminated. ERR_INVALID for what is
 * not http or https, holds a password, or is longer than URL_MAX.
 */
enum err_code url_join(struct str base, struct str ref, struct arena *arena, struct str *out,
		       struct err *err) WARN_UNUSED;

/*
 * A path, or a pattern of paths, with every byte spelled as url_join() does it; '?' and '*' stay. ptr
 * NULL when memory runs out.
 */
struct str url_encode(struct str text, struct arena *arena);

/* Bytes of percent-encodings in `text`, where they are well-formed; ptr NULL when memory runs out. */
struct str url_decode(struct str text, struct arena *arena);

#endif
