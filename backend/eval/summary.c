#include "eval/summary.h"

static bool counts(const struct question *q, const struct eval_filter *filter)
{
	return q->kind == filter->kind && !q->variant_of.len &&
	       (!filter->file.len || str_eq(q->file, filter->file)) &&
	       (!filter->group.len || str_eq(q->group, filter->group));
}

static double mean_of(const double *values, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return count ? sum / (double)count : 0;
}

/* The value of one question of profile a, or its difference to that of profile b. */
typedef double (*value_fn)(const struct eval_outcome *outcome, enum eval_profile a,
			   enum eval_profile b, size_t which);

static double score_of(const struct eval_outcome *outcome, enum eval_profile a, enum eval_profile b,
		       size_t metric)
{
	return outcome->rankings[a].scores[metric];
}

static double plain_score_of(const struct eval_outcome *outcome, enum eval_profile a,
			     enum eval_profile b, size_t metric)
{
	return outcome->rankings[a].plain_scores[metric];
}

static double difference_of(const struct eval_outcome *outcome, enum eval_profile a,
			    enum eval_profile b, size_t metric)
{
	return outcome->rankings[a].scores[metric] - outcome->rankings[b].scores[metric];
}

static double tokens_of(const struct eval_outcome *outcome, enum eval_profile a,
			enum eval_profile b, size_t which)
{
	return (double)outcome->rankings[a].context_tokens;
}

static double time_of(const struct eval_outcome *outcome, enum eval_profile a, enum eval_profile b,
		      size_t which)
{
	return outcome->rankings[a].took_ms;
}

/* One value for each question of the filter; returns how many. */
static size_t gather(const struct eval_result *result, const struct eval_filter *filter,
		     value_fn value, enum eval_profile a, enum eval_profile b, size_t which,
		     double *values)
{
	size_t n = 0;
	for (size_t i = 0; i < result->set->count; i++)
		if (counts(&result->set->items[i], filter))
			values[n++] = value(&result->outcomes[i], a, b, which);
	return n;
}

enum err_code eval_summarize(const struct eval_result *result, enum eval_profile profile,
			     const struct eval_filter *filter, struct arena *arena,
			     struct eval_summary *out, struct err *err)
{
	double *values = arena_array(arena, result->set->count, sizeof(*values));
	enum err_code code = ERR_OK;
	*out = (struct eval_summary){0};
	if (!values)
		return arena_fail(arena, err);
	for (size_t m = 0; m < METRIC_COUNT && !code; m++) {
		out->n = gather(result, filter, score_of, profile, profile, m, values);
		out->mean[m] = mean_of(values, out->n);
		double *plain = arena_array(arena, result->set->count, sizeof(*plain));
		if (!plain)
			return arena_fail(arena, err);
		gather(result, filter, plain_score_of, profile, profile, m, plain);
		out->plain[m] = mean_of(plain, out->n);
		code = bootstrap_mean(values, out->n, arena, &out->interval[m], err);
	}
	gather(result, filter, tokens_of, profile, profile, 0, values);
	out->context_tokens = mean_of(values, out->n);
	gather(result, filter, time_of, profile, profile, 0, values);
	out->p50_ms = metric_percentile(values, out->n, 50);
	out->p95_ms = metric_percentile(values, out->n, 95);
	return code;
}

enum err_code eval_compare(const struct eval_result *result, enum eval_profile a,
			   enum eval_profile b, const struct eval_filter *filter,
			   struct arena *arena, struct eval_difference *out, struct err *err)
{
	double *values = arena_array(arena, result->set->count, sizeof(*values));
	enum err_code code = ERR_OK;
	*out = (struct eval_difference){0};
	if (!values)
		return arena_fail(arena, err);
	for (size_t m = 0; m < METRIC_COUNT && !code; m++) {
		size_t n = gather(result, filter, difference_of, a, b, m, values);
		out->mean[m] = mean_of(values, n);
		code = bootstrap_mean(values, n, arena, &out->interval[m], err);
	}
	return code;
}

struct eval_kept eval_count_kept(const struct eval_result *result, enum eval_profile profile,
				 struct str change)
{
	struct eval_kept kept = {0};
	for (size_t i = 0; i < result->set->count; i++) {
		const struct question *q = &result->set->items[i];
		if (!q->variant_of.len || (change.len && !str_eq(q->change, change)))
			continue;
		size_t before = result->outcomes[q->original].rankings[profile].rank;
		size_t after = result->outcomes[i].rankings[profile].rank;
		kept.variants++;
		if (!before || before > EVAL_TOP)
			continue;
		kept.counted++;
		kept.kept += after && after <= EVAL_TOP;
	}
	return kept;
}

double eval_kept_share(const struct eval_kept *kept)
{
	return kept->counted ? (double)kept->kept / (double)kept->counted : 1;
}

static struct str member_of(const struct question *q, enum eval_member member)
{
	switch (member) {
	case EVAL_BY_FILE:
		return q->file;
	case EVAL_BY_GROUP:
		return q->group;
	case EVAL_BY_CHANGE:
		return q->change;
	}
	return STR("");
}

enum err_code eval_distinct(const struct question_set *set, enum eval_member member,
			    struct arena *arena, struct str_list *out, struct err *err)
{
	*out = (struct str_list){arena_array(arena, set->count, sizeof(*out->items)), 0};
	if (!out->items)
		return arena_fail(arena, err);
	for (size_t i = 0; i < set->count; i++) {
		struct str value = member_of(&set->items[i], member);
		bool known = value.len == 0;
		for (size_t j = 0; j < out->count && !known; j++)
			known = str_eq(out->items[j], value);
		if (!known)
			out->items[out->count++] = value;
	}
	return ERR_OK;
}

enum err_code eval_latency(const struct eval_result *result, struct arena *arena,
			   struct eval_latency *out, struct err *err)
{
	size_t n = 0, first = 0;
	double *values = arena_array(arena, result->set->count, sizeof(*values));
	double *added = arena_array(arena, result->set->count, sizeof(*added));
	if (!values || !added)
		return arena_fail(arena, err);
	while (first + 1 < EVAL_PROFILES && !result->options.profiles[first])
		first++;
	for (size_t i = 0; i < result->set->count; i++) {
		const struct eval_outcome *o = &result->outcomes[i];
		if (o->question->variant_of.len)
			continue;
		values[n] = o->answered ? o->answer_ms : o->rankings[first].took_ms;
		added[n] = o->answered ? o->added_ms : values[n];
		n++;
	}
	*out = (struct eval_latency){
		metric_percentile(values, n, 50), metric_percentile(values, n, 95),
		metric_percentile(added, n, 50), metric_percentile(added, n, 95)};
	return ERR_OK;
}
