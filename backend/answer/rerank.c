#include "answer/rerank.h"

#include <stdlib.h>

#include "base/utf8.h"

#define WARNING_EVERY_US INT64_C(60000000)
#define PAUSE_US         INT64_C(5000000)

void rerank_stage_init(struct rerank_stage *stage, struct reranker *reranker, size_t depth,
		       double weight, const struct clock *clock, const struct logger *log)
{
	stage->reranker = reranker;
	stage->depth = depth;
	stage->weight = weight;
	stage->clock = clock;
	stage->log = log;
	atomic_init(&stage->next_warning_us, INT64_MIN);
	atomic_init(&stage->paused_until_us, INT64_MIN);
	atomic_init(&stage->done, 0);
	atomic_init(&stage->failed, 0);
	atomic_init(&stage->skipped, 0);
}

size_t rerank_candidates(const struct rerank_stage *stage, size_t top_k)
{
	return stage && stage->depth > top_k ? stage->depth : top_k;
}

/* What the cross-encoder reads of a result: where it stands, and its text. */
static enum err_code candidate_text(const struct retrieve_result *result, struct arena *arena,
				    struct str *out, struct err *err)
{
	const struct store_passage *p = &result->passage;
	struct str text = utf8_prefix(p->text, RERANK_TEXT_BYTES);
	*out = arena_printf(arena, "%.*s%s%.*s\n%.*s", STR_ARG(p->title),
			    p->section_path.len ? " - " : "", STR_ARG(p->section_path),
			    STR_ARG(text));
	return out->ptr ? ERR_OK : arena_fail(arena, err);
}

static enum err_code read_scores(struct rerank_stage *stage, struct str query, size_t count,
				 struct arena *arena, const struct retrieve_results *results,
				 float *scores, struct err *err)
{
	struct str *texts = arena_array(arena, count, sizeof(*texts));
	if (!texts || !scores)
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++) {
		enum err_code code = candidate_text(&results->items[i], arena, &texts[i], err);
		if (code)
			return code;
	}
	return rerank_score(stage->reranker, query, texts, count, scores, err);
}

struct range {
	double low, width;
};

/* `value` of the range as 0 … 1; 0 when all values are the same. */
static double stretched(struct range range, double value)
{
	return range.width > 0 ? (value - range.low) / range.width : 0;
}

static void widen(struct range *range, double value, bool first)
{
	double high = first ? value : range->low + range->width;
	range->low = first || value < range->low ? value : range->low;
	range->width = (value > high ? value : high) - range->low;
}

static int by_score(const void *a, const void *b)
{
	const struct retrieve_result *x = a, *y = b;
	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void apply(const struct rerank_stage *stage, size_t count, const float *scores,
		  struct retrieve_results *results)
{
	struct range read = {0, 0}, head = {0, 0}, all = {0, 0};
	for (size_t i = 0; i < results->count; i++) {
		widen(&all, results->items[i].score, i == 0);
		if (i < count) {
			widen(&head, results->items[i].score, i == 0);
			widen(&read, (double)scores[i], i == 0);
		}
	}
	for (size_t i = 0; i < results->count; i++) {
		struct retrieve_result *r = &results->items[i];
		if (i >= count) {
			r->score = stretched(all, r->score) - 1;
			continue;
		}
		r->reranked = true;
		r->rerank = scores[i];
		r->rerank_share = stage->weight * stretched(read, (double)scores[i]);
		r->fused_share = (1 - stage->weight) * stretched(head, r->score);
		r->score = r->rerank_share + r->fused_share;
	}
	qsort(results->items, count, sizeof(*results->items), by_score);
	for (size_t i = 0; i < results->count; i++)
		results->items[i].rank = i + 1;
}

static void note_failure(struct rerank_stage *stage, const struct err *err)
{
	long long now = clock_monotonic_us(stage->clock);
	long long next = atomic_load(&stage->next_warning_us);
	atomic_fetch_add(&stage->failed, 1);
	if (err->code == ERR_UNAVAILABLE)
		atomic_store(&stage->paused_until_us, now + PAUSE_US);
	if (now >= next &&
	    atomic_compare_exchange_strong(&stage->next_warning_us, &next, now + WARNING_EVERY_US))
		log_warn(stage->log, "rerank", "results are not reranked: %s", err->message);
}

void rerank_results(struct rerank_stage *stage, struct str query, size_t top_k, struct arena *arena,
		    struct retrieve_results *results)
{
	struct err err = {ERR_OK, ""};
	size_t count = results->count;
	if (stage && count > stage->depth)
		count = stage->depth;
	if (stage && count) {
		if (clock_monotonic_us(stage->clock) < atomic_load(&stage->paused_until_us)) {
			atomic_fetch_add(&stage->skipped, 1);
		} else {
			float *scores = arena_array(arena, count, sizeof(*scores));
			if (read_scores(stage, query, count, arena, results, scores, &err)) {
				note_failure(stage, &err);
			} else {
				atomic_fetch_add(&stage->done, 1);
				apply(stage, count, scores, results);
			}
		}
	}
	if (results->count > top_k)
		results->count = top_k;
}
