#include "parse/parse.h"

#include "parse/formats.h"

struct ending {
	const char *text;
	enum parse_format format;
};

static const struct ending endings[] = {
	{".md", PARSE_MARKDOWN},    {".markdown", PARSE_MARKDOWN},
	{".mdx", PARSE_MARKDOWN},   {".html", PARSE_HTML},
	{".htm", PARSE_HTML},       {".rst", PARSE_RST},
	{".ipynb", PARSE_NOTEBOOK}, {".yaml", PARSE_YAML},
	{".yml", PARSE_YAML},       {".py", PARSE_PYTHON},
	{".go", PARSE_GO},          {".txt", PARSE_PLAIN},
};

enum parse_format parse_format_of(struct str path)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct str ending = str_c(endings[i].text);

		if (path.len >= ending.len &&
		    str_eq_nocase(str_slice(path, path.len - ending.len, path.len), ending))
			return endings[i].format;
	}
	return PARSE_UNKNOWN;
}

bool parse_format_is_code(enum parse_format format)
{
	return format == PARSE_YAML || format == PARSE_PYTHON || format == PARSE_GO;
}

static bool looks_like_html(struct str text)
{
	struct str head = str_trim(str_slice(text, 0, 256));

	return str_eq_nocase(str_slice(head, 0, 14), STR("<!doctype html")) ||
	       str_eq_nocase(str_slice(head, 0, 5), STR("<html"));
}

enum err_code parse_document(enum parse_format format, struct str text, struct arena *arena,
			     struct document *out, struct err *err)
{
	switch (format) {
	case PARSE_YAML:
		return parse_yaml(text, arena, out, err);
	case PARSE_NOTEBOOK:
		return parse_notebook(text, arena, out, err);
	case PARSE_PLAIN:
		return parse_plain(text, arena, out, err);
	case PARSE_HTML:
		return parse_html(text, arena, out, err);
	case PARSE_RST:
		return parse_rst(text, arena, out, err);
	case PARSE_UNKNOWN:
		if (looks_like_html(text))
			return parse_html(text, arena, out, err);
		break;
	case PARSE_PYTHON:
		return parse_python(text, arena, out, err);
	case PARSE_GO:
		return parse_go(text, arena, out, err);
	case PARSE_MARKDOWN:
		break;
	}
	return parse_markdown(text, arena, out, err);
}
