/* A server on a free loopback port whose answers a test writes. A thread for each connection. */
#ifndef DOCS_BOT_TESTS_HTTP_STUB_H
#define DOCS_BOT_TESTS_HTTP_STUB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct stub_request {
	struct str method, path, headers, body; /* headers: whole lines, as they came */
	size_t number;                          /* from 0 */
};

/* What a handler does with the connection. */
enum stub_end {
	STUB_KEEP,  /* the answer is whole: the connection stays open */
	STUB_CLOSE, /* closes behind what was written */
	STUB_HANG   /* writes nothing more until the client leaves */
};

enum { STUB_CONNECTIONS = 64 }; /* most of one test */

struct stub_connection {
	struct http_stub *stub;
	int fd;
	pthread_t thread;
};

struct http_stub {
	/* Writes the answer, status line and headers included; one call at a time. */
	enum stub_end (*handle)(void *ctx, const struct stub_request *request, struct buf *answer);
	void *ctx;
	int listener, port;
	atomic_size_t requests, connections;
	pthread_t thread;
	pthread_mutex_t lock; /* around `handle` */
	struct stub_connection connection[STUB_CONNECTIONS];
};

/* Fields `handle` and `ctx` are set. Failures end the running test (cmocka). */
void http_stub_start(struct http_stub *stub);
/* Waits for the threads; no client may be connected any more. */
void http_stub_stop(struct http_stub *stub);

/* A complete JSON answer of that status. */
void http_stub_json(struct buf *answer, int status, struct str body);

#endif
