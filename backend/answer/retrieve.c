#include "answer/retrieve.h"

#include "answer/dump.h"
#include "answer/expand.h"
#include "answer/fuse.h"
#include "answer/query.h"
#include "answer/rerank.h"
#include "base/utf8.h"
#include "base/vec.h"

enum {
	WINDOW_DEPTH = 100, /* hits taken from each ranking */
	SECTION_DEPTH = 120,
	PARAGRAPH_DEPTH = 200,
	WORDS_DEPTH = 120,
	PAGE_WORDS_DEPTH = 60,
	PAGE_SECTIONS = 3, /* results of one page, so that a long one leaves room for others */
	WEIGHT_MAX = 100,
	QUERY_PARTS_MAX = 4, /* of an over-long query that are embedded */
	FILTERED_PAGES = 50, /* pages that a filter must leave, or the rankings are read deeper */
	DEEPER = 8,          /* times */
};

static const struct fuse_options fuse_fixed = {
	.page_depth = 50, .section_depth = 100, .max_span = 8};

const char *retrieve_signal_name(enum retrieve_signal signal)
{
	static const char *const names[SIGNAL_COUNT] = {"windows", "sections", "paragraphs",
							"words", "page_words"};
	return names[signal];
}

enum err_code retrieve_weights_parse(struct str text, double weights[SIGNAL_COUNT], struct err *err)
{
	for (int i = 0; i < SIGNAL_COUNT; i++)
		weights[i] = 0;
	for (size_t at = 0, end; at < text.len; at = end + 1) {
		for (end = at; end < text.len && text.ptr[end] != ' ' && text.ptr[end] != ',';
		     end++)
			;
		struct str item = str_slice(text, at, end);
		size_t equal = str_find(item, STR("="), 0);
		int signal = 0;
		double weight = 0;
		if (!item.len)
			continue;
		struct str name = str_slice(item, 0, equal == STR_NPOS ? item.len : equal);
		while (signal < SIGNAL_COUNT &&
		       !str_eq(name, str_c(retrieve_signal_name((enum retrieve_signal)signal))))
			signal++;
		if (signal == SIGNAL_COUNT || equal == STR_NPOS ||
		    !str_to_double(str_slice(item, equal + 1, item.len), &weight) ||
		    !(weight >= 0 && weight <= WEIGHT_MAX))
			return err_set(err, ERR_INVALID,
				       "'%.*s' is not NAME=WEIGHT with a weight from 0 to %d and "
				       "one of windows, sections, paragraphs, words, page_words",
				       (int)(item.len < 80 ? item.len : 80), item.ptr, WEIGHT_MAX);
		weights[signal] = weight;
	}
	return ERR_OK;
}

struct retrieve_tuning retrieve_tuning_default(void)
{
	return (struct retrieve_tuning){
		.page_weight = {1, 1, 1, 2, 2},
		.section_weight = {0.3, 1, 1, 1.5, 0},
		.within_page = 1,
		.archived_factor = 0.8,
		.pull_request_min = 0.4,
		.context_tokens = 2000,
	};
}

enum err_code retrieve_check_query(struct str query, struct err *err)
{
	if (str_trim(query).len == 0)
		return err_set(err, ERR_INVALID, "the question is empty: ask one in words");
	if (query.len > RETRIEVE_MAX_QUERY)
		return err_set(err, ERR_INVALID,
			       "the question has %zu bytes, more than the limit of %d: shorten it",
			       query.len, RETRIEVE_MAX_QUERY);
	if (!utf8_valid(query))
		return err_set(err, ERR_INVALID, "the question is not valid UTF-8");
	return ERR_OK;
}

static enum err_code check_query(struct str query, const struct retrieve_options *options,
				 struct err *err)
{
	enum err_code code = retrieve_check_query(query, err);
	if (code)
		return code;
	if (options->top_k < 1 || options->top_k > RETRIEVE_MAX_TOP_K)
		return err_set(err, ERR_INVALID, "top_k must be from 1 to %d", RETRIEVE_MAX_TOP_K);
	return ERR_OK;
}

