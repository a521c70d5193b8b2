/* HTML pages: a walk over what content.h chose of the tree feeds the builder. */
#include <string.h>

#include "base/utf8.h"
#include "parse/builder.h"
#include "parse/content.h"
#include "parse/formats.h"
#include "parse/frontmatter.h"
#include "parse/tag.h"

enum {
	LANGUAGE_MAX = 24,
	LANGUAGE_LEVELS = 4, /* elements around <pre> whose class may name its language */
	META_MAX = 2000,
};

struct page {
	struct dom dom;
	struct content content;
	struct builder b;
	struct buf code;
	struct str html;
	size_t line, line_at; /* the line that the byte html[line_at] is on */
	size_t front_lines;
	int lists, tables, level; /* level: of the last heading */
	bool in_pre, in_heading, in_cell, in_header_row;
	bool templates;        /* shortcodes in the text are a site generator's */
	struct str waiting_id; /* of an empty anchor in front of a heading */
};

static void visit_children(struct page *p, uint32_t node);

/* The line of the page that its byte `at` is on; asked in order, hardly ever for an earlier one. */
static size_t line_of(struct page *p, size_t at)
{
	while (p->line_at < at)
		p->line += p->html.ptr[p->line_at++] == '\n';
	return p->front_lines + p->line;
}

static void note_line(struct page *p, uint32_t node)
{
	size_t line = line_of(p, p->dom.nodes[node].begin);

	builder_lines(&p->b, line, line);
}

static void note_text(struct page *p, struct str text)
{
	size_t first;

	text = str_trim(text);
	if (text.len == 0)
		return;
	first = line_of(p, (size_t)(text.ptr - p->html.ptr));
	builder_lines(&p->b, first, line_of(p, (size_t)(text.ptr - p->html.ptr) + text.len));
}

static void put_span(struct page *p, struct str text)
{
	if (p->in_pre)
		buf_append(&p->code, text);
	else
		builder_text(&p->b, text);
}

/* "{{< x >}}" or "{{% x %}}" at text[at]: its length, else 0. */
static size_t shortcode_length(struct str text, size_t at)
{
	struct str rest = str_slice(text, at, at + 512);
	size_t end;

	if (!str_starts(rest, STR("{{<")) && !str_starts(rest, STR("{{%")))
		return 0;
	end = str_find(rest, STR("}}"), 3);
	return end == STR_NPOS ? 0 : end + 2;
}

static void put_text(struct page *p, struct str text)
{
	size_t copied = 0, i = 0;

	while (i < text.len) {
		int32_t codepoint = 0;
		size_t size = 0;
		char bytes[4];

		if (text.ptr[i] == '&')
			size = tag_entity(text, i, &codepoint);
		else if (text.ptr[i] == '{' && p->templates && !p->in_pre)
			size = shortcode_length(text, i);
		if (size == 0) {
			i++;
			continue;
		}
		put_span(p, str_slice(text, copied, i));
		if (codepoint)
			put_span(p, (struct str){bytes, utf8_encode(codepoint, bytes)});
		i += size;
		copied = i;
	}
	put_span(p, str_slice(text, copied, text.len));
}

/* Where a block begins or ends: items, cells and headings go on. */
static void part(struct page *p)
{
	if (p->in_pre)
		return;
	if (p->in_cell || p->in_heading || p->b.kind == BLOCK_LIST_ITEM)
		builder_space(&p->b);
	else
		builder_flush(&p->b);
}

/* The same where what follows is a block of its own even within an item. */
static void part_item(struct page *p)
{
	if (p->in_cell || p->in_heading)
		builder_space(&p->b);
	else
		builder_flush(&p->b);
}

/* The words of an attribute in the arena, entities decoded, on one line. */
static struct str plain(struct page *p, struct str value)
{
	struct str text;

	value = utf8_prefix(value, META_MAX);
	buf_clear(&p->b.text);
	put_text(p, value);
	text = arena_str(p->b.arena, str_trim(buf_str(&p->b.text)));
	buf_clear(&p->b.text);
	if (!text.ptr && !builder_failed(&p->b))
		p->b.code = arena_fail(p->b.arena, p->b.err);
	return text.ptr ? text : STR("");
}

