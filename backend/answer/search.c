/* The searches of a turn. */
#include <string.h>

#include "answer/terms.h"
#include "answer/turn.h"

enum { RETRIEVE_TOP_K = 8, RETRIEVED_MAX = 64 };

/* One search and what is made of it. */
struct finding {
	struct retrieve_results results;
	struct extract extract;
	struct judgement judgement;
};

static enum err_code take_store(struct turn *turn, struct store **out, struct err *err)
{
	const struct answer_stores *stores = turn->deps->stores;
	*out = turn->deps->store;
	return *out ? ERR_OK : stores->take(stores->ctx, out, err);
}

static void put_store(struct turn *turn, enum err_code code)
{
	const struct answer_stores *stores = turn->deps->stores;
	if (!turn->deps->store)
		stores->put(stores->ctx, code);
}

static enum err_code find(struct turn *turn, struct store *store, struct str query,
			  struct finding *out, struct err *err)
{
	const struct answer_deps *deps = turn->deps;
	const struct retrieve_options options = {
		.top_k = RETRIEVE_TOP_K, .tuning = deps->tuning, .rerank = deps->rerank};
	int64_t started = clock_monotonic_us(deps->clock);
	enum err_code code = retrieve(store, deps->embedder, deps->clock, query, &options,
				      turn->arena, &out->results, err);
	turn->out->searches++;
	turn->out->retrieval_us += clock_monotonic_us(deps->clock) - started;
	if (!code)
		code = turn_check(turn, err);
	/* What to quote and whether it answers is a matter of the question, not of the search. */
	if (!code)
		code = extract_quotes(turn->query, &out->results, turn->arena, &out->extract, err);
	if (!code)
		code = judge_sources(store, turn->query, &out->results, &out->extract, turn->arena,
				     &out->judgement, err);
	return code;
}

/*
 * The words of the question that say something, without the sentence around them. Empty when
 * nothing would change.
 */
static enum err_code reformulate(struct turn *turn, struct str *out, struct err *err)
{
	struct buf words;
	struct str rest = turn->query;
	size_t dropped = 0;
	*out = (struct str){NULL, 0};
	buf_init(&words, turn->arena->alloc, RETRIEVE_MAX_QUERY);
	while (rest.len) {
		size_t begin = 0, end;
		while (begin < rest.len && ascii_space((unsigned char)rest.ptr[begin]))
			begin++;
		for (end = begin; end < rest.len; end++)
			if (ascii_space((unsigned char)rest.ptr[end]))
				break;
		struct str word = str_slice(rest, begin, end), bare = word;
		rest = str_slice(rest, end, rest.len);
		while (bare.len && strchr("?!.,;:", bare.ptr[bare.len - 1]))
			bare.len--;
		if (!bare.len || terms_stop_word(bare)) {
			dropped += word.len > 0;
			continue;
		}
		if (words.len)
			buf_append_byte(&words, ' ');
		buf_append(&words, bare);
	}
	enum err_code code = buf_ok(&words, "a query", err);
	if (!code && dropped && words.len) {
		*out = arena_str(turn->arena, buf_str(&words));
		code = out->ptr ? ERR_OK : arena_fail(turn->arena, err);
	}
	buf_release(&words);
	return code;
}

void turn_number_sources(struct turn *turn)
{
	const struct retrieve_results *results = &turn->out->retrieved;
	turn->sources.count = 0;
	/* Even if two share an address: the quotes count them so. */
	for (size_t i = 0; i < turn->extract.source_count; i++)
		turn->sources.items[turn->sources.count++] = turn->extract.sources[i];
	for (size_t i = 0; i < results->count; i++)
		prompt_add_source(&turn->sources, &results->items[i]);
}

static enum err_code search_twice(struct turn *turn, struct store *store, struct finding *best,
				  struct err *err)
{
	struct finding second;
	struct str words = {NULL, 0};
	enum err_code code = find(turn, store, turn->query, best, err);
	bool poor = !code && !best->judgement.sufficient && !best->judgement.missing.len;
	if (poor && turn->settings->max_searches > 1)
		code = reformulate(turn, &words, err);
	if (code || !words.len)
		return code;
	code = find(turn, store, words, &second, err);
	if (!code && second.judgement.probability > best->judgement.probability)
		*best = second;
	return code;
}

enum err_code turn_search(struct turn *turn, struct err *err)
{
	struct finding best;
	struct store *store;
	enum err_code code = take_store(turn, &store, err);
	if (code)
		return code;
	code = search_twice(turn, store, &best, err);
	put_store(turn, code);
	if (code)
		return code;
	turn->out->retrieved = best.results;
	turn->extract = best.extract;
	turn->judgement = best.judgement;
	turn->out->judgement = best.judgement;
	turn_number_sources(turn);
	return ERR_OK;
}

/* The results of both, one after the other; those of an address that is there already stay away. */
static enum err_code append_results(struct turn *turn, const struct retrieve_results *more,
				    struct err *err)
{
	struct retrieve_results *all = &turn->out->retrieved;
	struct retrieve_result *items =
		arena_array(turn->arena, all->count + more->count, sizeof(*items));
	if (!items)
		return arena_fail(turn->arena, err);
	memcpy(items, all->items, all->count * sizeof(*items));
	size_t count = all->count;
	for (size_t i = 0; i < more->count && count < RETRIEVED_MAX; i++) {
		bool known = false;
		for (size_t j = 0; j < all->count; j++)
			known = known || str_eq(all->items[j].url, more->items[i].url);
		if (!known)
			items[count++] = more->items[i];
	}
	all->items = items;
	all->count = count;
	return ERR_OK;
}

enum err_code turn_search_more(struct turn *turn, struct str query, struct str type,
			       size_t numbers[TURN_MORE_TOP_K], size_t *count, struct err *err)
{
	const struct answer_deps *deps = turn->deps;
	const struct retrieve_options options = {.top_k = TURN_MORE_TOP_K,
						 .tuning = deps->tuning,
						 .rerank = deps->rerank,
						 .type = type};
	struct retrieve_results results = {0};
	struct store *store;
	int64_t started = clock_monotonic_us(deps->clock);
	enum err_code code = take_store(turn, &store, err);
	if (!code) {
		code = retrieve(store, deps->embedder, deps->clock, query, &options, turn->arena,
				&results, err);
		put_store(turn, code);
	}
	turn->out->searches++;
	turn->out->retrieval_us += clock_monotonic_us(deps->clock) - started;
	*count = 0;
	if (!code)
		code = turn_check(turn, err);
	if (!code)
		code = append_results(turn, &results, err);
	for (size_t i = 0; i < results.count && !code; i++) {
		size_t number = prompt_add_source(&turn->sources, &results.items[i]);
		if (number)
			numbers[(*count)++] = number;
	}
	return code;
}

void turn_nearest(struct turn *turn, size_t nearest)
{
	const struct retrieve_results *found = &turn->out->retrieved;
	struct prompt_sources *sources = &turn->sources;
	sources->count = 0;
	for (size_t i = 0; i < found->count && sources->count < nearest; i++) {
		bool seen = false;
		for (size_t j = 0; j < sources->count; j++)
			seen = seen || sources->items[j]->passage.document_id ==
					       found->items[i].passage.document_id;
		if (!seen)
			sources->items[sources->count++] = &found->items[i];
	}
}
