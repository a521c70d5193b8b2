#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t system_monotonic_us(void *ctx)
{
	(void)ctx;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_wall_ms(void *ctx)
{
	(void)ctx;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct clock *clock_system(void)
{
	static const struct clock system_clock = {system_monotonic_us, system_wall_ms, NULL};
	return &system_clock;
}

int64_t clock_monotonic_us(const struct clock *clock)
{
	return clock->monotonic_us(clock->ctx);
}

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock->ctx);
}

void clock_format(int64_t wall_ms, char out[32])
{
	int64_t rest = ((wall_ms % 1000) + 1000) % 1000; /* also before 1970 */
	time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	struct tm parts = {0};
	char date[24];
	if (!gmtime_r(&seconds, &parts) ||
	    !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts))
		date[0] = '\0';
	snprintf(out, 32, "%s.%03dZ", date, (int)rest);
}
