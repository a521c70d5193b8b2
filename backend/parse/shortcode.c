#include "parse/shortcode.h"

#include <string.h>

#define RAW_MAX    2048 /* bytes of one shortcode; longer ones are text */
#define PAIR_DEPTH 64   /* how many open shortcodes back a closing one may match */
#define NEST_MAX   100  /* list and quote markers that may open on one line */
#define COLUMN_MAX 200  /* table columns */

void shortcode_list_init(struct shortcode_list *list, const struct alloc *alloc)
{
	*list = (struct shortcode_list){.alloc = alloc};
}

void shortcode_list_release(struct shortcode_list *list)
{
	alloc_free(list->alloc, list->items);
	*list = (struct shortcode_list){.alloc = list->alloc};
}

static bool opens(struct str text, size_t at)
{
	return text.len - at >= 3 && text.ptr[at] == '{' && text.ptr[at + 1] == '{' &&
	       (text.ptr[at + 2] == '<' || text.ptr[at + 2] == '%');
}

/* Offset just behind the closing delimiter, or 0 when the text at `at` is no shortcode. */
static size_t find_end(struct str text, size_t at)
{
	char mark = text.ptr[at + 2] == '<' ? '>' : '%', quote = 0;
	bool blank_line = false;
	size_t limit = text.len - at > RAW_MAX ? at + RAW_MAX : text.len;

	for (size_t i = at + 3; i + 2 < limit; i++) {
		char c = text.ptr[i];

		/* stopping at the next opening keeps the whole scan linear */
		if (c == '{' && opens(text, i))
			return 0;
		if (c == '\n' && blank_line)
			return 0;
		if (!ascii_space((unsigned char)c))
			blank_line = false;
		else if (c == '\n')
			blank_line = true;
		if (quote) {
			if (c == '\\' && quote == '"')
				i++;
			else if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '`') {
			quote = c;
		} else if (c == mark && text.ptr[i + 1] == '}' && text.ptr[i + 2] == '}') {
			return i + 3;
		}
	}
	return 0;
}

static bool name_char(char c)
{
	return ascii_alnum((unsigned char)c) || c == '_' || c == '-' || c == '/' || c == '.';
}

/* Fills the parts from item->inner; false when it has no name. */
static bool parse_parts(struct shortcode *item)
{
	struct str inner = item->inner;
	size_t at = 0, begin;

	if (inner.len >= 4 && str_starts(inner, STR("/*")) && str_ends(inner, STR("*/"))) {
		item->escaped = true;
		item->inner = str_slice(inner, 2, inner.len - 2);
		return true;
	}
	if (inner.len && inner.ptr[0] == '/') {
		item->closing = true;
		at++;
		while (at < inner.len && ascii_space((unsigned char)inner.ptr[at]))
			at++;
	}
	begin = at;
	while (at < inner.len && name_char(inner.ptr[at]))
		at++;
	item->name = str_slice(inner, begin, at);
	item->params = str_trim(str_slice(inner, at, inner.len));
	if (at < inner.len && !ascii_space((unsigned char)inner.ptr[at]))
		return false;
	return item->name.len > 0 && item->name.ptr[0] != '.' && item->name.ptr[0] != '-';
}

static enum err_code push(struct shortcode_list *list, const struct shortcode *item,
			  struct err *err)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 16, bytes;
		struct shortcode *items = NULL;

		if (size_mul(capacity, sizeof(*items), &bytes))
			items = alloc_resize(list->alloc, list->items, bytes);
		if (!items)
			return err_set(err, ERR_NOMEM, "out of memory");
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = *item;
	return ERR_OK;
}

/* The placeholders' code points in the input: what holds them stays text, and is cleaned there. */
static bool has_placeholder(struct str text)
{
	return str_find(text, STR(SHORTCODE_OPEN), 0) != STR_NPOS ||
	       str_find(text, STR(SHORTCODE_CLOSE), 0) != STR_NPOS ||
	       str_find(text, STR(SHORTCODE_GUARD), 0) != STR_NPOS;
}

static enum err_code find_all(struct str text, struct shortcode_list *list, struct err *err)
{
	enum err_code code = ERR_OK;
	size_t line = 0;

