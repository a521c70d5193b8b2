#include "eval/run.h"

#include "answer/rewrite.h"
#include "eval/context.h"

enum { QUESTION_MEMORY = 256 << 20 };

/* What one run hands down. */
struct runner {
	const struct answer_deps *deps;
	const struct eval_options *options;
	struct arena scratch; /* for one question */
	struct arena *keep;
	struct err *err;
};

/* The running sums from which the answer figures are made. */
struct tally {
	double fact_recall, citation_hit, first_source, bytes;
	size_t citations, valid_citations;
	size_t answerable, unanswerable, off_topic;
	size_t abstained_right, abstained_wrong, refused_off_topic, turned_away;
};

bool eval_wants_page(const struct question *question)
{
	return question->kind == QUESTION_DOCS || question->kind == QUESTION_FOLLOW_UP;
}

/* Results without their texts, which the report does not show. */
static enum err_code keep_hits(struct runner *run, const struct eval_hits *hits,
			       struct eval_ranking *out)
{
	for (size_t i = 0; i < hits->top_count; i++) {
		struct eval_hit *to = &out->top[i];
		to->score = hits->top[i].score;
		to->path = arena_str(run->keep, hits->top[i].path);
		to->title = arena_str(run->keep, hits->top[i].title);
		to->url = arena_str(run->keep, hits->top[i].url);
		if (!to->path.ptr || !to->title.ptr || !to->url.ptr)
			return arena_fail(run->keep, run->err);
	}
	out->top_count = hits->top_count;
	return ERR_OK;
}

static enum err_code find_missing(struct runner *run, const struct question *q, struct str text,
				  const struct str ***missing, size_t *count)
{
	const struct str **list = arena_array(run->keep, q->fact_count, sizeof(*list));
	if (!list)
		return arena_fail(run->keep, run->err);
	*missing = list;
	*count = 0;
	for (size_t i = 0; i < q->fact_count; i++)
		if (metric_fact_recall(text, &q->facts[i], 1) < 1)
			list[(*count)++] = &q->facts[i];
	return ERR_OK;
}

/* The judgement without what lives in the question's memory. */
static enum err_code keep_judgement(struct runner *run, const struct judgement *judgement,
				    struct judgement *out)
{
	*out = *judgement;
	out->missing = arena_str(run->keep, judgement->missing);
	return out->missing.ptr ? ERR_OK : arena_fail(run->keep, run->err);
}

static void score_pages(const struct question *q, const struct eval_hits *hits, struct str context,
			double scores[METRIC_COUNT], size_t *first)
{
	size_t rank =
		metric_first_rank(hits->pages, hits->page_count, q->gold_pages, q->gold_count);
	*first = rank;
	scores[METRIC_HIT_1] = rank == 1;
	scores[METRIC_HIT_3] = rank && rank <= 3;
	scores[METRIC_HIT_5] = rank && rank <= 5;
	scores[METRIC_HIT_10] = rank && rank <= 10;
	scores[METRIC_MRR_10] = rank ? 1.0 / (double)rank : 0;
	scores[METRIC_NDCG_10] = metric_ndcg(hits->pages, hits->page_count, q->gold_pages,
					     q->gold_count, EVAL_PAGES);
	scores[METRIC_FACT_RECALL_5] = metric_fact_recall(context, q->facts, q->fact_count);
}

static enum err_code search_once(struct runner *run, enum eval_profile profile, struct str query,
				 struct eval_hits *hits, struct eval_context *context)
{
	size_t budget = profile == EVAL_DOCS_BOT ? run->options->context_tokens : 0;
	enum err_code code =
		eval_profile_search(run->deps, profile, query, &run->scratch, hits, run->err);
	return code ? code
		    : eval_context_make(run->deps->embedder, hits, budget, &run->scratch, context,
					run->err);
}

