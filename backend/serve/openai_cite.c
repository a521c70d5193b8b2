/* Sources of an answer in OpenAI's forms: a list under the text, and annotations that point into it. */
#include "serve/openai.h"

#include "base/utf8.h"

#define LIST_HEAD "\n\nSources:\n\n"

static bool has_address(const struct answer_citation *citation)
{
	return citation->url.len > 0;
}

/* Within the [] of a link: what would end it is escaped, line ends are spaces. */
static void append_label(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '[' || c == ']' || c == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, ascii_space((unsigned char)c) ? ' ' : c);
	}
}

static void append_title(struct buf *out, const struct answer_citation *citation,
			 void (*append)(struct buf *out, struct str text))
{
	append(out, citation->title.len ? citation->title : citation->url);
	if (citation->section.len && !str_eq(citation->section, citation->title)) {
		append(out, STR(" › "));
		append(out, citation->section);
	}
}

static void append_plain(struct buf *out, struct str text)
{
	buf_append(out, text);
}

static void append_address(struct buf *out, const struct openai_reply *reply, struct str url)
{
	if (str_starts(url, STR("/")))
		buf_append(out, reply->base);
	buf_append(out, url);
}

/* Within the () of a link. */
static void append_target(struct buf *out, const struct openai_reply *reply, struct str url)
{
	if (str_starts(url, STR("/")))
		buf_append(out, reply->base);
	for (size_t i = 0; i < url.len; i++) {
		unsigned char c = (unsigned char)url.ptr[i];
		if (c <= ' ' || c == '(' || c == ')' || c == '<' || c == '>' || c == '\\')
			buf_printf(out, "%%%02X", c);
		else
			buf_append_byte(out, (char)c);
	}
}

static void append_entry(struct buf *out, const struct openai_reply *reply,
			 const struct answer_citation *citation)
{
	buf_printf(out, "%d. [", citation->index);
	append_title(out, citation, append_label);
	buf_append(out, STR("]("));
	append_target(out, reply, citation->url);
	buf_append(out, STR(")\n"));
}

void openai_sources(const struct openai_reply *reply, const struct answer_result *result,
		    struct buf *out)
{
	bool any = false;
	for (size_t i = 0; i < result->citation_count; i++) {
		if (!has_address(&result->citations[i]))
			continue;
		if (!any)
			buf_append(out, STR(LIST_HEAD));
		any = true;
		append_entry(out, reply, &result->citations[i]);
	}
}

/* Whether a line is an entry as append_entry() writes it. */
static bool is_entry(struct str line)
{
	size_t digits = 0;
	while (digits < line.len && ascii_digit((unsigned char)line.ptr[digits]))
		digits++;
	struct str rest = str_slice(line, digits, line.len);
	return digits && str_starts(rest, STR(". [")) && str_ends(rest, STR(")")) &&
	       str_find(rest, STR("]("), 0) != STR_NPOS;
}

struct str openai_without_sources(struct str text)
{
	size_t at = STR_NPOS;
	for (size_t i = 0; (i = str_find(text, STR(LIST_HEAD), i)) != STR_NPOS; i++)
		at = i;
	if (at == STR_NPOS)
		return text;
	struct str rest = str_trim(str_slice(text, at + sizeof(LIST_HEAD) - 1, text.len)), line;
	while (str_cut(&rest, '\n', &line))
		if (!is_entry(line))
			return text;
	return str_slice(text, 0, at);
}

/* ---- annotations ---- */

struct annotator {
	const struct openai_reply *reply;
	const struct answer_result *result;
	const struct alloc *alloc;
	struct str text;
	size_t byte, point; /* that byte is that code point's */
	json_t *list;       /* NULL: out of memory */
};

/* Code points before a byte; bytes must come in order. */
static size_t point_at(struct annotator *a, size_t byte)
{
	a->point += utf8_length(str_slice(a->text, a->byte, byte));
	a->byte = byte;
	return a->point;
}

