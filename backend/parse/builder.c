#include "parse/builder.h"

#include <string.h>

#include "base/utf8.h"

#define PATH_PART_MAX  200 /* bytes of one heading in a section's path */
#define HEADER_MAX     100 /* bytes of a column's name in front of each of its cells */
#define MAX_CODE_MARKS 16  /* backticks around a code span; code with more in a row goes without */

void builder_init(struct builder *b, struct arena *arena, struct document *out, size_t text_max,
		  struct err *err)
{
	*b = (struct builder){.arena = arena, .document = out, .err = err};
	buf_init(&b->text, arena->alloc, text_max);
	buf_init(&b->lead, arena->alloc, text_max);
	anchor_set_init(&b->anchors, arena);
	builder_section(b, 0, STR(""));
}

void builder_release(struct builder *b)
{
	buf_release(&b->text);
	buf_release(&b->lead);
	alloc_free(b->arena->alloc, b->blocks);
	alloc_free(b->arena->alloc, b->sections);
	alloc_free(b->arena->alloc, b->first_block);
	b->blocks = NULL;
	b->sections = NULL;
	b->first_block = NULL;
}

bool builder_failed(const struct builder *b)
{
	return b->code != ERR_OK;
}

void builder_check(struct builder *b, const struct buf *buf)
{
	if (b->code == ERR_OK)
		b->code = buf_ok(buf, "page", b->err);
}

/* Doubles *items when it is full; false when memory ran out. */
static bool make_room(struct builder *b, void **items, size_t count, size_t capacity, size_t size)
{
	size_t bytes;
	void *grown = NULL;

	if (count < capacity)
		return true;
	if (size_mul(capacity ? capacity * 2 : 16, size, &bytes))
		grown = alloc_resize(b->arena->alloc, *items, bytes);
	if (!grown) {
		b->code = err_set(b->err, ERR_NOMEM, "out of memory");
		return false;
	}
	*items = grown;
	return true;
}

void builder_code_span(struct builder *b, struct str code)
{
	char marks[MAX_CODE_MARKS + 1];
	size_t longest = 0, run = 0;

	code = str_trim(code);
	for (size_t i = 0; i < code.len; i++) {
		run = code.ptr[i] == '`' ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	if (!code.len || longest >= MAX_CODE_MARKS) {
		builder_text(b, code);
		return;
	}
	bool pad = code.ptr[0] == '`' || code.ptr[code.len - 1] == '`';
	memset(marks, '`', longest + 1);
	builder_text(b, (struct str){marks, longest + 1});
	if (pad)
		builder_space(b);
	builder_text(b, code);
	if (pad)
		builder_space(b);
	builder_text(b, (struct str){marks, longest + 1});
}

void builder_space(struct builder *b)
{
	if (b->text.len && b->text.ptr[b->text.len - 1] != ' ')
		buf_append_byte(&b->text, ' ');
}

void builder_text(struct builder *b, struct str text)
{
	size_t begin = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool nbsp = c == 0xC2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] == 0xA0;

		if (c > ' ' && c != 0x7F && !nbsp)
			continue;
		buf_append(&b->text, str_slice(text, begin, i));
		builder_space(b);
		i += nbsp;
		begin = i + 1;
	}
	buf_append(&b->text, str_slice(text, begin, text.len));
}

static void push_block(struct builder *b, enum block_kind kind, struct str text,
		       struct str language)
{
	void *items = b->blocks;
	struct block block = {.kind = kind, .language = STR(""), .depth = b->depth};

	if (builder_failed(b) ||
	    !make_room(b, &items, b->block_count, b->block_capacity, sizeof(struct block)))
		return;
	if (b->block_count == b->block_capacity)
		b->block_capacity = b->block_capacity ? b->block_capacity * 2 : 16;
	b->blocks = items;
	block.text = arena_str(b->arena, text);
	if (language.len)
		block.language = arena_str(b->arena, language);
	if (kind != BLOCK_LIST_ITEM)
		block.depth = 0;
	if (!block.text.ptr || !block.language.ptr) {
		b->code = arena_fail(b->arena, b->err);
		return;
	}
	b->blocks[b->block_count++] = block;
}