static bool only_mark(struct page *p, uint32_t node)
{
	static const char *const marks[] = {"",         "\xC2\xB6",         "#",
					    "\xC2\xA7", "\xF0\x9F\x94\x97", "&para;",
					    "&#182;",   "\xEF\x83\x81",     "\xE2\x80\x8B",
					    "&#x200b;", "&#8203;",          "[source]",
					    "[docs]"};
	uint32_t child = p->dom.nodes[node].first;
	struct str text = STR("");

	if (child) {
		if (p->dom.nodes[child].tag != DOM_TEXT || p->dom.nodes[child].next)
			return false;
		text = str_trim(dom_source(&p->dom, child));
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (str_eq(text, str_c(marks[i])))
			return true;
	return false;
}

/* A link that is no text: a heading's own, "edit this page" and the like. */
static bool is_furniture(struct page *p, uint32_t node)
{
	static const char *const classes[] = {
		"headerlink",           "header-anchor", "hash-link",
		"anchor-link",          "permalink",     "anchorjs-link",
		"td-heading-self-link", "heading-anchor"};
	static const char *const texts[] = {"edit this page",       "edit page",
					    "edit on github",       "view page source",
					    "view source",          "view on github",
					    "improve this page",    "report an issue",
					    "suggest an edit",      "back to top",
					    "skip to content",      "skip to main content",
					    "create child page",    "create documentation issue",
					    "create project issue", "print entire section",
					    "print page",           "show source",
					    "table of contents",    "accept all cookies"};
	uint32_t child = p->dom.nodes[node].first;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (dom_has_class(&p->dom, node, classes[i]))
			return true;
	if (p->in_heading && only_mark(p, node))
		return true;
	/* an icon often stands in front of the words */
	for (int i = 0; child && i < 4; i++, child = p->dom.nodes[child].next) {
		struct str text = str_trim(dom_source(&p->dom, child));

		for (size_t k = 0;
		     p->dom.nodes[child].tag == DOM_TEXT && k < sizeof(texts) / sizeof(texts[0]);
		     k++)
			if (str_eq_nocase(text, str_c(texts[k])))
				return true;
	}
	return false;
}

static struct str id_of(struct page *p, uint32_t node)
{
	struct str id = dom_attribute(&p->dom, node, "id");

	if (id.len == 0 && p->dom.nodes[node].tag == DOM_A)
		id = dom_attribute(&p->dom, node, "name");
	return id;
}

/* The id that a link within the heading has or points to. */
static struct str inner_id(struct page *p, uint32_t heading)
{
	for (uint32_t i = p->dom.nodes[heading].first; i; i = p->dom.nodes[i].next) {
		bool anchor = p->dom.nodes[i].tag == DOM_A || p->dom.nodes[i].tag == DOM_INLINE;
		struct str id = anchor ? id_of(p, i) : STR(""), href = STR("");

		if (id.len)
			return id;
		if (p->dom.nodes[i].tag == DOM_A)
			href = dom_attribute(&p->dom, i, "href");
		if (href.len > 1 && href.ptr[0] == '#')
			return str_slice(href, 1, href.len);
	}
	return STR("");
}

/* The id of the section that the heading opens, as Sphinx has it. */
static struct str outer_id(struct page *p, uint32_t heading)
{
	uint32_t parent = p->dom.nodes[heading].parent;

	if (p->dom.nodes[parent].tag != DOM_SECTION && p->dom.nodes[parent].tag != DOM_BLOCK)
		return STR("");
	for (uint32_t i = p->dom.nodes[parent].first; i && i != heading; i = p->dom.nodes[i].next) {
		/* empty anchors may come first */
		bool empty = p->dom.nodes[i].tag == DOM_TEXT
				     ? str_trim(dom_source(&p->dom, i)).len == 0
				     : p->content.solid[i] == 0;

		if (!empty || p->dom.nodes[i].tag == DOM_HEADING)
			return STR("");
	}
	return id_of(p, parent);
}

static void start_section(struct page *p, int level, struct str id)
{
	struct str anchor = arena_str(p->b.arena, id);

	builder_section(&p->b, level, anchor);
	if (!anchor.ptr && p->b.code == ERR_OK)
		p->b.code = arena_fail(p->b.arena, p->b.err);
	p->waiting_id = STR("");
}

static void visit_heading(struct page *p, uint32_t node)
{
	struct str id = id_of(p, node);

	if (p->in_cell || p->in_heading) {
		builder_space(&p->b);
		visit_children(p, node);
		builder_space(&p->b);
		return;
	}
	builder_flush(&p->b);
	builder_flush_lead(&p->b);
	if (id.len == 0)
		id = inner_id(p, node);
	if (id.len == 0)
		id = outer_id(p, node);
	if (id.len == 0)
		id = p->waiting_id;
	p->in_heading = true;
	visit_children(p, node);
	p->in_heading = false;
	if (str_trim(buf_str(&p->b.text)).len == 0)
		return;
	p->level = p->dom.nodes[node].level;
	start_section(p, p->level, id);
	note_line(p, node);
}

/* A language's name as fences have it; empty when the word is none. */
static struct str language_word(struct str word)
{
	static const char *const prefixes[] = {"language-",       "lang-",      "highlight-source-",
					       "highlight-text-", "highlight-", "brush:"};
	static const char *const none[] = {"default",     "none",  "text",        "plaintext",
					   "notranslate", "plain", "nohighlight", "fallback",
					   "txt",         "code"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!str_starts(word, str_c(prefixes[i])))
			continue;
		word = str_slice(word, strlen(prefixes[i]), word.len);
		for (size_t k = 0; k < sizeof(none) / sizeof(none[0]); k++)
			if (str_eq(word, str_c(none[k])))
				return STR("");
		if (str_eq(word, STR("python3")) || str_eq(word, STR("ipython3")))
			return STR("python");
		return word.len <= LANGUAGE_MAX ? word : STR("");
	}
	return STR("");
}

