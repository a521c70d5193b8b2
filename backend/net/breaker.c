#include "net/breaker.h"

enum err_code breaker_init(struct breaker *b, const struct breaker_policy *policy,
			   const struct clock *clock, struct err *err)
{
	*b = (struct breaker){.policy = *policy, .clock = clock};
	if (pthread_mutex_init(&b->lock, NULL) != 0)
		return err_set(err, ERR_INTERNAL, "cannot create a mutex for a circuit breaker");
	return ERR_OK;
}

void breaker_release(struct breaker *b)
{
	pthread_mutex_destroy(&b->lock);
}

enum breaker_pass breaker_enter(struct breaker *b, int64_t *wait_ms)
{
	enum breaker_pass pass = BREAKER_CALL;
	*wait_ms = 0;
	pthread_mutex_lock(&b->lock);
	if (b->pause_us) {
		int64_t left = b->until_us - clock_monotonic_us(b->clock);
		pass = left > 0 || b->probing ? BREAKER_REFUSED : BREAKER_PROBE;
		b->probing = b->probing || pass == BREAKER_PROBE;
		*wait_ms = left > 0 ? (left + 999) / 1000 : 0;
	}
	pthread_mutex_unlock(&b->lock);
	return pass;
}

void breaker_succeeded(struct breaker *b)
{
	pthread_mutex_lock(&b->lock);
	b->failures = 0;
	b->pause_us = 0;
	b->probing = false;
	pthread_mutex_unlock(&b->lock);
}

/* With the lock held. */
static void open_for(struct breaker *b, int64_t pause_us)
{
	int64_t most = (int64_t)b->policy.max_pause_ms * 1000;
	b->pause_us = pause_us < most ? pause_us : most;
	b->until_us = clock_monotonic_us(b->clock) + b->pause_us;
	b->failures = 0;
	b->probing = false;
}

void breaker_failed(struct breaker *b, enum breaker_pass pass)
{
	pthread_mutex_lock(&b->lock);
	/* Calls that began before it opened say nothing new. */
	if (!b->pause_us && ++b->failures >= b->policy.threshold)
		open_for(b, (int64_t)b->policy.pause_ms * 1000);
	else if (b->pause_us && pass == BREAKER_PROBE && b->probing)
		open_for(b, b->pause_us * 2);
	pthread_mutex_unlock(&b->lock);
}

void breaker_abandoned(struct breaker *b, enum breaker_pass pass)
{
	pthread_mutex_lock(&b->lock);
	if (pass == BREAKER_PROBE)
		b->probing = false;
	pthread_mutex_unlock(&b->lock);
}
