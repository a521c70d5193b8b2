#include "base/utf8.h"

#include <string.h>

/* Well-formed byte sequences: table 3-7 of the Unicode Standard. */
size_t utf8_decode(struct str s, size_t at, int32_t *cp)
{
	if (at >= s.len)
		return 0;
	const unsigned char *p = (const unsigned char *)s.ptr + at;
	size_t left = s.len - at;
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
		return 0;
	unsigned char low = 0x80, high = 0xbf;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	int32_t value = n == 4 ? p[0] & 0x07 : n == 3 ? p[0] & 0x0f : p[0] & 0x1f;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	*cp = value;
	return n;
}

size_t utf8_encode(int32_t cp, char out[4])
{
	if (cp < 0 || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/* Offset of the first invalid byte, or s.len. */
static size_t valid_prefix(struct str s)
{
	size_t at = 0;
	int32_t cp;
	while (at < s.len) {
		size_t n = utf8_decode(s, at, &cp);
		if (!n)
			break;
		at += n;
	}
	return at;
}

bool utf8_valid(struct str s)
{
	return valid_prefix(s) == s.len;
}

/* Length of the maximal invalid part at `at` (Unicode, "best practice for U+FFFD substitution"). */
static size_t invalid_length(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.ptr + at;
	size_t left = s.len - at;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 1;
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (left < 2 || p[1] < low || p[1] > high)
		return 1;
	size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	size_t n = 2;
	while (n < want && n < left && (p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

struct str utf8_repair(struct arena *arena, struct str s, size_t *replaced)
{
	if (replaced)
		*replaced = 0;
	if (s.len == 0)
		return STR("");
	if (utf8_valid(s))
		return s;
	size_t room;
	if (!size_mul(s.len, 3, &room))
		return (struct str){NULL, 0};
	char *out = arena_get(arena, room);
	if (!out)
		return (struct str){NULL, 0};
	size_t len = 0;
	for (size_t at = 0; at < s.len;) {
		int32_t cp;
		size_t n = utf8_decode(s, at, &cp);
		if (n) {
			memcpy(out + len, s.ptr + at, n);
			len += n;
			at += n;
			continue;
		}
		memcpy(out + len, "\xef\xbf\xbd", 3);
		len += 3;
		at += invalid_length(s, at);
		if (replaced)
			++*replaced;
	}
	return (struct str){out, len};
}

void utf8_make_printable(char *text)
{
	struct str rest = str_c(text);
	int32_t cp;
	for (size_t at = 0; at < rest.len;) {
		size_t n = utf8_decode(rest, at, &cp);
		if (n == 0)
			text[at] = '?';
		else if (cp < ' ' || (cp >= 0x7f && cp < 0xa0))
			memset(text + at, ' ', n);
		at += n ? n : 1;
	}
}

struct str utf8_prefix(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return str_slice(s, 0, max);
}

size_t utf8_length(struct str s)
{
	size_t count = 0;
	for (size_t at = 0; at < s.len; count++) {
		int32_t cp;
		size_t n = utf8_decode(s, at, &cp);
		at += n ? n : 1;
	}
	return count;
}