static struct str node_language(struct page *p, uint32_t node)
{
	struct str rest = dom_attribute(&p->dom, node, "data-lang"), part_of;

	if (rest.len && rest.len <= LANGUAGE_MAX)
		return language_word(rest).len ? language_word(rest) : rest;
	rest = dom_attribute(&p->dom, node, "class");
	while (rest.ptr && str_cut(&rest, ' ', &part_of)) {
		struct str word = language_word(str_trim(part_of));

		if (word.len)
			return word;
	}
	return STR("");
}

static struct str code_language(struct page *p, uint32_t pre)
{
	struct str language;
	uint32_t node = pre;

	for (uint32_t i = p->dom.nodes[pre].first; i; i = p->dom.nodes[i].next) {
		if (p->dom.nodes[i].tag != DOM_CODE)
			continue;
		language = node_language(p, i);
		if (language.len)
			return language;
		break;
	}
	for (int i = 0; i < LANGUAGE_LEVELS && node; i++, node = p->dom.nodes[node].parent) {
		language = node_language(p, node);
		if (language.len)
			return language;
	}
	return STR("");
}

static void visit_pre(struct page *p, uint32_t node)
{
	struct str code;

	part_item(p);
	note_line(p, node);
	buf_clear(&p->code);
	p->in_pre = true;
	visit_children(p, node);
	p->in_pre = false;
	builder_check(&p->b, &p->code);
	if (builder_failed(&p->b))
		return;
	code = buf_str(&p->code);
	if (code.len && code.ptr[0] == '\n')
		code = str_slice(code, 1, code.len);
	if (p->in_cell || p->in_heading)
		builder_text(&p->b, code);
	else
		builder_code(&p->b, code, code_language(p, node));
}

/* Tables that only put numbers beside lines of code. */
static bool is_code_table(struct page *p, uint32_t node)
{
	return dom_has_class(&p->dom, node, "highlighttable") ||
	       dom_has_class(&p->dom, node, "lntable") ||
	       dom_has_class(&p->dom, node, "rouge-table") ||
	       dom_has_class(&p->dom, node, "codehilitetable");
}

