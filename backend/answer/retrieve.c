#include "answer/retrieve.h"

#include "answer/fuse.h"
#include "answer/query.h"
#include "base/utf8.h"
#include "base/vec.h"

enum {
	DEPTH = 50,        /* hits taken from each ranking */
	MATCH_DEPTH = 400, /* paragraphs whose nearness is known to whoever quotes from a section */
	QUERY_PARTS_MAX = 4 /* of an over-long query that are embedded */
};

/* Chosen by cross-validation on the question set, see docs/decisions/0002-retrieval.md. */
static const struct fuse_options fuse_defaults = {
	.k = 5, .page_weight = 1, .section_weight = 0.5, .max_span = 8};
#define TEXT_WEIGHT 1.5 /* of the two rankings by words; those by vectors are three */

static enum err_code check_query(struct str query, const struct retrieve_options *options,
				 struct err *err)
{
	if (str_trim(query).len == 0)
		return err_set(err, ERR_INVALID, "the question is empty: ask one in words");
	if (query.len > RETRIEVE_MAX_QUERY)
		return err_set(err, ERR_INVALID,
			       "the question has %zu bytes, more than the limit of %d: shorten it",
			       query.len, RETRIEVE_MAX_QUERY);
	if (!utf8_valid(query))
		return err_set(err, ERR_INVALID, "the question is not valid UTF-8");
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
		return embed_texts(embedder, &query, 1, vector, err);
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
	to->cosine = from->cosine;
	to->url = to->passage.anchor.len
			  ? arena_printf(arena, "%.*s#%.*s", STR_ARG(to->passage.url),
					 STR_ARG(to->passage.anchor))
			  : to->passage.url;
	if (!to->url.ptr)
		return arena_fail(arena, err);
	return fill_matches(store, paragraphs, arena, to, err);
}

enum err_code retrieve(struct store *store, struct embedder *embedder, const struct clock *clock,
		       struct str query, const struct retrieve_options *options,
		       struct arena *arena, struct retrieve_results *out, struct err *err)
{
	int64_t started = clock_monotonic_us(clock);
	struct store_hits windows, sections, paragraphs, text_sections, text_pages;
	struct fused_list fused = {0};
	*out = (struct retrieve_results){0};
	enum err_code code = check_query(query, options, err);
	if (code)
		return code;
	query = query_subject(query, arena);
	float *vector = arena_array(arena, embedder->dimension, sizeof(float));
	out->items = arena_array(arena, options->top_k, sizeof(*out->items));
	if (!query.ptr || !vector || !out->items)
		return arena_fail(arena, err);
	if ((code = embed_query(embedder, query, arena, vector, err)) ||
	    (code = store_search_vector(store, STORE_WINDOW, vector, embedder->dimension, DEPTH,
					arena, &windows, err)) ||
	    (code = store_search_vector(store, STORE_SECTION, vector, embedder->dimension, DEPTH,
					arena, &sections, err)) ||
	    (code = store_search_vector(store, STORE_PARAGRAPH, vector, embedder->dimension,
					MATCH_DEPTH, arena, &paragraphs, err)) ||
	    (code = store_search_text(store, STORE_TEXT_SECTIONS, query, DEPTH, arena,
				      &text_sections, err)) ||
	    (code = store_search_text(store, STORE_TEXT_PAGES, query, DEPTH, arena, &text_pages,
				      err)))
		return code;
	struct store_hits nearest = paragraphs;
	if (nearest.count > DEPTH)
		nearest.count = DEPTH;
	const struct fuse_ranking rankings[] = {{&windows, 1, true},
						{&sections, 1, true},
						{&nearest, 1, true},
						{&text_sections, TEXT_WEIGHT, false},
						{&text_pages, TEXT_WEIGHT, false}};
	code = fuse_rankings(rankings, sizeof(rankings) / sizeof(rankings[0]), &fuse_defaults,
			     arena, &fused, err);
	for (size_t i = 0; i < fused.count && out->count < options->top_k && !code; i++) {
		struct retrieve_result *slot = &out->items[out->count];
		code = fill_result(store, &fused.items[i], &paragraphs, out->count + 1, arena, slot,
				   err);
		if (code == ERR_NOTFOUND)
			code = ERR_OK; /* replaced by an index run a moment ago */
		else if (!code && str_trim(slot->passage.text).len > slot->passage.heading.len)
			out->count++; /* a bare heading answers nothing */
	}
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
