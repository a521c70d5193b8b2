#include "source/page_links.h"

#include <string.h>

#include "base/utf8.h"

#define ATTRIBUTES_MAX 32
#define PRESCAN_BYTES  4096
#define HREF_MAX       4096

struct attribute {
	struct str name, value; /* raw views */
};

struct tag {
	struct str name;
	struct attribute attributes[ATTRIBUTES_MAX];
	size_t count;
};

static bool is_tag(const struct tag *tag, const char *name)
{
	return str_eq_nocase(tag->name, str_c(name));
}

static struct str attribute(const struct tag *tag, const char *name)
{
	for (size_t i = 0; i < tag->count; i++)
		if (str_eq_nocase(tag->attributes[i].name, str_c(name)))
			return str_trim(tag->attributes[i].value);
	return (struct str){NULL, 0};
}

static size_t skip_until(struct str s, size_t at, struct str end)
{
	size_t found = str_find(s, end, at);

	return found == STR_NPOS ? s.len : found + end.len;
}

/* The attributes from `at` on; returns what is behind the tag's '>'. */
static size_t read_attributes(struct str s, size_t at, struct tag *tag)
{
	for (;;) {
		struct attribute a = {{"", 0}, {"", 0}};
		size_t from;

		while (at < s.len && (ascii_space(s.ptr[at]) || s.ptr[at] == '/'))
			at++;
		if (at >= s.len || s.ptr[at] == '>')
			return at + 1;
		from = at++;
		while (at < s.len && !ascii_space(s.ptr[at]) && !strchr("/>=", s.ptr[at]))
			at++;
		a.name = str_slice(s, from, at);
		while (at < s.len && ascii_space(s.ptr[at]))
			at++;
		if (at < s.len && s.ptr[at] == '=') {
			at++;
			while (at < s.len && ascii_space(s.ptr[at]))
				at++;
			char quote = at < s.len ? s.ptr[at] : '\0';
			if (quote == '"' || quote == '\'') {
				from = ++at;
				while (at < s.len && s.ptr[at] != quote)
					at++;
				a.value = str_slice(s, from, at++);
			} else {
				from = at;
				while (at < s.len && !ascii_space(s.ptr[at]) && s.ptr[at] != '>')
					at++;
				a.value = str_slice(s, from, at);
			}
		}
		if (tag->count < ATTRIBUTES_MAX)
			tag->attributes[tag->count++] = a;
	}
}

/* Behind the end tag of an element whose content is no markup. */
static size_t skip_raw_text(struct str s, size_t at, struct str name)
{
	for (;;) {
		at = skip_until(s, at, STR("</"));
		if (at >= s.len || str_eq_nocase(str_slice(s, at, at + name.len), name))
			return at;
	}
}

static bool is_raw_text(const struct tag *tag)
{
	static const char *const names[] = {"script", "style",  "textarea", "title",
					    "xmp",    "iframe", "noembed",  "noframes"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_tag(tag, names[i]))
			return true;
	return false;
}

/* The next start tag; false at the end. Each byte is looked at once. */
static bool next_tag(struct str s, size_t *at, struct tag *tag)
{
	while (*at < s.len) {
		const char *open = memchr(s.ptr + *at, '<', s.len - *at);
		size_t i = open ? (size_t)(open - s.ptr) + 1 : s.len, from = i;

		*at = i;
		if (i >= s.len)
			return false;
		if (str_starts(str_slice(s, i, s.len), STR("!--"))) {
			*at = skip_until(s, i + 3, STR("-->"));
			continue;
		}
		if (!ascii_alpha(s.ptr[i]))
			continue;
		while (i < s.len && !ascii_space(s.ptr[i]) && !strchr("/>", s.ptr[i]))
			i++;
		tag->name = str_slice(s, from, i);
		tag->count = 0;
		*at = read_attributes(s, i, tag);
		if (is_raw_text(tag))
			*at = skip_raw_text(s, *at, tag->name);
		return true;
	}
	return false;
}

/* The code point of a reference whose text is between '&' and ';'; 0 for one that we do not know. */
static int32_t reference(struct str text)
{
	static const struct {
		const char *name;
		int32_t codepoint;
	} named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	int32_t value = 0;
	bool hex = text.len > 1 && (text.ptr[1] == 'x' || text.ptr[1] == 'X');

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (str_eq(text, str_c(named[i].name)))
			return named[i].codepoint;
	if (text.len < 2 || text.ptr[0] != '#')
		return 0;
	for (size_t i = hex ? 2 : 1; i < text.len; i++) {
		int c = (unsigned char)ascii_lower(text.ptr[i]);
		int digit = ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;

		if (digit >= (hex ? 16 : 10) || value > 0x10ffff)
			return 0;
		value = value * (hex ? 16 : 10) + digit;
	}
	return value;
}

static struct str replace_references(struct str value, struct arena *arena)
{
	struct str out = arena_str(arena, value);
	char *to;
	size_t len = 0;

