#include <string.h>

#include "base/utf8.h"
#include "parse/rst.h"

enum { COLUMNS = 64 };

/* Cells of the row being read, each as the pieces that its lines have of it. */
struct piece {
	struct str text;
	size_t next; /* index + 1 */
};

struct row {
	struct rst *r;
	struct piece *pieces;
	size_t count, capacity;
	size_t first[COLUMNS], last[COLUMNS], columns;
};

static void row_add(struct row *row, size_t column, struct str text)
{
	if (row->count == row->capacity || column >= COLUMNS || str_trim(text).len == 0)
		return;
	row->pieces[row->count++] = (struct piece){str_trim(text), 0};
	if (row->last[column])
		row->pieces[row->last[column] - 1].next = row->count;
	else
		row->first[column] = row->count;
	row->last[column] = row->count;
}

static void row_end(struct row *row, bool header)
{
	bool any = row->count > 0;

	for (size_t column = 0; any && column < row->columns; column++) {
		for (size_t i = row->first[column]; i; i = row->pieces[i - 1].next) {
			rst_inline(row->r, row->pieces[i - 1].text);
			builder_space(&row->r->b);
		}
		builder_cell(&row->r->b);
	}
	if (any)
		builder_row(&row->r->b, header);
	row->count = 0;
	memset(row->first, 0, sizeof(row->first));
	memset(row->last, 0, sizeof(row->last));
}

/* A line has at most one piece of a column: `lines` bounds a row's pieces. */
static bool row_init(struct row *row, struct rst *r, size_t lines, size_t columns)
{
	*row = (struct row){.r = r, .columns = columns < COLUMNS ? columns : COLUMNS};
	row->capacity = lines * row->columns;
	row->pieces = arena_array(r->b.arena, row->capacity, sizeof(*row->pieces));
	if (!row->pieces && !builder_failed(&r->b))
		r->b.code = arena_fail(r->b.arena, r->b.err);
	return row->pieces;
}

static bool only(struct str line, const char *marks)
{
	for (size_t i = 0; i < line.len; i++)
		if (!strchr(marks, line.ptr[i]) || line.ptr[i] == '\0')
			return false;
	return line.len > 0;
}

static void add_grid_line(struct row *row, struct str line)
{
	struct str rest = str_slice(line, 1, line.len), cell;
	size_t column = 0;

	while (rest.len && str_cut(&rest, '|', &cell))
		row_add(row, column++, cell);
}

size_t rst_grid_table(struct rst *r, size_t at, size_t end)
{
	struct str line = str_trim(r->lines.items[at]);
	size_t stop = at, columns = 0, header = at;
	struct row row;

	if (line.len < 3 || !str_starts(line, STR("+-")) || !only(line, "+-"))
		return at;
	for (size_t i = 1; i < line.len; i++)
		columns += line.ptr[i] == '+';
	for (; stop < end; stop++) {
		line = str_trim(r->lines.items[stop]);
		if (line.len == 0 || (line.ptr[0] != '+' && line.ptr[0] != '|'))
			break;
		if (only(line, "+="))
			header = stop;
	}
	builder_flush(&r->b);
	if (!row_init(&row, r, stop - at, columns))
		return stop;
	for (size_t i = at; i < stop; i++) {
		line = str_trim(r->lines.items[i]);
		if (line.ptr[0] == '+')
			row_end(&row, i <= header);
		else
			add_grid_line(&row, line);
	}
	row_end(&row, false);
	builder_table_end(&r->b);
	builder_lines(&r->b, at + 1, stop);
	return stop;
}

/* Begins of the columns of "====  ===", as code points from the line's indentation. */
static size_t border_columns(struct str border, size_t begins[COLUMNS])
{
	size_t count = 0;

	for (size_t i = 0; i < border.len && count < COLUMNS; i++)
		if (border.ptr[i] == '=' && (i == 0 || border.ptr[i - 1] == ' '))
			begins[count++] = i;
	return count;
}

static bool is_border(struct str line)
{
	line = str_trim(line);
	return line.len >= 2 && line.ptr[0] == '=' && only(line, "= ");
}

