#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "index/chunk.h"
#include "support/fail_alloc.h"
#include "support/fake_embedder.h"

struct fixture {
	struct arena arena;
	struct fake_embedder fake;
	struct document document;
	struct chunk_list chunks;
	struct str page;
	size_t paragraph_tokens; /* 0 at first: none of these chunks */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	arena_init(&f->arena, alloc_default(), 256 << 20);
	fake_embedder_init(&f->fake);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_release(&f->arena);
	free(f);
	return 0;
}

/* Parses and chunks, and checks what holds for every chunk of every document. */
static void make_chunks(struct fixture *f, struct str text, size_t tokens, double overlap)
{
	struct chunk_options options = {
		.tokens = tokens, .overlap = overlap, .paragraph_tokens = f->paragraph_tokens};
	struct err err = {ERR_OK, ""};
	size_t ordinals[3] = {0, 0, 0}, covered = 0;
	enum chunk_kind kind = CHUNK_WINDOW;

	assert_int_equal(parse_markdown(text, &f->arena, &f->document, &err), ERR_OK);
	assert_int_equal(chunk_document(&f->document, &options, &f->fake.embedder, &f->arena,
					&f->chunks, &err),
			 ERR_OK);
	f->page = chunk_page_text(&f->document, &f->arena);
	for (size_t i = 0; i < f->chunks.count; i++) {
		const struct chunk *c = &f->chunks.items[i];
		struct token_list list;

		assert_true(utf8_valid(c->text) && utf8_valid(c->embed_text));
		assert_true(c->text.len > 0);
		assert_int_equal(
			embed_tokenize(&f->fake.embedder, c->embed_text, &f->arena, &list, &err),
			ERR_OK);
		assert_int_equal(c->token_count, list.count + 2);
		assert_in_range(c->token_count, 1,
				c->kind == CHUNK_PARAGRAPH ? f->paragraph_tokens : tokens);
		assert_in_range(c->first_section, 0, c->last_section);
		assert_in_range(c->last_section, 0, f->document.section_count - 1);
		assert_int_equal(c->ordinal, ordinals[c->kind]++);
		assert_true(c->kind >= kind);
		kind = c->kind;
		if (c->kind != CHUNK_WINDOW) {
			assert_int_equal(c->first_section, c->last_section);
			continue;
		}
		/* windows follow each other without a gap, and each brings something new */
		size_t begin = (size_t)(c->text.ptr - f->chunks.items[0].text.ptr);
		assert_true(str_eq(c->text, str_slice(f->page, begin, begin + c->text.len)));
		assert_true(begin + c->text.len > covered);
		if (begin > covered)
			assert_int_equal(str_trim(str_slice(f->page, covered, begin)).len, 0);
		covered = begin + c->text.len;
	}
	assert_int_equal(covered, f->page.len);
}

/* "w0 w1 w2 …": one token each. */
static struct str words(struct fixture *f, const char *front, size_t count, const char *between)
{
	struct buf buf;
	struct str out;

	buf_init(&buf, alloc_default(), 64 << 20);
	buf_append(&buf, str_c(front));
	for (size_t i = 0; i < count; i++)
		buf_printf(&buf, "%sw%zu", i ? between : "", i);
	out = arena_str(&f->arena, buf_str(&buf));
	buf_release(&buf);
	return out;
}

static const struct chunk *find_chunk(const struct fixture *f, enum chunk_kind kind, size_t ordinal)
{
	for (size_t i = 0; i < f->chunks.count; i++)
		if (f->chunks.items[i].kind == kind && f->chunks.items[i].ordinal == ordinal)
			return &f->chunks.items[i];
	return NULL;
}

static void check_str(struct str actual, const char *expected)
{
	assert_int_equal(actual.len, strlen(expected));
	assert_memory_equal(actual.ptr, expected, actual.len);
}