static void visit_table(struct page *p, uint32_t node)
{
	if (p->in_cell || p->in_heading || is_code_table(p, node)) {
		builder_space(&p->b);
		visit_children(p, node);
		builder_space(&p->b);
		return;
	}
	builder_flush(&p->b);
	builder_table_end(&p->b);
	p->tables++;
	visit_children(p, node);
	p->tables--;
	builder_table_end(&p->b);
}

static void visit_row(struct page *p, uint32_t node)
{
	bool all_headers = true;

	if (p->in_cell || p->tables == 0) {
		visit_children(p, node);
		part(p);
		return;
	}
	builder_flush(&p->b);
	for (uint32_t i = p->dom.nodes[node].first; i; i = p->dom.nodes[i].next)
		all_headers = all_headers && p->dom.nodes[i].tag != DOM_TD;
	visit_children(p, node);
	builder_row(&p->b, all_headers);
	note_line(p, node);
}

static void visit_cell(struct page *p, uint32_t node)
{
	if (p->in_cell || p->in_heading || p->tables == 0) {
		builder_space(&p->b);
		visit_children(p, node);
		builder_space(&p->b);
		return;
	}
	p->in_cell = true;
	visit_children(p, node);
	p->in_cell = false;
	builder_cell(&p->b);
}

static void visit_item(struct page *p, uint32_t node)
{
	part_item(p);
	if (!p->in_cell && !p->in_heading) {
		p->b.kind = BLOCK_LIST_ITEM;
		p->b.depth = p->lists > 0 ? p->lists - 1 : 0;
		note_line(p, node);
	}
	visit_children(p, node);
	part_item(p);
}

static void visit_list(struct page *p, uint32_t node)
{
	part_item(p);
	p->lists++;
	visit_children(p, node);
	p->lists--;
	part_item(p);
}

/* A symbol of an API's reference: a section of its own, its signature as code. */
static void visit_signature(struct page *p, uint32_t node)
{
	struct str id = id_of(p, node), signature;
	int level = p->level < 6 ? p->level + 1 : 6;
	bool python = dom_has_class(&p->dom, p->dom.nodes[node].parent, "py") ||
		      dom_has_class(&p->dom, p->dom.nodes[node].parent, "function") ||
		      dom_has_class(&p->dom, p->dom.nodes[node].parent, "class");

	builder_flush(&p->b);
	p->in_heading = true;
	visit_children(p, node);
	p->in_heading = false;
	builder_check(&p->b, &p->b.text);
	signature = arena_str(p->b.arena, str_trim(buf_str(&p->b.text)));
	buf_clear(&p->b.text);
	if (signature.len == 0)
		return;
	if (id.len) {
		builder_text(&p->b, id);
		start_section(p, level, id);
	}
	builder_code(&p->b, signature, python ? STR("python") : STR(""));
	note_line(p, node);
}

static void visit_term(struct page *p, uint32_t node)
{
	struct str term;

	part_item(p);
	if (p->in_cell || p->in_heading) {
		visit_children(p, node);
		return;
	}
	if (dom_has_class(&p->dom, node, "sig") || dom_has_class(&p->dom, node, "sig-object")) {
		visit_signature(p, node);
		return;
	}
	note_line(p, node);
	p->in_heading = true;
	visit_children(p, node);
	p->in_heading = false;
	builder_check(&p->b, &p->b.text);
	term = str_trim(buf_str(&p->b.text));
	if (term.len && !builder_failed(&p->b))
		builder_lead(&p->b, term);
	buf_clear(&p->b.text);
}

static void visit_paragraph(struct page *p, uint32_t node)
{
	bool title =
		dom_has_class(&p->dom, node, "admonition-title") && !p->in_cell && !p->in_heading;
	struct str text;

	part(p);
	note_line(p, node);
	visit_children(p, node);
	builder_check(&p->b, &p->b.text);
	text = str_trim(buf_str(&p->b.text));
	if (title && text.len && p->b.kind == BLOCK_PARAGRAPH && !builder_failed(&p->b)) {
		builder_lead(&p->b, text);
		buf_clear(&p->b.text);
	}
	part(p);
}

