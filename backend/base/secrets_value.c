/* Whether a value is a secret, or only stands for one. */
#include "base/secrets.h"

enum {
	RANDOM_MIN = 8,
	RANDOM_CHANGES = 3,
	RANDOM_DISTINCT = 5,
	LONG_WORD = 20,   /* a word of so many letters is none of a language, if it has digits */
	LONG_BASE64 = 32, /* as the secret keys of AWS, which may have '/' anywhere */
	PLACEHOLDER_RUN = 4
};

static bool is_joint(char c)
{
	return c == '-' || c == '_' || c == '.' || c == '/' || c == ':';
}

/* 0 letter, 1 digit, 2 other */
static int kind_of(char c)
{
	return ascii_alpha(c) ? 0 : ascii_digit(c) ? 1 : 2;
}

static bool placeholder_word(struct str word)
{
	static const char *const words[] = {"your",   "example", "placeholder", "changeme",
					    "change", "dummy",   "sample",      "redacted",
					    "masked", "hidden",  "secret",      "todo",
					    "insert", "fake",    "mock"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(word, str_c(words[i])))
			return true;
	return false;
}

bool secrets_is_placeholder(struct str value)
{
	size_t run = 0, from = 0;
	if (!value.len || value.ptr[0] == '$' || value.ptr[0] == '%' || value.ptr[0] == '@')
		return true;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		run = i && c == value.ptr[i - 1] ? run + 1 : 1;
		if (run >= PLACEHOLDER_RUN && (c == 'x' || c == 'X' || c == '*' || c == '.' ||
					       c == '#' || c == '_' || c == '-' || c == '?'))
			return true;
		if (c == '<' || c == '>' || c == '{' || c == '}')
			return true;
		if (is_joint(c)) {
			if (placeholder_word(str_slice(value, from, i)))
				return true;
			from = i + 1;
		}
	}
	if (str_find(value, STR("..."), 0) != STR_NPOS ||
	    str_find(value, STR("***"), 0) != STR_NPOS)
		return true;
	return placeholder_word(str_slice(value, from, value.len));
}

/* 8-4-4-4-12 hexadecimal digits: names things more often than it opens them. */
static bool is_uuid(struct str value)
{
	if (value.len != 36)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		char c = ascii_lower(value.ptr[i]);
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? c != '-' : !ascii_digit(c) && (c < 'a' || c > 'f'))
			return false;
	}
	return true;
}

/* Long base64 with letters of both cases. */
static bool is_long_base64(struct str value)
{
	size_t upper = 0, lower = 0, digits = 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		upper += c >= 'A' && c <= 'Z';
		lower += c >= 'a' && c <= 'z';
		digits += ascii_digit(c) != 0;
		if (c == '-' || c == '_')
			return false;
	}
	return upper >= 4 && lower >= 4 && digits && secrets_is_base64(value, LONG_BASE64);
}

bool secrets_is_random(struct str value)
{
	size_t length = 0, changes = 0, distinct = 0, digits = 0;
	bool seen[256] = {false}, random = false;
	if (value.len < RANDOM_MIN || is_uuid(value) ||
	    str_find_nocase(value, STR("sha256"), 0) != STR_NPOS ||
	    str_find_nocase(value, STR("sha512"), 0) != STR_NPOS)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c >= 0x80) /* words of other languages */
			return false;
		distinct += !seen[c];
		seen[c] = true;
		if (is_joint((char)c)) {
			length = changes = digits = 0;
			continue;
		}
		length++;
		digits += ascii_digit((char)c) != 0;
		if (length > 1 && kind_of((char)c) != kind_of(value.ptr[i - 1]))
			changes++;
		random |= length >= RANDOM_MIN && changes >= RANDOM_CHANGES;
		random |= length >= LONG_WORD && changes && digits >= 2;
	}
	return (random || is_long_base64(value)) && distinct >= RANDOM_DISTINCT;
}

bool secrets_is_base64(struct str value, size_t min)
{
	size_t body = value.len;
	while (body && value.ptr[body - 1] == '=')
		body--;
	if (value.len < min || value.len - body > 2 || (value.len != body && value.len % 4))
		return false;
	for (size_t i = 0; i < body; i++) {
		char c = value.ptr[i];
		if (!ascii_alnum(c) && c != '+' && c != '/' && c != '-' && c != '_')
			return false;
	}
	return true;
}