/* The KEP's 512 tokens with 50 % overlap, in words of one token: 510 of them, every 255. */
static void test_windows(void **state)
{
	struct fixture *f = *state;
	const struct chunk *c;

	make_chunks(f, words(f, "", 1100, " "), 512, 0.5);
	for (size_t i = 0; i < 4; i++) {
		char first[32];

		c = find_chunk(f, CHUNK_WINDOW, i);
		assert_non_null(c);
		snprintf(first, sizeof(first), "w%zu ", i * 255);
		assert_true(str_starts(c->text, str_c(first)));
		assert_int_equal(c->token_count, i < 3 ? 512 : 1100 - 3 * 255 + 2);
	}
	assert_true(str_ends(c->text, STR("w1099")));
	assert_null(find_chunk(f, CHUNK_WINDOW, 4));
	/* one that just fits is one window */
	make_chunks(f, words(f, "", 510, " "), 512, 0.5);
	assert_null(find_chunk(f, CHUNK_WINDOW, 1));
	make_chunks(f, words(f, "", 511, " "), 512, 0.5);
	c = find_chunk(f, CHUNK_WINDOW, 1);
	assert_true(str_starts(c->text, STR("w255 ")));
	assert_null(find_chunk(f, CHUNK_WINDOW, 2));
}

static void test_overlaps(void **state)
{
	struct fixture *f = *state;

	make_chunks(f, words(f, "", 100, " "), 22, 0);
	assert_true(str_starts(find_chunk(f, CHUNK_WINDOW, 1)->text, STR("w20 ")));
	assert_null(find_chunk(f, CHUNK_WINDOW, 5));
	make_chunks(f, words(f, "", 100, " "), 22, 0.25);
	assert_true(str_starts(find_chunk(f, CHUNK_WINDOW, 1)->text, STR("w15 ")));
	/* at least one token forward */
	make_chunks(f, words(f, "", 100, " "), 22, 0.999);
	assert_true(str_starts(find_chunk(f, CHUNK_WINDOW, 1)->text, STR("w1 ")));
	assert_non_null(find_chunk(f, CHUNK_WINDOW, 80));
	assert_null(find_chunk(f, CHUNK_WINDOW, 81));
}

/*
 * The same in words of two tokens, where every other border falls into a word: counted on the
 * page's own tokens. 510 and 255 are (512 - 2) and half of it.
 */
static void test_windows_count_tokens(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct token_list page;
	size_t inside_words = 0, windows = 0;

	make_chunks(f, words(f, "", 1500, " two_tok_"), 512, 0.5);
	assert_int_equal(embed_tokenize(&f->fake.embedder, f->page, &f->arena, &page, &err),
			 ERR_OK);
	assert_true(page.count > 4 * 510);
	for (; find_chunk(f, CHUNK_WINDOW, windows); windows++) {
		const struct chunk *c = find_chunk(f, CHUNK_WINDOW, windows);
		size_t from = windows * 255, to = from + 510;
		size_t begin = (size_t)(c->text.ptr - f->chunks.items[0].text.ptr);

		assert_in_range(from, 0, page.count - 1);
		assert_int_equal(begin, page.items[from].begin);
		if (to > page.count)
			to = page.count;
		assert_int_equal(begin + c->text.len, page.items[to - 1].end);
		assert_int_equal(c->token_count, to - from + 2);
		inside_words += begin && f->page.ptr[begin - 1] != ' ';
	}
	assert_int_equal(windows, 1 + (page.count - 510 + 254) / 255);
	assert_true(inside_words > 0);
}

/* A tokenizer to which the rest of a cut word, a text that begins with "k_", is four tokens. */
static enum err_code tokenize_cut_words(struct embedder *e, struct str text, struct arena *arena,
					struct token_list *out, struct err *err)
{
	struct fake_embedder plain;
	struct token_list list;

