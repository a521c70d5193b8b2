/*
 * reStructuredText by its lines and their indentation, without docutils' transforms: headings get the
 * ids that docutils gives them, roles and references become the words that a reader sees, and what
 * only builds the site (toctree, include, raw) goes.
 */
#include "parse/rst.h"

#include <string.h>

#include "base/utf8.h"
#include "parse/formats.h"

enum {
	TEXT_MAX = 16 << 20,
	TAB = 8,
	TITLE_MAX = 500,
};

static struct str line_at(const struct rst *r, size_t i)
{
	return r->lines.items[i];
}

size_t rst_block_end(const struct rst *r, size_t at, size_t end, size_t indent)
{
	size_t stop = at + 1;

	for (size_t i = at + 1; i < end; i++) {
		if (line_blank(line_at(r, i)))
			continue;
		if (line_indent(line_at(r, i)) <= indent)
			break;
		stop = i + 1;
	}
	return stop;
}

void rst_code(struct rst *r, size_t first, size_t end, struct str language)
{
	size_t least = SIZE_MAX;

	while (first < end && line_blank(line_at(r, first)))
		first++;
	for (size_t i = first; i < end; i++)
		if (!line_blank(line_at(r, i)) && line_indent(line_at(r, i)) < least)
			least = line_indent(line_at(r, i));
	buf_clear(&r->scratch);
	for (size_t i = first; i < end; i++) {
		buf_append(&r->scratch, str_slice(line_at(r, i), least, line_at(r, i).len));
		buf_append_byte(&r->scratch, '\n');
	}
	while (r->scratch.len > 1 && r->scratch.ptr[r->scratch.len - 2] == '\n')
		r->scratch.len--;
	builder_check(&r->b, &r->scratch);
	if (builder_failed(&r->b) || first >= end)
		return;
	builder_code(&r->b, buf_str(&r->scratch), language);
	builder_lines(&r->b, first + 1, end);
}

/* The character that the whole line repeats, 0 for other lines. */
static char adornment(struct str line)
{
	line = str_trim(line);
	if (line.len < 2 || !strchr("=-`:.'\"~^_*+#<>!$%&(),/;?@[\\]{|}", line.ptr[0]))
		return 0;
	for (size_t i = 1; i < line.len; i++)
		if (line.ptr[i] != line.ptr[0])
			return 0;
	return line.ptr[0];
}

static int title_level(struct rst *r, char mark, bool over)
{
	size_t i = 0;

	while (i < r->style_count && (r->styles[i].mark != mark || r->styles[i].over != over))
		i++;
	if (i == r->style_count && r->style_count < RST_STYLES)
		r->styles[r->style_count++] = (struct rst_style){mark, over};
	return i < 6 ? (int)i + 1 : 6;
}

/* The id of a section: its explicit target's, else its own, made unique as docutils does. */
static struct str section_id(struct rst *r, struct str name)
{
	struct str id = rst_id(r->target.len ? r->target : name, r->b.arena), made;
	size_t known = r->b.anchors.count;

	r->target = STR("");
	if (!id.ptr) {
		r->b.code = arena_fail(r->b.arena, r->b.err);
		return STR("");
	}
	if (id.len == 0)
		return STR("");
	r->b.code = anchor_take(&r->b.anchors, id, r->b.err);
	if (builder_failed(&r->b) || r->b.anchors.count > known)
		return id;
	made = arena_printf(r->b.arena, "id%zu", ++r->auto_ids);
	if (!made.ptr)
		r->b.code = arena_fail(r->b.arena, r->b.err);
	return made.ptr ? made : STR("");
}

static void start_section(struct rst *r, size_t line, size_t last, struct str title, int level)
{
	struct str id;

	builder_flush(&r->b);
	builder_flush_lead(&r->b);
	r->in_title = true;
	rst_inline(r, title);
	r->in_title = false;
	builder_check(&r->b, &r->b.text);
	if (builder_failed(&r->b) || str_trim(buf_str(&r->b.text)).len == 0)
		return;
	id = section_id(r, str_trim(buf_str(&r->b.text)));
	if (builder_failed(&r->b))
		return;
	builder_section(&r->b, level, id);
	builder_lines(&r->b, line + 1, last);
}

