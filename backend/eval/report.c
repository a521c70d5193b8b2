#include "eval/report.h"

#include "eval/summary.h"

/* What the functions here share; json_t results are new references, NULL without memory. */
struct maker {
	const struct eval_result *result;
	struct arena *arena;
	struct err *err;
};

/* Adds (taking over) and tells whether it worked; a NULL value or object fails. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool append(json_t *list, json_t *value)
{
	return json_array_append_new(list, value) == 0;
}

/* `ok` tells whether everything was added. */
static json_t *finish(json_t *value, bool ok)
{
	if (ok)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *metrics_json(const double values[METRIC_COUNT])
{
	json_t *object = json_object();
	bool ok = object != NULL;
	for (size_t m = 0; m < METRIC_COUNT && ok; m++)
		ok = put(object, metric_name((enum metric)m), json_real(values[m]));
	return finish(object, ok);
}

static json_t *intervals_json(const struct interval intervals[METRIC_COUNT])
{
	json_t *object = json_object();
	bool ok = object != NULL;
	for (size_t m = 0; m < METRIC_COUNT && ok; m++)
		ok = put(object, metric_name((enum metric)m),
			 json_pack("[f, f]", intervals[m].low, intervals[m].high));
	return finish(object, ok);
}

static json_t *retrieval_json(const struct eval_summary *summary)
{
	json_t *object = metrics_json(summary->mean);
	return finish(object, put(object, "context_tokens", json_real(summary->context_tokens)));
}

static json_t *answers_json(const struct eval_answers *a)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "fact_recall", a->fact_recall,
			 "citation_validity", a->citation_validity, "citation_hit", a->citation_hit,
			 "first_source", a->first_source, "abstention_precision",
			 a->abstention_precision, "abstention_recall", a->abstention_recall,
			 "false_abstention", a->false_abstention, "off_topic_refusal",
			 a->off_topic_refusal);
}

/* The profile whose figures stand at the top of the report: the first that ran. */
static enum eval_profile first_profile(const struct eval_result *result)
{
	size_t first = 0;
	while (first + 1 < EVAL_PROFILES && !result->options.profiles[first])
		first++;
	return (enum eval_profile)first;
}

static json_t *kept_json(const struct eval_kept *kept)
{
	return json_pack("{s:f, s:I, s:I, s:I}", "share", eval_kept_share(kept), "kept",
			 (json_int_t)kept->kept, "counted", (json_int_t)kept->counted, "variants",
			 (json_int_t)kept->variants);
}

/* {changes: {typo: {…}}} and the sum over all; of a run without variants: JSON null. */
static json_t *metamorphic_json(struct maker *make, enum eval_profile profile)
{
	struct str_list changes;
	if (eval_distinct(make->result->set, EVAL_BY_CHANGE, make->arena, &changes, make->err))
		return NULL;
	if (changes.count == 0)
		return json_null();
	struct eval_kept all = eval_count_kept(make->result, profile, STR(""));
	json_t *by_change = json_object(), *object = kept_json(&all);
	bool ok = put(object, "changes", by_change);
	for (size_t i = 0; i < changes.count && ok; i++) {
		struct eval_kept kept = eval_count_kept(make->result, profile, changes.items[i]);
		/* names in the arena end in a NUL */
		ok = put(by_change, changes.items[i].ptr, kept_json(&kept));
	}
	return finish(object, ok);
}

static json_t *profile_json(struct maker *make, enum eval_profile profile)
{
	struct eval_summary docs, follow_up;
	if (eval_summarize(make->result, profile, &(struct eval_filter){.kind = QUESTION_DOCS},
			   make->arena, &docs, make->err) ||
	    eval_summarize(make->result, profile, &(struct eval_filter){.kind = QUESTION_FOLLOW_UP},
			   make->arena, &follow_up, make->err))
		return NULL;
	size_t budget = profile == EVAL_DOCS_BOT ? make->result->options.context_tokens : 0;
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:{s:f, s:f}, s:o}", "name",
			 eval_profile_name(profile), "n", (json_int_t)docs.n, "retrieval",
			 retrieval_json(&docs), "intervals", intervals_json(docs.interval),
			 "follow_up", retrieval_json(&follow_up), "follow_up_plain",
			 metrics_json(follow_up.plain), "follow_up_n", (json_int_t)follow_up.n,
			 "context_budget", (json_int_t)budget, "latency_ms", "p50", docs.p50_ms,
			 "p95", docs.p95_ms, "metamorphic", metamorphic_json(make, profile));
}

