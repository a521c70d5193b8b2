/* A circuit breaker: a service that fails again and again is left alone for a while. */
#ifndef DOCS_BOT_NET_BREAKER_H
#define DOCS_BOT_NET_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

/*
 * Closed: calls pass. After `threshold` failures in a row it opens, and calls are refused for
 * `pause_ms`; then one call passes as a probe. When that one succeeds all pass again, when it fails the
 * pause doubles, up to `max_pause_ms`. Thread-safe.
 */
struct breaker_policy {
	unsigned threshold, pause_ms, max_pause_ms;
};

struct breaker {
	struct breaker_policy policy;
	const struct clock *clock;
	pthread_mutex_t lock;
	unsigned failures; /* in a row, while closed */
	int64_t pause_us;  /* of the opening that holds or held last; 0: closed */
	int64_t until_us;
	bool probing;
};

/* How a call was let through; given back with what became of it. */
enum breaker_pass { BREAKER_REFUSED, BREAKER_CALL, BREAKER_PROBE };

enum err_code breaker_init(struct breaker *breaker, const struct breaker_policy *policy,
			   const struct clock *clock, struct err *err) WARN_UNUSED;
void breaker_release(struct breaker *breaker);

/* *wait_ms: how long a refused call would have to wait. */
enum breaker_pass breaker_enter(struct breaker *breaker, int64_t *wait_ms);

/*
 * Exactly one of these for each call that passed, unless its success was reported before its end:
 * then a failure may follow, as that of a BREAKER_CALL.
 */
void breaker_succeeded(struct breaker *breaker);
void breaker_failed(struct breaker *breaker, enum breaker_pass pass);
/* It ended in a way that says nothing about the service (cancelled, out of memory). */
void breaker_abandoned(struct breaker *breaker, enum breaker_pass pass);

#endif
