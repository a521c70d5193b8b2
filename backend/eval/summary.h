/* From outcomes of single questions to the figures of a run. */
#ifndef DOCS_BOT_EVAL_SUMMARY_H
#define DOCS_BOT_EVAL_SUMMARY_H

#include "eval/bootstrap.h"
#include "eval/run.h"

/* Which questions count; variants never do. Empty names: any. */
struct eval_filter {
	enum question_kind kind;
	struct str file, group;
};

struct eval_summary { /* of one profile, over the questions of a filter */
	size_t n;
	double mean[METRIC_COUNT];
	struct interval interval[METRIC_COUNT];
	double plain[METRIC_COUNT]; /* mean of follow_up questions that were not rewritten */
	double context_tokens;      /* mean */
	double p50_ms, p95_ms;
};

enum err_code eval_summarize(const struct eval_result *result, enum eval_profile profile,
			     const struct eval_filter *filter, struct arena *arena,
			     struct eval_summary *out, struct err *err) WARN_UNUSED;

struct eval_difference { /* of two profiles, paired by question */
	double mean[METRIC_COUNT];
	struct interval interval[METRIC_COUNT];
};

/* `a` minus `b`. */
enum err_code eval_compare(const struct eval_result *result, enum eval_profile a,
			   enum eval_profile b, const struct eval_filter *filter,
			   struct arena *arena, struct eval_difference *out,
			   struct err *err) WARN_UNUSED;

/*
 * Variants must not lose the page: of those whose original has a gold page among the first five,
 * how many have one too.
 */
struct eval_kept {
	size_t variants; /* all of them */
	size_t counted;  /* whose original is found */
	size_t kept;
};

/* `change` empty: all changes. */
struct eval_kept eval_count_kept(const struct eval_result *result, enum eval_profile profile,
				 struct str change);

/* kept / counted; 1 when none counts. */
double eval_kept_share(const struct eval_kept *kept);

struct str_list {
	struct str *items;
	size_t count;
};

/* The distinct values of a member over the set, in order of their first question; empty left out. */
enum eval_member { EVAL_BY_FILE, EVAL_BY_GROUP, EVAL_BY_CHANGE };
enum err_code eval_distinct(const struct question_set *set, enum eval_member member,
			    struct arena *arena, struct str_list *out, struct err *err) WARN_UNUSED;

/* Milliseconds. */
struct eval_latency {
	double p50, p95;
	double added_p50, added_p95; /* of answers, less the time that a language model took */
};

/*
 * Percentiles of the time of one question: of the answers where they ran, else of the first profile
 * that did, over all questions but variants.
 */
enum err_code eval_latency(const struct eval_result *result, struct arena *arena,
			   struct eval_latency *out, struct err *err) WARN_UNUSED;

#endif
