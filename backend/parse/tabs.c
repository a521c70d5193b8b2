#include "parse/tabs.h"

#include "base/buf.h"

enum { LANGUAGE_MAX = 20 };

struct tab {
	struct str name; /* "tab", or with a folder: "blocks/tab" */
	struct str language;
};

static bool starts_fence(struct str line)
{
	line = str_trim(line);
	return str_starts(line, STR("```")) || str_starts(line, STR("~~~"));
}

/* What follows "{{<" or "{{%" in the line; false when there is neither. */
static bool shortcode_inner(struct str line, struct str *inner)
{
	size_t at = str_find(line, STR("{{<"), 0);
	if (at == STR_NPOS)
		at = str_find(line, STR("{{%"), 0);
	if (at == STR_NPOS)
		return false;
	*inner = str_trim(str_slice(line, at + 3, line.len));
	return true;
}

static struct str word(struct str text, size_t from)
{
	size_t end = from;
	while (end < text.len &&
	       (ascii_alnum((unsigned char)text.ptr[end]) || text.ptr[end] == '/' ||
		text.ptr[end] == '_' || text.ptr[end] == '-' || text.ptr[end] == '+'))
		end++;
	return str_slice(text, from, end);
}

/* The value of lang= or codelang=, with or without quotes; empty without one. */
static struct str language_of(struct str inner)
{
	size_t at = str_find(inner, STR("lang="), 0);
	if (at == STR_NPOS)
		return STR("");
	at += 5;
	if (at < inner.len && (inner.ptr[at] == '"' || inner.ptr[at] == '`'))
		at++;
	struct str language = word(inner, at);
	return language.len <= LANGUAGE_MAX ? language : STR("");
}

/* Whether the line is the opening shortcode of a tab with a language, and nothing else. */
static bool opens_tab(struct str line, struct tab *tab)
{
	struct str inner;
	line = str_trim(line);
	if (!str_starts(line, STR("{{")) || !shortcode_inner(line, &inner) ||
	    !str_ends(line, STR("}}")))
		return false;
	tab->name = word(inner, 0);
	tab->language = language_of(inner);
	return tab->language.len &&
	       (str_eq(tab->name, STR("tab")) || str_ends(tab->name, STR("/tab")));
}

static bool closes_tab(struct str line, const struct tab *tab)
{
	struct str inner;
	if (!shortcode_inner(line, &inner) || !str_starts(inner, STR("/")))
		return false;
	return str_eq(word(str_trim(str_slice(inner, 1, inner.len)), 0), tab->name);
}

/* The lines up to the tab's end, if that comes and they hold no fence: then *rest is moved there. */
static bool take_body(struct str *rest, const struct tab *tab, struct str *body, bool *closed)
{
	struct str after = *rest, line;
	bool fenced = false;
	*closed = false;
	while (str_cut(&after, '\n', &line)) {
		if (closes_tab(line, tab)) {
			*closed = true;
			*body = (struct str){rest->ptr, (size_t)(line.ptr - rest->ptr)};
			if (fenced || str_trim(*body).len == 0)
				return false;
			*rest = str_slice(*rest, body->len, rest->len);
			return true;
		}
		fenced = fenced || starts_fence(line);
	}
	return false;
}

struct str tabs_fence(struct str text, struct arena *arena, struct line_map *lines)
{
	struct str rest = text, line, body;
	struct tab tab;
	struct buf out;
	bool in_fence = false, closed = true, changed = false;
	size_t number = 0;
	if (str_find(text, STR("lang="), 0) == STR_NPOS)
		return text;
	/* A tab takes at least 20 bytes and gets at most 10 and its language more. */
	buf_init(&out, arena->alloc, text.len * 3 + 64);
	while (str_cut(&rest, '\n', &line)) {
		buf_append(&out, line);
		line_map_add(lines, number++);
		if (rest.ptr)
			buf_append_byte(&out, '\n');
		if (starts_fence(line))
			in_fence = !in_fence;
		/* One tab without an end: looking for the ends of others would not be linear. */
		if (in_fence || !closed || !rest.ptr || !opens_tab(line, &tab) ||
		    !take_body(&rest, &tab, &body, &closed))
			continue;
		changed = true;
		/* an empty line and the fence in front, the body, the fence and an empty line */
		line_map_add(lines, number);
		line_map_add(lines, number);
		for (size_t i = 0; i < body.len; i++)
			if (body.ptr[i] == '\n')
				line_map_add(lines, number++);
		line_map_add(lines, number);
		line_map_add(lines, number);
		buf_printf(&out, "\n```%.*s\n", STR_ARG(tab.language));
		buf_append(&out, body);
		buf_append(&out, STR("```\n\n"));
	}
	struct str result = text;
	if (changed)
		result = out.failed ? (struct str){NULL, 0} : arena_str(arena, buf_str(&out));
	buf_release(&out);
	if (!changed)
		line_map_clear(lines);
	return result;
}
