#include "answer/route_decode.h"

#include <string.h>

#include "base/utf8.h"

enum { ENCODED_MIN = 12, PRINTABLE_PERCENT = 85 };

static enum err_code keep(struct route_decoded *out, const char *bytes, size_t len,
			  struct arena *arena, struct err *err)
{
	if (len == 0 || out->count == ROUTE_DECODED_MAX)
		return ERR_OK;
	struct str text = utf8_repair(arena, (struct str){bytes, len}, NULL);
	if (!text.ptr)
		return arena_fail(arena, err);
	out->texts[out->count++] = text;
	return ERR_OK;
}

static bool readable(const char *bytes, size_t len)
{
	size_t printable = 0;
	for (size_t i = 0; i < len; i++)
		printable += ((unsigned char)bytes[i] >= ' ' && (unsigned char)bytes[i] < 0x7f) ||
			     ascii_space((unsigned char)bytes[i]);
	return len >= ENCODED_MIN / 2 && printable * 100 >= len * PRINTABLE_PERCENT;
}

/* Digits and signs that look like letters, in tokens that also have letters. '1' and '!' are `one`. */
static enum err_code decode_leet(struct str text, char one, struct arena *arena,
				 struct route_decoded *out, struct err *err)
{
	static const char from[] = "03457@$89+|", to[] = "oeastasbgtl";
	char *copy = arena_get(arena, text.len + 1);
	bool changed = false;
	if (!copy)
		return arena_fail(arena, err);
	for (size_t at = 0; at < text.len;) {
		size_t end = at, letters = 0;
		while (end < text.len && !ascii_space((unsigned char)text.ptr[end]))
			letters += ascii_alpha((unsigned char)text.ptr[end++]);
		for (; at < end; at++) {
			char c = text.ptr[at];
			const char *found = c ? strchr(from, c) : NULL;
			copy[at] = !letters               ? c
				   : found                ? to[found - from]
				   : c == '1' || c == '!' ? one
							  : c;
			changed = changed || copy[at] != c;
		}
		while (at < text.len && ascii_space((unsigned char)text.ptr[at])) {
			copy[at] = text.ptr[at];
			at++;
		}
	}
	return changed ? keep(out, copy, text.len, arena, err) : ERR_OK;
}

static enum err_code decode_turned(struct str text, struct arena *arena, struct route_decoded *out,
				   struct err *err)
{
	char *turned = arena_get(arena, text.len + 1), *back = arena_get(arena, text.len + 1);
	if (!turned || !back)
		return arena_fail(arena, err);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		char first = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : '\0';
		turned[i] = first ? (char)(first + (c - first + 13) % 26) : c;
		back[text.len - 1 - i] = c;
	}
	enum err_code code = keep(out, turned, text.len, arena, err);
	return code ? code : keep(out, back, text.len, arena, err);
}

