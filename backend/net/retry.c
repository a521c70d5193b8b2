#include "net/retry.h"

#include <curl/curl.h>
#include <errno.h>
#include <time.h>

#include "base/clock.h"

#define SLICE_MS 50 /* how long a stop may go unnoticed */

unsigned retry_delay_ms(const struct retry_policy *policy, unsigned attempt, int64_t asked_ms,
			uint64_t random)
{
	uint64_t delay = policy->base_ms;

	for (unsigned i = 0; i < attempt && delay < policy->cap_ms; i++)
		delay *= 2;
	if (delay > policy->cap_ms)
		delay = policy->cap_ms;
	delay -= delay / 2 ? random % (delay / 2 + 1) : 0;
	if (asked_ms > 0 && (uint64_t)asked_ms > delay)
		delay = (uint64_t)asked_ms < policy->cap_ms ? (uint64_t)asked_ms : policy->cap_ms;
	return (unsigned)delay;
}

int64_t retry_after_ms(struct str value, int64_t now_s)
{
	char text[64];
	uint64_t seconds;
	time_t date;

	value = str_trim(value);
	if (str_to_u64(value, &seconds))
		return seconds > 86400 ? (int64_t)86400 * 1000 : (int64_t)seconds * 1000;
	if (value.len == 0 || value.len >= sizeof(text) || !ascii_alpha(value.ptr[0]))
		return -1;
	for (size_t i = 0; i < value.len; i++)
		text[i] = value.ptr[i];
	text[value.len] = '\0';
	date = curl_getdate(text, NULL);
	if (date == (time_t)-1)
		return -1;
	if ((int64_t)date <= now_s)
		return 0;
	return (int64_t)date - now_s > 86400 ? (int64_t)86400 * 1000
					     : ((int64_t)date - now_s) * 1000;
}

bool retry_stopped(const atomic_bool *stop)
{
	return stop && atomic_load(stop);
}

enum err_code retry_wait(unsigned ms, const atomic_bool *stop, struct err *err)
{
	int64_t end = clock_monotonic_us(clock_system()) + (int64_t)ms * 1000;

	for (;;) {
		int64_t left = end - clock_monotonic_us(clock_system());
		struct timespec pause;

		if (retry_stopped(stop))
			return err_set(err, ERR_CANCELLED, "stopped");
		if (left <= 0)
			return ERR_OK;
		if (left > (int64_t)SLICE_MS * 1000)
			left = (int64_t)SLICE_MS * 1000;
		pause = (struct timespec){.tv_sec = 0, .tv_nsec = (long)left * 1000};
		/* an interruption only means that the clock is read sooner */
		(void)nanosleep(&pause, NULL);
	}
}