static json_t *profiles_json(struct maker *make)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	for (size_t p = 0; p < EVAL_PROFILES && ok; p++)
		if (make->result->options.profiles[p])
			ok = append(list, profile_json(make, (enum eval_profile)p));
	return finish(list, ok);
}

static json_t *row_json(struct maker *make, const char *by, struct str name,
			const struct eval_filter *filter)
{
	json_t *profiles = json_object();
	bool ok = profiles != NULL;
	size_t n = 0;
	for (size_t p = 0; p < EVAL_PROFILES && ok; p++) {
		struct eval_summary summary;
		if (!make->result->options.profiles[p])
			continue;
		ok = !eval_summarize(make->result, (enum eval_profile)p, filter, make->arena,
				     &summary, make->err) &&
		     put(profiles, eval_profile_name((enum eval_profile)p),
			 json_pack("{s:o, s:o}", "retrieval", retrieval_json(&summary), "intervals",
				   intervals_json(summary.interval)));
		n = summary.n;
	}
	profiles = finish(profiles, ok);
	return json_pack("{s:s, s:o, s:I, s:o}", "by", by, "name", json_from_str(name), "n",
			 (json_int_t)n, "profiles", profiles);
}

static bool has_questions(const json_t *row)
{
	return json_get_int(row, "n", 0) > 0;
}

/* One row for each file and group with questions of kind docs, and one for follow_up. */
static json_t *rows_json(struct maker *make)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	static const char *const names[] = {"file", "group"};
	for (size_t member = EVAL_BY_FILE; member <= EVAL_BY_GROUP && ok; member++) {
		struct str_list values;
		ok = !eval_distinct(make->result->set, (enum eval_member)member, make->arena,
				    &values, make->err);
		for (size_t i = 0; ok && i < values.count; i++) {
			struct eval_filter filter = {.kind = QUESTION_DOCS};
			*(member == EVAL_BY_FILE ? &filter.file : &filter.group) = values.items[i];
			json_t *row = row_json(make, names[member], values.items[i], &filter);
			ok = row && (!has_questions(row) || json_array_append(list, row) == 0);
			json_decref(row);
		}
	}
	if (ok) {
		json_t *row = row_json(make, "kind", STR("follow_up"),
				       &(struct eval_filter){.kind = QUESTION_FOLLOW_UP});
		ok = row && (!has_questions(row) || json_array_append(list, row) == 0);
		json_decref(row);
	}
	return finish(list, ok);
}

/* The first profile that ran against each other one. */
static json_t *differences_json(struct maker *make)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	enum eval_profile first = first_profile(make->result);
	const struct eval_filter docs = {.kind = QUESTION_DOCS};
	for (size_t p = first + 1; p < EVAL_PROFILES && ok; p++) {
		struct eval_difference d;
		if (!make->result->options.profiles[p])
			continue;
		ok = !eval_compare(make->result, first, (enum eval_profile)p, &docs, make->arena,
				   &d, make->err) &&
		     append(list, json_pack("{s:s, s:s, s:o, s:o}", "of", eval_profile_name(first),
					    "to", eval_profile_name((enum eval_profile)p),
					    "retrieval", metrics_json(d.mean), "intervals",
					    intervals_json(d.interval)));
	}
	return finish(list, ok);
}

static json_t *strings_json(const struct str *items, size_t count)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	for (size_t i = 0; i < count && ok; i++)
		ok = append(list, json_from_str(items[i]));
	return finish(list, ok);
}

static json_t *hits_json(const struct eval_ranking *ranking)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	for (size_t i = 0; i < ranking->top_count && ok; i++) {
		const struct eval_hit *hit = &ranking->top[i];
		ok = append(list,
			    json_pack("{s:f, s:o, s:o, s:o}", "score", hit->score, "path",
				      json_from_str(hit->path), "title", json_from_str(hit->title),
				      "url", json_from_str(hit->url)));
	}
	return finish(list, ok);
}