static void annotate(struct annotator *a, const struct answer_citation *citation, size_t from,
		     size_t to)
{
	struct buf title, url;
	buf_init(&title, a->alloc, 1 << 16);
	buf_init(&url, a->alloc, 1 << 16);
	append_title(&title, citation, append_plain);
	append_address(&url, a->reply, citation->url);
	size_t start = point_at(a, from), end = point_at(a, to);
	json_t *item =
		title.failed || url.failed
			? NULL
			: json_pack("{s:s, s:{s:I, s:I, s:o, s:o}}", "type", "url_citation",
				    "url_citation", "start_index", (json_int_t)start, "end_index",
				    (json_int_t)end, "title", json_from_str(buf_str(&title)), "url",
				    json_from_str(buf_str(&url)));
	if (a->list && json_array_append_new(a->list, item)) {
		json_decref(a->list);
		a->list = NULL;
	}
	buf_release(&title);
	buf_release(&url);
}

static const struct answer_citation *citation_of(const struct answer_result *result, uint64_t index)
{
	for (size_t i = 0; i < result->citation_count; i++) {
		const struct answer_citation *citation = &result->citations[i];
		if (citation->index > 0 && (uint64_t)citation->index == index &&
		    has_address(citation))
			return citation;
	}
	return NULL;
}

/* The source of a mark [n] at text[at], and where the mark ends; NULL: it is none. */
static const struct answer_citation *mark_at(const struct answer_result *result, struct str text,
					     size_t at, size_t *end)
{
	uint64_t index;
	size_t close = at + 1;
	while (close < text.len && close < at + 6 && ascii_digit((unsigned char)text.ptr[close]))
		close++;
	if (close >= text.len || text.ptr[close] != ']' ||
	    !str_to_u64(str_slice(text, at + 1, close), &index))
		return NULL;
	*end = close + 1;
	/* [1](address) and [1]: address are links of their own. */
	if (*end < text.len && (text.ptr[*end] == '(' || text.ptr[*end] == ':'))
		return NULL;
	return citation_of(result, index);
}

/* The first byte behind the code that begins at text[at], a backtick; at + its run when it does not end. */
static size_t after_code(struct str text, size_t at)
{
	size_t run = 0;
	while (at + run < text.len && text.ptr[at + run] == '`')
		run++;
	bool fence = run >= 3;
	for (size_t i = at + run; i < text.len;) {
		size_t end = i;
		while (end < text.len && text.ptr[end] == '`')
			end++;
		if (end > i && (fence ? end - i >= run : end - i == run))
			return end;
		if (!fence && text.ptr[i] == '\n' && i + 1 < text.len && text.ptr[i + 1] == '\n')
			break; /* a span ends with its paragraph */
		i = end > i ? end : i + 1;
	}
	return fence ? text.len : at + run;
}

/* The next mark of a source at or after *at, which goes on behind it; NULL: there is none. */
static const struct answer_citation *next_mark(const struct answer_result *result, struct str body,
					       size_t *at, size_t *from)
{
	for (size_t i = *at; i < body.len;) {
		const struct answer_citation *citation = NULL;
		size_t end;
		if (body.ptr[i] == '[')
			citation = mark_at(result, body, i, &end);
		if (citation) {
			*from = i;
			*at = end;
			return citation;
		}
		i = body.ptr[i] == '`' ? after_code(body, i) : i + 1;
	}
	return NULL;
}

static bool is_marked(const struct answer_result *result, struct str body, int index)
{
	const struct answer_citation *citation;
	size_t at = 0, from;
	while ((citation = next_mark(result, body, &at, &from)))
		if (citation->index == index)
			return true;
	return false;
}

json_t *openai_annotations(const struct openai_reply *reply, const struct answer_result *result,
			   struct str text, size_t list, const struct alloc *alloc)
{
	struct annotator a = {.reply = reply,
			      .result = result,
			      .alloc = alloc,
			      .text = text,
			      .list = json_array()};
	struct str body = str_slice(text, 0, list);
	const struct answer_citation *citation;
	size_t at = 0, from;
	while (json_array_size(a.list) < OPENAI_ANNOTATIONS_MAX && a.list &&
	       (citation = next_mark(result, body, &at, &from)))
		annotate(&a, citation, from, at);
	at = list + sizeof(LIST_HEAD) - 1;
	for (size_t i = 0; i < result->citation_count && a.list; i++) {
		if (!has_address(&result->citations[i]))
			continue;
		size_t end = str_find(text, STR("\n"), at);
		if (end == STR_NPOS)
			break;
		if (!is_marked(result, body, result->citations[i].index))
			annotate(&a, &result->citations[i], at, end);
		at = end + 1;
	}
	return a.list;
}