/*
 * A query within the model's length is embedded as it is. A longer one (a pasted log) is cut at
 * token borders and the mean of its parts' vectors is taken; of very long ones the first parts
 * and the last, where people put the question.
 */
static enum err_code embed_query(struct embedder *embedder, struct str query, struct arena *arena,
				 float *vector, struct err *err)
{
	struct token_list tokens;
	struct str parts[QUERY_PARTS_MAX];
	size_t room = embedder->max_tokens - embedder->special_tokens;
	enum err_code code = embed_tokenize(embedder, query, arena, &tokens, err);
	if (code)
		return code;
	if (tokens.count <= room)
		return embed_alone(embedder, query, vector, err);
	/* A slice can tokenize a little longer than it did within the whole. */
	size_t step = room - room / 8;
	size_t total = (tokens.count + step - 1) / step;
	size_t count = total < QUERY_PARTS_MAX ? total : QUERY_PARTS_MAX;
	for (size_t i = 0; i < count; i++) {
		size_t part = i + 1 < count ? i : total - 1;
		size_t last = (part + 1) * step < tokens.count ? (part + 1) * step : tokens.count;
		parts[i] = str_slice(query, tokens.items[part * step].begin,
				     tokens.items[last - 1].end);
	}
	size_t dimension = embedder->dimension;
	float *vectors = arena_array(arena, count * dimension, sizeof(float));
	if (!vectors)
		return arena_fail(arena, err);
	code = embed_texts(embedder, parts, count, vectors, err);
	for (size_t j = 0; j < dimension && !code; j++) {
		vector[j] = 0;
		for (size_t i = 0; i < count; i++)
			vector[j] += vectors[i * dimension + j];
	}
	vec_normalize(vector, dimension);
	return code;
}

/* The paragraph hits that stand in this section, with their text. */
static enum err_code fill_matches(struct store *store, const struct store_hits *paragraphs,
				  struct arena *arena, struct retrieve_result *to, struct err *err)
{
	size_t count = 0;
	const struct store_passage *passage = &to->passage;
	for (size_t i = 0; i < paragraphs->count; i++)
		count += paragraphs->items[i].document_id == passage->document_id &&
			 paragraphs->items[i].first_section == passage->section;
	to->match_count = 0;
	to->matches = arena_array(arena, count, sizeof(*to->matches));
	if (!to->matches)
		return arena_fail(arena, err);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < paragraphs->count && !code; i++) {
		const struct store_hit *hit = &paragraphs->items[i];
		if (hit->document_id != passage->document_id ||
		    hit->first_section != passage->section)
			continue;
		struct retrieve_match *match = &to->matches[to->match_count++];
		match->cosine = hit->score;
		code = store_chunk_text(store, hit->document_id, STORE_PARAGRAPH, hit->ordinal,
					arena, &match->text, err);
	}
	return code;
}

static enum err_code fill_result(struct store *store, const struct fused *from,
				 const struct store_hits *paragraphs, size_t rank,
				 struct arena *arena, struct retrieve_result *to, struct err *err)
{
	enum err_code code =
		store_passage(store, from->document_id, from->section, arena, &to->passage, err);
	if (code)
		return code;
	to->rank = rank;
	to->score = from->score;
	to->signals = *from;
	to->cosine = from->cosine;
	to->url = to->passage.anchor.len
			  ? arena_printf(arena, "%.*s#%.*s", STR_ARG(to->passage.url),
					 STR_ARG(to->passage.anchor))
			  : to->passage.url;
	if (!to->url.ptr)
		return arena_fail(arena, err);
	return fill_matches(store, paragraphs, arena, to, err);
}