/* Follow-ups are searched for as they stand, and then, which counts, as questions of their own. */
static enum err_code measure_ranking(struct runner *run, enum eval_profile profile,
				     const struct question *q, struct eval_ranking *out)
{
	struct eval_hits hits;
	struct eval_context context;
	struct str query = q->text;
	size_t rank;
	enum err_code code = ERR_OK;
	if (q->kind == QUESTION_FOLLOW_UP) {
		code = search_once(run, profile, query, &hits, &context);
		if (!code)
			score_pages(q, &hits, context.text, out->plain_scores, &rank);
		if (!code)
			code = rewrite_by_rules(q->text, &q->history, &run->scratch, &query,
						run->err);
	}
	if (!code)
		code = search_once(run, profile, query, &hits, &context);
	if (!code)
		code = keep_hits(run, &hits, out);
	if (!code)
		code = find_missing(run, q, context.text, &out->missing, &out->missing_count);
	if (code)
		return code;
	score_pages(q, &hits, context.text, out->scores, &out->rank);
	out->took_ms = (double)hits.took_us / 1000;
	out->cosine = hits.cosine;
	out->context_tokens = context.tokens;
	return ERR_OK;
}

static bool was_retrieved(const struct retrieve_results *results, struct str url)
{
	for (size_t i = 0; i < results->count; i++)
		if (str_eq(results->items[i].url, url))
			return true;
	return false;
}

/* Whether one of the first `among` citations leads to a page that the set names. */
static bool cites_gold(const struct question *q, const struct answer_result *answer, size_t among)
{
	for (size_t c = 0; c < answer->citation_count && c < among; c++)
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
	outcome->answered = true;
	outcome->route = answer->route;
	outcome->answer_bytes = answer->text.len;
	outcome->answer_ms = (double)answer->total_us / 1000;
	outcome->added_ms = (double)(answer->total_us - answer->llm_us) / 1000;
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
		tally->citation_hit += !away && cites_gold(q, answer, SIZE_MAX);
		outcome->cites_first = !away && cites_gold(q, answer, 1);
		tally->first_source += outcome->cites_first;
		tally->bytes += (double)answer->text.len;
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
	case QUESTION_ROUTE:
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
		.first_source = share(t->first_source, (double)t->answerable),
		.bytes = share(t->bytes, (double)t->answerable),
		.abstention_precision = share((double)t->abstained_right,
					      (double)(t->abstained_right + t->abstained_wrong)),
		.abstention_recall = share((double)t->abstained_right, (double)t->unanswerable),
		.false_abstention = share((double)t->turned_away, (double)t->answerable),
		.off_topic_refusal = share((double)t->refused_off_topic, (double)t->off_topic)};
}

static enum err_code run_question(struct runner *run, const struct question *q, struct tally *tally,
				  struct eval_outcome *outcome)
{
	const struct answer_sink silent = {0};
	struct answer_result answer;
	enum err_code code = ERR_OK;
	outcome->question = q;
	for (size_t p = 0; p < EVAL_PROFILES && !code; p++)
		if (run->options->profiles[p])
			code = measure_ranking(run, (enum eval_profile)p, q, &outcome->rankings[p]);
	if (!code && run->options->answers && !q->variant_of.len) {
		const struct answer_request request = {.question = q->text, .history = q->history};
		code = answer_run(run->deps, &request, &silent, &run->scratch, &answer, run->err);
		if (!code)
			code = find_missing(run, q, answer.text, &outcome->answer_missing,
					    &outcome->answer_missing_count);
		if (!code)
			code = keep_judgement(run, &answer.judgement, &outcome->judgement);
		if (!code)
			measure_answer(q, &answer, tally, outcome);
	}
	return code;
}

enum err_code eval_run(const struct answer_deps *deps, const struct question_set *set,
		       const struct eval_options *options, struct arena *arena,
		       struct eval_result *out, struct err *err)
{
	struct tally tally = {0};
	struct runner run = {.deps = deps, .options = options, .keep = arena, .err = err};
	enum err_code code = ERR_OK;
	*out = (struct eval_result){.options = *options, .set = set};
	out->outcomes = arena_array(arena, set->count, sizeof(*out->outcomes));
	if (!out->outcomes)
		return arena_fail(arena, err);
	arena_init(&run.scratch, arena->alloc, QUESTION_MEMORY);
	for (size_t i = 0; i < set->count && !code; i++) {
		if (deps->cancelled && atomic_load(deps->cancelled))
			code = err_set(err, ERR_CANCELLED, "stopped");
		else
			code = run_question(&run, &set->items[i], &tally, &out->outcomes[i]);
		if (code && code != ERR_CANCELLED)
			err_context(err, "question %.*s", STR_ARG(set->items[i].id));
		arena_release(&run.scratch);
		if (options->progress && !code)
			options->progress(options->progress_ctx, i + 1, set->count);
	}
	finish_answers(&tally, &out->answers);
	return code;
}
