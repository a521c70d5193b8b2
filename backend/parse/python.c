/*
 * Python at the level of its symbols: classes, functions and methods with their docstrings. Read by
 * lines and indentation; strings and brackets are followed so that what is in them is no code.
 */
#include <string.h>

#include "base/utf8.h"
#include "parse/formats.h"
#include "parse/source_code.h"

enum {
	SCOPES = 16, /* classes in classes; deeper ones are left out */
	NAME_MAX = 200,
	TEXT_MAX = 16 << 20,
};

struct scope {
	size_t indent;
	struct str name; /* qualified */
	bool is_class;
	size_t section; /* index + 1 of its section, 0 for none */
};

struct python {
	struct builder b;
	struct lines lines;
	struct scope scopes[SCOPES];
	size_t scope_count;
	size_t decorators; /* line + 1 of the first that waits */
};

/* State between lines: inside a string, or how many brackets are open. */
struct scan {
	char quote; /* of an open triple-quoted string */
	size_t brackets;
	bool continued; /* by a backslash */
};

static bool is_triple(struct str line, size_t at)
{
	return at + 2 < line.len && line.ptr[at + 1] == line.ptr[at] &&
	       line.ptr[at + 2] == line.ptr[at];
}

/* Goes over one line; what is open at its end is in *scan. Returns where a ':' ended a header. */
static size_t scan_line(struct scan *scan, struct str line)
{
	size_t colon = STR_NPOS;
	char quote = 0;

	scan->continued = false;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i];

		if (scan->quote || quote) {
			if (c == '\\')
				i++;
			else if (quote && c == quote)
				quote = 0;
			else if (scan->quote && c == scan->quote && is_triple(line, i)) {
				scan->quote = 0;
				i += 2;
			}
			continue;
		}
		if (c == '#')
			break;
		if (c == '"' || c == '\'') {
			if (is_triple(line, i)) {
				scan->quote = c;
				i += 2;
			} else {
				quote = c;
			}
		} else if (c == '(' || c == '[' || c == '{') {
			scan->brackets++;
		} else if (c == ')' || c == ']' || c == '}') {
			scan->brackets -= scan->brackets > 0;
		} else if (c == ':' && scan->brackets == 0 && colon == STR_NPOS) {
			colon = i;
		}
	}
	scan->continued = line.len && line.ptr[line.len - 1] == '\\' && !scan->quote;
	return colon;
}

static bool is_open(const struct scan *scan)
{
	return scan->quote || scan->brackets || scan->continued;
}

/* The name behind "def", "async def" or "class"; false for other lines. */
static bool definition(struct str text, struct str *name, bool *is_class)
{
	size_t end = 0;

	if (str_starts(text, STR("async ")))
		text = str_trim(str_slice(text, 6, text.len));
	*is_class = str_starts(text, STR("class "));
	if (!*is_class && !str_starts(text, STR("def ")))
		return false;
	text = str_trim(str_slice(text, *is_class ? 6 : 4, text.len));
	while (end < text.len && (ascii_alnum((unsigned char)text.ptr[end]) ||
				  text.ptr[end] == '_' || (unsigned char)text.ptr[end] >= 0x80))
		end++;
	*name = utf8_prefix(str_slice(text, 0, end), NAME_MAX);
	return end > 0;
}

/*
 * The string that stands at line *at, if it is nothing but one: its content; *at is then its last
 * line. Prefixes r, u, b and f are allowed, as is a single quote.
 */
static bool read_docstring(const struct lines *lines, size_t *at, struct str *doc)
{
	struct str line = lines->items[*at], text = str_trim(line), rest;
	size_t quotes = 1, from = 0, end;
	char mark[3];

	while (from < 2 && from < text.len && strchr("rRuUbB", text.ptr[from]))
		from++;
	if (from >= text.len || (text.ptr[from] != '"' && text.ptr[from] != '\''))
		return false;
	quotes = is_triple(text, from) ? 3 : 1;
	memset(mark, text.ptr[from], sizeof(mark));
	from += quotes;
	if (quotes == 1) {
		end = str_find(text, (struct str){mark, 1}, from);
		*doc = str_slice(text, from, end == STR_NPOS ? text.len : end);
		return true;
	}
	rest = str_slice(text, from, text.len);
	rest.len = (size_t)(lines->text.ptr + lines->text.len - rest.ptr);
	end = str_find(rest, (struct str){mark, 3}, 0);
	while (end != STR_NPOS && end > 0 && rest.ptr[end - 1] == '\\')
		end = str_find(rest, (struct str){mark, 3}, end + 1);
	*doc = str_slice(rest, 0, end == STR_NPOS ? rest.len : end);
	for (size_t i = 0; i < doc->len; i++)
		*at += doc->ptr[i] == '\n';
	if (*at >= lines->count)
		*at = lines->count - 1;
	return true;
}

