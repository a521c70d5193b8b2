#include "parse/dom.h"

#include <stdlib.h>
#include <string.h>

#include "parse/tag.h"

enum {
	PAGE_MAX = 64 << 20,
	ATTRIBUTES_MAX = 4096,
	NAME_MAX = 12,
};

enum {
	CLOSES_P = 1,  /* an open paragraph ends where it begins */
	VOID = 2,      /* has no content and no end */
	RAW = 4,       /* its content is no markup: dropped with it */
	TEXT_ONLY = 8, /* its content is text, whatever it looks like */
};

struct element {
	const char *name;
	enum dom_tag tag;
	unsigned flags;
};

/* Sorted by name. */
static const struct element elements[] = {
	{"a", DOM_A, 0},
	{"address", DOM_BLOCK, CLOSES_P},
	{"area", DOM_SKIP, VOID},
	{"article", DOM_ARTICLE, CLOSES_P},
	{"aside", DOM_ASIDE, CLOSES_P},
	{"audio", DOM_SKIP, 0},
	{"base", DOM_SKIP, VOID},
	{"blockquote", DOM_BLOCK, CLOSES_P},
	{"body", DOM_BLOCK, CLOSES_P},
	{"br", DOM_BR, VOID},
	{"button", DOM_BUTTON, 0},
	{"canvas", DOM_SKIP, 0},
	{"caption", DOM_CAPTION, 0},
	{"center", DOM_BLOCK, CLOSES_P},
	{"code", DOM_CODE, 0},
	{"col", DOM_SKIP, VOID},
	{"dd", DOM_DD, CLOSES_P},
	{"details", DOM_BLOCK, CLOSES_P},
	{"dialog", DOM_SKIP, CLOSES_P},
	{"div", DOM_BLOCK, CLOSES_P},
	{"dl", DOM_DL, CLOSES_P},
	{"dt", DOM_DT, CLOSES_P},
	{"embed", DOM_SKIP, VOID},
	{"fieldset", DOM_BLOCK, CLOSES_P},
	{"figcaption", DOM_BLOCK, CLOSES_P},
	{"figure", DOM_BLOCK, CLOSES_P},
	{"footer", DOM_FOOTER, CLOSES_P},
	{"form", DOM_BLOCK, CLOSES_P},
	{"h1", DOM_HEADING, CLOSES_P},
	{"h2", DOM_HEADING, CLOSES_P},
	{"h3", DOM_HEADING, CLOSES_P},
	{"h4", DOM_HEADING, CLOSES_P},
	{"h5", DOM_HEADING, CLOSES_P},
	{"h6", DOM_HEADING, CLOSES_P},
	{"head", DOM_BLOCK, 0},
	{"header", DOM_HEADER, CLOSES_P},
	{"hr", DOM_BLOCK, CLOSES_P | VOID},
	{"html", DOM_BLOCK, 0},
	{"iframe", DOM_SKIP, RAW},
	{"img", DOM_IMG, VOID},
	{"input", DOM_SKIP, VOID},
	{"li", DOM_LI, CLOSES_P},
	{"link", DOM_LINK, VOID},
	{"main", DOM_MAIN, CLOSES_P},
	{"menu", DOM_LIST, CLOSES_P},
	{"meta", DOM_META, VOID},
	{"nav", DOM_NAV, CLOSES_P},
	{"noscript", DOM_SKIP, 0},
	{"object", DOM_SKIP, 0},
	{"ol", DOM_LIST, CLOSES_P},
	{"p", DOM_P, CLOSES_P},
	{"param", DOM_SKIP, VOID},
	{"pre", DOM_PRE, CLOSES_P},
	{"script", DOM_SKIP, RAW},
	{"search", DOM_SKIP, CLOSES_P},
	{"section", DOM_SECTION, CLOSES_P},
	{"select", DOM_SKIP, 0},
	{"source", DOM_SKIP, VOID},
	{"style", DOM_SKIP, RAW},
	{"summary", DOM_BLOCK, CLOSES_P},
	{"svg", DOM_SKIP, 0},
	{"table", DOM_TABLE, CLOSES_P},
	{"tbody", DOM_INLINE, 0},
	{"td", DOM_TD, 0},
	{"template", DOM_SKIP, 0},
	{"textarea", DOM_SKIP, RAW},
	{"tfoot", DOM_INLINE, 0},
	{"th", DOM_TH, 0},
	{"thead", DOM_INLINE, 0},
	{"title", DOM_TITLE, TEXT_ONLY},
	{"tr", DOM_ROW, 0},
	{"track", DOM_SKIP, VOID},
	{"ul", DOM_LIST, CLOSES_P},
	{"video", DOM_SKIP, 0},
	{"wbr", DOM_SKIP, VOID},
};

struct open_element {
	uint32_t node;
	struct str name;
	enum dom_tag tag;
};

struct dom_reader {
	struct dom *dom;
	struct open_element open[DOM_DEPTH];
	size_t depth;
	size_t beyond;     /* elements begun beyond the depth and not ended */
	bool quoted_marks; /* see tag_read() */
	bool failed;
};

