/* The listening socket. */
#ifndef DOCS_BOT_SERVE_LISTEN_H
#define DOCS_BOT_SERVE_LISTEN_H

#include "base/err.h"

struct addrinfo;

/*
 * Resolves `host` and listens on the first of its addresses that this machine has; `port` 0 is any
 * free one. *out is a non-blocking socket that the caller closes, *bound the port it has.
 * ERR_EXISTS when the port is taken, ERR_INVALID for a name that does not resolve or a port that
 * may not be used, else ERR_IO; the message names host and port.
 */
enum err_code listen_open(const char *host, int port, int *out, int *bound,
			  struct err *err) WARN_UNUSED;

/* The same on the addresses of `list`, in their order; 0, or the errno of the last one tried. */
int listen_first(const struct addrinfo *list, int *out) WARN_UNUSED;

#endif
