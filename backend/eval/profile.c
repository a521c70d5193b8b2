#include "eval/profile.h"

#include <string.h>

enum {
	TOP_K = 50,      /* sections of our own ranking that are looked through for pages */
	WINDOWS = 200,   /* the same of the KEP's, where neighbours overlap */
	QUERY_STEP = 16, /* tokens by which an over-long question is shortened until it fits */
};

static const char *const names[EVAL_PROFILES] = {"docs-bot", "kep"};

const char *eval_profile_name(enum eval_profile profile)
{
	return names[profile];
}

bool eval_profile_parse(const char *name, enum eval_profile *out)
{
	for (size_t i = 0; i < EVAL_PROFILES; i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum eval_profile)i;
			return true;
		}
	}
	return false;
}

static void add_page(struct eval_hits *hits, struct str path)
{
	for (size_t i = 0; i < hits->page_count; i++)
		if (str_eq(hits->pages[i], path))
			return;
	if (hits->page_count < EVAL_PAGES)
		hits->pages[hits->page_count++] = path;
}

static enum err_code search_own(const struct answer_deps *deps, struct str question,
				struct arena *arena, struct eval_hits *out, struct err *err)
{
	const struct retrieve_options options = {
		.top_k = TOP_K, .tuning = deps->tuning, .rerank = deps->rerank};
	struct retrieve_results results;
	enum err_code code = retrieve(deps->store, deps->embedder, deps->clock, question, &options,
				      arena, &results, err);
	if (code)
		return code;
	for (size_t i = 0; i < results.count; i++) {
		const struct retrieve_result *r = &results.items[i];
		add_page(out, r->passage.path);
		if (i < EVAL_TOP)
			out->top[out->top_count++] = (struct eval_hit){
				r->score, r->passage.path, r->passage.title, r->url, r->text};
	}
	out->cosine = retrieve_best_cosine(&results);
	out->took_us = results.took_us;
	return ERR_OK;
}

/* The question, or as much of its beginning as the model takes. */
static enum err_code embed_beginning(struct embedder *embedder, struct str question,
				     struct arena *arena, float *vector, struct err *err)
{
	size_t room = embedder->max_tokens - embedder->special_tokens, keep = room;
	struct token_list tokens;
	enum err_code code = embed_tokenize(embedder, question, arena, &tokens, err);
	/* a slice may have other tokens at its end than the whole text had there */
	while (!code && tokens.count > room) {
		question = str_slice(question, 0, tokens.items[keep - 1].end);
		keep -= keep > QUERY_STEP ? QUERY_STEP : 0;
		code = embed_tokenize(embedder, question, arena, &tokens, err);
	}
	return code ? code : embed_alone(embedder, question, vector, err);
}

static enum err_code window_hit(struct store *store, const struct store_hit *hit,
				struct arena *arena, struct eval_hit *out, struct err *err)
{
	struct store_passage passage;
	enum err_code code =
		store_passage(store, hit->document_id, hit->first_section, arena, &passage, err);
	if (!code)
		code = store_chunk_text(store, hit->document_id, STORE_WINDOW, hit->ordinal, arena,
					&out->text, err);
	if (code)
		return code;
	out->score = hit->score;
	out->path = passage.path;
	out->title = passage.title;
	out->url = passage.anchor.len ? arena_printf(arena, "%.*s#%.*s", STR_ARG(passage.url),
						     STR_ARG(passage.anchor))
				      : passage.url;
	return out->url.ptr ? ERR_OK : arena_fail(arena, err);
}

static enum err_code search_windows(const struct answer_deps *deps, struct str question,
				    struct arena *arena, struct eval_hits *out, struct err *err)
{
	int64_t started = clock_monotonic_us(deps->clock);
	size_t dimension = deps->embedder->dimension;
	struct store_hits hits;
	float *vector = arena_array(arena, dimension, sizeof(float));
	if (!vector)
		return arena_fail(arena, err);
	enum err_code code = embed_beginning(deps->embedder, question, arena, vector, err);
	if (!code)
		code = store_search_vector(deps->store, STORE_WINDOW, vector, dimension, WINDOWS,
					   arena, &hits, err);
	if (code)
		return code;
	if (hits.count == 0)
		return err_set(err, ERR_NOTFOUND,
			       "the index holds no windows, which the KEP's method needs");
	for (size_t i = 0; i < hits.count && i < EVAL_TOP && !code; i++)
		code = window_hit(deps->store, &hits.items[i], arena, &out->top[out->top_count++],
				  err);
	out->cosine = hits.items[0].score;
	out->took_us = clock_monotonic_us(deps->clock) - started;
	/* Ranks beyond the five are for the measure alone and take no time of the method's. */
	for (size_t i = 0; i < hits.count && out->page_count < EVAL_PAGES && !code; i++) {
		struct store_passage passage;
		code = store_passage(deps->store, hits.items[i].document_id,
				     hits.items[i].first_section, arena, &passage, err);
		if (!code)
			add_page(out, passage.path);
	}
	return code;
}

enum err_code eval_profile_search(const struct answer_deps *deps, enum eval_profile profile,
				  struct str question, struct arena *arena, struct eval_hits *out,
				  struct err *err)
{
	*out = (struct eval_hits){0};
	return profile == EVAL_KEP ? search_windows(deps, question, arena, out, err)
				   : search_own(deps, question, arena, out, err);
}