	fake_embedder_init(&plain);
	(void)e;
	enum err_code code = embed_tokenize(&plain.embedder, text, arena, &list, err);
	*out = list;
	if (code != ERR_OK || !str_starts(text, STR("k_")))
		return code;
	out->count = list.count + 3;
	out->items = arena_array(arena, out->count, sizeof(*out->items));
	assert_non_null(out->items);
	memcpy(out->items + 3, list.items, list.count * sizeof(*list.items));
	for (uint32_t i = 0; i < 4; i++)
		out->items[i] =
			(struct token){.begin = i, .end = i < 3 ? i + 1 : list.items[0].end};
	return ERR_OK;
}

/* Such a window ends earlier, by no more than it must, and the others stay where they are. */
static void test_windows_of_cut_words(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct embedder_ops ops = *f->fake.embedder.ops;
	struct token_list page;
	size_t windows = 0;

	ops.tokenize = tokenize_cut_words;
	f->fake.embedder.ops = &ops;
	make_chunks(f, words(f, "", 900, " two_tok_"), 512, 0.5);
	assert_int_equal(embed_tokenize(&f->fake.embedder, f->page, &f->arena, &page, &err),
			 ERR_OK);
	for (; find_chunk(f, CHUNK_WINDOW, windows); windows++) {
		const struct chunk *c = find_chunk(f, CHUNK_WINDOW, windows);
		size_t more = str_starts(c->text, STR("k_")) ? 3 : 0;
		size_t from = windows * 255, to = from + 510 - more;
		size_t begin = (size_t)(c->text.ptr - f->chunks.items[0].text.ptr);

		/* "w0" is one token, the words after it are two */
		assert_int_equal(more, from && from % 2 == 0 ? 3 : 0);
		assert_int_equal(begin, page.items[from].begin);
		if (to > page.count)
			to = page.count;
		assert_int_equal(begin + c->text.len, page.items[to - 1].end);
		assert_int_equal(c->token_count, to - from + more + 2);
	}
	assert_int_equal(windows, 1 + (page.count - 510 + 254) / 255);
}

/* Sections that are cut within a line are cut between words where there is a way. */
static void test_borders(void **state)
{
	struct fixture *f = *state;
	size_t sections = 0;

	make_chunks(f, words(f, "", 200, " longerword_"), 64, 0.5);
	for (size_t i = 0; i < f->chunks.count; i++) {
		const struct chunk *c = &f->chunks.items[i];

		if (c->kind != CHUNK_SECTION)
			continue;
		assert_true(str_starts(c->text, sections ? STR("longerword_") : STR("w0 ")));
		sections++;
	}
	assert_true(sections > 3);
	/* one word without end, of code points that must stay whole */
	struct buf buf;
	buf_init(&buf, alloc_default(), 1 << 20);
	while (buf.len < 20000)
		buf_append(&buf, STR("\xE7\xA5\x9E\xC3\xA9x"));
	make_chunks(f, arena_str(&f->arena, buf_str(&buf)), 64, 0.5);
	assert_non_null(find_chunk(f, CHUNK_WINDOW, 10));
	buf_release(&buf);
}

static void test_sections(void **state)
{
	struct fixture *f = *state;

	make_chunks(
		f,
		STR("---\ntitle: Page\n---\nintro\n\n## One\n\ntext `a`\n\n- item\n\n## Empty\n\n"
		    "### Deep\n\nmore\n"),
		512, 0.5);
	check_str(f->page, "Page\n\nintro\n\nOne\ntext `a`\n- item\n\nEmpty\n\nDeep\nmore");
	assert_int_equal(f->chunks.count, 4);
	check_str(f->chunks.items[0].text,
		  "Page\n\nintro\n\nOne\ntext `a`\n- item\n\nEmpty\n\nDeep\nmore");
	assert_int_equal(f->chunks.items[0].first_section, 0);
	assert_int_equal(f->chunks.items[0].last_section, 3);
	check_str(f->chunks.items[1].text, "intro");
	check_str(f->chunks.items[1].embed_text, "Page\nintro");
	check_str(f->chunks.items[2].text, "One\ntext `a`\n- item");
	check_str(f->chunks.items[2].embed_text, "Page > One\nOne\ntext a\n- item"); /* no marks */
	assert_int_equal(f->chunks.items[2].first_section, 1);
	check_str(f->chunks.items[3].embed_text, "Page > Empty > Deep\nDeep\nmore");
	assert_int_equal(f->chunks.items[3].first_section, 3);
}

