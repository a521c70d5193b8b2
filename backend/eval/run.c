#include "eval/run.h"

#include "eval/metrics.h"

enum { TOP_K = 50, PAGES_MAX = 10, FACT_RESULTS = 5, QUESTION_MEMORY = 256 << 20 };

/* The running sums from which the answer figures are made. */
struct tally {
	double fact_recall, citation_hit;
	size_t citations, valid_citations;
	size_t answerable, unanswerable, off_topic;
	size_t abstained_right, abstained_wrong, refused_off_topic, turned_away;
};

static size_t distinct_pages(const struct retrieve_results *results, struct str *pages)
{
	size_t count = 0;
	for (size_t i = 0; i < results->count && count < PAGES_MAX; i++) {
		struct str path = results->items[i].passage.path;
		bool seen = false;
		for (size_t j = 0; j < count; j++)
			seen = seen || str_eq(pages[j], path);
		if (!seen)
			pages[count++] = path;
	}
	return count;
}

static enum err_code measure_retrieval(const struct question *q,
				       const struct retrieve_results *results, struct arena *arena,
				       struct eval_retrieval *sum, struct eval_outcome *outcome,
				       struct arena *keep, struct err *err)
{
	struct str pages[PAGES_MAX], text = STR("");
	size_t count = distinct_pages(results, pages);
	for (size_t i = 0; i < results->count && i < FACT_RESULTS && text.ptr; i++)
		text = arena_printf(arena, "%.*s\n%.*s", STR_ARG(text),
				    STR_ARG(results->items[i].passage.text));
	outcome->first_page = arena_str(keep, count ? pages[0] : STR(""));
	if (!text.ptr || !outcome->first_page.ptr)
		return arena_fail(text.ptr ? keep : arena, err);
	outcome->rank = metric_first_rank(pages, count, q->gold_pages, q->gold_count);
	outcome->fact_recall5 = metric_fact_recall(text, q->facts, q->fact_count);
	sum->n++;
	sum->hit1 += outcome->rank == 1;
	sum->hit3 += outcome->rank && outcome->rank <= 3;
	sum->hit5 += outcome->rank && outcome->rank <= 5;
	sum->hit10 += outcome->rank != 0;
	sum->mrr10 += outcome->rank ? 1.0 / (double)outcome->rank : 0;
	sum->ndcg10 += metric_ndcg(pages, count, q->gold_pages, q->gold_count, PAGES_MAX);
	sum->fact_recall5 += outcome->fact_recall5;
	return ERR_OK;
}

static void finish_retrieval(struct eval_retrieval *sum)
{
	double n = sum->n ? (double)sum->n : 1;
	sum->hit1 /= n;
	sum->hit3 /= n;
	sum->hit5 /= n;
	sum->hit10 /= n;
	sum->mrr10 /= n;
	sum->ndcg10 /= n;
	sum->fact_recall5 /= n;
}

static bool was_retrieved(const struct retrieve_results *results, struct str url)
{
	for (size_t i = 0; i < results->count; i++)
		if (str_eq(results->items[i].url, url))
			return true;
	return false;
}

/* Whether a citation leads to a page that the set names. */
static bool cites_gold(const struct question *q, const struct answer_result *answer)
{
	for (size_t c = 0; c < answer->citation_count; c++)
		for (size_t i = 0; i < answer->retrieved.count; i++)
			if (str_eq(answer->retrieved.items[i].url, answer->citations[c].url) &&
			    metric_first_rank(&answer->retrieved.items[i].passage.path, 1,
					      q->gold_pages, q->gold_count))
				return true;
	return false;
}