static void add_simple_line(struct row *row, struct str line, const size_t *begins, size_t columns)
{
	size_t at = 0, begin = 0, column = 0, size;
	int32_t cp;

	for (size_t position = 0; at < line.len; position++) {
		if (column + 1 < columns && position == begins[column + 1]) {
			row_add(row, column++, str_slice(line, begin, at));
			begin = at;
		}
		size = utf8_decode(line, at, &cp);
		at += size ? size : 1;
	}
	row_add(row, column, str_slice(line, begin, line.len));
}

size_t rst_simple_table(struct rst *r, size_t at, size_t end)
{
	size_t begins[COLUMNS], columns, stop = at + 1, borders = 1, header = at;
	size_t indent = line_indent(r->lines.items[at]);
	struct row row;

	if (!is_border(r->lines.items[at]))
		return at;
	columns = border_columns(str_trim(r->lines.items[at]), begins);
	/* the last border is followed by an empty line, or the end */
	while (stop < end) {
		borders += is_border(r->lines.items[stop]);
		if (is_border(r->lines.items[stop]) && borders == 2)
			header = stop;
		stop++;
		if (is_border(r->lines.items[stop - 1]) &&
		    (stop == end || line_blank(r->lines.items[stop])))
			break;
	}
	if (columns < 2 || borders < 2 || !is_border(r->lines.items[stop - 1]))
		return at;
	builder_flush(&r->b);
	if (!row_init(&row, r, stop - at, columns))
		return stop;
	for (size_t i = at + 1; i < stop; i++) {
		struct str line = r->lines.items[i];

		if (is_border(line) || only(str_trim(line), "- ")) {
			row_end(&row, borders > 2 && i <= header);
			continue;
		}
		line = str_slice(line, indent, line.len);
		/* a line without a first cell goes on with the row */
		if (line.len && line.ptr[0] != ' ')
			row_end(&row, borders > 2 && i <= header);
		add_simple_line(&row, line, begins, columns);
	}
	builder_table_end(&r->b);
	builder_lines(&r->b, at + 1, stop);
	return stop;
}

void rst_list_table(struct rst *r, size_t first, size_t end, bool header)
{
	size_t rows = 0;
	bool open = false;

	builder_flush(&r->b);
	for (size_t i = first; i < end && !builder_failed(&r->b); i++) {
		struct str text = str_trim(r->lines.items[i]);
		bool row = str_starts(text, STR("* -"));

		if (row || (open && (str_starts(text, STR("- ")) || str_eq(text, STR("-"))))) {
			if (open)
				builder_cell(&r->b);
			if (row && open)
				builder_row(&r->b, header && rows++ == 0);
			open = true;
			text = str_trim(str_slice(text, row ? 3 : 1, text.len));
		}
		if (open && text.len) {
			rst_inline(r, text);
			builder_space(&r->b);
		}
	}
	if (open) {
		builder_cell(&r->b);
		builder_row(&r->b, header && rows == 0);
	}
	builder_table_end(&r->b);
}

void rst_csv(struct rst *r, struct str rows, bool header)
{
	size_t at = 0;
	bool quoted = false;

	builder_flush(&r->b);
	buf_clear(&r->scratch);
	for (; at <= rows.len && !builder_failed(&r->b); at++) {
		char c = at < rows.len ? rows.ptr[at] : '\n';

		if (c == '"') {
			/* a doubled one stands for itself */
			if (quoted && at + 1 < rows.len && rows.ptr[at + 1] == '"')
				buf_append_byte(&r->scratch, rows.ptr[++at]);
			else
				quoted = !quoted;
		} else if ((c == ',' || c == '\n') && (!quoted || at == rows.len)) {
			builder_check(&r->b, &r->scratch);
			rst_inline(r, str_trim(buf_str(&r->scratch)));
			builder_cell(&r->b);
			buf_clear(&r->scratch);
			if (c == '\n') {
				builder_row(&r->b, header);
				header = false;
			}
		} else {
			buf_append_byte(&r->scratch, c);
		}
	}
}