static void test_page_text(void **state)
{
	struct fixture *f = *state;

	/* a title that is also the first heading stands there once */
	make_chunks(f, STR("# Page\n\ntext\n"), 512, 0.5);
	check_str(f->page, "Page\ntext");
	check_str(find_chunk(f, CHUNK_SECTION, 0)->embed_text, "Page\nPage\ntext");
	make_chunks(f, STR(""), 512, 0.5);
	assert_int_equal(f->chunks.count, 0);
	make_chunks(f, STR("text"), 512, 0.5);
	check_str(find_chunk(f, CHUNK_SECTION, 0)->embed_text, "text");
	make_chunks(f, STR("## Only\n\n## Headings\n"), 512, 0.5);
	assert_int_equal(f->chunks.count, 1);
	make_chunks(f, STR("---\ntitle: T\n---\n"), 512, 0.5);
	assert_int_equal(f->chunks.count, 1);
}

/* Windows know which sections they come from. */
static void test_window_sections(void **state)
{
	struct fixture *f = *state;
	struct buf buf;

	buf_init(&buf, alloc_default(), 1 << 20);
	for (int i = 0; i < 20; i++)
		buf_printf(&buf, "## h%d\n\na b c d e f g h i\n\n", i);
	make_chunks(f, arena_str(&f->arena, buf_str(&buf)), 22, 0.5);
	/* ten tokens a section, twenty a window, ten forward */
	for (size_t i = 0; i < 19; i++) {
		const struct chunk *c = find_chunk(f, CHUNK_WINDOW, i);

		assert_non_null(c);
		assert_int_equal(c->first_section, i);
		assert_int_equal(c->last_section, i + 1);
	}
	assert_null(find_chunk(f, CHUNK_WINDOW, 19));
	buf_release(&buf);
}

/* A section over the limit is cut between blocks, then lines, then tokens. */
static void test_split_sections(void **state)
{
	struct fixture *f = *state;
	struct buf buf;
	size_t pieces = 0, code_lines = 0;

	buf_init(&buf, alloc_default(), 1 << 20);
	buf_append(&buf, STR("---\ntitle: T\n---\n## H\n\n"));
	for (int i = 0; i < 12; i++)
		buf_printf(&buf, "para%d b c d e f g\n\n", i);
	buf_append(&buf, STR("```yaml\n"));
	for (int i = 0; i < 30; i++)
		buf_printf(&buf, "  key%d: value%d\n", i, i);
	buf_append(&buf, STR("```\n\n"));
	buf_append(&buf, words(f, "", 200, " "));
	make_chunks(f, arena_str(&f->arena, buf_str(&buf)), 32, 0.5);
	for (size_t i = 0; i < f->chunks.count; i++) {
		const struct chunk *c = &f->chunks.items[i];

		if (c->kind != CHUNK_SECTION)
			continue;
		pieces++;
		assert_true(str_starts(c->embed_text, STR("T > H\n")));
		assert_true(str_ends(c->embed_text, c->text));
		/* no paragraph is cut */
		if (str_find(c->text, STR("para"), 0) != STR_NPOS)
			assert_true(str_ends(c->text, STR(" g")) ||
				    str_find(c->text, STR("```"), 0) != STR_NPOS);
		for (size_t at = 0; (at = str_find(c->text, STR("  key"), at)) != STR_NPOS; at++)
			code_lines++;
	}
	assert_in_range(pieces, 12, 40);
	assert_int_equal(code_lines, 30);
	assert_true(str_starts(find_chunk(f, CHUNK_SECTION, 0)->text, STR("H\npara0 b")));
	buf_release(&buf);
}