	if (!out.ptr)
		return out;
	to = (char *)out.ptr; /* the arena's own bytes; what is written is never longer */
	for (size_t i = 0; i < value.len; i++) {
		size_t end = value.ptr[i] == '&' ? i + 1 : i;
		char bytes[4];

		while (end > i && end < value.len && end - i < 12 && value.ptr[end] != ';')
			end++;
		if (end > i && end < value.len && value.ptr[end] == ';') {
			int32_t cp = reference(str_slice(value, i + 1, end));
			size_t size = cp ? utf8_encode(cp, bytes) : 0;

			if (size) {
				memcpy(to + len, bytes, size);
				len += size;
				i = end;
				continue;
			}
		}
		to[len++] = value.ptr[i];
	}
	to[len] = '\0';
	out.len = len;
	return out;
}

static bool has_word(struct str text, const char *word)
{
	size_t from = 0;

	while (from <= text.len) {
		size_t to = from;

		while (to < text.len && !ascii_space(text.ptr[to]) && text.ptr[to] != ',')
			to++;
		if (str_eq_nocase(str_slice(text, from, to), str_c(word)))
			return true;
		from = to + 1;
	}
	return false;
}

void page_robots_words(struct str text, bool *noindex, bool *nofollow)
{
	size_t colon = str_find(text, STR(":"), 0);

	/* "otherbot: noindex" is for others; "unavailable_after: …" changes nothing either */
	if (colon != STR_NPOS) {
		if (!str_eq_nocase(str_trim(str_slice(text, 0, colon)), STR("docs-bot")))
			return;
		text = str_slice(text, colon + 1, text.len);
	}
	*noindex = *noindex || has_word(text, "noindex") || has_word(text, "none");
	*nofollow = *nofollow || has_word(text, "nofollow") || has_word(text, "none");
}

static enum err_code add_href(struct page_links *out, size_t *capacity, struct str href,
			      struct arena *arena, struct err *err)
{
	if (!href.ptr || href.len == 0 || href.len > HREF_MAX || href.ptr[0] == '#' ||
	    out->count == PAGE_LINKS_MAX)
		return ERR_OK;
	if (out->count == *capacity) {
		size_t grown_to = *capacity ? *capacity * 2 : 64;
		struct str *grown = arena_array(arena, grown_to, sizeof(*grown));

		if (!grown)
			return arena_fail(arena, err);
		if (out->count)
			memcpy(grown, out->hrefs, out->count * sizeof(*grown));
		out->hrefs = grown;
		*capacity = grown_to;
	}
	href = replace_references(href, arena);
	if (!href.ptr)
		return arena_fail(arena, err);
	out->hrefs[out->count++] = href;
	return ERR_OK;
}

enum err_code page_links_scan(struct str html, struct arena *arena, struct page_links *out,
			      struct err *err)
{
	struct tag tag;
	size_t capacity = 0;
	enum err_code code = ERR_OK;

	*out = (struct page_links){.base = {"", 0}};
	for (size_t at = 0; code == ERR_OK && next_tag(html, &at, &tag);) {
		if (is_tag(&tag, "a") || is_tag(&tag, "area")) {
			if (!has_word(attribute(&tag, "rel"), "nofollow"))
				code = add_href(out, &capacity, attribute(&tag, "href"), arena,
						err);
		} else if (is_tag(&tag, "base") && !out->base.len && attribute(&tag, "href").len &&
			   attribute(&tag, "href").len <= HREF_MAX) {
			out->base = replace_references(attribute(&tag, "href"), arena);
			code = out->base.ptr ? ERR_OK : arena_fail(arena, err);
		} else if (is_tag(&tag, "meta") &&
			   (str_eq_nocase(attribute(&tag, "name"), STR("robots")) ||
			    str_eq_nocase(attribute(&tag, "name"), STR("docs-bot")))) {
			page_robots_words(attribute(&tag, "content"), &out->noindex,
					  &out->nofollow);
		}
	}
	return code;
}

struct str page_declared_charset(struct str html)
{
	struct tag tag;
	struct str head = str_slice(html, 0, PRESCAN_BYTES);

	for (size_t at = 0; next_tag(head, &at, &tag);) {
		struct str content;
		size_t from;

		if (!is_tag(&tag, "meta"))
			continue;
		if (attribute(&tag, "charset").len)
			return attribute(&tag, "charset");
		content = attribute(&tag, "content");
		from = str_find_nocase(content, STR("charset="), 0);
		if (from == STR_NPOS ||
		    !str_eq_nocase(attribute(&tag, "http-equiv"), STR("content-type")))
			continue;
		content = str_slice(content, from + 8, content.len);
		for (size_t i = 0; i < content.len; i++)
			if (content.ptr[i] == ';')
				content.len = i;
		return str_trim(content);
	}
	return (struct str){"", 0};
}