static int compare_element(const void *key, const void *element)
{
	const struct str *name = key;

	return str_cmp(*name, str_c(((const struct element *)element)->name));
}

static const struct element *find_element(struct str name)
{
	char lower[NAME_MAX];

	if (name.len > sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	name.ptr = lower;
	return bsearch(&name, elements, sizeof(elements) / sizeof(elements[0]), sizeof(elements[0]),
		       compare_element);
}

/* Appends a node as the last child of the innermost open element; 0 without memory. */
static uint32_t add_node(struct dom_reader *r, enum dom_tag tag, struct str source)
{
	struct dom *dom = r->dom;
	struct dom_node *node, *parent;
	uint32_t index = (uint32_t)dom->count, above = r->depth ? r->open[r->depth - 1].node : 0;

	if (dom->count == dom->capacity) {
		size_t capacity = dom->capacity ? dom->capacity * 2 : 256, bytes;
		struct dom_node *nodes = NULL;

		if (size_mul(capacity, sizeof(*nodes), &bytes))
			nodes = alloc_resize(dom->alloc, dom->nodes, bytes);
		if (!nodes) {
			r->failed = true;
			return 0;
		}
		dom->nodes = nodes;
		dom->capacity = capacity;
	}
	node = &dom->nodes[dom->count++];
	*node = (struct dom_node){
		.len = (uint32_t)source.len, .parent = above, .tag = (uint8_t)tag};
	if (tag != DOM_ROOT)
		node->begin = (uint32_t)(source.ptr - dom->html.ptr);
	if (index == 0)
		return 0;
	parent = &dom->nodes[above];
	if (parent->last)
		dom->nodes[parent->last].next = index;
	else
		parent->first = index;
	parent->last = index;
	return index;
}

static bool is_table_part(enum dom_tag tag)
{
	return tag == DOM_TABLE || tag == DOM_TD || tag == DOM_TH || tag == DOM_ROW ||
	       tag == DOM_CAPTION;
}

/* What an open paragraph cannot be looked for beyond. */
static bool bounds_paragraph(enum dom_tag tag)
{
	return tag != DOM_INLINE && tag != DOM_A && tag != DOM_CODE && tag != DOM_BUTTON &&
	       tag != DOM_P;
}

static void close_to(struct dom_reader *r, size_t depth)
{
	r->depth = depth;
	r->beyond = 0;
}

static void close_paragraph(struct dom_reader *r)
{
	for (size_t i = r->depth; i > 0; i--) {
		if (r->open[i - 1].tag == DOM_P) {
			close_to(r, i - 1);
			return;
		}
		if (bounds_paragraph(r->open[i - 1].tag))
			return;
	}
}

/* Ends an open element of one of the two kinds, unless one of the bounds is nearer. */
static void close_sibling(struct dom_reader *r, enum dom_tag one, enum dom_tag two,
			  enum dom_tag bound, enum dom_tag other_bound)
{
	for (size_t i = r->depth; i > 0; i--) {
		enum dom_tag tag = r->open[i - 1].tag;

		if (tag == one || tag == two) {
			close_to(r, i - 1);
			return;
		}
		if (tag == bound || tag == other_bound || tag == DOM_TABLE)
			return;
	}
}

/* Ends what must end where an element of this kind begins. */
static void close_implied(struct dom_reader *r, const struct element *element)
{
	if (element->flags & CLOSES_P)
		close_paragraph(r);
	if (element->tag == DOM_LI)
		close_sibling(r, DOM_LI, DOM_LI, DOM_LIST, DOM_TD);
	else if (element->tag == DOM_DT || element->tag == DOM_DD)
		close_sibling(r, DOM_DT, DOM_DD, DOM_DL, DOM_TD);
	else if (element->tag == DOM_TD || element->tag == DOM_TH)
		close_sibling(r, DOM_TD, DOM_TH, DOM_ROW, DOM_TABLE);
	else if (element->tag == DOM_ROW)
		close_sibling(r, DOM_ROW, DOM_ROW, DOM_TABLE, DOM_TABLE);
	else if (element->tag == DOM_HEADING && r->depth &&
		 r->open[r->depth - 1].tag == DOM_HEADING)
		close_to(r, r->depth - 1);
	else if (element->tag == DOM_BLOCK && str_eq(str_c(element->name), STR("body")))
		close_to(r, 0);
}

static void end_element(struct dom_reader *r, struct str name)
{
	const struct element *element = find_element(name);
	bool in_table = element && is_table_part(element->tag);

	if (element && (element->flags & VOID))
		return;
	if (r->beyond) {
		r->beyond--;
		return;
	}
	for (size_t i = r->depth; i > 0; i--) {
		if (str_eq_nocase(r->open[i - 1].name, name)) {
			close_to(r, i - 1);
			return;
		}
		if (r->open[i - 1].tag == DOM_TABLE ||
		    (!in_table && is_table_part(r->open[i - 1].tag)))
			return;
	}
}

/* Where the content of a raw element ends: in front of "</name", or at the end of the page. */
static size_t raw_end(struct str html, size_t at, struct str name)
{
	while ((at = str_find(html, STR("</"), at)) != STR_NPOS) {
		if (str_eq_nocase(str_slice(html, at + 2, at + 2 + name.len), name))
			return at;
		at += 2;
	}
	return html.len;
}

/* Returns where reading goes on. */
static size_t begin_element(struct dom_reader *r, const struct tag *tag)
{
	static const struct element unknown = {"", DOM_INLINE, 0};
	const struct element *element = find_element(tag->name);
	struct str attributes = str_slice(tag->attributes, 0, ATTRIBUTES_MAX);
	size_t end = tag->end;
	uint32_t node;

	if (!element)
		element = &unknown;
	close_implied(r, element);
	if (element->flags & RAW)
		return raw_end(r->dom->html, end, tag->name);
	node = add_node(r, element->tag, attributes);
	if (element->tag == DOM_HEADING)
		r->dom->nodes[node].level = (uint8_t)(tag->name.ptr[1] - '0');
	if (element->flags & VOID)
		return end;
	if (r->depth == DOM_DEPTH) {
		r->beyond++;
		return end;
	}
	/* "<svg … />" ends itself; HTML's own elements do not */
	if (element->tag == DOM_SKIP && tag->attributes.len &&
	    tag->attributes.ptr[tag->attributes.len - 1] == '/')
		return end;
	r->open[r->depth++] = (struct open_element){node, tag->name, element->tag};
	if (element->flags & TEXT_ONLY) {
		size_t stop = raw_end(r->dom->html, end, tag->name);

		add_node(r, DOM_TEXT, str_slice(r->dom->html, end, stop));
		r->depth--;
		return stop;
	}
	return end;
}

/* Handles what begins with '<' at `at`; returns where reading goes on, or `at` when it is text. */
static size_t read_markup(struct dom_reader *r, size_t at)
{
	struct str html = r->dom->html, rest = str_slice(html, at, at + 9);
	struct tag tag = {0};
	size_t end;

	if (str_starts(rest, STR("<!--"))) {
		end = str_find(html, STR("-->"), at + 4);
		return end == STR_NPOS ? html.len : end + 3;
	}
	if (str_starts(rest, STR("<!")) || str_starts(rest, STR("<?"))) {
		end = str_find(html, STR(">"), at);
		return end == STR_NPOS ? html.len : end + 1;
	}
	if (!tag_read(html, at, r->quoted_marks, &tag)) {
		/* a quote that is never closed: from now on none holds '<' */
		if (tag.end == html.len)
			r->quoted_marks = false;
		return at;
	}
	if (!tag.closing)
		return begin_element(r, &tag);
	end_element(r, tag.name);
	return tag.end;
}

enum err_code dom_parse(struct str html, const struct alloc *alloc, struct dom *dom,
			struct err *err)
{
	struct dom_reader r = {.dom = dom, .quoted_marks = true};
	size_t at = 0, copied = 0;

	*dom = (struct dom){.alloc = alloc, .html = html};
	if (html.len > PAGE_MAX)
		return err_set(err, ERR_LIMIT,
			       "page of %zu bytes is too large, at most %d are read", html.len,
			       PAGE_MAX);
	add_node(&r, DOM_ROOT, STR(""));
	while (at < html.len && !r.failed) {
		const char *mark = memchr(html.ptr + at, '<', html.len - at);
		size_t next;

		if (!mark)
			break;
		at = (size_t)(mark - html.ptr);
		next = at + 1 < html.len && !ascii_space((unsigned char)html.ptr[at + 1]) ? at
											  : at + 1;
		if (next == at) {
			/* the text in front of it belongs to what is open now */
			if (at > copied)
				add_node(&r, DOM_TEXT, str_slice(html, copied, at));
			copied = at;
			next = r.failed ? at : read_markup(&r, at);
			if (next == at)
				next = at + 1;
			else
				copied = next;
		}
		at = next;
	}
	if (copied < html.len && !r.failed)
		add_node(&r, DOM_TEXT, str_slice(html, copied, html.len));
	return r.failed ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

void dom_release(struct dom *dom)
{
	alloc_free(dom->alloc, dom->nodes);
	*dom = (struct dom){.alloc = dom->alloc};
}

struct str dom_source(const struct dom *dom, uint32_t node)
{
	return (struct str){dom->html.ptr + dom->nodes[node].begin, dom->nodes[node].len};
}

struct str dom_attribute(const struct dom *dom, uint32_t node, const char *name)
{
	if (dom->nodes[node].tag == DOM_TEXT || dom->nodes[node].len == 0)
		return STR("");
	return tag_attribute(dom_source(dom, node), str_c(name));
}

bool dom_has_class(const struct dom *dom, uint32_t node, const char *word)
{
	struct str rest = dom_attribute(dom, node, "class"), part;

	while (rest.ptr && str_cut(&rest, ' ', &part))
		if (str_eq_nocase(str_trim(part), str_c(word)))
			return true;
	return false;
}
