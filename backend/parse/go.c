/*
 * Go at the level of its symbols: the package's comment, and top-level functions, methods, types,
 * constants and variables with the comments in front of them. gofmt puts each of these at the
 * beginning of a line, and nothing else; strings and comments of several lines are followed.
 */
#include <string.h>

#include "base/utf8.h"
#include "parse/formats.h"
#include "parse/source_code.h"

enum { TEXT_MAX = 16 << 20, NAME_BYTES = 200 };

struct scan {
	bool comment, raw; /* inside of one that spans lines */
	size_t depth;      /* open brackets */
};

static void scan_line(struct scan *scan, struct str line)
{
	char quote = 0;

	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i], next = i + 1 < line.len ? line.ptr[i + 1] : 0;

		if (scan->comment) {
			if (c == '*' && next == '/') {
				scan->comment = false;
				i++;
			}
		} else if (scan->raw) {
			scan->raw = c != '`';
		} else if (quote) {
			if (c == '\\')
				i++;
			else if (c == quote)
				quote = 0;
		} else if (c == '/' && next == '/') {
			return;
		} else if (c == '/' && next == '*') {
			scan->comment = true;
			i++;
		} else if (c == '`') {
			scan->raw = true;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '{' || c == '(' || c == '[') {
			scan->depth++;
		} else if (c == '}' || c == ')' || c == ']') {
			scan->depth -= scan->depth > 0;
		}
	}
}

static bool is_open(const struct scan *scan)
{
	return scan->comment || scan->raw || scan->depth;
}

static struct str identifier(struct str text)
{
	size_t end = 0;

	while (end < text.len && (ascii_alnum((unsigned char)text.ptr[end]) ||
				  text.ptr[end] == '_' || (unsigned char)text.ptr[end] >= 0x80))
		end++;
	return utf8_prefix(str_slice(text, 0, end), NAME_BYTES);
}

/* "func (r *T[K]) Name(": T and Name; without a receiver *type is empty. */
static struct str function_name(struct str text, struct str *type)
{
	size_t close, from;

	*type = STR("");
	text = str_trim(str_slice(text, 4, text.len));
	if (text.len == 0 || text.ptr[0] != '(')
		return identifier(text);
	close = str_find(text, STR(")"), 0);
	if (close == STR_NPOS)
		return STR("");
	from = 1;
	for (size_t i = 1; i < close && text.ptr[i] != '['; i++)
		if (text.ptr[i] == ' ' || text.ptr[i] == '*')
			from = i + 1;
	*type = identifier(str_slice(text, from, close));
	return identifier(str_trim(str_slice(text, close + 1, text.len)));
}

struct go {
	struct builder b;
	struct lines lines;
};

/* Comment lines right in front of `at`: their first. */
static size_t comment_begin(const struct go *g, size_t at, size_t least)
{
	while (at > least && str_starts(g->lines.items[at - 1], STR("//")))
		at--;
	return at;
}

/* The comment's text without its marks, in the arena; directives ("//go:build") are left out. */
static struct str comment_text(struct go *g, size_t first, size_t end)
{
	struct buf out;
	struct str text;

	buf_init(&out, g->b.arena->alloc, lines_join(&g->lines, first, end).len + 64);
	for (size_t i = first; i < end; i++) {
		struct str line = str_slice(g->lines.items[i], 2, g->lines.items[i].len);

		if (line.len && !ascii_space((unsigned char)line.ptr[0]) && line.ptr[0] != '/')
			continue;
		/* markers of code generators: "// +kubebuilder:…" */
		if (str_starts(str_trim(line), STR("+")))
			continue;
		buf_append(&out,
			   line.len && line.ptr[0] == ' ' ? str_slice(line, 1, line.len) : line);
		buf_append_byte(&out, '\n');
	}
	builder_check(&g->b, &out);
	text = arena_str(g->b.arena, buf_str(&out));
	buf_release(&out);
	if (!text.ptr && !builder_failed(&g->b))
		g->b.code = arena_fail(g->b.arena, g->b.err);
	return text.ptr ? text : STR("");
}

