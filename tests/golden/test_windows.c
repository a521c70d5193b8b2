/*
 * Windows of the real tokenizers over real text: `--chunk-tokens 512 --chunk-overlap 0.5` is the
 * KEP's recipe, 510 tokens of the page between the two special ones and one window every 255.
 * Models: $DOCS_BOT_MODELS_DIR/<name>, by default below ${XDG_DATA_HOME:-~/.local/share}.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "index/chunk.h"
#include "support/real_model.h"

#define LIMIT  512
#define ROOM   510
#define STRIDE 255

static const char *const pages[] = {
	"README.md",
	"docs/ARCHITECTURE.md",
	"docs/decisions/0001-libraries.md",
	"docs/decisions/0002-retrieval.md",
	"docs/user-guide/indexing.md",
	"docs/user-guide/serving.md",
	"docs/user-guide/troubleshooting.md",
};

struct fixture {
	struct arena arena;
	struct embedder *e;
	struct document document;
	struct chunk_list chunks;
	struct str page;
	struct token_list tokens; /* of the page */
	/* counted over all pages */
	size_t whole, at_words, inside_words, shortened;
};

static void release(struct fixture *f)
{
	arena_release(&f->arena);
	embed_close(f->e);
}

static void cut(struct fixture *f, struct str markdown)
{
	const struct chunk_options options = {.tokens = LIMIT, .overlap = 0.5};
	struct err err = {0};

	if (parse_markdown(markdown, &f->arena, &f->document, &err) != ERR_OK ||
	    chunk_document(&f->document, &options, f->e, &f->arena, &f->chunks, &err) != ERR_OK)
		fail_msg("%s", err.message);
	f->page = chunk_page_text(&f->document, &f->arena);
	assert_int_equal(embed_tokenize(f->e, f->page, &f->arena, &f->tokens, &err), ERR_OK);
}

/* The window's tokens by itself begin as the page's do from token `from` on. */
static void check_window(struct fixture *f, const char *name, size_t index, const struct chunk *c)
{
	const struct token *tokens = f->tokens.items;
	struct token_list own;
	struct err err = {0};
	size_t from = index * STRIDE, to = from + ROOM, text_begin = tokens[0].begin;
	size_t begin = (size_t)(c->text.ptr - f->chunks.items[0].text.ptr) + text_begin;
	size_t end = begin + c->text.len;

	assert_int_equal(embed_tokenize(f->e, c->embed_text, &f->arena, &own, &err), ERR_OK);
	assert_int_equal(c->token_count, own.count + 2);
	assert_in_range(c->token_count, 3, LIMIT);
	assert_int_equal(begin, tokens[from].begin);
	if (to > f->tokens.count)
		to = f->tokens.count;
	bool at_word = from == 0 || tokens[from - 1].end < tokens[from].begin;
	if (end < tokens[to - 1].end) {
		/* shortened: only because its first word has more tokens now, and as little as may be */
		assert_false(at_word);
		assert_int_equal(c->token_count, LIMIT);
		f->shortened++;
	} else {
		assert_int_equal(end, tokens[to - 1].end);
		if (to - from == ROOM)
			f->whole++;
	}
	if (!at_word) {
		f->inside_words++;
		return;
	}
	f->at_words++;
	if (own.count != to - from)
		fail_msg("%s: window %zu has %zu tokens, the page has %zu there", name, index,
			 own.count, to - from);
	for (size_t i = 0; i < own.count; i++)
		assert_int_equal(own.items[i].id, tokens[from + i].id);
}

static void check_page(struct fixture *f, const char *name)
{
	char path[1024];
	struct err err = {0};
	struct buf text;
	size_t windows = 0;

	buf_init(&text, alloc_default(), 1U << 20);
	snprintf(path, sizeof(path), PROJECT_DIR "/%s", name);
	if (file_read(path, 1U << 20, &text, &err) != ERR_OK)
		fail_msg("%s", err.message);
	cut(f, buf_str(&text));
	for (size_t i = 0; i < f->chunks.count; i++)
		if (f->chunks.items[i].kind == CHUNK_WINDOW)
			check_window(f, name, windows++, &f->chunks.items[i]);
	size_t rest = f->tokens.count > ROOM ? f->tokens.count - ROOM : 0;
	assert_int_equal(windows, 1 + (rest + STRIDE - 1) / STRIDE);
	buf_release(&text);
}

static void check_model(const char *name)
{
	struct fixture f = {.e = real_model_open(name, VEC_AVX512, EMBED_F32)};

	arena_init(&f.arena, alloc_default(), 64U << 20);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		check_page(&f, pages[i]);
	print_message("%s: %zu whole windows, %zu shortened; %zu begin at a word, %zu inside one\n",
		      name, f.whole, f.shortened, f.at_words, f.inside_words);
	assert_true(f.whole >= 10);
	assert_true(f.at_words >= 10 && f.inside_words >= 3);
	release(&f);
}

/* A Hangul syllable is two or three tokens: borders move to code points, and do not add up. */
static void check_code_points(const char *name)
{
	struct fixture f = {.e = real_model_open(name, VEC_AVX512, EMBED_F32)};
	struct buf text;
	size_t windows = 0;

	arena_init(&f.arena, alloc_default(), 64U << 20);
	buf_init(&text, alloc_default(), 1U << 20);
	for (size_t i = 0; i < 3000; i++)
		buf_append(&text, i % 7 ? STR("\xED\x95\x9C") : STR(" \xEA\xB5\xAD\xEC\x96\xB4"));
	cut(&f, buf_str(&text));
	assert_true(f.tokens.count > 12 * STRIDE);
	for (size_t i = 0; i < f.chunks.count && f.chunks.items[i].kind == CHUNK_WINDOW; i++) {
		const struct chunk *c = &f.chunks.items[i];
		size_t begin = (size_t)(c->text.ptr - f.chunks.items[0].text.ptr);
		size_t first = 0;

		while (f.tokens.items[first].begin < begin)
			first++;
		assert_in_range(first, i * STRIDE - (i ? 2 : 0), i * STRIDE);
		assert_in_range(c->token_count, 3, LIMIT);
		assert_false(((unsigned char)c->text.ptr[0] & 0xC0) == 0x80);
		windows++;
	}
	assert_true(windows >= 12);
	buf_release(&text);
	release(&f);
}

static void test_minilm(void **state)
{
	(void)state;
	check_model("all-MiniLM-L6-v2");
}

static void test_mpnet(void **state)
{
	(void)state;
	check_model("all-mpnet-base-v2");
}

static void test_code_points(void **state)
{
	(void)state;
	check_code_points("all-MiniLM-L6-v2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minilm),
		cmocka_unit_test(test_mpnet),
		cmocka_unit_test(test_code_points),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