void builder_flush_lead(struct builder *b)
{
	struct str lead = str_trim(buf_str(&b->lead));

	builder_check(b, &b->lead);
	if (lead.len)
		push_block(b, BLOCK_PARAGRAPH, lead, STR(""));
	buf_clear(&b->lead);
}

void builder_lead(struct builder *b, struct str text)
{
	builder_flush_lead(b);
	buf_append(&b->lead, text);
}

void builder_flush(struct builder *b)
{
	struct str text = str_trim(buf_str(&b->text));

	builder_check(b, &b->text);
	if (text.len && b->kind == BLOCK_PARAGRAPH && b->lead.len) {
		char last = b->lead.ptr[b->lead.len - 1];

		if (!strchr(".:!?", last))
			buf_append_byte(&b->lead, ':');
		buf_append_byte(&b->lead, ' ');
		buf_append(&b->lead, text);
		builder_flush_lead(b);
	} else if (text.len) {
		builder_flush_lead(b);
		push_block(b, b->kind, text, STR(""));
	}
	buf_clear(&b->text);
	b->kind = BLOCK_PARAGRAPH;
}

void builder_code(struct builder *b, struct str code, struct str language)
{
	builder_flush(b);
	builder_flush_lead(b);
	if (code.len && code.ptr[code.len - 1] == '\n')
		code.len--;
	if (str_trim(code).len)
		push_block(b, BLOCK_CODE, code, language);
}

/* The page title is left out, wherever it stands. */
static struct str section_path(struct builder *b)
{
	struct buf path;
	struct str out;

	buf_init(&path, b->arena->alloc, 8 * (PATH_PART_MAX + 4));
	for (int level = 1; level <= 6; level++) {
		struct str part = str_trim(utf8_prefix(b->outer[level], PATH_PART_MAX));

		if (part.len == 0)
			continue;
		if (path.len)
			buf_append(&path, STR(" > "));
		buf_append(&path, part);
	}
	builder_check(b, &path);
	out = arena_str(b->arena, buf_str(&path));
	buf_release(&path);
	return out;
}

void builder_section(struct builder *b, int level, struct str anchor)
{
	struct section section = {.level = level, .anchor = anchor};
	void *items = b->sections, *firsts = b->first_block;

	builder_flush_lead(b);
	builder_check(b, &b->text);
	section.heading = arena_str(b->arena, str_trim(buf_str(&b->text)));
	buf_clear(&b->text);
	b->kind = BLOCK_PARAGRAPH;
	if (level == 1 && b->document->title.len == 0)
		b->document->title = section.heading;
	for (int i = level; level && i <= 6; i++)
		b->outer[i] = STR("");
	if (level && !(level == 1 && str_eq_nocase(section.heading, b->document->title)))
		b->outer[level] = section.heading;
	section.path = section_path(b);
	if (!section.heading.ptr || !section.path.ptr || !section.anchor.ptr)
		b->code = builder_failed(b) ? b->code : arena_fail(b->arena, b->err);
	if (builder_failed(b))
		return;
	if (!make_room(b, &items, b->section_count, b->section_capacity, sizeof(section)))
		return;
	b->sections = items;
	if (!make_room(b, &firsts, b->section_count, b->section_capacity, sizeof(size_t)))
		return;
	b->first_block = firsts;
	if (b->section_count == b->section_capacity)
		b->section_capacity = b->section_capacity ? b->section_capacity * 2 : 16;
	b->first_block[b->section_count] = b->block_count;
	b->sections[b->section_count++] = section;
}

