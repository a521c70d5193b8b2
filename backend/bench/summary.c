#include "bench/summary.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t count, double share)
{
	double at = share * (double)(count - 1);
	size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
	return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

void bench_summarize(double *values, size_t count, struct bench_summary *out)
{
	*out = (struct bench_summary){.runs = count};
	if (!count)
		return;
	qsort(values, count, sizeof(*values), ascending);
	out->min = values[0];
	out->p25 = quantile(values, count, 0.25);
	out->median = quantile(values, count, 0.5);
	out->p75 = quantile(values, count, 0.75);
	out->p95 = quantile(values, count, 0.95);
	out->max = values[count - 1];
}