static void measure_answer(const struct question *q, const struct answer_result *answer,
			   struct tally *tally, struct eval_outcome *outcome)
{
	bool away = answer->route == ROUTE_ABSTAINED || answer->route == ROUTE_REFUSED;
	outcome->route = answer->route;
	outcome->answer_fact_recall = metric_fact_recall(answer->text, q->facts, q->fact_count);
	for (size_t c = 0; c < answer->citation_count; c++) {
		tally->citations++;
		tally->valid_citations +=
			was_retrieved(&answer->retrieved, answer->citations[c].url);
	}
	switch (q->kind) {
	case QUESTION_DOCS:
		tally->answerable++;
		tally->fact_recall += outcome->answer_fact_recall;
		tally->citation_hit += !away && cites_gold(q, answer);
		tally->turned_away += away;
		tally->abstained_wrong += answer->route == ROUTE_ABSTAINED;
		break;
	case QUESTION_UNANSWERABLE:
		tally->unanswerable++;
		tally->abstained_right += answer->route == ROUTE_ABSTAINED;
		break;
	case QUESTION_OFF_TOPIC:
		tally->off_topic++;
		tally->refused_off_topic += answer->route == ROUTE_REFUSED;
		break;
	case QUESTION_FOLLOW_UP:
		break;
	}
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static void finish_answers(const struct tally *t, struct eval_answers *out)
{
	*out = (struct eval_answers){
		.fact_recall = share(t->fact_recall, (double)t->answerable),
		.citation_validity = share((double)t->valid_citations, (double)t->citations),
		.citation_hit = share(t->citation_hit, (double)t->answerable),
		.abstention_precision = share((double)t->abstained_right,
					      (double)(t->abstained_right + t->abstained_wrong)),
		.abstention_recall = share((double)t->abstained_right, (double)t->unanswerable),
		.refused_answerable = share((double)t->turned_away, (double)t->answerable),
		.off_topic_refusal = share((double)t->refused_off_topic, (double)t->off_topic)};
}

static enum err_code run_question(const struct answer_deps *deps, const struct question *q,
				  bool answers, struct arena *scratch, struct arena *keep,
				  struct eval_result *out, struct tally *tally,
				  struct eval_outcome *outcome, double *took_ms, struct err *err)
{
	const struct retrieve_options options = {.top_k = TOP_K};
	const struct answer_sink silent = {0};
	struct retrieve_results results;
	struct answer_result answer;
	*outcome = (struct eval_outcome){.question = q, .first_page = STR("")};
	enum err_code code = retrieve(deps->store, deps->embedder, deps->clock, q->text, &options,
				      scratch, &results, err);
	if (code)
		return code;
	*took_ms = (double)results.took_us / 1000;
	outcome->cosine = retrieve_best_cosine(&results);
	if (q->kind == QUESTION_DOCS || q->kind == QUESTION_FOLLOW_UP)
		code = measure_retrieval(q, &results, scratch,
					 q->kind == QUESTION_DOCS ? &out->retrieval
								  : &out->follow_up,
					 outcome, keep, err);
	if (!code && answers) {
		code = answer_run(deps, q->text, &silent, scratch, &answer, err);
		if (!code) {
			measure_answer(q, &answer, tally, outcome);
			*took_ms = (double)answer.total_us / 1000;
		}
	}
	return code;
}

enum err_code eval_run(const struct answer_deps *deps, const struct question_set *set, bool answers,
		       struct arena *arena, struct eval_result *out, struct err *err)
{
	struct tally tally = {0};
	struct arena scratch;
	enum err_code code = ERR_OK;
	*out = (struct eval_result){.n = set->count};
	out->outcomes = arena_array(arena, set->count, sizeof(*out->outcomes));
	double *times = arena_array(arena, set->count, sizeof(*times));
	if (!out->outcomes || !times)
		return arena_fail(arena, err);
	arena_init(&scratch, arena->alloc, QUESTION_MEMORY);
	for (size_t i = 0; i < set->count && !code; i++) {
		if (deps->cancelled && atomic_load(deps->cancelled))
			code = err_set(err, ERR_CANCELLED, "stopped");
		else
			code = run_question(deps, &set->items[i], answers, &scratch, arena, out,
					    &tally, &out->outcomes[i], &times[i], err);
		arena_release(&scratch);
	}
	if (code)
		return code;
	finish_retrieval(&out->retrieval);
	finish_retrieval(&out->follow_up);
	finish_answers(&tally, &out->answers);
	out->p50_ms = metric_percentile(times, set->count, 50);
	out->p95_ms = metric_percentile(times, set->count, 95);
	return ERR_OK;
}
