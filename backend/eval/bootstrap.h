/* How far a mean over questions may be from what other questions of the same kind would give. */
#ifndef DOCS_BOT_EVAL_BOOTSTRAP_H
#define DOCS_BOT_EVAL_BOOTSTRAP_H

#include "base/arena.h"
#include "base/err.h"

#define BOOTSTRAP_RESAMPLES 2000

struct interval {
	double low, high;
};

/*
 * The 95 % percentile interval of the mean (Efron 1979): BOOTSTRAP_RESAMPLES samples of the same
 * size, drawn with replacement by a generator with a fixed seed, so that the same values give the
 * same interval, and lists of one length the same resamples. For two methods on the same questions
 * give the differences: then it is the paired bootstrap. {0, 0} when there are no values. Scratch
 * memory from the arena.
 */
enum err_code bootstrap_mean(const double *values, size_t count, struct arena *arena,
			     struct interval *out, struct err *err) WARN_UNUSED;

#endif
