#include "eval/baseline.h"

#include <string.h>

#include "eval/bootstrap.h"

/* A question that both runs asked: its entries for one profile. */
struct pair {
	const json_t *question, *before, *now;
};

struct pairs {
	struct pair *items;
	size_t count;
};

static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

enum err_code eval_report_parse(struct str text, json_t **out, struct err *err)
{
	enum err_code code = json_parse(text, out, err);
	if (code)
		return code;
	if (json_is_array(json_object_get(*out, "questions")) &&
	    json_is_array(json_object_get(*out, "profiles")) &&
	    json_is_object(json_object_get(*out, "retrieval")))
		return ERR_OK;
	json_decref(*out);
	*out = NULL;
	return err_set(err, ERR_INVALID, "not a report of `docs-bot --json eval`");
}

static const json_t *entry_of(const json_t *question, const char *profile)
{
	return json_object_get(json_object_get(question, "profiles"), profile);
}

static double score_of(const json_t *entry, const char *metric)
{
	return json_number_value(json_object_get(json_object_get(entry, "scores"), metric));
}

/* The questions of a report by their ids; variants and questions without pages are left out. */
static json_t *by_id(const json_t *report)
{
	json_t *ids = json_object(), *question;
	size_t i;
	bool ok = ids != NULL;
	json_array_foreach(json_object_get(report, "questions"), i, question)
	{
		struct str id = json_get_str(question, "id");
		if (id.ptr && str_eq(json_get_str(question, "kind"), STR("docs")) &&
		    !json_object_get(question, "variant_of"))
			ok = ok && json_object_setn(ids, id.ptr, id.len, question) == 0;
	}
	if (ok)
		return ids;
	json_decref(ids);
	return NULL;
}

static enum err_code find_pairs(const json_t *report, json_t *before, const char *profile,
				struct arena *arena, struct pairs *out, struct err *err)
{
	const json_t *questions = json_object_get(report, "questions");
	const json_t *question;
	size_t i;
	*out = (struct pairs){arena_array(arena, json_array_size(questions), sizeof(*out->items)),
			      0};
	if (!out->items)
		return arena_fail(arena, err);
	json_array_foreach(questions, i, question)
	{
		struct str id = json_get_str(question, "id");
		const json_t *old = id.ptr ? json_object_getn(before, id.ptr, id.len) : NULL;
		struct pair pair = {question, entry_of(old, profile), entry_of(question, profile)};
		if (!old || json_object_get(question, "variant_of") ||
		    !json_object_get(pair.before, "scores") ||
		    !json_object_get(pair.now, "scores") ||
		    !str_eq(json_get_str(old, "question"), json_get_str(question, "question")))
			continue;
		out->items[out->count++] = pair;
	}
	return ERR_OK;
}

/* {before, now, difference, interval} of one figure; NULL with the error set. */
static json_t *figure_json(const struct pairs *pairs, const char *metric, struct arena *arena,
			   struct err *err)
{
	double before = 0, now = 0, n = pairs->count ? (double)pairs->count : 1;
	struct interval interval;
	double *values = arena_array(arena, pairs->count, sizeof(*values));
	if (!values) {
		(void)arena_fail(arena, err);
		return NULL;
	}
	for (size_t i = 0; i < pairs->count; i++) {
		double old = score_of(pairs->items[i].before, metric);
		double new = score_of(pairs->items[i].now, metric);
		before += old;
		now += new;
		values[i] = new - old;
	}
	if (bootstrap_mean(values, pairs->count, arena, &interval, err))
		return NULL;
	return json_pack("{s:f, s:f, s:f, s:[f, f]}", "before", before / n, "now", now / n,
			 "difference", (now - before) / n, "interval", interval.low, interval.high);
}

/* Questions whose rank or share of facts is another one now. */
static json_t *changed_json(const struct pairs *pairs)
{
	const char *facts = metric_name(METRIC_FACT_RECALL_5);
	json_t *list = json_array();
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		long long ranks[2] = {json_get_int(pair->before, "rank", 0),
				      json_get_int(pair->now, "rank", 0)};
		double shares[2] = {score_of(pair->before, facts), score_of(pair->now, facts)};
		/* shares are printed with twelve digits, so equal ones may differ a little */
		double moved =
			shares[0] > shares[1] ? shares[0] - shares[1] : shares[1] - shares[0];
		if (ranks[0] == ranks[1] && moved < 1e-9)
			continue;
		if (json_array_append_new(
			    list,
			    json_pack("{s:o, s:o, s:[I, I], s:[f, f]}", "id",
				      json_from_str(json_get_str(pair->question, "id")), "question",
				      json_from_str(json_get_str(pair->question, "question")),
				      "rank", (json_int_t)ranks[0], (json_int_t)ranks[1], facts,
				      shares[0], shares[1]))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *profile_json(const json_t *report, json_t *before, const char *name,
			    struct arena *arena, struct err *err)
{
	struct pairs pairs;
	if (find_pairs(report, before, name, arena, &pairs, err))
		return NULL;
	json_t *retrieval = json_object();
	bool ok = retrieval != NULL;
	for (size_t m = 0; m < METRIC_COUNT && ok; m++) {
		const char *metric = metric_name((enum metric)m);
		ok = put(retrieval, metric, figure_json(&pairs, metric, arena, err));
	}
	if (!ok) {
		json_decref(retrieval);
		return NULL;
	}
	return json_pack("{s:s, s:I, s:o, s:o}", "name", name, "n", (json_int_t)pairs.count,
			 "retrieval", retrieval, "changed", changed_json(&pairs));
}

/* Figures of answers, and of variants, without intervals: before and now. */
static json_t *answers_json(const json_t *report, const json_t *baseline)
{
	json_t *object = json_object(), *value;
	const char *name;
	bool ok = object != NULL;
	const json_t *old = json_object_get(baseline, "answers");
	json_object_foreach(json_object_get(report, "answers"), name, value)
	{
		const json_t *before = json_object_get(old, name);
		if (json_is_number(before))
			ok = ok && put(object, name,
				       json_pack("{s:f, s:f}", "before", json_number_value(before),
						 "now", json_number_value(value)));
	}
	double before, now;
	if (ok && eval_report_figure(baseline, STR("metamorphic_kept"), &before) &&
	    eval_report_figure(report, STR("metamorphic_kept"), &now))
		ok = put(object, "metamorphic_kept",
			 json_pack("{s:f, s:f}", "before", before, "now", now));
	if (ok)
		return object;
	json_decref(object);
	return NULL;
}

enum err_code eval_report_compare(json_t *report, const json_t *baseline, struct arena *arena,
				  struct err *err)
{
	json_t *before = by_id(baseline), *list = json_array(), *profile;
	bool ok = before && list;
	size_t i;
	*err = (struct err){ERR_OK, ""};
	json_array_foreach(json_object_get(report, "profiles"), i, profile)
	{
		const char *name = json_string_value(json_object_get(profile, "name"));
		if (ok && eval_report_profile(baseline, str_c(name)))
			ok = json_array_append_new(
				     list, profile_json(report, before, name, arena, err)) == 0;
	}
	json_t *section = json_pack("{s:o, s:o, s:o}", "model",
				    json_from_str(json_get_str(baseline, "model")), "profiles",
				    list, "figures", answers_json(report, baseline));
	if (ok)
		ok = put(report, "baseline", section);
	else
		json_decref(section);
	json_decref(before);
	if (ok)
		return ERR_OK;
	return err->code ? err->code : err_set(err, ERR_NOMEM, "out of memory");
}