/* Code in running text, marked as Markdown does; headings are names and have no marks. */
static void visit_code_span(struct page *p, uint32_t node)
{
	if (p->in_heading) {
		visit_children(p, node);
		return;
	}
	buf_clear(&p->code);
	p->in_pre = true;
	visit_children(p, node);
	p->in_pre = false;
	builder_check(&p->b, &p->code);
	if (!builder_failed(&p->b))
		builder_code_span(&p->b, buf_str(&p->code));
}

/* An element that has an id and no text may name the heading behind it. */
static void note_id(struct page *p, uint32_t node)
{
	struct str id;

	if (p->content.solid[node] || p->dom.nodes[node].len == 0)
		return;
	id = id_of(p, node);
	if (id.len)
		p->waiting_id = id;
}

/* Elements that are only passed through, with or without ends of blocks. */
static void visit_container(struct page *p, uint32_t node, bool block)
{
	if (block)
		part(p);
	visit_children(p, node);
	if (block)
		part(p);
}

/* Depth is bounded by DOM_DEPTH. */
static void visit(struct page *p, uint32_t node)
{
	enum dom_tag tag = (enum dom_tag)p->dom.nodes[node].tag;

	if (tag == DOM_TEXT) {
		struct str text = dom_source(&p->dom, node);

		if (!p->in_heading && str_trim(text).len) {
			note_text(p, text);
			p->waiting_id = STR("");
		}
		put_text(p, text);
		return;
	}
	if (content_dropped(&p->content, node) || builder_failed(&p->b))
		return;
	if (p->in_pre) {
		if (tag == DOM_BR)
			buf_append_byte(&p->code, '\n');
		visit_children(p, node);
		return;
	}
	switch ((int)tag) {
	case DOM_HEADING:
		visit_heading(p, node);
		break;
	case DOM_PRE:
		visit_pre(p, node);
		break;
	case DOM_TABLE:
		visit_table(p, node);
		break;
	case DOM_ROW:
		visit_row(p, node);
		break;
	case DOM_TD:
	case DOM_TH:
		visit_cell(p, node);
		break;
	case DOM_LI:
		visit_item(p, node);
		break;
	case DOM_LIST:
		visit_list(p, node);
		break;
	case DOM_DT:
		visit_term(p, node);
		break;
	case DOM_P:
		visit_paragraph(p, node);
		break;
	case DOM_BR:
		builder_space(&p->b);
		break;
	case DOM_IMG:
		builder_space(&p->b);
		put_text(p, dom_attribute(&p->dom, node, "alt"));
		builder_space(&p->b);
		break;
	case DOM_A:
		note_id(p, node);
		if (!is_furniture(p, node))
			visit_children(p, node);
		break;
	case DOM_CODE:
		visit_code_span(p, node);
		break;
	case DOM_INLINE:
		note_id(p, node);
		visit_container(p, node, false);
		break;
	default:
		visit_container(p, node, true);
		break;
	}
}

static void visit_children(struct page *p, uint32_t node)
{
	for (uint32_t i = p->dom.nodes[node].first; i; i = p->dom.nodes[i].next)
		visit(p, i);
}

/* "Install | Kubeflow" is "Install": sites append their own name. */
static struct str without_site(struct str title)
{
	static const char *const marks[] = {" | ",  " \xE2\x80\x94 ", " \xE2\x80\x93 ",
					    " :: ", " \xC2\xB7 ",     " - "};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t at = str_find(title, str_c(marks[i]), 0), last = STR_NPOS;

		while (at != STR_NPOS) {
			last = at;
			at = str_find(title, str_c(marks[i]), at + 1);
		}
		if (last != STR_NPOS && last > 0)
			return str_trim(str_slice(title, 0, last));
	}
	return title;
}

static bool has_word(struct str list, struct str wanted)
{
	struct str word;

	while (list.ptr && str_cut(&list, ' ', &word))
		if (str_eq_nocase(word, wanted))
			return true;
	return false;
}

