#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>

const char *metric_name(enum metric metric)
{
	static const char *const names[METRIC_COUNT] = {
		"hit@1", "hit@3", "hit@5", "hit@10", "mrr@10", "ndcg@10", "fact_recall@5"};
	return names[metric];
}

static bool is_gold(struct str page, const struct str *gold, size_t gold_count)
{
	for (size_t i = 0; i < gold_count; i++)
		if (str_eq(page, gold[i]))
			return true;
	return false;
}

size_t metric_first_rank(const struct str *pages, size_t count, const struct str *gold,
			 size_t gold_count)
{
	for (size_t i = 0; i < count; i++)
		if (is_gold(pages[i], gold, gold_count))
			return i + 1;
	return 0;
}

double metric_ndcg(const struct str *pages, size_t count, const struct str *gold, size_t gold_count,
		   size_t k)
{
	double gain = 0, ideal = 0;
	for (size_t i = 0; i < count && i < k; i++)
		if (is_gold(pages[i], gold, gold_count))
			gain += 1 / log2((double)i + 2);
	for (size_t i = 0; i < gold_count && i < k; i++)
		ideal += 1 / log2((double)i + 2);
	return ideal > 0 ? gain / ideal : 0;
}

double metric_fact_recall(struct str text, const struct str *facts, size_t count)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		found += str_find_nocase(text, facts[i], 0) != STR_NPOS;
	return count ? (double)found / (double)count : 1;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double metric_percentile(double *values, size_t count, double p)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), ascending);
	/* Multiplied first: p / 100 is seldom exact, and would push whole ranks up by one. */
	size_t rank = (size_t)ceil(p * (double)count / 100);
	return values[rank ? rank - 1 : 0];
}
