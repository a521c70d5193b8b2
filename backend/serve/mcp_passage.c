/* Which part of a section is shown. */
#include "answer/guard.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "serve/mcp_tools.h"

static size_t line_end(struct str text, size_t at)
{
	while (at < text.len && text.ptr[at] != '\n')
		at++;
	return at;
}

static size_t line_begin(struct str text, size_t at)
{
	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	return at;
}

static bool is_fence(struct str line)
{
	return str_starts(str_trim(line), STR("```"));
}

/* The line that opened the code in which `at` stands; empty: it stands in none. */
static struct str open_fence(struct str text, size_t at)
{
	struct str before = str_slice(text, 0, at), line, open = {"", 0};
	while (str_cut(&before, '\n', &line))
		if (is_fence(line))
			open = open.len ? STR("") : line;
	return open;
}

/* Whole lines around [*from, *to), behind them first, as long as they fit. */
static void grow(struct str text, size_t *from, size_t *to)
{
	bool more = true;
	while (more) {
		more = false;
		if (*to < text.len) {
			size_t end = line_end(text, *to + 1);
			if (end - *from <= MCP_PASSAGE_BYTES) {
				*to = end;
				more = true;
			}
		}
		if (*from > 0) {
			size_t begin = line_begin(text, *from - 1);
			if (*to - begin <= MCP_PASSAGE_BYTES) {
				*from = begin;
				more = true;
			}
		}
	}
}

/* Where the first line of the best paragraph stands; the beginning when that is not to be found. */
static void locate(const struct retrieve_result *result, struct str text, size_t *from, size_t *to)
{
	*from = 0;
	*to = line_end(text, 0);
	if (!result->match_count)
		return;
	struct str match = str_trim(result->matches[0].text), rest = match, line;
	str_cut(&rest, '\n', &line);
	size_t at = line.len ? str_find(text, line, 0) : STR_NPOS;
	if (at == STR_NPOS)
		return;
	*from = line_begin(text, at);
	size_t end = at + match.len < text.len ? at + match.len : text.len;
	while (end < text.len && ((unsigned char)text.ptr[end] & 0xC0) == 0x80)
		end++;
	*to = line_end(text, end);
	if (*to - *from > MCP_PASSAGE_BYTES) {
		/* A long line of which the paragraph is a part. */
		*from = at;
		*to = at + utf8_prefix(str_slice(text, at, end), MCP_PASSAGE_BYTES).len;
	}
}

static enum err_code cut(const struct retrieve_result *result, struct str text, struct arena *arena,
			 struct str *out, struct err *err)
{
	size_t from, to;
	struct buf part;
	locate(result, text, &from, &to);
	grow(text, &from, &to);
	if (to - from > MCP_PASSAGE_BYTES)
		to = from + utf8_prefix(str_slice(text, from, to), MCP_PASSAGE_BYTES).len;
	struct str shown = str_slice(text, from, to), fence = open_fence(text, from);
	buf_init(&part, arena->alloc, 4 * MCP_PASSAGE_BYTES);
	if (from > 0)
		buf_append(&part, STR("…\n"));
	if (fence.len) {
		buf_append(&part, utf8_prefix(fence, 64));
		buf_append_byte(&part, '\n');
	}
	buf_append(&part, shown);
	if (open_fence(text, to).len)
		buf_append(&part, STR("\n```"));
	if (to < text.len)
		buf_append(&part, STR("\n…"));
	enum err_code code = buf_ok(&part, "a passage", err);
	if (!code) {
		*out = arena_str(arena, buf_str(&part));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	buf_release(&part);
	return code;
}

enum err_code mcp_passage(const struct retrieve_result *result, struct arena *arena,
			  struct str *out, struct err *err)
{
	struct str text = result->passage.text, rest = text, heading;
	size_t dropped;
	/* The heading is shown with the path of the section. */
	str_cut(&rest, '\n', &heading);
	if (result->passage.heading.len && str_eq(str_trim(heading), result->passage.heading))
		text = rest;
	enum err_code code = guard_without_injections(text, arena, &text, &dropped, err);
	if (!code)
		code = guard_source(text, arena, &text, err);
	if (code)
		return code;
	text = str_trim(text);
	if (text.len > MCP_PASSAGE_BYTES)
		return cut(result, text, arena, out, err);
	*out = text;
	return ERR_OK;
}
