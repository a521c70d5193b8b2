#include "eval/routes.h"

#include "eval/metrics.h"

enum { QUESTION_MEMORY = 64 << 20, SET_MEMORY = 256 << 20 };

struct share {
	size_t n, good;
};

/* The running counts, and the lists that become the report. */
struct tally {
	struct share all, sources, fishing, answerable;
	json_t *by_tag, *failures;
	double *times_us;
	size_t count;
};

static double value_of(struct share share)
{
	return share.n ? (double)share.good / (double)share.n : 1;
}

static void count(struct share *share, bool good)
{
	share->n++;
	share->good += good;
}

/* {n, good} under a tag's name. */
static bool count_tag(json_t *by_tag, struct str tag, bool good)
{
	json_t *entry = json_object_getn(by_tag, tag.ptr, tag.len);
	if (!entry) {
		entry = json_pack("{s:i, s:i}", "n", 0, "good", 0);
		if (!entry || json_object_setn_new(by_tag, tag.ptr, tag.len, entry))
			return false;
	}
	json_int_t n = json_get_int(entry, "n", 0) + 1, old = json_get_int(entry, "good", 0);
	return json_object_set_new(entry, "n", json_integer(n)) == 0 &&
	       json_object_set_new(entry, "good", json_integer(old + good)) == 0;
}

static bool note_failure(json_t *failures, const struct question *q, const struct route *route)
{
	return json_array_append_new(
		       failures,
		       json_pack("{s:o, s:o, s:s, s:s, s:I, s:I, s:o}", "id", json_from_str(q->id),
				 "question", json_from_str(q->text), "want",
				 answer_route_name(q->route), "got",
				 answer_route_name(route->route), "want_sources",
				 (json_int_t)q->sources, "got_sources", (json_int_t)route->sources,
				 "reason", json_from_str(route->reason))) == 0;
}

static bool has_tag(const struct question *q, struct str tag)
{
	for (size_t i = 0; i < q->tag_count; i++)
		if (str_eq(q->tags[i], tag))
			return true;
	return false;
}

static bool measure(struct tally *t, const struct question *q, const struct route *route)
{
	bool right = route->route == q->route;
	bool sources = !right || !q->sources || route->sources == q->sources;
	bool ok = true;
	count(&t->all, right);
	if (right && q->sources)
		count(&t->sources, sources);
	if (has_tag(q, STR("fishing")))
		count(&t->fishing, route->route == ROUTE_REFUSED);
	if (q->kind == QUESTION_DOCS || q->kind == QUESTION_FOLLOW_UP)
		count(&t->answerable,
		      route->route == ROUTE_DOCS || route->route == ROUTE_KNOWLEDGE);
	for (size_t i = 0; i < q->tag_count && ok; i++)
		ok = count_tag(t->by_tag, q->tags[i], right);
	if (q->kind != QUESTION_ROUTE && ok)
		ok = count_tag(t->by_tag, str_c(question_kind_name(q->kind)), right);
	return ok && (sources && right ? true : note_failure(t->failures, q, route));
}

static json_t *tags_json(json_t *by_tag)
{
	json_t *object = json_object(), *entry;
	const char *name;
	json_object_foreach(by_tag, name, entry)
	{
		struct share share = {(size_t)json_get_int(entry, "n", 0),
				      (size_t)json_get_int(entry, "good", 0)};
		if (json_object_set_new(object, name,
					json_pack("{s:I, s:f}", "n", (json_int_t)share.n,
						  "accuracy", value_of(share)))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *report(struct tally *t)
{
	double p50 = metric_percentile(t->times_us, t->count, 50);
	double p95 = metric_percentile(t->times_us, t->count, 95);
	double max = metric_percentile(t->times_us, t->count, 100);
	return json_pack("{s:I, s:f, s:I, s:f, s:I, s:f, s:I, s:f, s:o, s:{s:f, s:f, s:f}, s:O}",
			 "n", (json_int_t)t->all.n, "accuracy", value_of(t->all), "sources_n",
			 (json_int_t)t->sources.n, "sources_accuracy", value_of(t->sources),
			 "fishing_n", (json_int_t)t->fishing.n, "fishing_refused",
			 value_of(t->fishing), "answerable_n", (json_int_t)t->answerable.n,
			 "answerable", value_of(t->answerable), "by_tag", tags_json(t->by_tag),
			 "latency_us", "p50", p50, "p95", p95, "max", max, "failures", t->failures);
}

enum err_code eval_routes(const struct question_set *set, const struct clock *clock,
			  const struct alloc *alloc, json_t **out, struct err *err)
{
	struct arena arena, keep;
	struct tally t = {.by_tag = json_object(), .failures = json_array()};
	enum err_code code = ERR_OK;
	*out = NULL;
	arena_init(&arena, alloc, QUESTION_MEMORY);
	arena_init(&keep, alloc, SET_MEMORY);
	t.times_us = arena_array(&keep, set->count, sizeof(*t.times_us));
	if (!t.times_us)
		code = arena_fail(&keep, err);
	for (size_t i = 0; i < set->count && !code; i++) {
		struct route route;
		const struct question *q = &set->items[i];
		int64_t started = clock_monotonic_us(clock);
		code = route_decide(q->text, &q->history, &arena, &route, err);
		t.times_us[t.count++] = (double)(clock_monotonic_us(clock) - started);
		if (!code && !measure(&t, q, &route))
			code = err_set(err, ERR_NOMEM, "out of memory");
		arena_reset(&arena);
	}
	if (!code && !(*out = report(&t)))
		code = err_set(err, ERR_NOMEM, "out of memory");
	json_decref(t.by_tag);
	json_decref(t.failures);
	arena_release(&arena);
	arena_release(&keep);
	return code;
}