/* A title with its adornment at line `at`; returns the line behind it, or `at`. */
static size_t read_title(struct rst *r, size_t at, size_t end)
{
	struct str line = line_at(r, at), title;
	char mark = adornment(line);

	if (mark && at + 2 < end && adornment(line_at(r, at + 2)) == mark &&
	    !line_blank(line_at(r, at + 1)) && !adornment(line_at(r, at + 1)) &&
	    line.ptr[0] == mark) {
		title = str_trim(line_at(r, at + 1));
		/* a simple table's border has columns under it */
		if (utf8_length(title) <= str_trim(line).len + 2) {
			start_section(r, at, at + 3, title, title_level(r, mark, true));
			return at + 3;
		}
	}
	if (at + 1 >= end || line_indent(line) != 0 || line.len > TITLE_MAX)
		return at;
	mark = adornment(line_at(r, at + 1));
	if (!mark || line_at(r, at + 1).ptr[0] != mark || adornment(line))
		return at;
	title = str_trim(line);
	/* docutils takes a shorter one from four characters on, with a warning */
	if (str_trim(line_at(r, at + 1)).len < 4 &&
	    str_trim(line_at(r, at + 1)).len < utf8_length(title))
		return at;
	start_section(r, at, at + 2, title, title_level(r, mark, false));
	return at + 2;
}

/* Bytes of a bullet or number with the space behind it at the line's text, 0 for none. */
static size_t item_mark(struct str text)
{
	size_t at = 0;

	if (text.len == 0)
		return 0;
	if (strchr("-*+", text.ptr[0]))
		return text.len == 1 || text.ptr[1] == ' ' ? 2 : 0;
	if (str_starts(text, STR("\xE2\x80\xA2 ")))
		return 4;
	at += text.ptr[0] == '(';
	if ((at < text.len && text.ptr[at] == '#') ||
	    (at + 1 < text.len && ascii_alpha((unsigned char)text.ptr[at]) &&
	     !ascii_alnum((unsigned char)text.ptr[at + 1])))
		at++;
	else
		while (at < text.len && at < 6 && ascii_digit((unsigned char)text.ptr[at]))
			at++;
	if (at == 0 || (at == 1 && text.ptr[0] == '('))
		return 0;
	return at + 1 < text.len && (text.ptr[at] == '.' || text.ptr[at] == ')') &&
			       text.ptr[at + 1] == ' '
		       ? at + 2
		       : 0;
}

/* ":name: value": bytes of the name with its colons, 0 for other lines. */
static size_t field_mark(struct str text)
{
	size_t close;

	if (text.len < 3 || text.ptr[0] != ':' || text.ptr[1] == ':' || text.ptr[1] == ' ')
		return 0;
	close = str_find(str_slice(text, 0, 200), STR(":"), 1);
	while (close != STR_NPOS && close + 1 < text.len && text.ptr[close + 1] != ' ')
		close = str_find(str_slice(text, 0, 200), STR(":"), close + 1);
	/* a role at the beginning of a paragraph is none */
	if (close == STR_NPOS || str_find(str_slice(text, 0, close), STR("`"), 0) != STR_NPOS)
		return 0;
	return close + 1;
}

/* Turns what marks an item into spaces, so that its lines are a block like any other. */
static void blank_out(struct str line, size_t from, size_t count)
{
	char *bytes = (char *)line.ptr;

	for (size_t i = from; i < from + count && i < line.len; i++)
		bytes[i] = ' ';
}

static void read_item(struct rst *r, size_t at, size_t end, size_t mark, int depth)
{
	size_t indent = line_indent(line_at(r, at));

	builder_flush(&r->b);
	blank_out(line_at(r, at), indent, mark);
	r->b.kind = BLOCK_LIST_ITEM;
	r->b.depth = r->lists++;
	rst_blocks(r, at, end, depth + 1);
	builder_flush(&r->b);
	r->lists--;
}

