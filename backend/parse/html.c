#include "parse/html.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "parse/tag.h"

enum tag_kind {
	TAG_INLINE, /* nothing but the tag goes */
	TAG_SPACE,
	TAG_BLOCK,
	TAG_HEADING,
	TAG_ITEM,
	TAG_LIST,
	TAG_TABLE,
	TAG_ROW,
	TAG_CELL,
	TAG_HEADER_CELL,
	TAG_IMAGE,
	TAG_PRE,
	TAG_SKIP, /* with all that is in it */
};

struct tag_name {
	const char *name;
	enum tag_kind kind;
};

/* Sorted by name. */
static const struct tag_name tag_names[] = {
	{"a", TAG_INLINE},         {"abbr", TAG_INLINE},      {"address", TAG_BLOCK},
	{"article", TAG_BLOCK},    {"aside", TAG_BLOCK},      {"audio", TAG_INLINE},
	{"b", TAG_INLINE},         {"bdi", TAG_INLINE},       {"bdo", TAG_INLINE},
	{"big", TAG_INLINE},       {"blockquote", TAG_BLOCK}, {"body", TAG_BLOCK},
	{"br", TAG_SPACE},         {"button", TAG_SPACE},     {"canvas", TAG_INLINE},
	{"caption", TAG_BLOCK},    {"center", TAG_BLOCK},     {"cite", TAG_INLINE},
	{"code", TAG_INLINE},      {"col", TAG_INLINE},       {"colgroup", TAG_INLINE},
	{"data", TAG_INLINE},      {"dd", TAG_BLOCK},         {"del", TAG_INLINE},
	{"details", TAG_BLOCK},    {"dfn", TAG_INLINE},       {"dialog", TAG_BLOCK},
	{"div", TAG_BLOCK},        {"dl", TAG_BLOCK},         {"dt", TAG_BLOCK},
	{"em", TAG_INLINE},        {"embed", TAG_INLINE},     {"fieldset", TAG_BLOCK},
	{"figcaption", TAG_BLOCK}, {"figure", TAG_BLOCK},     {"font", TAG_INLINE},
	{"footer", TAG_BLOCK},     {"form", TAG_BLOCK},       {"h1", TAG_HEADING},
	{"h2", TAG_HEADING},       {"h3", TAG_HEADING},       {"h4", TAG_HEADING},
	{"h5", TAG_HEADING},       {"h6", TAG_HEADING},       {"head", TAG_BLOCK},
	{"header", TAG_BLOCK},     {"hr", TAG_BLOCK},         {"html", TAG_BLOCK},
	{"i", TAG_INLINE},         {"iframe", TAG_SKIP},      {"img", TAG_IMAGE},
	{"input", TAG_INLINE},     {"ins", TAG_INLINE},       {"kbd", TAG_INLINE},
	{"label", TAG_INLINE},     {"legend", TAG_BLOCK},     {"li", TAG_ITEM},
	{"link", TAG_INLINE},      {"main", TAG_BLOCK},       {"map", TAG_INLINE},
	{"mark", TAG_INLINE},      {"menu", TAG_LIST},        {"meta", TAG_INLINE},
	{"meter", TAG_INLINE},     {"nav", TAG_BLOCK},        {"nobr", TAG_INLINE},
	{"noscript", TAG_BLOCK},   {"object", TAG_INLINE},    {"ol", TAG_LIST},
	{"optgroup", TAG_SPACE},   {"option", TAG_SPACE},     {"output", TAG_INLINE},
	{"p", TAG_BLOCK},          {"picture", TAG_INLINE},   {"pre", TAG_PRE},
	{"progress", TAG_INLINE},  {"q", TAG_INLINE},         {"rp", TAG_INLINE},
	{"rt", TAG_INLINE},        {"ruby", TAG_INLINE},      {"s", TAG_INLINE},
	{"samp", TAG_INLINE},      {"script", TAG_SKIP},      {"section", TAG_BLOCK},
	{"select", TAG_INLINE},    {"small", TAG_INLINE},     {"source", TAG_INLINE},
	{"span", TAG_INLINE},      {"strike", TAG_INLINE},    {"strong", TAG_INLINE},
	{"style", TAG_SKIP},       {"sub", TAG_INLINE},       {"summary", TAG_BLOCK},
	{"sup", TAG_INLINE},       {"svg", TAG_SKIP},         {"table", TAG_TABLE},
	{"tbody", TAG_INLINE},     {"td", TAG_CELL},          {"template", TAG_SKIP},
	{"textarea", TAG_SPACE},   {"tfoot", TAG_INLINE},     {"th", TAG_HEADER_CELL},
	{"thead", TAG_INLINE},     {"time", TAG_INLINE},      {"title", TAG_SKIP},
	{"tr", TAG_ROW},           {"track", TAG_INLINE},     {"tt", TAG_INLINE},
	{"u", TAG_INLINE},         {"ul", TAG_LIST},          {"var", TAG_INLINE},
	{"video", TAG_INLINE},     {"wbr", TAG_INLINE},
};