	for (size_t at = 0; at < text.len && code == ERR_OK; at++) {
		struct shortcode item = {.line = line};
		size_t begin = at, end;

		line += text.ptr[at] == '\n';
		if (text.ptr[at] != '{')
			continue;
		/* a stray brace around it ("{{{< tab >}}", seen in real pages) goes with it */
		if (!opens(text, at) && at + 1 < text.len && opens(text, at + 1))
			begin = at + 1;
		end = opens(text, begin) ? find_end(text, begin) : 0;
		if (end == 0)
			continue;
		item.mark = text.ptr[begin + 2];
		item.inner = str_trim(str_slice(text, begin + 3, end - 3));
		if (end < text.len && text.ptr[end] == '}')
			end++;
		item.raw = str_slice(text, at, end);
		if (has_placeholder(item.raw) || !parse_parts(&item))
			continue;
		code = push(list, &item, err);
		for (; at + 1 < end; at++)
			line += text.ptr[at] == '\n';
	}
	return code;
}

/* Finds the counterparts, innermost first; unbalanced ones stay unpaired. */
static void match_pairs(struct shortcode_list *list)
{
	size_t open[PAIR_DEPTH];
	size_t depth = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct shortcode *item = &list->items[i], *mate = NULL;
		size_t at = depth;

		if (item->escaped)
			continue;
		if (!item->closing) {
			if (depth == PAIR_DEPTH)
				memmove(open, open + 1, --depth * sizeof(open[0]));
			open[depth++] = i;
			continue;
		}
		while (at > 0 && !mate) {
			mate = &list->items[open[--at]];
			if (!str_eq(mate->name, item->name))
				mate = NULL;
		}
		if (!mate)
			continue;
		depth = at;
		mate->paired = item->paired = true;
		mate->spread = item->spread = mate->line != item->line;
	}
}

/* True when the line from `at` up to its end holds list items or quotes nested too deeply. */
static bool needs_guard(char c, char next, size_t *markers)
{
	bool marker = c == '>' || ((c == '-' || c == '*' || c == '+' || c == '.' || c == ')') &&
				   (next == ' ' || next == '\t'));

	*markers += marker;
	return marker && *markers == NEST_MAX;
}

static bool is_wide_delimiter_row(struct str line)
{
	size_t pipes = 0;

	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i];

		if (c != '|' && c != '-' && c != ':' && c != ' ' && c != '\t' && c != '>')
			return false;
		pipes += c == '|';
	}
	return pipes > COLUMN_MAX;
}

/* Copies one line (without its end, without shortcodes in it), with guards where needed. */
static void copy_text(struct str text, bool line_start, struct buf *out)
{
	size_t markers = 0, copied = 0;

	if (line_start && is_wide_delimiter_row(text))
		buf_append(out, STR(SHORTCODE_GUARD));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		/* the placeholders' own code points must not come from outside */
		if (c == 0xEF && text.len - i >= 3 && (unsigned char)text.ptr[i + 1] == 0xB7 &&
		    (unsigned char)text.ptr[i + 2] >= 0x90 &&
		    (unsigned char)text.ptr[i + 2] <= 0x92) {
			buf_append(out, str_slice(text, copied, i));
			buf_append(out, STR("\xEF\xBF\xBD"));
			copied = i + 3;
		}
		if (!line_start)
			continue;
		if (!strchr(" \t>*+-.)0123456789", c) || c == 0) {
			line_start = false;
		} else if (needs_guard((char)c, i + 1 < text.len ? text.ptr[i + 1] : 0, &markers)) {
			buf_append(out, str_slice(text, copied, i));
			buf_append(out, STR(SHORTCODE_GUARD));
			copied = i;
			line_start = false;
		}
	}
	buf_append(out, str_slice(text, copied, text.len));
}

/* End of the line that starts at `at`; newlines inside shortcodes do not end it. */
static size_t line_end(struct str text, size_t at, const struct shortcode_list *list, size_t item)
{
	while (at < text.len && text.ptr[at] != '\n' && text.ptr[at] != '\r') {
		if (item < list->count && list->items[item].raw.ptr == text.ptr + at)
			at += list->items[item++].raw.len;
		else
			at++;
	}
	return at;
}