static void read_field(struct rst *r, size_t at, size_t end, size_t mark, int depth)
{
	struct str line = line_at(r, at);
	size_t indent = line_indent(line);
	struct str name = str_slice(line, indent + 1, indent + mark - 1);

	builder_flush(&r->b);
	rst_inline(r, name);
	builder_check(&r->b, &r->b.text);
	if (!builder_failed(&r->b) && r->b.text.len)
		builder_lead(&r->b, str_trim(buf_str(&r->b.text)));
	buf_clear(&r->b.text);
	blank_out(line, indent, mark);
	rst_blocks(r, at, end, depth + 1);
	builder_flush(&r->b);
	builder_flush_lead(&r->b);
}

/* A paragraph's line ends in "::": what is indented below it is code. */
static bool drop_literal_mark(struct str *text)
{
	*text = str_trim(*text);
	if (!str_ends(*text, STR("::")))
		return false;
	text->len -= text->len == 2 || text->ptr[text->len - 3] == ' ' ? 2 : 1;
	return true;
}

static void end_paragraph(struct rst *r)
{
	/* paragraphs of one item are one block */
	if (r->b.kind == BLOCK_LIST_ITEM)
		builder_space(&r->b);
	else
		builder_flush(&r->b);
}

/* Returns the line behind the paragraph, and the literal block that it announces. */
static size_t read_paragraph(struct rst *r, size_t at, size_t end)
{
	size_t indent = line_indent(line_at(r, at)), stop = at;
	bool literal = false;

	for (; stop < end && !line_blank(line_at(r, stop)); stop++) {
		struct str text = line_at(r, stop);

		if (stop > at && line_indent(text) != indent)
			break;
		literal = drop_literal_mark(&text);
		builder_space(&r->b);
		rst_inline(r, text);
	}
	builder_lines(&r->b, at + 1, stop);
	end_paragraph(r);
	if (literal && stop < end) {
		size_t code_end = rst_block_end(r, stop - 1, end, indent);

		if (code_end > stop)
			rst_code(r, stop, code_end, r->highlight);
		return code_end > stop ? code_end : stop;
	}
	return stop;
}

/* A line with more indented ones right below it: a term and its definition. */
static bool starts_definition(const struct rst *r, size_t at, size_t end)
{
	return at + 1 < end && !line_blank(line_at(r, at + 1)) &&
	       line_indent(line_at(r, at + 1)) > line_indent(line_at(r, at)) &&
	       !str_ends(str_trim(line_at(r, at)), STR("::"));
}

static size_t read_definition(struct rst *r, size_t at, size_t end, int depth)
{
	size_t stop = rst_block_end(r, at, end, line_indent(line_at(r, at)));

	end_paragraph(r);
	if (r->b.kind == BLOCK_LIST_ITEM)
		builder_flush(&r->b);
	rst_inline(r, str_trim(line_at(r, at)));
	builder_check(&r->b, &r->b.text);
	if (!builder_failed(&r->b) && r->b.text.len)
		builder_lead(&r->b, str_trim(buf_str(&r->b.text)));
	buf_clear(&r->b.text);
	builder_lines(&r->b, at + 1, at + 1);
	rst_blocks(r, at + 1, stop, depth + 1);
	builder_flush(&r->b);
	return stop;
}

static size_t read_doctest(struct rst *r, size_t at, size_t end)
{
	size_t stop = at;

	while (stop < end && !line_blank(line_at(r, stop)))
		stop++;
	builder_flush(&r->b);
	rst_code(r, at, stop, STR("python"));
	return stop;
}

/* Lists; returns the line behind the item, or `at`. */
static size_t read_list(struct rst *r, size_t at, size_t end, int depth)
{
	struct str text = str_trim(line_at(r, at));
	size_t indent = line_indent(line_at(r, at)), mark = item_mark(text), stop;

	if (mark) {
		stop = rst_block_end(r, at, end, indent);
		read_item(r, at, stop, mark, depth);
		return stop;
	}
	mark = field_mark(text);
	if (mark) {
		stop = rst_block_end(r, at, end, indent);
		read_field(r, at, stop, mark, depth);
		return stop;
	}
	return at;
}

