/* Waiting between attempts: exponential backoff with jitter, what the server asks for, and a way out. */
#ifndef DOCS_BOT_NET_RETRY_H
#define DOCS_BOT_NET_RETRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct retry_policy {
	unsigned attempts; /* in all; at least 1 */
	unsigned base_ms;  /* the first wait is between half of it and all of it */
	unsigned cap_ms;   /* no wait is longer, whatever a server asks for */
};

/*
 * Milliseconds to wait after failed attempt number `attempt` (from 0): base · 2^attempt, at most cap,
 * of which the upper half is random, so that clients that failed together do not come back together.
 * `asked_ms` (-1: nothing was asked) is waited at least, up to the cap.
 */
unsigned retry_delay_ms(const struct retry_policy *policy, unsigned attempt, int64_t asked_ms,
			uint64_t random);

/* Retry-After as RFC 9110 has it, seconds or an HTTP date, in ms from `now_s`; -1 when it is neither. */
int64_t retry_after_ms(struct str value, int64_t now_s);

/* True once somebody asked to stop; `stop` may be NULL. */
bool retry_stopped(const atomic_bool *stop);

/* Sleeps; ERR_CANCELLED soon after *stop becomes true. */
enum err_code retry_wait(unsigned ms, const atomic_bool *stop, struct err *err) WARN_UNUSED;

#endif