/*
 * Marks the shortcodes of a line that holds nothing else, when one of them opens or closes a
 * block: what follows a tab's or alert's line must not be read as the same paragraph.
 */
static void mark_isolated(struct shortcode_list *list, struct str line, size_t item)
{
	size_t at = 0, first = item;
	bool spread = false;

	while (at < line.len) {
		if (item < list->count && list->items[item].raw.ptr == line.ptr + at) {
			spread = spread || list->items[item].spread;
			at += list->items[item++].raw.len;
		} else if (!ascii_space((unsigned char)line.ptr[at++])) {
			return;
		}
	}
	if (!spread || item == first)
		return;
	list->items[first].blank_before = true;
	list->items[item - 1].blank_after = true;
}

/*
 * Writes the line that is line `number` of the page, with its placeholders; returns the index of the
 * next line's first item.
 */
static size_t write_line(struct shortcode_list *list, struct str line, size_t item, size_t number,
			 struct line_map *lines, struct buf *out)
{
	size_t at = 0;
	bool start = true;

	mark_isolated(list, line, item);
	line_map_add(lines, number);
	if (item < list->count && list->items[item].blank_before &&
	    list->items[item].raw.ptr < line.ptr + line.len) {
		buf_append_byte(out, '\n');
		line_map_add(lines, number);
	}
	while (item < list->count && list->items[item].raw.ptr < line.ptr + line.len) {
		const struct shortcode *shortcode = &list->items[item];
		size_t offset = (size_t)(shortcode->raw.ptr - line.ptr);

		copy_text(str_slice(line, at, offset), start, out);
		buf_printf(out, SHORTCODE_OPEN "%zu" SHORTCODE_CLOSE, item);
		if (shortcode->blank_after) {
			buf_append_byte(out, '\n');
			line_map_add(lines, number);
		}
		at = offset + shortcode->raw.len;
		start = false;
		item++;
	}
	copy_text(str_slice(line, at, line.len), start, out);
	return item;
}

enum err_code shortcode_replace(struct str text, struct shortcode_list *list, struct buf *out,
				struct line_map *lines, struct err *err)
{
	enum err_code code = find_all(text, list, err);
	size_t at = 0, item = 0, number = 0;

	if (code != ERR_OK)
		return code;
	match_pairs(list);
	while (at < text.len && !out->failed) {
		size_t end = line_end(text, at, list, item);

		item = write_line(list, str_slice(text, at, end), item, number, lines, out);
		if (end < text.len)
			buf_append_byte(out, '\n');
		if (end + 1 < text.len && text.ptr[end] == '\r' && text.ptr[end + 1] == '\n')
			end++;
		/* shortcodes within may span lines */
		for (; at <= end && at < text.len; at++)
			number += text.ptr[at] == '\n';
		at = end + 1;
	}
	if (lines->failed)
		return err_set(err, ERR_NOMEM, "out of memory");
	return buf_ok(out, "page", err);
}

size_t shortcode_at(const struct shortcode_list *list, struct str s, size_t at,
		    const struct shortcode **item)
{
	size_t number = 0, i = at + 3;

	*item = NULL;
	if (s.len - at < 3 || (unsigned char)s.ptr[at] != 0xEF)
		return 0;
	if (memcmp(s.ptr + at, SHORTCODE_GUARD, 3) == 0 ||
	    memcmp(s.ptr + at, SHORTCODE_CLOSE, 3) == 0)
		return 3;
	if (memcmp(s.ptr + at, SHORTCODE_OPEN, 3) != 0)
		return 0;
	for (; i < s.len && ascii_digit((unsigned char)s.ptr[i]) && number <= list->count; i++)
		number = number * 10 + (size_t)(s.ptr[i] - '0');
	if (s.len - i >= 3 && memcmp(s.ptr + i, SHORTCODE_CLOSE, 3) == 0 && number < list->count) {
		*item = &list->items[number];
		return i + 3 - at;
	}
	return 3;
}

static void append_raw(const struct shortcode *item, struct buf *out)
{
	if (!item->escaped) {
		buf_append(out, item->raw);
		return;
	}
	buf_append(out, item->mark == '%' ? STR("{{%") : STR("{{<"));
	buf_append(out, item->inner);
	buf_append(out, item->mark == '%' ? STR("%}}") : STR(">}}"));
}

