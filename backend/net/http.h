/* An HTTP client for pages: bounded in bytes, time, redirections and attempts. */
#ifndef DOCS_BOT_NET_HTTP_H
#define DOCS_BOT_NET_HTTP_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "net/retry.h"
#include "net/url.h"

/* 0: no limit. A response that brings less than a byte a second for stall_ms is given up. */
struct http_timeouts {
	unsigned connect_ms, stall_ms, total_ms;
};

/* What every request of ours has: address, time limits, no signals, http and https only. */
CURLcode http_set_common(CURL *curl, const char *url, const struct http_timeouts *timeouts,
			 bool https_only);

/* A failed transfer for a person; and whether another attempt may go well. */
const char *http_error_text(CURLcode code);
bool http_error_transient(CURLcode code);

/* Keeps its connection between requests. One thread at a time. */
struct http_client;

enum err_code http_client_new(const struct alloc *alloc, struct http_client **out,
			      struct err *err) WARN_UNUSED;
void http_client_free(struct http_client *client);

struct http_get {
	const char *url;
	const char *user_agent;
	const char *accept;            /* NULL: anything */
	const char *etag, *modified;   /* of the copy at hand, NULL or empty: none */
	size_t max_bytes;              /* of the body, decompressed */
	unsigned max_redirects;        /* 0: they are errors */
	struct http_timeouts timeouts; /* of one attempt */
	struct retry_policy retry;     /* for 429, 5xx, and connections that break */
	const atomic_bool *stop;       /* polled; NULL: never */
	/*
	 * Called before each request, the first one included: waits for its turn, or refuses the
	 * address by an error. `to` is a form of url_join(). NULL: every one is fine.
	 */
	enum err_code (*before)(void *ctx, struct str to, struct err *err);
	/* Whether a page of this Content-Type ("" without one) is wanted; NULL: every one is. */
	bool (*wanted)(void *ctx, struct str type);
	void *ctx;
};

struct http_answer {
	long status; /* 0 when there was no answer */
	struct buf body;
	char url[URL_MAX + 1]; /* after redirections */
	char type[128];        /* Content-Type; what is longer than the field is left out */
	char etag[256], modified[64];
	char robots[128]; /* X-Robots-Tag */
	unsigned requests;
};

/*
 * ERR_OK for every answer below 500 but 429 and redirections: look at `status`. ERR_UNAVAILABLE for
 * what may go well later (after the attempts that the policy allows), ERR_LIMIT for a body that is too
 * long, ERR_UNSUPPORTED for a type that is not wanted, ERR_MISMATCH for redirections that turn in circles or lead nowhere, ERR_CANCELLED.
 * `out` is to be released in each case.
 */
enum err_code http_get(struct http_client *client, const struct http_get *get,
		       struct http_answer *out, struct err *err) WARN_UNUSED;
void http_answer_release(struct http_answer *answer);

#endif