static json_t *ranking_json(const struct eval_outcome *outcome, enum eval_profile profile)
{
	const struct eval_ranking *r = &outcome->rankings[profile];
	json_t *missing = json_array();
	bool ok = missing != NULL;
	for (size_t i = 0; i < r->missing_count && ok; i++)
		ok = append(missing, json_from_str(*r->missing[i]));
	missing = finish(missing, ok);
	json_t *object =
		json_pack("{s:f, s:f, s:I, s:o, s:o}", "took_ms", r->took_ms, "cosine",
			  (double)r->cosine, "context_tokens", (json_int_t)r->context_tokens,
			  "missing_facts", missing, "results", hits_json(r));
	if (eval_wants_page(outcome->question))
		ok = put(object, "rank", json_integer((json_int_t)r->rank)) &&
		     put(object, "scores", metrics_json(r->scores));
	return finish(object, ok && object);
}

static json_t *judgement_json(const struct judgement *judgement)
{
	json_t *features = json_object();
	bool ok = features != NULL;
	for (size_t i = 0; i < JUDGE_FEATURES && ok; i++)
		ok = put(features, judge_feature_name((enum judge_feature)i),
			 json_real(judgement->features[i]));
	return json_pack("{s:f, s:b, s:o, s:o}", "probability", judgement->probability,
			 "sufficient", judgement->sufficient, "missing",
			 json_from_str(judgement->missing), "features", finish(features, ok));
}

static json_t *answer_json(const struct eval_outcome *outcome)
{
	json_t *missing = json_array();
	bool ok = missing != NULL;
	for (size_t i = 0; i < outcome->answer_missing_count && ok; i++)
		ok = append(missing, json_from_str(*outcome->answer_missing[i]));
	return json_pack("{s:s, s:f, s:f, s:I, s:b, s:o, s:o}", "route",
			 answer_route_name(outcome->route), "fact_recall",
			 outcome->answer_fact_recall, "took_ms", outcome->answer_ms, "bytes",
			 (json_int_t)outcome->answer_bytes, "cites_first", outcome->cites_first,
			 "missing_facts", finish(missing, ok), "judgement",
			 judgement_json(&outcome->judgement));
}

static json_t *question_json(const struct eval_result *result, const struct eval_outcome *outcome)
{
	const struct question *q = outcome->question;
	json_t *profiles = json_object();
	bool ok = profiles != NULL;
	for (size_t p = 0; p < EVAL_PROFILES && ok; p++)
		if (result->options.profiles[p])
			ok = put(profiles, eval_profile_name((enum eval_profile)p),
				 ranking_json(outcome, (enum eval_profile)p));
	profiles = finish(profiles, ok);
	json_t *object = json_pack(
		"{s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "id", json_from_str(q->id), "file",
		json_from_str(q->file), "question", json_from_str(q->text), "kind",
		question_kind_name(q->kind), "group", json_from_str(q->group), "gold_pages",
		strings_json(q->gold_pages, q->gold_count), "profiles", profiles);
	ok = object != NULL;
	if (ok && q->variant_of.len)
		ok = put(object, "variant_of", json_from_str(q->variant_of)) &&
		     put(object, "change", json_from_str(q->change));
	if (ok && outcome->answered)
		ok = put(object, "answer", answer_json(outcome));
	return finish(object, ok);
}

static json_t *questions_json(const struct eval_result *result)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	for (size_t i = 0; i < result->set->count && ok; i++)
		ok = append(list, question_json(result, &result->outcomes[i]));
	return finish(list, ok);
}

/* Whether a reader would be disappointed: no gold page among the five, or a wrong answer or silence. */
static bool is_failure(const struct eval_outcome *o, const struct eval_ranking *r)
{
	bool away = o->answered && (o->route == ROUTE_ABSTAINED || o->route == ROUTE_REFUSED);
	if (o->question->variant_of.len)
		return false;
	if (eval_wants_page(o->question))
		return r->rank == 0 || r->rank > EVAL_TOP || away;
	return o->answered && !away;
}

