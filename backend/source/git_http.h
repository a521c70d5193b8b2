/* Git's smart HTTP protocol for libgit2, carried by libcurl. For source/git*.c alone. */
#ifndef DOCS_BOT_SOURCE_GIT_HTTP_H
#define DOCS_BOT_SOURCE_GIT_HTTP_H

#include <git2.h>

#include "net/http.h"
#include "source/source.h"

/*
 * libgit2 1.5 has no time limits and no way to stop while a server is silent, so its own HTTP is not
 * used. One of these serves one connection of one remote.
 */
struct git_http {
	const char *url;   /* as configured, without a '/' at its end */
	const char *token; /* NULL: none */
	const atomic_bool *stop;
	struct http_timeouts timeouts; /* total_ms is not used */
	const struct alloc *alloc;
	/* what went wrong, since libgit2 passes on numbers only; ERR_OK: nothing of ours */
	struct err err;
	bool transient;         /* another attempt may go well */
	int64_t retry_after_ms; /* as the server asks, or -1 */
	uint64_t received;      /* bytes */
	char base[2048];        /* where a redirection led to */
};

/* A git_transport_cb; `http` is the callbacks' payload or found by it. */
int git_http_transport(git_transport **out, git_remote *owner, struct git_http *http);

#endif
