#include "parse/rst.h"

#include <string.h>

enum { DIRECTIVE_NAME_MAX = 40, SUBSTITUTION_MAX = 1000 };

enum handling {
	DROP,
	CODE,      /* the content is code, the argument its language */
	TITLED,    /* the name is the title: "Note" */
	ARGUMENT,  /* the argument is the title */
	CONTENT,   /* the content alone */
	SIGNATURE, /* the argument is a symbol's signature */
};

struct directive {
	const char *name;
	enum handling handling;
	const char *title;
};

static const struct directive directives[] = {
	{"code-block", CODE, ""},
	{"code", CODE, ""},
	{"sourcecode", CODE, ""},
	{"parsed-literal", CODE, ""},
	{"prompt", CODE, ""},
	{"testcode", CODE, "python"},
	{"doctest", CODE, "python"},
	{"ipython", CODE, "python"},
	{"jupyter-execute", CODE, "python"},
	{"math", CODE, "latex"},
	{"graphviz", DROP, ""},
	{"note", TITLED, "Note"},
	{"warning", TITLED, "Warning"},
	{"tip", TITLED, "Tip"},
	{"important", TITLED, "Important"},
	{"caution", TITLED, "Caution"},
	{"danger", TITLED, "Danger"},
	{"attention", TITLED, "Attention"},
	{"error", TITLED, "Error"},
	{"hint", TITLED, "Hint"},
	{"seealso", TITLED, "See also"},
	{"todo", TITLED, "Todo"},
	{"versionadded", TITLED, "New in version"},
	{"versionchanged", TITLED, "Changed in version"},
	{"deprecated", TITLED, "Deprecated since version"},
	{"admonition", ARGUMENT, ""},
	{"topic", ARGUMENT, ""},
	{"sidebar", ARGUMENT, ""},
	{"rubric", ARGUMENT, ""},
	{"centered", ARGUMENT, ""},
	{"dropdown", ARGUMENT, ""},
	{"tab-item", ARGUMENT, ""},
	{"tab", ARGUMENT, ""},
	{"card", ARGUMENT, ""},
	{"grid-item-card", ARGUMENT, ""},
	{"table", ARGUMENT, ""},
	{"function", SIGNATURE, ""},
	{"class", SIGNATURE, ""},
	{"method", SIGNATURE, ""},
	{"attribute", SIGNATURE, ""},
	{"data", SIGNATURE, ""},
	{"exception", SIGNATURE, ""},
	{"module", DROP, ""},
	{"currentmodule", DROP, ""},
	{"toctree", DROP, ""},
	{"contents", DROP, ""},
	{"include", DROP, ""},
	{"literalinclude", DROP, ""},
	{"raw", DROP, ""},
	{"index", DROP, ""},
	{"sectnum", DROP, ""},
	{"bibliography", DROP, ""},
	{"default-role", DROP, ""},
	{"role", DROP, ""},
	{"tags", DROP, ""},
};

/* One directive: its argument, options and content. */
struct call {
	struct str name, argument;
	size_t line, first, end; /* content: lines [first, end) */
	struct str alt, caption, header, description;
	bool header_rows;
};

static const struct directive *find_directive(struct str name)
{
	/* "py:function" is what "function" is */
	size_t colon = str_find(name, STR(":"), 0);

	if (colon != STR_NPOS)
		name = str_slice(name, colon + 1, name.len);
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		if (str_eq_nocase(name, str_c(directives[i].name)))
			return &directives[i];
	return NULL;
}

static void take_option(struct call *call, struct str name, struct str value)
{
	if (str_eq(name, STR("alt")))
		call->alt = value;
	else if (str_eq(name, STR("caption")))
		call->caption = value;
	else if (str_eq(name, STR("header")))
		call->header = value;
	else if (str_eq(name, STR("description")))
		call->description = value;
	else if (str_eq(name, STR("header-rows")))
		call->header_rows = !str_eq(value, STR("0"));
}

/* ":name: value" lines in front of the content. */
static void read_options(const struct rst *r, struct call *call)
{
	for (; call->first < call->end; call->first++) {
		struct str line = str_trim(r->lines.items[call->first]);
		size_t colon;

		if (line.len < 3 || line.ptr[0] != ':')
			break;
		colon = str_find(line, STR(":"), 1);
		if (colon == STR_NPOS || colon == 1 ||
		    (colon + 1 < line.len && line.ptr[colon + 1] != ' '))
			break;
		take_option(call, str_slice(line, 1, colon),
			    str_trim(str_slice(line, colon + 1, line.len)));
	}
}

static void put_lead(struct rst *r, struct str title)
{
	builder_flush(&r->b);
	if (title.len == 0)
		return;
	rst_inline(r, title);
	builder_check(&r->b, &r->b.text);
	if (!builder_failed(&r->b) && r->b.text.len)
		builder_lead(&r->b, str_trim(buf_str(&r->b.text)));
	buf_clear(&r->b.text);
}

static void put_paragraph(struct rst *r, struct str text)
{
	rst_inline(r, text);
	builder_flush(&r->b);
}

static void put_code(struct rst *r, const struct call *call, const struct directive *known)
{
	struct str language = str_c(known->title);

	if (str_eq(call->name, STR("code-block")) || str_eq(call->name, STR("code")) ||
	    str_eq(call->name, STR("sourcecode")))
		language = call->argument;
	if (str_eq(language, STR("none")) || str_eq(language, STR("text")) || language.len > 30)
		language = STR("");
	put_lead(r, call->caption);
	rst_code(r, call->first, call->end, language);
}

