#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/parsed.h"

void parsed_render(const struct document *document, struct buf *out)
{
	for (size_t i = 0; i < document->section_count; i++) {
		const struct section *s = &document->sections[i];

		if (s->level)
			buf_printf(out, "= %d %.*s|%.*s|%.*s\n", s->level, STR_ARG(s->heading),
				   STR_ARG(s->anchor), STR_ARG(s->path));
		for (size_t k = 0; k < s->block_count; k++) {
			const struct block *b = &s->blocks[k];

			if (b->kind == BLOCK_LIST_ITEM)
				buf_printf(out, "L%d ", b->depth);
			else if (b->kind == BLOCK_CODE)
				buf_printf(out, "C %.*s|", STR_ARG(b->language));
			else
				buf_printf(out, "%c ", b->kind == BLOCK_TABLE_ROW ? 'T' : 'P');
			buf_append(out, b->text);
			buf_append_byte(out, '\n');
		}
	}
}

static void render_lines(const struct document *document, struct buf *out)
{
	for (size_t i = 0; i < document->section_count; i++) {
		const struct section *s = &document->sections[i];

		buf_printf(out, "%u-%u %.*s\n", s->first_line, s->last_line, STR_ARG(s->heading));
	}
}

static void render_meta(const struct document *document, struct buf *out)
{
	buf_printf(out, "%.*s\n%.*s\n%.*s\n", STR_ARG(document->title),
		   STR_ARG(document->description), STR_ARG(document->url));
}

static void check_as(enum parse_format format, struct str text,
		     void (*render)(const struct document *, struct buf *), const char *expected)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct buf out;

	arena_init(&arena, alloc_default(), (size_t)1 << 30);
	buf_init(&out, alloc_default(), (size_t)1 << 30);
	assert_int_equal(parse_document(format, text, &arena, &document, &err), ERR_OK);
	render(&document, &out);
	buf_append_byte(&out, '\0');
	assert_string_equal(out.ptr, expected);
	buf_release(&out);
	arena_release(&arena);
}

void parsed_check(enum parse_format format, struct str text, const char *expected)
{
	check_as(format, text, parsed_render, expected);
}

void parsed_check_lines(enum parse_format format, struct str text, const char *expected)
{
	check_as(format, text, render_lines, expected);
}

void parsed_check_meta(enum parse_format format, struct str text, const char *expected)
{
	check_as(format, text, render_meta, expected);
}

void parsed_check_sound(enum parse_format format, struct str text)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), (size_t)2 << 30);
	assert_int_equal(parse_document(format, text, &arena, &document, &err), ERR_OK);
	assert_true(utf8_valid(document.title));
	assert_true(utf8_valid(document.description));
	for (size_t i = 0; i < document.section_count; i++) {
		const struct section *s = &document.sections[i];

		assert_true(utf8_valid(s->heading));
		assert_true(utf8_valid(s->anchor));
		assert_true(utf8_valid(s->path));
		assert_true(utf8_valid(section_text(s, &arena)));
		assert_true(s->first_line <= s->last_line);
	}
	arena_release(&arena);
}
