#include "llm/openai/lenient.h"

#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"

static json_t *parse(struct str text)
{
	return json_loadb(text.ptr ? text.ptr : "", text.len, JSON_ALLOW_NUL, NULL);
}

static int hex_value(char c)
{
	c = ascii_lower(c);
	return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of "\uXXXX" at `at`, or -1. */
static int unit_at(struct str text, size_t at)
{
	int value = 0;
	if (text.len - at < 6 || text.ptr[at] != '\\' || text.ptr[at + 1] != 'u')
		return -1;
	for (size_t i = 2; i < 6; i++) {
		int digit = hex_value(text.ptr[at + i]);
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* In place: "\ud83d" without its other half, or a second half alone, becomes "\ufffd". */
static void replace_lone_surrogates(char *ptr, size_t len)
{
	struct str text = {ptr, len};
	for (size_t at = 0; at + 1 < len;) {
		int unit = unit_at(text, at);
		if (unit >= 0xd800 && unit <= 0xdfff) {
			int next = unit_at(text, at + 6);
			if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff)
				at += 6;
			else
				memcpy(ptr + at, "\\ufffd", 6);
		}
		/* also behind a backslash that escapes something else */
		at += unit >= 0 ? 6 : ptr[at] == '\\' ? 2 : 1;
	}
}

enum err_code lenient_parse(struct str text, const struct alloc *alloc, json_t **out,
			    struct err *err)
{
	struct arena arena;
	*out = parse(text);
	if (*out)
		return ERR_OK;
	/* Room for a replacement of three bytes for each byte, and a copy. */
	size_t most;
	if (!size_mul(text.len, 6, &most) || !size_add(most, 4096, &most))
		return err_set(err, ERR_LIMIT, "a chunk is too long");
	arena_init(&arena, alloc, most);
	struct str valid = utf8_repair(&arena, text, NULL);
	struct str copy = valid.ptr ? arena_str(&arena, valid) : valid;
	enum err_code code = ERR_OK;
	if (!copy.ptr) {
		code = arena_fail(&arena, err);
	} else {
		replace_lone_surrogates((char *)copy.ptr, copy.len);
		*out = parse(copy);
		if (!*out)
			code = err_set(err, ERR_FORMAT, "not valid JSON");
	}
	arena_release(&arena);
	return code;
}