/* Paragraph chunks are cut like sections, at a smaller limit. */
static void test_paragraphs(void **state)
{
	struct fixture *f = *state;
	size_t pieces = 0;

	f->paragraph_tokens = 20;
	make_chunks(f,
		    STR("---\ntitle: T\n---\n## Short\n\nfits\n\n## Long\n\na b c d e f g h i j\n\n"
			"- k l m n o p q r s t\n\n## None\n"),
		    512, 0.5);
	for (size_t i = 0; i < f->chunks.count; i++)
		pieces += f->chunks.items[i].kind == CHUNK_PARAGRAPH;
	assert_int_equal(pieces, 3);
	check_str(find_chunk(f, CHUNK_PARAGRAPH, 0)->embed_text, "T > Short\nShort\nfits");
	check_str(find_chunk(f, CHUNK_PARAGRAPH, 1)->text, "Long\na b c d e f g h i j");
	check_str(find_chunk(f, CHUNK_PARAGRAPH, 2)->text, "- k l m n o p q r s t");
	assert_int_equal(find_chunk(f, CHUNK_PARAGRAPH, 2)->first_section, 1);
}

static void test_long_headings(void **state)
{
	struct fixture *f = *state;
	struct str heading = words(f, "## ", 300, " ");
	struct buf buf;

	buf_init(&buf, alloc_default(), 1 << 20);
	buf_append(&buf, heading);
	buf_append(&buf, STR("\n\nbody text\n"));
	make_chunks(f, arena_str(&f->arena, buf_str(&buf)), 16, 0.5);
	assert_non_null(find_chunk(f, CHUNK_SECTION, 0));
	buf_release(&buf);
}

static void test_options(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	static const struct chunk_options bad[] = {
		{.tokens = 15, .overlap = 0.5},
		{.tokens = 0, .overlap = 0},
		{.tokens = 513, .overlap = 0.5},
		{.tokens = 512, .overlap = 1},
		{.tokens = 512, .overlap = -0.1},
		{.tokens = 512, .overlap = (double)NAN},
		{.tokens = 512, .overlap = 0.5, .paragraph_tokens = 513},
		{.tokens = 512, .overlap = 0.5, .paragraph_tokens = 3},
	};

	assert_int_equal(parse_markdown(STR("x"), &f->arena, &f->document, &err), ERR_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(chunk_document(&f->document, &bad[i], &f->fake.embedder, &f->arena,
						&f->chunks, &err),
				 ERR_INVALID);
	assert_int_equal(chunk_document(&f->document, &bad[2], &f->fake.embedder, &f->arena,
					&f->chunks, &err),
			 ERR_INVALID);
	assert_non_null(strstr(err.message, "512"));
	assert_non_null(strstr(err.message, "fake-embedder"));
}

static void test_large_page(void **state)
{
	struct fixture *f = *state;

	make_chunks(f, words(f, "", 100000, "\n\n"), 512, 0.5);
	assert_true(f->chunks.count > 100000 / 255);
}

static void test_failing_allocations(void **state)
{
	struct fixture *f = *state;
	struct chunk_options options = {.tokens = 16, .overlap = 0.5};
	bool done = false;
	struct err err = {ERR_OK, ""};

	assert_int_equal(parse_markdown(words(f, "# t\n\n## h\n\nx\n\n## i\n\n", 100, " "),
					&f->arena, &f->document, &err),
			 ERR_OK);
	for (size_t n = 1; !done; n++) {
		struct fail_alloc fail;
		struct arena arena;
		enum err_code code;

		assert_true(n < 1000);
		fail_alloc_init(&fail, n, true);
		arena_init(&arena, &fail.alloc, 1 << 20);
		code = chunk_document(&f->document, &options, &f->fake.embedder, &arena, &f->chunks,
				      &err);
		done = atomic_load(&fail.failures) == 0;
		assert_true(done ? code == ERR_OK : code == ERR_NOMEM);
		arena_release(&arena);
		assert_int_equal(atomic_load(&fail.live), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlaps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_windows_count_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_windows_of_cut_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_borders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window_sections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_sections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paragraphs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_headings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_allocations, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