/* Directives that are unlike the others; false for the rest. */
static bool special(struct rst *r, const struct call *call, int depth)
{
	if (str_eq(call->name, STR("image"))) {
		put_paragraph(r, call->alt);
	} else if (str_eq(call->name, STR("figure"))) {
		put_paragraph(r, call->alt);
		rst_blocks(r, call->first, call->end, depth + 1);
	} else if (str_eq(call->name, STR("highlight"))) {
		r->highlight = str_eq(call->argument, STR("none")) ? STR("") : call->argument;
	} else if (str_eq(call->name, STR("list-table"))) {
		put_lead(r, call->argument);
		rst_list_table(r, call->first, call->end, call->header_rows);
	} else if (str_eq(call->name, STR("csv-table"))) {
		put_lead(r, call->argument);
		builder_flush_lead(&r->b);
		if (call->header.len)
			rst_csv(r, call->header, true);
		rst_csv(r, lines_join(&r->lines, call->first, call->end),
			call->header_rows && call->header.len == 0);
		builder_table_end(&r->b);
	} else if (str_eq(call->name, STR("meta"))) {
		if (r->b.document->description.len == 0)
			r->b.document->description = call->description;
	} else {
		return false;
	}
	return true;
}

static void run_directive(struct rst *r, const struct call *call, int depth)
{
	const struct directive *known = find_directive(call->name);

	if (special(r, call, depth))
		return;
	switch (known ? known->handling : CONTENT) {
	case DROP:
		return;
	case CODE:
		put_code(r, call, known);
		return;
	case TITLED:
		if (str_starts(call->name, STR("version")) ||
		    str_eq(call->name, STR("deprecated"))) {
			rst_inline(r, str_c(known->title));
			builder_space(&r->b);
		} else {
			put_lead(r, str_c(known->title));
		}
		rst_inline(r, call->argument);
		/* what stands right below is the same paragraph */
		if (call->first >= call->end || line_blank(r->lines.items[call->first]))
			builder_flush(&r->b);
		break;
	case ARGUMENT:
		put_lead(r, call->argument);
		break;
	case SIGNATURE:
		builder_code(&r->b, call->argument,
			     str_starts(call->name, STR("py:")) ? STR("python") : STR(""));
		break;
	case CONTENT:
		break;
	}
	rst_blocks(r, call->first, call->end, depth + 1);
	builder_flush(&r->b);
	builder_flush_lead(&r->b);
}

/* "|name| replace:: text" */
static void define_substitution(struct rst *r, struct str text)
{
	size_t close = str_find(text, STR("|"), 1), value;

	if (close == STR_NPOS || r->substitution_count == RST_SUBSTITUTIONS)
		return;
	value = str_find(text, STR("replace::"), close);
	if (value == STR_NPOS || text.len - value > SUBSTITUTION_MAX)
		return;
	r->substitutions[r->substitution_count++] = (struct rst_substitution){
		str_slice(text, 1, close), str_trim(str_slice(text, value + 9, text.len))};
}

/* "_name: target", whose name is the next section's when it has no target. */
static void note_target(struct rst *r, struct str text, bool followed)
{
	size_t colon;
	struct str name;

	if (text.len < 3 || text.ptr[1] == '_')
		return;
	if (text.ptr[1] == '`') {
		colon = str_find(text, STR("`:"), 2);
		name = str_slice(text, 2, colon == STR_NPOS ? 2 : colon);
		colon = colon == STR_NPOS ? colon : colon + 1;
	} else {
		colon = str_find(text, STR(":"), 1);
		while (colon != STR_NPOS && colon + 1 < text.len && text.ptr[colon + 1] != ' ')
			colon = str_find(text, STR(":"), colon + 1);
		name = str_slice(text, 1, colon == STR_NPOS ? 1 : colon);
	}
	if (colon != STR_NPOS && colon + 1 >= text.len && !followed && name.len)
		r->target = name;
}

static bool directive_name(struct str text, struct str *name, struct str *argument)
{
	size_t end = 0;

	while (end < text.len && end < DIRECTIVE_NAME_MAX &&
	       (ascii_alnum((unsigned char)text.ptr[end]) || strchr("-_.+", text.ptr[end]) ||
		(text.ptr[end] == ':' && end + 1 < text.len && text.ptr[end + 1] != ':')))
		end++;
	if (end == 0 || !str_starts(str_slice(text, end, text.len), STR("::")))
		return false;
	*name = str_slice(text, 0, end);
	*argument = str_trim(str_slice(text, end + 2, text.len));
	return true;
}

void rst_explicit(struct rst *r, size_t at, size_t end, int depth)
{
	struct str text = str_trim(r->lines.items[at]);
	struct call call = {.line = at,
			    .first = at + 1,
			    .end = end,
			    .alt = STR(""),
			    .caption = STR(""),
			    .header = STR(""),
			    .description = STR("")};

	text = str_trim(str_slice(text, 2, text.len));
	if (text.len == 0)
		return;
	if (text.ptr[0] == '_') {
		note_target(r, text, end > at + 1);
	} else if (text.ptr[0] == '|') {
		define_substitution(r, text);
	} else if (text.ptr[0] == '[') {
		/* a footnote or citation: its text, and what follows it */
		size_t close = str_find(text, STR("]"), 1);

		if (close == STR_NPOS)
			return;
		builder_flush(&r->b);
		rst_inline(r, str_trim(str_slice(text, close + 1, text.len)));
		builder_space(&r->b);
		rst_blocks(r, at + 1, end, depth + 1);
		builder_flush(&r->b);
	} else if (directive_name(text, &call.name, &call.argument)) {
		builder_flush(&r->b);
		read_options(r, &call);
		run_directive(r, &call, depth);
		builder_lines(&r->b, at + 1, end);
	}
}