void builder_lines(struct builder *b, size_t first, size_t last)
{
	struct section *section;

	if (builder_failed(b) || first == 0 || last > UINT32_MAX)
		return;
	section = &b->sections[b->section_count - 1];
	if (section->first_line == 0 || first < section->first_line)
		section->first_line = (uint32_t)first;
	if (last > section->last_line)
		section->last_line = (uint32_t)last;
	if (first > section->last_line)
		section->last_line = (uint32_t)first;
}

static void store_cell(struct builder *b, struct str *cell, struct str text)
{
	*cell = arena_str(b->arena, text);
	if (!cell->ptr && !builder_failed(b))
		b->code = arena_fail(b->arena, b->err);
}

void builder_cell(struct builder *b)
{
	struct builder_table *table = &b->table;

	builder_check(b, &b->text);
	if (table->cell_count == BUILDER_COLUMNS)
		builder_row(b, false);
	store_cell(b, &table->cells[table->cell_count++], str_trim(buf_str(&b->text)));
	buf_clear(&b->text);
}

/* Names go in front of the cells only where the row has as many as the header (no spans). */
static void join_cells(struct builder *b)
{
	struct builder_table *table = &b->table;
	bool named = table->cell_count == table->header_count;

	for (size_t i = 0; i < table->cell_count; i++) {
		struct str name = named ? utf8_prefix(table->headers[i], HEADER_MAX) : STR("");

		if (table->cells[i].len == 0)
			continue;
		if (b->text.len)
			buf_append(&b->text, STR("; "));
		if (name.len) {
			buf_append(&b->text, name);
			buf_append(&b->text, name.ptr[name.len - 1] == ':' ? STR(" ") : STR(": "));
		}
		buf_append(&b->text, table->cells[i]);
	}
	if (b->text.len) {
		b->kind = BLOCK_TABLE_ROW;
		builder_flush(b);
	}
}

void builder_row(struct builder *b, bool header)
{
	struct builder_table *table = &b->table;

	if (builder_failed(b) || table->cell_count == 0)
		return;
	if (header && table->header_count == 0) {
		memcpy(table->headers, table->cells, table->cell_count * sizeof(table->cells[0]));
		table->header_count = table->cell_count;
	} else {
		join_cells(b);
		table->has_row = true;
	}
	table->cell_count = 0;
}

void builder_table_end(struct builder *b)
{
	struct builder_table *table = &b->table;

	builder_row(b, false);
	if (!table->has_row && table->header_count && !builder_failed(b)) {
		memcpy(table->cells, table->headers, table->header_count * sizeof(table->cells[0]));
		table->cell_count = table->header_count;
		table->header_count = 0;
		join_cells(b);
	}
	table->header_count = table->cell_count = 0;
	table->has_row = false;
}

enum err_code builder_finish(struct builder *b)
{
	struct document *out = b->document;
	size_t skip;

	builder_flush(b);
	builder_flush_lead(b);
	/* a page of front matter alone is still found by what it says of itself */
	if (b->block_count == 0 && b->section_count == 1 && out->description.len)
		push_block(b, BLOCK_PARAGRAPH, out->description, STR(""));
	if (builder_failed(b))
		return b->code;
	skip = b->section_count > 1 && b->first_block[1] == 0;
	out->section_count = b->section_count - skip;
	out->sections = arena_array(b->arena, out->section_count, sizeof(struct section));
	struct block *blocks = arena_array(b->arena, b->block_count, sizeof(struct block));
	if (!out->sections || !blocks)
		return arena_fail(b->arena, b->err);
	if (b->block_count)
		memcpy(blocks, b->blocks, b->block_count * sizeof(*blocks));
	for (size_t i = 0; i < out->section_count; i++) {
		size_t first = b->first_block[i + skip];
		size_t end = i + skip + 1 < b->section_count ? b->first_block[i + skip + 1]
							     : b->block_count;

		out->sections[i] = b->sections[i + skip];
		out->sections[i].blocks = blocks + first;
		out->sections[i].block_count = end - first;
	}
	return ERR_OK;
}
