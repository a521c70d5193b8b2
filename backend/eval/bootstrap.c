#include "eval/bootstrap.h"

#include "eval/metrics.h"

/* SplitMix64 (Steele, Lea, Flood 2014): good enough for resampling, and eight lines. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

enum err_code bootstrap_mean(const double *values, size_t count, struct arena *arena,
			     struct interval *out, struct err *err)
{
	uint64_t state = 867;
	*out = (struct interval){0, 0};
	if (count == 0)
		return ERR_OK;
	double *means = arena_array(arena, BOOTSTRAP_RESAMPLES, sizeof(*means));
	if (!means)
		return arena_fail(arena, err);
	for (size_t i = 0; i < BOOTSTRAP_RESAMPLES; i++) {
		double sum = 0;
		for (size_t j = 0; j < count; j++)
			sum += values[next_random(&state) % count];
		means[i] = sum / (double)count;
	}
	out->low = metric_percentile(means, BOOTSTRAP_RESAMPLES, 2.5);
	out->high = metric_percentile(means, BOOTSTRAP_RESAMPLES, 97.5);
	return ERR_OK;
}