/* One element at the line; returns the line behind it. */
static size_t read_element(struct rst *r, size_t at, size_t end, int depth)
{
	struct str text = str_trim(line_at(r, at));
	size_t indent = line_indent(line_at(r, at)), stop;

	if (str_eq(text, STR("..")) || str_starts(text, STR(".. "))) {
		stop = rst_block_end(r, at, end, indent);
		rst_explicit(r, at, stop, depth);
		return stop;
	}
	if (str_starts(text, STR("__ ")))
		return at + 1;
	if (depth == 0 && (stop = read_title(r, at, end)) != at)
		return stop;
	if ((stop = rst_grid_table(r, at, end)) != at ||
	    (stop = rst_simple_table(r, at, end)) != at)
		return stop;
	/* transitions, and titles where there can be none */
	if (adornment(text) && text.len >= 4)
		return at + 1;
	if (str_starts(text, STR(">>> ")))
		return read_doctest(r, at, end);
	if ((stop = read_list(r, at, end, depth)) != at)
		return stop;
	if (str_eq(text, STR("::"))) {
		stop = rst_block_end(r, at, end, indent);
		rst_code(r, at + 1, stop, r->highlight);
		return stop;
	}
	if (starts_definition(r, at, end))
		return read_definition(r, at, end, depth);
	return read_paragraph(r, at, end);
}

void rst_blocks(struct rst *r, size_t first, size_t end, int depth)
{
	size_t at = first;

	while (at < end && !builder_failed(&r->b)) {
		if (line_blank(line_at(r, at))) {
			at++;
		} else if (depth >= RST_DEPTH) {
			builder_space(&r->b);
			builder_text(&r->b, line_at(r, at++));
		} else {
			at = read_element(r, at, end, depth);
		}
	}
}

/* A copy that may be changed, with tabs in front of text as spaces, and its line ends as '\n'. */
static struct str own_text(struct str text, struct arena *arena)
{
	struct buf out;
	struct str copy;
	size_t column = 0;
	bool leading = true;

	buf_init(&out, arena->alloc, text.len * TAB + 1);
	buf_reserve(&out, text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
			continue;
		if (c == '\t' && leading) {
			do
				buf_append_byte(&out, ' ');
			while (++column % TAB);
			continue;
		}
		leading = c == '\n' || (leading && c == ' ');
		column = c == '\n' ? 0 : column + 1;
		buf_append_byte(&out, c);
	}
	copy = out.failed ? (struct str){NULL, 0} : arena_str(arena, buf_str(&out));
	buf_release(&out);
	return copy;
}

/* Substitutions may be used in front of their definition. */
static void find_substitutions(struct rst *r)
{
	for (size_t i = 0; i < r->lines.count; i++)
		if (str_starts(line_at(r, i), STR(".. |")))
			rst_explicit(r, i, i + 1, 0);
}

enum err_code parse_rst(struct str text, struct arena *arena, struct document *out, struct err *err)
{
	struct rst r = {.target = STR(""), .highlight = STR("")};
	struct str own;
	enum err_code code;

	document_init(out);
	if (text.len > TEXT_MAX)
		return err_set(err, ERR_LIMIT,
			       "page of %zu bytes is too large, at most %d are read", text.len,
			       TEXT_MAX);
	own = own_text(text, arena);
	if (!own.ptr)
		return arena_fail(arena, err);
	code = lines_split(own, arena, &r.lines, err);
	if (code != ERR_OK)
		return code;
	/* a substitution is at most a thousand bytes, and its use at least three */
	builder_init(&r.b, arena, out, own.len + (size_t)(8 << 20), err);
	buf_init(&r.scratch, arena->alloc, own.len * 2 + 64);
	find_substitutions(&r);
	rst_blocks(&r, 0, r.lines.count, 0);
	builder_flush(&r.b);
	code = builder_finish(&r.b);
	builder_release(&r.b);
	buf_release(&r.scratch);
	return code;
}
