/*
 * Answers that come piece by piece: one thread moves the bytes of all requests, each caller reads its
 * own through a bounded buffer. A caller that does not read stops its server by TCP, not the others.
 */
#ifndef DOCS_BOT_NET_STREAM_H
#define DOCS_BOT_NET_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

#define STREAM_BUFFER_BYTES 32768 /* of one stream; libcurl hands over at most half of that */

struct stream_client; /* thread-safe */
struct stream;        /* belongs to the thread that started it */

struct stream_options {
	const char *bearer;  /* for the Authorization header; NULL or "": none */
	const char *ca_file; /* certificates to trust (PEM); NULL or "": those of the system */
	unsigned connect_ms; /* longest time to connect */
};

/* Everything in it must outlive the stream. */
struct stream_request {
	const char *url;              /* http or https */
	struct str body;              /* JSON to POST; ptr NULL: GET */
	const atomic_bool *cancelled; /* polled some twenty times a second; may be NULL */
};

/*
 * Starts the thread; connects to nothing yet. The proxy settings of the environment (http_proxy,
 * https_proxy, no_proxy) hold, but not for the loopback. ERR_INVALID for a key that no header can hold
 * and for a file of certificates that cannot be read.
 */
enum err_code stream_client_open(const struct stream_options *options, const struct alloc *alloc,
				 struct stream_client **out, struct err *err) WARN_UNUSED;
void stream_client_close(struct stream_client *client); /* NULL is fine; no stream may be open */

/* Sends the request in the background. Redirections are answers, nothing is sent elsewhere. */
enum err_code stream_start(struct stream_client *client, const struct stream_request *request,
			   struct stream **out, struct err *err) WARN_UNUSED;

enum stream_event {
	STREAM_BYTES,     /* *got of them are in `out` */
	STREAM_END,       /* the answer is whole */
	STREAM_BROKEN,    /* it is not: see stream_problem() */
	STREAM_LATE,      /* nothing came within wait_ms; reading may go on */
	STREAM_CANCELLED, /* *cancelled became true */
};

/* Waits for the next bytes. */
enum stream_event stream_read(struct stream *stream, char *out, size_t size, int64_t wait_ms,
			      size_t *got);

/* Once bytes came, or the end: status, Content-Type ("" without one). 0 and "" before. */
long stream_status(const struct stream *stream);
const char *stream_type(const struct stream *stream);
/* What Retry-After asks for, in ms; -1: nothing. At the end. */
int64_t stream_retry_after_ms(const struct stream *stream);
/* Why it broke, and whether another attempt may go well. */
const char *stream_problem(const struct stream *stream, bool *transient);

/* Frees; a transfer that still runs is broken off, and the server sees its connection close. */
void stream_free(struct stream *stream); /* NULL is fine */

#endif