void shortcode_restore(const struct shortcode_list *list, struct str code, struct buf *out)
{
	size_t at = 0, copied = 0;

	while (at < code.len && !out->failed) {
		const char *mark = memchr(code.ptr + at, 0xEF, code.len - at);
		const struct shortcode *item = NULL;
		size_t size;

		if (!mark)
			break;
		at = (size_t)(mark - code.ptr);
		size = shortcode_at(list, code, at, &item);
		if (size == 0) {
			at++;
			continue;
		}
		buf_append(out, str_slice(code, copied, at));
		if (item && item->blank_before && !out->failed) {
			/* take back the blank line: it stands before the line's indentation */
			size_t line = out->len;

			while (line > 0 &&
			       (out->ptr[line - 1] == ' ' || out->ptr[line - 1] == '\t'))
				line--;
			if (line > 0 && out->ptr[line - 1] == '\n' &&
			    (line == 1 || out->ptr[line - 2] == '\n')) {
				memmove(out->ptr + line - 1, out->ptr + line, out->len - line);
				out->len--;
			}
		}
		if (item)
			append_raw(item, out);
		at += size;
		if (item && item->blank_after && at < code.len && code.ptr[at] == '\n')
			at++;
		copied = at;
	}
	buf_append(out, str_slice(code, copied, code.len));
}

static bool is_word_key(const struct shortcode *item, struct str key)
{
	static const char *const keys[] = {"title",   "alt",   "caption", "text",        "header",
					   "heading", "label", "summary", "feature_name"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (str_eq_nocase(key, str_c(keys[i])))
			return true;
	/* the name of a tab is what the reader clicks; that of a set of tabs is an identifier */
	if (str_eq(key, STR("name")) || key.len == 0)
		return item->paired && !str_ends(item->name, STR("tabs"));
	return false;
}

/* One parameter at *at: `key=value`, `key="value"` or `"value"` (then key is empty). */
static bool next_param(struct str params, size_t *at, struct str *key, struct str *value,
		       bool *quoted)
{
	size_t i = *at, begin;

	while (i < params.len && ascii_space((unsigned char)params.ptr[i]))
		i++;
	if (i == params.len)
		return false;
	begin = i;
	while (i < params.len && (ascii_alnum((unsigned char)params.ptr[i]) ||
				  params.ptr[i] == '_' || params.ptr[i] == '-'))
		i++;
	*key = STR("");
	if (i < params.len && params.ptr[i] == '=')
		*key = str_slice(params, begin, i++);
	else
		i = begin;
	*quoted = i < params.len && (params.ptr[i] == '"' || params.ptr[i] == '`');
	begin = *quoted ? i + 1 : i;
	if (*quoted) {
		char quote = params.ptr[i++];

		while (i < params.len && params.ptr[i] != quote)
			i += params.ptr[i] == '\\' && quote == '"' && i + 1 < params.len ? 2 : 1;
	} else {
		while (i < params.len && !ascii_space((unsigned char)params.ptr[i]))
			i++;
	}
	*value = str_trim(str_slice(params, begin, i));
	*at = i + (*quoted && i < params.len);
	return true;
}

/* Values may hold inline Markdown and escaped quotes: keep what is read. */
static void append_value(struct str value, struct buf *out)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] != '`' && value.ptr[i] != '*' && value.ptr[i] != '\\')
			buf_append_byte(out, value.ptr[i]);
}

void shortcode_words(const struct shortcode *item, struct buf *out)
{
	struct str key, value, seen[8];
	size_t at = 0, seen_count = 0;
	bool quoted;

	if (item->escaped) {
		append_raw(item, out);
		return;
	}
	if (item->closing)
		return;
	while (seen_count < 8 && next_param(item->params, &at, &key, &value, &quoted)) {
		bool repeated = false;

		if (value.len == 0 || (key.len == 0 && !quoted) || !is_word_key(item, key))
			continue;
		for (size_t i = 0; i < seen_count; i++)
			repeated = repeated || str_eq(seen[i], value);
		if (repeated)
			continue;
		if (seen_count)
			buf_append(out, STR(". "));
		append_value(value, out);
		seen[seen_count++] = value;
	}
}