/* One query on its way through the rankings. */
struct search {
	struct store *store;
	const struct retrieve_options *options;
	const struct retrieve_tuning *tuning;
	struct str query; /* as it was asked */
	struct str terms; /* as it is searched for */
	float *vector;
	size_t dimension;
	bool asks_for_old, filtered;
	struct store_hits hits[SIGNAL_COUNT];
	size_t pages_left; /* that the filter left */
	struct arena *arena;
};

static enum err_code search_dense(struct search *s, enum retrieve_signal signal,
				  enum store_unit unit, size_t depth, struct err *err)
{
	return store_search_vector(s->store, unit, s->vector, s->dimension, depth, s->arena,
				   &s->hits[signal], err);
}

static enum err_code search_rankings(struct search *s, size_t deeper, bool *exhausted,
				     struct err *err)
{
	static const size_t depths[SIGNAL_COUNT] = {WINDOW_DEPTH, SECTION_DEPTH, PARAGRAPH_DEPTH,
						    WORDS_DEPTH, PAGE_WORDS_DEPTH};
	enum err_code code;
	if ((code = search_dense(s, SIGNAL_WINDOWS, STORE_WINDOW, deeper * WINDOW_DEPTH, err)) ||
	    (code = search_dense(s, SIGNAL_SECTIONS, STORE_SECTION, deeper * SECTION_DEPTH, err)) ||
	    (code = search_dense(s, SIGNAL_PARAGRAPHS, STORE_PARAGRAPH, deeper * PARAGRAPH_DEPTH,
				 err)) ||
	    (code = store_search_text(s->store, STORE_TEXT_SECTIONS, s->terms, deeper * WORDS_DEPTH,
				      s->arena, &s->hits[SIGNAL_WORDS], err)) ||
	    (code = store_search_text(s->store, STORE_TEXT_PAGES, s->terms,
				      deeper * PAGE_WORDS_DEPTH, s->arena,
				      &s->hits[SIGNAL_PAGE_WORDS], err)))
		return code;
	*exhausted = true;
	for (int i = 0; i < SIGNAL_COUNT; i++)
		if (s->hits[i].count >= deeper * depths[i])
			*exhausted = false;
	return ERR_OK;
}

static bool differs(struct str wanted, struct str value)
{
	return wanted.len && !str_eq_nocase(wanted, value);
}

static enum err_code page_factor(void *ctx, int64_t document_id, double *factor, struct err *err)
{
	struct search *s = ctx;
	struct store_document_info info;
	enum err_code code = store_document_info(s->store, document_id, s->arena, &info, err);
	*factor = 0;
	if (code)
		return code == ERR_NOTFOUND ? ERR_OK : code; /* replaced a moment ago */
	if (differs(s->options->type, info.type) || differs(s->options->version, info.version) ||
	    differs(s->options->repo, info.repo.len ? info.repo : info.source))
		return ERR_OK;
	s->pages_left++;
	bool wanted = s->asks_for_old || s->options->version.len ||
		      query_names_version(s->query, info.version);
	*factor = info.archived && !wanted ? s->tuning->archived_factor : 1;
	return ERR_OK;
}

/* A filter may leave little of the best: then the rankings are read deeper until it does not. */
static enum err_code search_all(struct search *s, struct fused_list *fused, struct err *err)
{
	struct fuse_options how = fuse_fixed;
	const struct fuse_pages pages = {page_factor, s};
	bool exhausted = false;
	how.section_weight = s->tuning->within_page;
	for (size_t deeper = 1; !exhausted; deeper *= DEEPER) {
		struct fuse_ranking rankings[SIGNAL_COUNT];
		enum err_code code = search_rankings(s, deeper, &exhausted, err);
		if (code)
			return code;
		for (int i = 0; i < SIGNAL_COUNT; i++)
			rankings[i] = (struct fuse_ranking){&s->hits[i], s->tuning->page_weight[i],
							    s->tuning->section_weight[i],
							    i <= SIGNAL_PARAGRAPHS};
		s->pages_left = 0;
		code = fuse_rankings(rankings, SIGNAL_COUNT, &how, &pages, s->arena, fused, err);
		if (code)
			return code;
		if (!s->filtered || s->pages_left >= FILTERED_PAGES)
			break;
	}
	return ERR_OK;
}