struct head {
	uint32_t title, h1;
	struct str description, og_description, canonical;
};

/* What the page says of itself, wherever in it. */
static void read_head(struct page *p, struct head *head)
{
	const struct dom *dom = &p->dom;

	for (uint32_t i = 1; i < dom->count; i++) {
		const struct dom_node *node = &dom->nodes[i];

		if (node->tag == DOM_TITLE && !head->title &&
		    dom->nodes[node->parent].tag != DOM_SKIP) {
			head->title = i;
		} else if (node->tag == DOM_HEADING && node->level == 1 && !head->h1) {
			head->h1 = i;
		} else if (node->tag == DOM_META) {
			struct str content = dom_attribute(dom, i, "content");

			if (str_eq_nocase(dom_attribute(dom, i, "name"), STR("description")))
				head->description = content;
			if (str_eq_nocase(dom_attribute(dom, i, "property"), STR("og:description")))
				head->og_description = content;
		} else if (node->tag == DOM_LINK && head->canonical.len == 0 &&
			   has_word(dom_attribute(dom, i, "rel"), STR("canonical"))) {
			head->canonical = dom_attribute(dom, i, "href");
		}
	}
}

/* The page's own title, or a heading outside of the content (more often the site's name). */
static struct str fallback_title(struct page *p, const struct head *head)
{
	struct str title = STR("");

	if (head->title && p->dom.nodes[head->title].first)
		title = without_site(
			plain(p, dom_source(&p->dom, p->dom.nodes[head->title].first)));
	if (title.len || !head->h1)
		return title;
	buf_clear(&p->b.text);
	p->in_heading = true;
	visit_children(p, head->h1);
	p->in_heading = false;
	title = arena_str(p->b.arena, str_trim(buf_str(&p->b.text)));
	buf_clear(&p->b.text);
	return title.ptr ? title : STR("");
}

static void read_page(struct page *p, struct document *out)
{
	struct head head = {
		.description = STR(""), .og_description = STR(""), .canonical = STR("")};

	read_head(p, &head);
	if (out->description.len == 0)
		out->description =
			plain(p, head.description.len ? head.description : head.og_description);
	if (out->url.len == 0 && (str_starts(head.canonical, STR("https://")) ||
				  str_starts(head.canonical, STR("http://"))))
		out->url = plain(p, head.canonical);
	if (out->title.len == 0 && !(p->content.flags[p->content.root] & CONTENT_HAS_H1))
		out->title = fallback_title(p, &head);
	visit_children(p, p->content.root);
	builder_flush(&p->b);
	if (out->title.len == 0)
		out->title = fallback_title(p, &head);
}

enum err_code parse_html(struct str text, struct arena *arena, struct document *out,
			 struct err *err)
{
	struct frontmatter front;
	struct page p = {.line = 1, .waiting_id = STR("")};
	enum err_code code;

	document_init(out);
	code = frontmatter_read(text, arena, &front, err);
	if (code != ERR_OK)
		return code;
	out->title = front.title;
	out->description = front.description;
	out->url = front.url;
	out->slug = front.slug;
	out->draft = front.draft;
	p.html = front.body;
	p.templates = front.body.len != text.len;
	for (const char *c = text.ptr; c < front.body.ptr; c++)
		p.front_lines += *c == '\n';
	buf_init(&p.code, arena->alloc, front.body.len * 2 + 64);
	/* marks of code in running text are two bytes more for each */
	builder_init(&p.b, arena, out, front.body.len * 4 + 4096, err);
	p.content.alloc = arena->alloc;
	code = dom_parse(p.html, arena->alloc, &p.dom, err);
	if (code == ERR_OK)
		code = content_find(&p.dom, arena->alloc, &p.content, err);
	if (code == ERR_OK) {
		read_page(&p, out);
		code = builder_finish(&p.b);
	}
	content_release(&p.content);
	dom_release(&p.dom);
	builder_release(&p.b);
	buf_release(&p.code);
	return code;
}