/* The name of a declaration at the line; empty for lines that are none. */
static struct str declaration(struct go *g, size_t at)
{
	struct str line = g->lines.items[at], type, name;

	if (str_starts(line, STR("func "))) {
		name = function_name(line, &type);
		if (type.len && name.len)
			return arena_printf(g->b.arena, "%.*s.%.*s", STR_ARG(type), STR_ARG(name));
		return name;
	}
	if (str_starts(line, STR("type ")))
		return identifier(str_trim(str_slice(line, 5, line.len)));
	if (str_starts(line, STR("const ")) || str_starts(line, STR("var "))) {
		bool constant = line.ptr[0] == 'c';

		name = identifier(str_trim(str_slice(line, constant ? 6 : 4, line.len)));
		/* a group is called by its first */
		for (size_t i = at + 1; name.len == 0 && i < g->lines.count && i < at + 10; i++)
			name = identifier(str_trim(g->lines.items[i]));
		return name;
	}
	return STR("");
}

/* The declaration from `at` on; returns the line behind it. */
static size_t read_declaration(struct go *g, size_t at, size_t comment, struct str name)
{
	struct symbol symbol = {.name = name, .level = 2, .first = at};
	struct str line = g->lines.items[at];
	struct scan scan = {0};
	bool function = str_starts(line, STR("func "));
	size_t end = at, head = at;

	symbol.doc = comment < at ? comment_text(g, comment, at) : STR("");
	do {
		scan_line(&scan, g->lines.items[end]);
		end++;
		/* a function's signature ends where its body begins */
		if (function && head == at && scan.depth == 1 &&
		    str_ends(str_trim(g->lines.items[end - 1]), STR("{")))
			head = end;
	} while (end < g->lines.count && is_open(&scan));
	symbol.last = function && head > at ? head - 1 : end - 1;
	symbol_section(&g->b, &g->lines, &symbol, STR("go"));
	builder_lines(&g->b, comment + 1, end);
	return end;
}

/* The text of a comment in slashes and stars that ends in front of the package's clause. */
static void read_package(struct go *g, size_t at, size_t least)
{
	size_t first = comment_begin(g, at, least);
	struct str doc;

	if (first < at) {
		doc = comment_text(g, first, at);
	} else if (at > least && str_ends(str_trim(g->lines.items[at - 1]), STR("*/"))) {
		while (first > least && !str_starts(g->lines.items[first], STR("/*")))
			first--;
		if (!str_starts(g->lines.items[first], STR("/*")))
			return;
		doc = str_trim(lines_join(&g->lines, first, at));
		doc = str_slice(doc, 2, doc.len > 4 ? doc.len - 2 : 2);
	} else {
		return;
	}
	symbol_doc(&g->b, doc);
	builder_lines(&g->b, first + 1, at + 1);
}

static void read_file(struct go *g)
{
	struct scan scan = {0};
	size_t at = 0, least = 0;
	bool package = false;

	while (at < g->lines.count && !builder_failed(&g->b)) {
		struct str line = g->lines.items[at], name = STR("");

		if (!is_open(&scan) && !package && str_starts(line, STR("package "))) {
			read_package(g, at, 0);
			package = true;
		} else if (!is_open(&scan)) {
			name = declaration(g, at);
		}
		if (!name.ptr) {
			g->b.code = arena_fail(g->b.arena, g->b.err);
		} else if (name.len) {
			at = read_declaration(g, at, comment_begin(g, at, least), name);
			least = at;
			scan = (struct scan){0};
		} else {
			scan_line(&scan, line);
			at++;
		}
	}
}

enum err_code parse_go(struct str text, struct arena *arena, struct document *out, struct err *err)
{
	struct go g;
	enum err_code code;

	document_init(out);
	if (text.len > TEXT_MAX)
		return err_set(err, ERR_LIMIT,
			       "file of %zu bytes is too large, at most %d are read", text.len,
			       TEXT_MAX);
	code = lines_split(text, arena, &g.lines, err);
	if (code != ERR_OK)
		return code;
	builder_init(&g.b, arena, out, text.len + 4096, err);
	read_file(&g);
	code = builder_finish(&g.b);
	builder_release(&g.b);
	return code;
}
