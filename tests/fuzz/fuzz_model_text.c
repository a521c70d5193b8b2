/* What a model may write: read for calls, watched for repetition, measured, cut, split and composed. */
#include <stdlib.h>
#include <string.h>

#include "answer/budget.h"
#include "answer/compose.h"
#include "answer/ground_text.h"
#include "answer/nonsense.h"
#include "answer/tools.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* In one piece, and byte by byte: the same verdict. */
static void watch(struct str text)
{
	struct nonsense whole = {.len = 0}, pieces = {.len = 0};
	bool at_once = nonsense_repeats(&whole, text), in_pieces = false, open;
	for (size_t i = 0; i < text.len && !in_pieces; i++)
		in_pieces = nonsense_repeats(&pieces, str_slice(text, i, i + 1));
	check(at_once == in_pieces);
	(void)nonsense_is_tool_syntax(text, &open);
}

static void measure(struct str text, struct arena *arena)
{
	struct err err;
	struct str both;
	size_t tokens = budget_tokens(text);
	check(tokens <= text.len);
	for (size_t most = 0; most < 200; most += 37) {
		struct str cut = budget_cut(text, most);
		check(budget_tokens(cut) <= most && utf8_valid(cut) && str_starts(text, cut));
		check(budget_ends(text, most, arena, &both, &err) == ERR_OK && utf8_valid(both));
	}
}

static void read_calls(struct str text, struct arena *arena)
{
	struct err err;
	struct llm_tool_call call = {.name = STR("search_kubeflow_docs"), .arguments = text};
	struct tool_query query;
	if (tools_read(&call, arena, &query, &err) == ERR_OK)
		check(query.query.len && query.query.len <= TOOLS_QUERY_MAX &&
		      utf8_valid(query.query));
	if (tools_from_text(text, arena, &call, &err) == ERR_OK)
		check(call.name.len && utf8_valid(call.name));
}

static void compose(struct str text, struct arena *arena)
{
	const struct answer_deps deps = {.clock = clock_system()};
	const struct answer_sink silent = {0};
	const struct retrieve_result source = {.url = STR("https://docs.example/a")};
	const struct prompt_sources sources = {.items = {&source}, .count = 1};
	const struct extract none = {0};
	struct answer_result out = {0};
	struct composer composer;
	struct err err;
	compose_begin(&composer, &deps, &silent, 0, &sources, arena, &out);
	for (size_t i = 0; i < text.len;) {
		size_t step = 1 + (unsigned char)text.ptr[i] % 7;
		struct str piece = utf8_prefix(str_slice(text, i, text.len), step + 3);
		check(compose_text(&composer, piece, &err) == ERR_OK);
		i += piece.len;
	}
	check(compose_fallback(&composer, STR("Failed."), &err) == ERR_OK);
	check(compose_text(&composer, STR("Quoted. [1]"), &err) == ERR_OK);
	check(compose_end(&composer, &none, true, &err) == ERR_OK);
	compose_release(&composer);
	check(utf8_valid(out.text) && str_ends(out.text, STR("Quoted. [1]")));
	check(out.citation_count == 1);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct answer_sentences sentences;
	struct arena arena;
	struct err err;
	if (!size || size > 8192 || !utf8_valid(text))
		return 0;
	arena_init(&arena, alloc_default(), (size_t)64 << 20);
	watch(text);
	measure(text, &arena);
	read_calls(text, &arena);
	if (ground_split(text, &arena, &sentences, &err) == ERR_OK)
		for (size_t i = 0; i < sentences.count; i++)
			check(utf8_valid(sentences.items[i].text));
	compose(text, &arena);
	arena_release(&arena);
	return 0;
}
