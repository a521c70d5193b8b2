#include "answer/guard_markup.h"

#include <string.h>

#include "answer/guard_text.h"
#include "base/utf8.h"

enum {
	REFERENCE_MAX = 10,
	TAG_NAME_MAX = 20,
	TAG_MAX = 1500,
	LINK_TEXT_MAX = 1200,
	DESTINATION_MAX = 2200,
};

int guard_peek(struct guard_view *view, size_t at)
{
	if (at < view->text.len)
		return (unsigned char)view->text.ptr[at];
	view->past = true;
	return -1;
}

static bool looking_at(struct guard_view *view, size_t at, const char *word)
{
	for (size_t i = 0; word[i]; i++) {
		int c = guard_peek(view, at + i);
		if (c < 0 || ascii_lower((char)c) != word[i])
			return false;
	}
	return true;
}

static bool is_alpha(int c)
{
	return c >= 0 && c < 0x80 && ascii_alpha(c);
}

static bool is_alnum(int c)
{
	return c >= 0 && c < 0x80 && ascii_alnum(c);
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* ---- references ---- */

static const struct {
	const char *name;
	int32_t codepoint;
} named[] = {
	{"lt", '<'},      {"gt", '>'},     {"amp", '&'},    {"quot", '"'},         {"apos", '\''},
	{"colon", ':'},   {"sol", '/'},    {"bsol", '\\'},  {"period", '.'},       {"commat", '@'},
	{"lpar", '('},    {"rpar", ')'},   {"lsqb", '['},   {"rsqb", ']'},         {"lbrack", '['},
	{"rbrack", ']'},  {"excl", '!'},   {"percnt", '%'}, {"nbsp", 0xa0},        {"tab", ' '},
	{"newline", ' '}, {"equals", '='}, {"hyphen", '-'}, {"dash", '-'},         {"lowbar", '_'},
	{"shy", 0},       {"zwj", 0},      {"zwnj", 0},     {"zerowidthspace", 0}, {"num", '#'},
	{"semi", ';'},    {"comma", ','},  {"quest", '?'},
};

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	int folded = c < 0 ? 0 : ascii_lower((char)c);
	return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

static size_t numeric_reference(struct guard_view *view, size_t at, int32_t *codepoint)
{
	size_t i = at + 2;
	int c = guard_peek(view, i);
	int base = c == 'x' || c == 'X' ? 16 : 10;
	int32_t value = 0;
	if (base == 16)
		i++;
	size_t first = i;
	for (; i - first < REFERENCE_MAX; i++) {
		int digit = hex_value(guard_peek(view, i));
		if (digit < 0 || digit >= base)
			break;
		value = value > 0x10ffff ? value : value * base + digit;
	}
	if (i == first || guard_peek(view, i) != ';')
		return 0;
	*codepoint = value;
	return i + 1 - at;
}

size_t guard_reference(struct guard_view *view, size_t at, int32_t *codepoint)
{
	if (guard_peek(view, at) != '&')
		return 0;
	if (guard_peek(view, at + 1) == '#')
		return numeric_reference(view, at, codepoint);
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct str name = str_c(named[i].name);
		if (!looking_at(view, at + 1, named[i].name) ||
		    guard_peek(view, at + 1 + name.len) != ';')
			continue;
		*codepoint = named[i].codepoint;
		return name.len + 2;
	}
	return 0;
}

struct str guard_unescape(struct str text, char *out, size_t size)
{
	struct guard_view view = {.text = text};
	size_t n = 0;
	for (size_t at = 0; at < text.len && n + 4 <= size;) {
		int32_t cp;
		size_t length = guard_reference(&view, at, &cp);
		if (length) {
			n += guard_is_hidden(cp) ? 0 : utf8_encode(cp, out + n);
			at += length;
			continue;
		}
		bool escape = text.ptr[at] == '\\' && at + 1 < text.len &&
			      strchr("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~", text.ptr[at + 1]);
		at += escape;
		out[n++] = text.ptr[at++];
	}
	return (struct str){out, n};
}

/* ---- tags ---- */