/* The words of a text in the opposite order: "prompt system your show". */
static enum err_code decode_word_order(struct str text, struct arena *arena,
				       struct route_decoded *out, struct err *err)
{
	char *copy = arena_get(arena, text.len + 2);
	size_t len = 0;
	if (!copy)
		return arena_fail(arena, err);
	for (size_t end = text.len; end > 0;) {
		while (end > 0 && ascii_space((unsigned char)text.ptr[end - 1]))
			end--;
		size_t begin = end;
		while (begin > 0 && !ascii_space((unsigned char)text.ptr[begin - 1]))
			begin--;
		if (begin < end && len + (end - begin) + 1 <= text.len + 1) {
			memcpy(copy + len, text.ptr + begin, end - begin);
			len += end - begin;
			copy[len++] = ' ';
		}
		end = begin;
	}
	return keep(out, copy, len, arena, err);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Runs of base64 of a good length; each becomes a text if it reads as one. */
static enum err_code decode_base64(struct str text, struct arena *arena, struct route_decoded *out,
				   struct err *err)
{
	char *bytes = arena_get(arena, text.len + 1);
	if (!bytes)
		return arena_fail(arena, err);
	for (size_t at = 0; at < text.len; at++) {
		size_t begin = at, len = 0;
		unsigned held = 0, bits = 0;
		/* lines of one text may be broken */
		while (at < text.len && (base64_value(text.ptr[at]) >= 0 || text.ptr[at] == '\n')) {
			int value = base64_value(text.ptr[at++]);
			if (value < 0)
				continue;
			held = (held << 6 | (unsigned)value) & 0xffff;
			bits += 6;
			if (bits >= 8) {
				bits -= 8;
				bytes[len++] = (char)(held >> bits & 0xff);
			}
		}
		if (at - begin < ENCODED_MIN || !readable(bytes, len))
			continue;
		enum err_code code = keep(out, bytes, len, arena, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

/* All digits of a base, two or eight of which make a byte, whatever stands between them. */
static enum err_code decode_digits(struct str text, unsigned base, struct arena *arena,
				   struct route_decoded *out, struct err *err)
{
	char *bytes = arena_get(arena, text.len + 1);
	size_t len = 0, digits = 0;
	unsigned width = base == 2 ? 8 : 2, held = 0, have = 0;
	if (!bytes)
		return arena_fail(arena, err);
	for (size_t at = 0; at < text.len; at++) {
		size_t end = at;
		while (end < text.len && hex_value(text.ptr[end]) >= 0 &&
		       hex_value(text.ptr[end]) < (int)base)
			end++;
		/* a token of whole bytes; "0x69", "\x69" */
		if (end > at && (end - at) % width == 0) {
			for (size_t i = at; i < end; i++, digits++) {
				held = held * base + (unsigned)hex_value(text.ptr[i]);
				if (++have == width) {
					bytes[len++] = (char)(held & 0xff);
					held = have = 0;
				}
			}
		}
		at = end > at ? end - 1 : at;
		/* a token of other letters is none of it */
		if (end == at && ascii_alnum((unsigned char)text.ptr[at]) && text.ptr[at] != 'x')
			while (at + 1 < text.len && ascii_alnum((unsigned char)text.ptr[at + 1]))
				at++;
	}
	return digits >= ENCODED_MIN && readable(bytes, len) ? keep(out, bytes, len, arena, err)
							     : ERR_OK;
}

/* The code point of "%69", "&#105;", "&#x69;", "\u0069" at `at` and its length; 0: there is none. */
static size_t read_reference(struct str text, size_t at, int32_t *cp)
{
	struct str rest = str_slice(text, at, at + 12);
	bool hex = true;
	size_t from, most;
	if (str_starts(rest, STR("%"))) {
		from = 1;
		most = 2;
	} else if (str_starts(rest, STR("\\u")) || str_starts(rest, STR("\\x"))) {
		from = 2;
		most = rest.ptr[1] == 'u' ? 4 : 2;
	} else if (str_starts(rest, STR("&#x"))) {
		from = 3;
		most = 6;
	} else if (str_starts(rest, STR("&#"))) {
		from = 2;
		most = 7;
		hex = false;
	} else {
		return 0;
	}
	size_t i = from;
	*cp = 0;
	for (; i < rest.len && i < from + most; i++) {
		int value = hex_value(rest.ptr[i]);
		if (value < 0 || (!hex && value > 9))
			break;
		*cp = *cp * (hex ? 16 : 10) + value;
	}
	if (i == from || (text.ptr[at] != '&' && i < from + most))
		return 0;
	return text.ptr[at] == '&' && i < rest.len && rest.ptr[i] == ';' ? i + 1 : i;
}

static enum err_code decode_references(struct str text, struct arena *arena,
				       struct route_decoded *out, struct err *err)
{
	char *copy = arena_get(arena, text.len * 4 + 1);
	size_t len = 0, found = 0;
	if (!copy)
		return arena_fail(arena, err);
	for (size_t at = 0; at < text.len;) {
		int32_t cp = 0;
		size_t n = read_reference(text, at, &cp);
		char bytes[4];
		size_t made = n ? utf8_encode(cp, bytes) : 0;
		if (made) {
			memcpy(copy + len, bytes, made);
			len += made;
			found++;
		} else {
			copy[len++] = text.ptr[at];
		}
		at += made ? n : 1;
	}
	return found >= 3 ? keep(out, copy, len, arena, err) : ERR_OK;
}

enum err_code route_decode(struct str text, struct arena *arena, struct route_decoded *out,
			   struct err *err)
{
	struct str head = utf8_prefix(text, ROUTE_RESPELL_BYTES);
	*out = (struct route_decoded){.count = 0};
	text = utf8_prefix(text, ROUTE_DECODE_BYTES);
	enum err_code code = decode_leet(head, 'i', arena, out, err);
	if (!code)
		code = decode_leet(head, 'l', arena, out, err);
	if (!code)
		code = decode_turned(head, arena, out, err);
	if (!code)
		code = decode_word_order(head, arena, out, err);
	out->respelled = out->count;
	if (!code)
		code = decode_digits(text, 16, arena, out, err);
	if (!code)
		code = decode_digits(text, 2, arena, out, err);
	if (!code)
		code = decode_references(text, arena, out, err);
	if (!code)
		code = decode_base64(text, arena, out, err);
	return code;
}