/* The line behind `at` that is neither empty nor a comment. */
static size_t next_code(const struct lines *lines, size_t at)
{
	while (at < lines->count) {
		struct str text = str_trim(lines->items[at]);

		if (text.len && text.ptr[0] != '#')
			break;
		at++;
	}
	return at;
}

/* Ends the scopes that a line of this indentation is not in; `last` is the line before it. */
static void leave_scopes(struct python *p, size_t indent, size_t last)
{
	while (p->scope_count && p->scopes[p->scope_count - 1].indent >= indent) {
		const struct scope *scope = &p->scopes[--p->scope_count];

		if (scope->section && !builder_failed(&p->b) && last &&
		    last > p->b.sections[scope->section - 1].last_line)
			p->b.sections[scope->section - 1].last_line = (uint32_t)last;
	}
}

static bool in_function(const struct python *p)
{
	for (size_t i = 0; i < p->scope_count; i++)
		if (!p->scopes[i].is_class)
			return true;
	return false;
}

/* A definition whose header begins at line `at`; returns the line that reading goes on at. */
static size_t read_definition(struct python *p, size_t at, struct str name, bool is_class)
{
	struct scan scan = {0};
	struct symbol symbol = {.first = p->decorators ? p->decorators - 1 : at, .doc = STR("")};
	struct scope *scope;
	size_t indent = line_indent(p->lines.items[at]), body, end;
	bool shown = !in_function(p) && p->scope_count < SCOPES;

	symbol.last = at;
	while (scan_line(&scan, p->lines.items[symbol.last]) == STR_NPOS || is_open(&scan)) {
		if (!is_open(&scan) || symbol.last + 1 >= p->lines.count)
			break;
		symbol.last++;
	}
	end = symbol.last + 1;
	body = next_code(&p->lines, end);
	if (shown && body < p->lines.count && line_indent(p->lines.items[body]) > indent &&
	    read_docstring(&p->lines, &body, &symbol.doc))
		end = body + 1;
	if (p->scope_count == SCOPES)
		return end;
	symbol.name = name;
	if (shown && p->scope_count)
		symbol.name =
			arena_printf(p->b.arena, "%.*s.%.*s",
				     STR_ARG(p->scopes[p->scope_count - 1].name), STR_ARG(name));
	if (!symbol.name.ptr) {
		p->b.code = arena_fail(p->b.arena, p->b.err);
		return p->lines.count;
	}
	symbol.level = p->scope_count < 4 ? (int)p->scope_count + 2 : 6;
	if (shown) {
		symbol_section(&p->b, &p->lines, &symbol, STR("python"));
		builder_lines(&p->b, symbol.first + 1, end);
	}
	scope = &p->scopes[p->scope_count++];
	*scope = (struct scope){indent, symbol.name, is_class, shown ? p->b.section_count : 0};
	return end;
}

static void read_module(struct python *p)
{
	struct scan scan = {0};
	size_t at = next_code(&p->lines, 0), last = 0;
	struct str doc;

	if (at < p->lines.count && read_docstring(&p->lines, &at, &doc)) {
		symbol_doc(&p->b, doc);
		builder_lines(&p->b, next_code(&p->lines, 0) + 1, at + 1);
		at++;
	}
	while (at < p->lines.count && !builder_failed(&p->b)) {
		struct str line = p->lines.items[at], text = str_trim(line), name;
		bool is_class;

		if (is_open(&scan) || text.len == 0 || text.ptr[0] == '#') {
			if (is_open(&scan))
				scan_line(&scan, line);
			if (text.len && is_open(&scan))
				last = at + 1;
			at++;
			continue;
		}
		leave_scopes(p, line_indent(line), last);
		last = at + 1;
		if (text.ptr[0] == '@') {
			if (!p->decorators)
				p->decorators = at + 1;
			scan_line(&scan, line);
			at++;
			continue;
		}
		if (definition(text, &name, &is_class)) {
			at = read_definition(p, at, name, is_class);
			last = at;
			scan = (struct scan){0};
		} else {
			scan_line(&scan, line);
			at++;
		}
		p->decorators = 0;
	}
	leave_scopes(p, 0, last);
}

enum err_code parse_python(struct str text, struct arena *arena, struct document *out,
			   struct err *err)
{
	struct python p = {.scope_count = 0};
	enum err_code code;

	document_init(out);
	if (text.len > TEXT_MAX)
		return err_set(err, ERR_LIMIT,
			       "file of %zu bytes is too large, at most %d are read", text.len,
			       TEXT_MAX);
	code = lines_split(text, arena, &p.lines, err);
	if (code != ERR_OK)
		return code;
	builder_init(&p.b, arena, out, text.len + 4096, err);
	read_module(&p);
	code = builder_finish(&p.b);
	builder_release(&p.b);
	return code;
}