/* Elements of HTML, SVG and MathML, sorted; what is in none of them is a placeholder: <namespace>. */
static const char *const elements[] = {
	"a",        "abbr",     "acronym",    "address",    "animate", "applet",   "area",
	"article",  "aside",    "audio",      "b",          "base",    "bdi",      "bdo",
	"bgsound",  "big",      "blink",      "blockquote", "body",    "br",       "button",
	"canvas",   "caption",  "center",     "circle",     "cite",    "code",     "col",
	"colgroup", "data",     "datalist",   "dd",         "del",     "details",  "dfn",
	"dialog",   "dir",      "div",        "dl",         "dt",      "ellipse",  "em",
	"embed",    "fieldset", "figcaption", "figure",     "font",    "footer",   "foreignobject",
	"form",     "frame",    "frameset",   "g",          "h1",      "h2",       "h3",
	"h4",       "h5",       "h6",         "head",       "header",  "hgroup",   "hr",
	"html",     "i",        "iframe",     "image",      "img",     "input",    "ins",
	"isindex",  "kbd",      "keygen",     "label",      "legend",  "li",       "line",
	"link",     "listing",  "main",       "map",        "mark",    "marquee",  "math",
	"menu",     "meta",     "meter",      "nav",        "nobr",    "noembed",  "noframes",
	"noscript", "object",   "ol",         "optgroup",   "option",  "output",   "p",
	"param",    "path",     "picture",    "plaintext",  "polygon", "polyline", "portal",
	"pre",      "progress", "q",          "rect",       "rp",      "rt",       "ruby",
	"s",        "samp",     "script",     "section",    "select",  "set",      "slot",
	"small",    "source",   "span",       "strike",     "strong",  "style",    "sub",
	"summary",  "sup",      "svg",        "table",      "tbody",   "td",       "template",
	"textarea", "tfoot",    "th",         "thead",      "time",    "title",    "tr",
	"track",    "tt",       "u",          "ul",         "use",     "var",      "video",
	"wbr",      "xmp",
};

/* What they hold is no text for a reader. */
static const char *const silent[] = {"script", "style",    "iframe",   "object",  "svg",
				     "math",   "noscript", "template", "textarea"};

/* Between these and what is beside them is a space. */
static const char *const blocks[] = {"br", "p",     "div", "li", "tr", "td", "th", "hr", "ul",
				     "ol", "table", "h1",  "h2", "h3", "h4", "h5", "h6", "pre"};

static bool one_of(struct str name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(name, str_c(list[i])))
			return true;
	return false;
}

#define ONE_OF(name, list) one_of(name, list, sizeof(list) / sizeof((list)[0]))

/* Behind the '>' of a tag, quotes respected; 0 without one. *attributes: it has any. */
static size_t tag_end(struct guard_view *view, size_t at, bool *attributes)
{
	int quote = 0;
	*attributes = false;
	for (size_t i = at; i - at < TAG_MAX; i++) {
		int c = guard_peek(view, i);
		if (c < 0)
			return 0;
		*attributes |= c == '=' || c == '"' || c == '\'';
		if (quote) {
			quote = c == quote ? 0 : quote;
			continue;
		}
		if (c == '"' || c == '\'')
			quote = c;
		if (c == '>')
			return i + 1;
		if (c == '<' || (c == '\n' && guard_peek(view, i + 1) == '\n'))
			return 0;
	}
	return 0;
}

static size_t find(struct guard_view *view, size_t at, const char *word)
{
	for (size_t i = at; guard_peek(view, i) >= 0; i++)
		if (looking_at(view, i, word))
			return i + str_c(word).len;
	return 0;
}

/* "<!-- … -->", "<!doctype …>", "<? … ?>", "<![CDATA[ … ]]>". */
static enum guard_tag declaration(struct guard_view *view, size_t at, size_t *end)
{
	size_t opened = at + 2;
	if (looking_at(view, at, "<!-->") || looking_at(view, at, "<!--->")) {
		*end = find(view, at, ">");
		return GUARD_TAG_HTML;
	}
	if (looking_at(view, at, "<!--")) {
		opened = at + 4;
		*end = find(view, opened, "-->");
	} else if (looking_at(view, at, "<![cdata[")) {
		opened = at + 9;
		*end = find(view, opened, "]]>");
	} else if (guard_peek(view, at + 1) == '?') {
		*end = find(view, opened, "?>");
	} else if (is_alpha(guard_peek(view, at + 2))) {
		*end = find(view, opened, ">");
	} else {
		return GUARD_TAG_NONE;
	}
	if (*end)
		return GUARD_TAG_HTML;
	*end = opened;
	return GUARD_TAG_OPEN;
}

/* <scheme:…> or <name@host>, without blanks: behind the '>', or 0. */
static size_t automatic_link(struct guard_view *view, size_t at)
{
	bool marked = false;
	for (size_t i = at + 1; i - at < DESTINATION_MAX; i++) {
		int c = guard_peek(view, i);
		if (c == '>')
			return marked ? i + 1 : 0;
		if (c <= ' ' || c == '<' || c == '"')
			return 0;
		marked |= c == ':' || c == '@';
	}
	return 0;
}

