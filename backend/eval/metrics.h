/* Measures of rankings and answers, each a pure function of lists. */
#ifndef DOCS_BOT_EVAL_METRICS_H
#define DOCS_BOT_EVAL_METRICS_H

#include "base/str.h"

/* What a ranking is measured by, one value for each question; names as --gate and JSON have them. */
enum metric {
	METRIC_HIT_1,
	METRIC_HIT_3,
	METRIC_HIT_5,
	METRIC_HIT_10,
	METRIC_MRR_10,
	METRIC_NDCG_10,
	METRIC_FACT_RECALL_5,
	METRIC_COUNT
};

/* "hit@1" and so on; static storage. */
const char *metric_name(enum metric metric);

/* Rank (from 1) of the first gold page in a list of distinct pages, 0 when there is none. */
size_t metric_first_rank(const struct str *pages, size_t count, const struct str *gold,
			 size_t gold_count);

/*
 * Normalised discounted cumulative gain at k with binary relevance (Järvelin, Kekäläinen 2002):
 * sum over gold pages found of 1 / log2(rank + 1), over the same sum for a perfect ranking.
 */
double metric_ndcg(const struct str *pages, size_t count, const struct str *gold, size_t gold_count,
		   size_t k);

/* Share of the facts that stand in the text, ignoring ASCII case; 1 when there are no facts. */
double metric_fact_recall(struct str text, const struct str *facts, size_t count);

/* The p-th percentile (0 … 100) of values by the nearest-rank method; sorts them. 0 when empty. */
double metric_percentile(double *values, size_t count, double p);

#endif
