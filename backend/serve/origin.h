/* Which web pages may open a WebSocket: browsers do not apply the same-origin rule to them. */
#ifndef DOCS_BOT_SERVE_ORIGIN_H
#define DOCS_BOT_SERVE_ORIGIN_H

#include <stdbool.h>

#include "base/str.h"

/*
 * True when a client that sent this Origin header (empty: none, so no browser) to this Host may
 * connect. Pages of the same host always may; `allowed` adds others: "*" or a comma-separated list
 * of origins such as "https://www.kubeflow.org".
 */
bool origin_allowed(struct str allowed, struct str origin, struct str host);

/*
 * As origin_allowed(), for services that a foreign page must not reach by DNS rebinding: the same host
 * is trusted only where it is an IP address or "localhost", which no name server can point elsewhere.
 */
bool origin_trusted(struct str allowed, struct str origin, struct str host);

#endif
