#include "base/str.h"

#include <string.h>

struct str str_c(const char *text)
{
	return text ? (struct str){text, strlen(text)} : (struct str){"", 0};
}

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (!s.ptr)
		return (struct str){NULL, 0};
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	return (struct str){s.ptr + from, to - from};
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_slice(s, s.len - suffix.len, s.len), suffix);
}

struct str str_trim(struct str s)
{
	while (s.len && ascii_space((unsigned char)s.ptr[0]))
		s = str_slice(s, 1, s.len);
	while (s.len && ascii_space((unsigned char)s.ptr[s.len - 1]))
		s.len--;
	return s;
}

size_t str_find(struct str s, struct str needle, size_t from)
{
	if (from > s.len || needle.len > s.len - from)
		return STR_NPOS;
	if (needle.len == 0)
		return from;
	const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
	return hit ? (size_t)(hit - s.ptr) : STR_NPOS;
}

size_t str_find_nocase(struct str s, struct str needle, size_t from)
{
	if (from > s.len || needle.len > s.len - from)
		return STR_NPOS;
	for (size_t i = from; i + needle.len <= s.len; i++)
		if (str_eq_nocase(str_slice(s, i, i + needle.len), needle))
			return i;
	return STR_NPOS;
}

bool str_cut(struct str *rest, char sep, struct str *head)
{
	if (!rest->ptr)
		return false;
	const char *hit = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
	if (!hit) {
		*head = *rest;
		*rest = (struct str){NULL, 0};
		return true;
	}
	size_t at = (size_t)(hit - rest->ptr);
	*head = str_slice(*rest, 0, at);
	*rest = str_slice(*rest, at + 1, rest->len);
	return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_digit((unsigned char)s.ptr[i]) ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

bool str_to_double(struct str s, double *out)
{
	bool negative = s.len && s.ptr[0] == '-';
	double value = 0, scale = 1;
	bool point = false, digits = false;
	for (size_t i = negative ? 1 : 0; i < s.len; i++) {
		if (s.ptr[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!ascii_digit((unsigned char)s.ptr[i]) || s.len > 40)
			return false;
		digits = true;
		value = value * 10 + (s.ptr[i] - '0');
		if (point)
			scale *= 10;
	}
	if (!digits)
		return false;
	*out = (negative ? -value : value) / scale;
	return true;
}

bool ascii_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_digit(int c)
{
	return c >= '0' && c <= '9';
}

bool ascii_alnum(int c)
{
	return ascii_alpha(c) || ascii_digit(c);
}

bool ascii_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

uint64_t str_hash(struct str s)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
	return hash;
}
