#include "answer/expand.h"

enum { MAX_SECTIONS = 64 }; /* of one result */

struct range {
	int64_t document_id;
	uint32_t first, last;   /* sections taken */
	uint32_t section_count; /* of the document */
	size_t tokens;
	bool below_done, above_done;
};

struct expansion {
	struct store *store;
	struct embedder *embedder;
	struct arena *arena;
	struct range ranges[EXPAND_RESULTS];
	struct str texts[EXPAND_RESULTS];
	size_t count;
	size_t budget, used;
	struct err *err;
};

static enum err_code count_tokens(struct expansion *x, struct str text, size_t *out)
{
	struct token_list tokens;
	enum err_code code = embed_tokenize(x->embedder, text, x->arena, &tokens, x->err);
	*out = code ? 0 : tokens.count;
	return code;
}

static bool taken(const struct expansion *x, int64_t document_id, uint32_t section)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->ranges[i].document_id == document_id && section >= x->ranges[i].first &&
		    section <= x->ranges[i].last)
			return true;
	return false;
}

/* Takes the neighbour below or above, or notes that there is nothing to take on that side. */
static enum err_code grow(struct expansion *x, size_t at, bool below)
{
	struct range *range = &x->ranges[at];
	bool *done = below ? &range->below_done : &range->above_done;
	struct store_passage passage;
	size_t tokens = 0;
	*done = true;
	if (below ? range->last + 1 >= range->section_count : range->first == 0)
		return ERR_OK;
	uint32_t section = below ? range->last + 1 : range->first - 1;
	if (range->last - range->first + 1 >= MAX_SECTIONS || taken(x, range->document_id, section))
		return ERR_OK;
	enum err_code code =
		store_passage(x->store, range->document_id, section, x->arena, &passage, x->err);
	if (code)
		return code == ERR_NOTFOUND ? ERR_OK : code; /* replaced a moment ago */
	code = count_tokens(x, passage.text, &tokens);
	if (code || x->used + tokens > x->budget || range->tokens + tokens > x->budget / 4 * 3)
		return code;
	x->texts[at] = below ? arena_printf(x->arena, "%.*s\n\n%.*s", STR_ARG(x->texts[at]),
					    STR_ARG(passage.text))
			     : arena_printf(x->arena, "%.*s\n\n%.*s", STR_ARG(passage.text),
					    STR_ARG(x->texts[at]));
	if (!x->texts[at].ptr)
		return arena_fail(x->arena, x->err);
	range->last += below;
	range->first -= !below;
	range->tokens += tokens;
	x->used += tokens;
	*done = false;
	return ERR_OK;
}

static enum err_code start(struct expansion *x, const struct retrieve_result *result)
{
	const struct store_passage *passage = &result->passage;
	struct range *range = &x->ranges[x->count];
	struct store_document_info info;
	*range = (struct range){.document_id = passage->document_id,
				.first = passage->section,
				.last = passage->section};
	x->texts[x->count++] = passage->text;
	enum err_code code = count_tokens(x, passage->text, &range->tokens);
	x->used += range->tokens;
	if (code)
		return code;
	code = store_document_info(x->store, passage->document_id, x->arena, &info, x->err);
	range->section_count = code ? 0 : info.section_count;
	return code == ERR_NOTFOUND ? ERR_OK : code;
}

enum err_code expand_results(struct store *store, struct embedder *embedder, size_t budget,
			     struct retrieve_results *results, struct arena *arena, struct err *err)
{
	struct expansion x = {
		.store = store, .embedder = embedder, .arena = arena, .budget = budget, .err = err};
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < results->count; i++)
		results->items[i].text = results->items[i].passage.text;
	if (!budget)
		return ERR_OK;
	for (size_t i = 0; i < results->count && i < EXPAND_RESULTS && !code; i++)
		code = start(&x, &results->items[i]);
	for (size_t i = 0; i < x.count && !code; i++) {
		struct range *range = &x.ranges[i];
		while (!code && !(range->below_done && range->above_done)) {
			if (!range->below_done)
				code = grow(&x, i, true);
			if (!code && !range->above_done)
				code = grow(&x, i, false);
		}
	}
	for (size_t i = 0; i < x.count && !code; i++)
		results->items[i].text = x.texts[i];
	return code;
}
