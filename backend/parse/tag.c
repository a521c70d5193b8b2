#include "parse/tag.h"

#include "parse/entities.h"

bool tag_read(struct str html, size_t at, bool quoted_marks, struct tag *out)
{
	size_t i = at + 1, begin;
	char quote = 0;

	out->closing = i < html.len && html.ptr[i] == '/';
	i += out->closing;
	begin = i;
	while (i < html.len && (ascii_alnum((unsigned char)html.ptr[i]) || html.ptr[i] == '-' ||
				html.ptr[i] == '_'))
		i++;
	out->name = str_slice(html, begin, i);
	if (i == begin || !ascii_alpha((unsigned char)html.ptr[begin]))
		return false;
	begin = i;
	for (; i < html.len; i++) {
		char c = html.ptr[i];

		if (c == '<' && !(quote && quoted_marks))
			return false;
		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			out->attributes = str_slice(html, begin, i);
			out->end = i + 1;
			return true;
		}
	}
	out->end = html.len;
	return false;
}

static bool find_attribute(struct str attributes, struct str name, struct str *out)
{
	size_t i = 0;

	while (i < attributes.len) {
		size_t begin;
		struct str key, value = STR("");

		while (i < attributes.len &&
		       (ascii_space((unsigned char)attributes.ptr[i]) || attributes.ptr[i] == '/'))
			i++;
		begin = i;
		while (i < attributes.len && !ascii_space((unsigned char)attributes.ptr[i]) &&
		       attributes.ptr[i] != '=')
			i++;
		key = str_slice(attributes, begin, i);
		if (i < attributes.len && attributes.ptr[i] == '=') {
			char quote = ++i < attributes.len ? attributes.ptr[i] : 0;
			bool quoted = quote == '"' || quote == '\'';

			i += quoted;
			begin = i;
			while (i < attributes.len &&
			       (quoted ? attributes.ptr[i] != quote
				       : !ascii_space((unsigned char)attributes.ptr[i])))
				i++;
			value = str_slice(attributes, begin, i);
			i += quoted && i < attributes.len;
		}
		if (str_eq_nocase(key, name)) {
			*out = value;
			return true;
		}
	}
	return false;
}

struct str tag_attribute(struct str attributes, struct str name)
{
	struct str value = STR("");

	return find_attribute(attributes, name, &value) ? value : STR("");
}

bool tag_has_attribute(struct str attributes, struct str name)
{
	struct str value;

	return find_attribute(attributes, name, &value);
}

size_t tag_entity(struct str text, size_t at, int32_t *codepoint)
{
	size_t end = at + 1;
	int32_t value = 0;
	bool hex;

	while (end < text.len && end - at < 12 && text.ptr[end] != ';')
		end++;
	if (end == text.len || text.ptr[end] != ';' || end - at < 2)
		return 0;
	struct str name = str_slice(text, at + 1, end);
	if (name.ptr[0] != '#') {
		*codepoint = entity_find(name);
		return *codepoint ? end + 1 - at : 0;
	}
	hex = name.len > 1 && ascii_lower(name.ptr[1]) == 'x';
	for (size_t i = hex ? 2 : 1; i < name.len; i++) {
		char c = ascii_lower(name.ptr[i]);
		int digit = ascii_digit((unsigned char)c) ? c - '0' : c - 'a' + 10;

		if (digit < 0 || digit >= (hex ? 16 : 10) || value > 0x10FFFF)
			return 0;
		value = value * (hex ? 16 : 10) + digit;
	}
	if (name.len <= (hex ? 2u : 1u) || value <= 0 || value > 0x10FFFF ||
	    (value >= 0xD800 && value <= 0xDFFF))
		return 0;
	/* the placeholders' own code points must not come from outside */
	*codepoint = value >= 0xFDD0 && value <= 0xFDD2 ? 0xFFFD : value;
	return end + 1 - at;
}
