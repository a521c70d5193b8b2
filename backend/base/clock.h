/* Time, injectable so that tests decide what time it is. */
#ifndef DOCS_BOT_BASE_CLOCK_H
#define DOCS_BOT_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*monotonic_us)(void *ctx); /* for durations */
	int64_t (*wall_ms)(void *ctx);      /* milliseconds since 1970-01-01 UTC */
	void *ctx;
};

/* The system's clocks; static storage. */
const struct clock *clock_system(void);

int64_t clock_monotonic_us(const struct clock *clock);
int64_t clock_wall_ms(const struct clock *clock);

/* Formats as RFC 3339 UTC with milliseconds into out[32]. */
void clock_format(int64_t wall_ms, char out[32]);

#endif