/* A pull request that only shares words with the question; while vectors are missing nobody knows. */
static bool irrelevant(const struct search *s, const struct retrieve_result *result)
{
	bool known = s->hits[SIGNAL_WINDOWS].count || s->hits[SIGNAL_SECTIONS].count ||
		     s->hits[SIGNAL_PARAGRAPHS].count;
	return known && str_eq(result->passage.type, STR("pull_request")) &&
	       result->cosine < s->tuning->pull_request_min;
}

/* Whether the page has as many sections among the results as it may have. */
static bool crowded(const struct retrieve_results *results, int64_t document_id)
{
	size_t sections = 0;
	for (size_t i = 0; i < results->count; i++)
		sections += results->items[i].passage.document_id == document_id;
	return sections >= PAGE_SECTIONS;
}

static enum err_code fill_results(const struct search *s, const struct fused_list *fused,
				  struct retrieve_results *out, struct err *err)
{
	enum err_code code = ERR_OK;
	size_t most = rerank_candidates(s->options->rerank, s->options->top_k);
	out->items = arena_array(s->arena, most, sizeof(*out->items));
	if (!out->items)
		return arena_fail(s->arena, err);
	for (size_t i = 0; i < fused->count && out->count < most && !code; i++) {
		struct retrieve_result *slot = &out->items[out->count];
		if (crowded(out, fused->items[i].document_id))
			continue;
		code = fill_result(s->store, &fused->items[i], &s->hits[SIGNAL_PARAGRAPHS],
				   out->count + 1, s->arena, slot, err);
		if (code == ERR_NOTFOUND)
			code = ERR_OK; /* replaced by an index run a moment ago */
		else if (!code && !irrelevant(s, slot) &&
			 str_trim(slot->passage.text).len > slot->passage.heading.len)
			out->count++; /* a bare heading answers nothing */
	}
	return code;
}

enum err_code retrieve(struct store *store, struct embedder *embedder, const struct clock *clock,
		       struct str query, const struct retrieve_options *options,
		       struct arena *arena, struct retrieve_results *out, struct err *err)
{
	int64_t started = clock_monotonic_us(clock);
	struct retrieve_tuning tuning =
		options->tuning ? *options->tuning : retrieve_tuning_default();
	struct fused_list fused = {0};
	*out = (struct retrieve_results){0};
	enum err_code code = check_query(query, options, err);
	if (code)
		return code;
	struct str stripped = dump_strip(query, arena);
	if (!stripped.ptr)
		return arena_fail(arena, err);
	struct search s = {.store = store,
			   .options = options,
			   .tuning = &tuning,
			   .query = query,
			   .terms = query_subject(stripped, arena),
			   .vector = arena_array(arena, embedder->dimension, sizeof(float)),
			   .dimension = embedder->dimension,
			   .asks_for_old = query_asks_for_old(query),
			   .filtered =
				   options->type.len || options->repo.len || options->version.len,
			   .arena = arena};
	if (!s.terms.ptr || !s.vector)
		return arena_fail(arena, err);
	code = embed_query(embedder, s.terms, arena, s.vector, err);
	if (!code)
		code = search_all(&s, &fused, err);
	for (int i = 0; i < SIGNAL_COUNT; i++)
		out->partial |= s.hits[i].partial;
	if (!code)
		code = fill_results(&s, &fused, out, err);
	if (!code)
		rerank_results(options->rerank, stripped, options->top_k, arena, out);
	if (!code)
		code = expand_results(store, embedder, tuning.context_tokens, out, arena, err);
	out->took_us = clock_monotonic_us(clock) - started;
	return code;
}

float retrieve_best_cosine(const struct retrieve_results *results)
{
	float best = 0;
	for (size_t i = 0; i < results->count; i++)
		if (results->items[i].cosine > best)
			best = results->items[i].cosine;
	return best;
}