static json_t *failures_json(const struct eval_result *result)
{
	json_t *list = json_array();
	bool ok = list != NULL;
	enum eval_profile first = first_profile(result);
	for (size_t i = 0; i < result->set->count && ok; i++) {
		const struct eval_outcome *o = &result->outcomes[i];
		const struct eval_ranking *r = &o->rankings[first];
		const struct question *q = o->question;
		if (!is_failure(o, r))
			continue;
		ok = append(list,
			    json_pack("{s:o, s:o, s:I, s:o, s:o, s:f, s:f, s:f, s:s}", "id",
				      json_from_str(q->id), "question", json_from_str(q->text),
				      "rank", (json_int_t)r->rank, "gold",
				      json_from_str(q->gold_count ? q->gold_pages[0] : STR("")),
				      "first",
				      json_from_str(r->top_count ? r->top[0].path : STR("")),
				      metric_name(METRIC_FACT_RECALL_5),
				      r->scores[METRIC_FACT_RECALL_5], "answer_fact_recall",
				      o->answer_fact_recall, "cosine", (double)r->cosine, "route",
				      o->answered ? answer_route_name(o->route) : ""));
	}
	return finish(list, ok);
}

static size_t count_plain(const struct question_set *set)
{
	size_t n = 0;
	for (size_t i = 0; i < set->count; i++)
		n += set->items[i].variant_of.len == 0;
	return n;
}

enum err_code eval_report_make(const struct eval_result *result, const struct eval_setup *setup,
			       struct arena *arena, json_t **out, struct err *err)
{
	struct maker make = {result, arena, err};
	struct err unset = {ERR_OK, ""};
	struct eval_latency ms;
	*err = unset;
	*out = NULL;
	enum err_code code = eval_latency(result, arena, &ms, err);
	if (code)
		return code;
	json_t *profiles = profiles_json(&make);
	const json_t *first = json_array_get(profiles, 0);
	json_t *report = json_pack(
		"{s:I, s:s, s:s, s:O, s:O, s:O, s:{s:f, s:f, s:f, s:f}, s:o, s:o, s:o, s:o, s:o}",
		"n", (json_int_t)count_plain(result->set), "model", setup->model, "precision",
		setup->precision, "retrieval", json_object_get(first, "retrieval"), "follow_up",
		json_object_get(first, "follow_up"), "follow_up_plain",
		json_object_get(first, "follow_up_plain"), "latency_ms", "p50", ms.p50, "p95",
		ms.p95, "added_p50", ms.added_p50, "added_p95", ms.added_p95, "failures",
		failures_json(result), "profiles", profiles, "differences", differences_json(&make),
		"rows", rows_json(&make), "questions", questions_json(result));
	bool ok = report != NULL;
	if (ok) { /* else the profiles are gone with it */
		const json_t *metamorphic = json_object_get(first, "metamorphic");
		if (json_is_object(metamorphic))
			ok = put(report, "metamorphic_kept",
				 json_incref(json_object_get(metamorphic, "share")));
	}
	if (ok && result->options.answers)
		ok = put(report, "answers", answers_json(&result->answers)) &&
		     put(report, "answer_bytes", json_real(result->answers.bytes));
	*out = finish(report, ok);
	if (!*out && !err->code)
		return err_set(err, ERR_NOMEM, "out of memory");
	return *out ? ERR_OK : err->code;
}

const json_t *eval_report_profile(const json_t *report, struct str name)
{
	const json_t *profiles = json_object_get(report, "profiles");
	for (size_t i = 0; i < json_array_size(profiles); i++)
		if (str_eq(json_get_str(json_array_get(profiles, i), "name"), name))
			return json_array_get(profiles, i);
	return NULL;
}

static bool number(const json_t *object, struct str key, double *out)
{
	const json_t *value = json_object_getn(object, key.ptr, key.len);
	if (!json_is_number(value))
		return false;
	*out = json_number_value(value);
	return true;
}

bool eval_report_figure(const json_t *report, struct str name, double *out)
{
	size_t dot = str_find(name, STR("."), 0);
	struct str group = str_slice(name, 0, dot == STR_NPOS ? 0 : dot);
	struct str rest = dot == STR_NPOS ? name : str_slice(name, dot + 1, name.len);
	const json_t *profile = eval_report_profile(report, group);
	if (profile)
		return number(json_object_get(profile, "retrieval"), rest, out);
	if (group.len)
		return number(json_object_getn(report, group.ptr, group.len), rest, out);
	return number(json_object_get(report, "retrieval"), rest, out) ||
	       number(json_object_get(report, "answers"), rest, out) || number(report, rest, out);
}
