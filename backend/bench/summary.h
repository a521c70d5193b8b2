/* Order statistics of measured times. */
#ifndef DOCS_BOT_BENCH_SUMMARY_H
#define DOCS_BOT_BENCH_SUMMARY_H

#include <stddef.h>

/* In the unit of the values. */
struct bench_summary {
	size_t runs;
	double min, p25, median, p75, p95, max;
};

/*
 * Sorts `values`. Quantiles interpolate linearly between the two nearest values (Hyndman, Fan
 * 1996, definition 7); all are 0 when there are no values.
 */
void bench_summarize(double *values, size_t count, struct bench_summary *out);

#endif
