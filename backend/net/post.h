/* Bounded JSON requests by POST to one address, by many threads over connections that are kept. */
#ifndef DOCS_BOT_NET_POST_H
#define DOCS_BOT_NET_POST_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct post_client; /* thread-safe */

struct post_options {
	const char *url;     /* http or https, without user and password */
	const char *bearer;  /* for the Authorization header; NULL or "": none */
	unsigned connect_ms; /* longest time to connect */
};

/* ERR_INVALID names what is wrong with the address. Connects to nothing yet. */
enum err_code post_client_open(const struct post_options *options, const struct alloc *alloc,
			       struct post_client **out, struct err *err) WARN_UNUSED;
void post_client_close(struct post_client *client); /* NULL is fine; no request may be running */

/* "host:port" for messages; valid until post_client_close(). */
const char *post_client_host(const struct post_client *client);

/*
 * Sends `body` and waits for the whole answer at most timeout_ms (1 or more). Any answer is ERR_OK:
 * look at *status. Redirections are answers too, nothing is sent elsewhere. `response` is empty and
 * initialised; its maximum bounds the answer (ERR_LIMIT). ERR_UNAVAILABLE when nobody answers in time.
 */
enum err_code post_json(struct post_client *client, struct str body, unsigned timeout_ms,
			long *status, struct buf *response, struct err *err) WARN_UNUSED;

#endif