enum guard_tag guard_tag(struct guard_view *view, size_t at, size_t *end)
{
	int c = guard_peek(view, at + 1);
	char name[TAG_NAME_MAX + 1];
	size_t n = 0;
	bool attributes;
	if (c == '!' || c == '?')
		return declaration(view, at, end);
	bool closing = c == '/';
	if (!is_alnum(guard_peek(view, at + 1 + closing)))
		return GUARD_TAG_NONE;
	size_t link = closing ? 0 : automatic_link(view, at);
	if (link) {
		*end = link;
		return GUARD_TAG_LINK;
	}
	for (c = guard_peek(view, at + 1 + closing); n < TAG_NAME_MAX && (is_alnum(c) || c == '-');
	     c = guard_peek(view, at + 1 + closing + n))
		name[n++] = (char)c;
	struct str word = {name, n};
	/* "<script![x](y)>" may yet become one */
	bool script = str_eq_nocase(str_slice(word, 0, 6), STR("script"));
	bool known = script || ONE_OF(word, elements);
	bool ends_name = is_blank(c) || c == '/' || c == '>' || c < 0;
	/* a reference is resolved first, and then this is looked at again */
	int32_t ignored;
	if (c == '&' && guard_reference(view, at + 1 + closing + n, &ignored))
		return GUARD_TAG_NONE;
	*end = tag_end(view, at + 1 + closing + n, &attributes);
	if (!*end) {
		*end = at + 1;
		return known && (ends_name || script || c == '<') ? GUARD_TAG_OPEN : GUARD_TAG_NONE;
	}
	if (!(known && (ends_name || script)) && !attributes)
		return GUARD_TAG_NONE;
	if (!closing && ONE_OF(word, silent)) {
		char close[TAG_NAME_MAX + 4] = "</";
		for (size_t i = 0; i < n; i++)
			close[2 + i] = ascii_lower(name[i]);
		size_t inner = find(view, *end, close);
		*end = inner ? inner : *end;
		if (inner && guard_peek(view, *end) == '>')
			(*end)++;
	}
	return ONE_OF(word, blocks) ? GUARD_TAG_SPACE : GUARD_TAG_HTML;
}

bool guard_is_live_tag(struct str text, size_t at)
{
	static const char *const live[] = {"script", "iframe", "img",   "image", "svg",    "object",
					   "embed",  "form",   "base",  "meta",  "link",   "style",
					   "video",  "audio",  "input", "frame", "applet", "a"};
	size_t end = at + 1;
	bool attributes = false;
	while (end < text.len && end - at <= TAG_NAME_MAX && ascii_alnum(text.ptr[end]))
		end++;
	struct str name = str_slice(text, at + 1, end);
	if (str_eq_nocase(str_slice(name, 0, 6), STR("script")))
		return true;
	if (!ONE_OF(name, live))
		return false;
	for (; end < text.len && text.ptr[end] != '>' && text.ptr[end] != '\n'; end++)
		attributes |= text.ptr[end] == '=';
	return attributes;
}

/* ---- links ---- */

size_t guard_span(struct guard_view *view, size_t at, size_t count)
{
	size_t run = 0;
	for (size_t i = at;; i++) {
		int c = guard_peek(view, i);
		if (c == '`') {
			run++;
			continue;
		}
		if (run == count)
			return i;
		run = 0;
		if (c < 0 || (c == '\n' && guard_peek(view, i + 1) == '\n'))
			return 0;
	}
}

size_t guard_bracket(struct guard_view *view, size_t at)
{
	size_t depth = 0;
	for (size_t i = at; i - at < LINK_TEXT_MAX; i++) {
		int c = guard_peek(view, i);
		if (c < 0 || (c == '\n' && guard_peek(view, i + 1) == '\n'))
			return 0;
		if (c == '\\') {
			i++;
		} else if (c == '`') {
			size_t run = 1;
			while (guard_peek(view, i + run) == '`')
				run++;
			size_t end = guard_span(view, i + run, run);
			i = end ? end - 1 : i + run - 1;
		} else if (c == '[') {
			depth++;
		} else if (c == ']' && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

static size_t skip_blanks(struct guard_view *view, size_t at)
{
	while (is_blank(guard_peek(view, at)))
		at++;
	return at;
}

/* A title in quotes or parentheses: behind it, or 0. */
static size_t title_end(struct guard_view *view, size_t at)
{
	int open = guard_peek(view, at), close = open == '(' ? ')' : open;
	if (open != '"' && open != '\'' && open != '(')
		return 0;
	for (size_t i = at + 1; i - at < LINK_TEXT_MAX; i++) {
		int c = guard_peek(view, i);
		if (c < 0)
			return 0;
		if (c == '\\')
			i++;
		else if (c == close)
			return i + 1;
	}
	return 0;
}

size_t guard_destination(struct guard_view *view, size_t at, size_t *from, size_t *to)
{
	size_t i = skip_blanks(view, at + 1), depth = 0;
	bool angled = guard_peek(view, i) == '<';
	*from = i += angled;
	for (;; i++) {
		int c = guard_peek(view, i);
		if (c < 0 || i - at > DESTINATION_MAX || (angled && (c == '\n' || c == '<')))
			return 0;
		if (c == '\\') {
			i++;
			continue;
		}
		if (angled ? c == '>' : is_blank(c) || (c == ')' && depth == 0))
			break;
		if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
	}
	*to = i;
	i = skip_blanks(view, i + angled);
	size_t title = title_end(view, i);
	if (title)
		i = skip_blanks(view, title);
	return guard_peek(view, i) == ')' ? i + 1 : 0;
}