/* One piece being read. */
struct reader {
	struct html_state *state;
	struct builder *b;
	const struct shortcode_list *list;
	struct str html;
	struct buf code; /* of an open <pre> */
	bool in_pre;
	int heading; /* level of the open heading, 0 for none */
	struct str heading_id;
};

static int compare_tag(const void *key, const void *element)
{
	const struct str *name = key;
	struct str other = str_c(((const struct tag_name *)element)->name);

	return str_cmp(*name, other);
}

static const struct tag_name *find_tag(struct str name)
{
	char lower[12];

	if (name.len >= sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	name.ptr = lower;
	return bsearch(&name, tag_names, sizeof(tag_names) / sizeof(tag_names[0]),
		       sizeof(tag_names[0]), compare_tag);
}

static void put_span(struct reader *r, struct str text)
{
	if (r->in_pre)
		buf_append(&r->code, text);
	else
		builder_text(r->b, text);
}

static void put_shortcode(struct reader *r, const struct shortcode *item)
{
	struct buf words;

	if (!item)
		return;
	if (r->in_pre) {
		/* inside code it is content */
		shortcode_restore(r->list, item->raw, &r->code);
		return;
	}
	buf_init(&words, r->b->arena->alloc, item->raw.len * 2 + 64);
	shortcode_words(item, &words);
	builder_check(r->b, &words);
	builder_text(r->b, buf_str(&words));
	buf_release(&words);
}

/* Text between tags, or of an attribute: entities decoded, shortcodes as their words. */
static void put_text(struct reader *r, struct str text)
{
	size_t copied = 0, i = 0;

	while (i < text.len) {
		const struct shortcode *item = NULL;
		int32_t codepoint = 0;
		size_t size = 0;

		if (text.ptr[i] == '&')
			size = tag_entity(text, i, &codepoint);
		else if ((unsigned char)text.ptr[i] == 0xEF)
			size = shortcode_at(r->list, text, i, &item);
		if (size == 0) {
			i++;
			continue;
		}
		put_span(r, str_slice(text, copied, i));
		if (codepoint) {
			char bytes[4];

			put_span(r, (struct str){bytes, utf8_encode(codepoint, bytes)});
		} else {
			put_shortcode(r, item);
		}
		i += size;
		copied = i;
	}
	put_span(r, str_slice(text, copied, text.len));
}

static void end_cell(struct reader *r)
{
	if (r->state->in_cell)
		builder_cell(r->b);
	r->state->in_cell = false;
}

static void end_row(struct reader *r)
{
	end_cell(r);
	if (r->state->in_row)
		builder_row(r->b, r->state->header_row);
	r->state->in_row = false;
}

static void end_pre(struct reader *r)
{
	if (!r->in_pre)
		return;
	builder_check(r->b, &r->code);
	if (!builder_failed(r->b) && r->state->in_cell)
		builder_text(r->b, buf_str(&r->code));
	else if (!builder_failed(r->b))
		builder_code(r->b, buf_str(&r->code), STR(""));
	buf_clear(&r->code);
	r->in_pre = false;
}

static void end_heading(struct reader *r)
{
	struct str id;

	if (r->heading && str_trim(buf_str(&r->b->text)).len) {
		id = arena_str(r->b->arena, r->heading_id);
		builder_section(r->b, r->heading, id);
		if (id.len && !builder_failed(r->b))
			r->b->code = anchor_take(&r->b->anchors, id, r->b->err);
	}
	r->heading = 0;
}

/* Ends the block that is open, unless it is a cell: that goes on over paragraphs. */
static void break_block(struct reader *r)
{
	if (r->state->in_cell || r->heading)
		builder_space(r->b);
	else
		builder_flush(r->b);
}

static void start_cell(struct reader *r, bool header)
{
	end_cell(r);
	if (!r->state->in_row) {
		builder_flush(r->b);
		r->state->in_row = r->state->header_row = true;
	}
	r->state->in_cell = true;
	r->state->header_row = r->state->header_row && header;
}

static void start_or_end_heading(struct reader *r, const struct tag *tag)
{
	end_heading(r);
	if (tag->closing)
		return;
	end_row(r);
	builder_flush(r->b);
	r->heading = tag->name.ptr[1] - '0';
	r->heading_id = tag_attribute(tag->attributes, STR("id"));
	/* an id made by a shortcode cannot be known */
	if (str_find(r->heading_id, STR(SHORTCODE_OPEN), 0) != STR_NPOS)
		r->heading_id = STR("");
}

static void handle_list(struct reader *r, bool closing)
{
	break_block(r);
	if (!closing)
		r->state->lists++;
	else if (r->state->lists > 0)
		r->state->lists--;
}

static void handle_item(struct reader *r, bool closing)
{
	break_block(r);
	if (closing || r->state->in_cell)
		return;
	r->b->kind = BLOCK_LIST_ITEM;
	r->b->depth = r->state->lists > 0 ? r->state->lists - 1 : 0;
}

/* Opens or closes; returns where reading goes on. */
static size_t handle_tag(struct reader *r, const struct tag *tag, enum tag_kind kind)
{
	switch (kind) {
	case TAG_INLINE:
		break;
	case TAG_SPACE:
		builder_space(r->b);
		break;
	case TAG_BLOCK:
		break_block(r);
		break;
	case TAG_HEADING:
		start_or_end_heading(r, tag);
		break;
	case TAG_LIST:
		handle_list(r, tag->closing);
		break;
	case TAG_ITEM:
		handle_item(r, tag->closing);
		break;
	case TAG_TABLE:
		end_row(r);
		builder_flush(r->b);
		builder_table_end(r->b);
		break;
	case TAG_ROW:
		end_row(r);
		builder_flush(r->b);
		break;
	case TAG_CELL:
	case TAG_HEADER_CELL:
		if (tag->closing)
			end_cell(r);
		else
			start_cell(r, kind == TAG_HEADER_CELL);
		break;
	case TAG_IMAGE:
		builder_space(r->b);
		put_text(r, tag_attribute(tag->attributes, STR("alt")));
		builder_space(r->b);
		break;
	case TAG_PRE:
		end_pre(r);
		if (tag->closing)
			break;
		break_block(r);
		r->in_pre = true;
		break;
	case TAG_SKIP:
		if (!tag->closing) {
			size_t end = tag->end;

			/* a tag name follows "</" at the element's end; without one all goes */
			while ((end = str_find(r->html, STR("</"), end)) != STR_NPOS) {
				end += 2;
				if (str_eq_nocase(str_slice(r->html, end, end + tag->name.len),
						  tag->name))
					return end - 2;
			}
			return r->html.len;
		}
		break;
	}
	return tag->end;
}

/* Handles what begins with '<'; returns where reading goes on, or `at` when it is text. */
static size_t read_markup(struct reader *r, size_t at)
{
	struct str rest = str_slice(r->html, at, r->html.len);
	const struct tag_name *known;
	struct tag tag = {0};
	size_t end = STR_NPOS;

	if (str_starts(rest, STR("<!--"))) {
		end = str_find(r->html, STR("-->"), at + 4);
		return end == STR_NPOS ? r->html.len : end + 3;
	}
	if (str_starts(rest, STR("<!")) || str_starts(rest, STR("<?"))) {
		end = str_find(r->html, STR(">"), at);
		return end == STR_NPOS ? r->html.len : end + 1;
	}
	if (!tag_read(r->html, at, false, &tag))
		return at;
	known = find_tag(tag.name);
	if (!known || (r->in_pre && known->kind != TAG_PRE && known->kind != TAG_INLINE))
		return known ? tag.end : at;
	return handle_tag(r, &tag, known->kind);
}

void html_end(struct html_state *state, struct builder *b)
{
	struct reader r = {.state = state, .b = b};

	end_row(&r);
	builder_table_end(b);
	state->lists = 0;
}

void html_feed(struct html_state *state, struct builder *b, const struct shortcode_list *list,
	       struct str html)
{
	struct reader r = {.state = state, .b = b, .list = list, .html = html};
	size_t at = 0, copied = 0;

	buf_init(&r.code, b->arena->alloc, html.len * 4 + 64);
	while (at < html.len && !builder_failed(b)) {
		const char *open = memchr(html.ptr + at, '<', html.len - at);
		size_t next;

		if (!open)
			break;
		at = (size_t)(open - html.ptr);
		/* text comes first, since the tag may end its block */
		put_text(&r, str_slice(html, copied, at));
		copied = at;
		next = read_markup(&r, at);
		if (next != at)
			copied = next;
		at = next != at ? next : at + 1;
	}
	put_text(&r, str_slice(html, copied < html.len ? copied : html.len, html.len));
	end_pre(&r);
	end_heading(&r);
	buf_release(&r.code);
}
