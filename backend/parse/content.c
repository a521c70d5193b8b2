#include "parse/content.h"

#include <string.h>

enum {
	/* shares in percent, chosen on pages of Hugo, Sphinx, MkDocs and Docusaurus */
	NOTICE_MAX = 40, /* more of the page's text is no menu or notice, whatever its name */
	ROOT_MIN = 20,   /* less of it is no main content, */
	INNER_MIN = 60,  /* an inner container of the root must hold that much of it, */
	DENSE_MIN = 75,  /* and a child to go down to that much of its parent */
	NAME_PARTS = 24, /* words of a class that are looked at */
};

/* Parts of the names of classes and ids (between '-' and '_') that say "not the text". */
static const char *const dropped_parts[] = {
	"toc",           "tableofcontents",
	"breadcrumb",    "breadcrumbs",
	"sidebar",       "navbar",
	"cookie",        "cookies",
	"consent",       "gdpr",
	"footer",        "pagination",
	"pager",         "feedback",
	"share",         "social",
	"newsletter",    "sphinxsidebar",
	"toctree",       "sidenav",
	"topnav",        "menu",
	"skip",          "searchbox",
	"copybtn",       "clipboard",
	"banner",        "related",
	"announcement",  "headerlink",
	"advertisement",
};

/* Whole names, where their parts alone would say too little. */
static const char *const dropped_names[] = {
	"page-meta",
	"td-page-meta",
	"edit-page",
	"edit-this-page",
	"prev-next",
	"next-prev",
	"skip-link",
	"contents",
	"sr-only",
	"visually-hidden",
	"theme-edit-this-page",
	"last-updated",
	"theme-last-updated",
	"post-nav",
	"page-nav",
	"prev-next-area",
	"article-nav",
	"on-this-page",
	"linenos",
	"lineno",
	"lnt",
	"ln",
	"linenodiv",
	"gutter",
	"line-numbers",
	"line-number",
	"viewcode-link",
	"viewcode-back",
};

static const char *const contents_ids[] = {"toc", "table-of-contents", "table_of_contents",
					   "_table_of_contents"};

static const char *const containers[] = {
	"td-content",         "markdown-body",       "md-content",    "rst-content",
	"theme-doc-markdown", "post-content",        "entry-content", "page-content",
	"article-body",       "main-content",        "bodywrapper",   "documentwrapper",
	"doc-content",        "sl-markdown-content", "content",       "main",
};

static bool is_in(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, str_c(list[i])))
			return true;
	return false;
}

#define IS_IN(word, list) is_in(word, list, sizeof(list) / sizeof((list)[0]))

static bool drops_name(struct str name)
{
	struct str rest = name;
	size_t begin = 0;

	if (IS_IN(name, dropped_names))
		return true;
	/* tabs are navigation by name, and part of the text */
	if (str_find_nocase(name, STR("tabs"), 0) != STR_NPOS || str_starts(name, STR("no-")) ||
	    str_starts(name, STR("has-")) || str_starts(name, STR("with-")))
		return false;
	for (size_t i = 0; i <= rest.len; i++) {
		if (i < rest.len && rest.ptr[i] != '-' && rest.ptr[i] != '_')
			continue;
		if (IS_IN(str_slice(rest, begin, i), dropped_parts))
			return true;
		begin = i + 1;
	}
	return false;
}

static bool drops_names(struct str names)
{
	struct str part;
	size_t count = 0;

	while (names.ptr && count < NAME_PARTS && str_cut(&names, ' ', &part))
		if (part.len && ++count && drops_name(str_trim(part)))
			return true;
	return false;
}

static bool is_admonition(const struct dom *dom, uint32_t node)
{
	static const char *const words[] = {"admonition", "note",  "warning",        "tip",
					    "callout",    "alert", "starlight-aside"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (dom_has_class(dom, node, words[i]))
			return true;
	return false;
}

static bool drops_role(struct str role)
{
	static const char *const roles[] = {"navigation", "banner",        "contentinfo",
					    "search",     "complementary", "alertdialog",
					    "dialog",     "doc-toc"};

	return IS_IN(role, roles);
}

static bool is_hidden(const struct dom *dom, uint32_t node)
{
	struct str source = dom_source(dom, node);

	/* most elements have none of it: a glance at the attributes is enough */
	if (str_find_nocase(source, STR("hidden"), 0) == STR_NPOS &&
	    str_find_nocase(source, STR("display"), 0) == STR_NPOS)
		return false;
	if (str_eq_nocase(dom_attribute(dom, node, "aria-hidden"), STR("true")))
		return true;
	/* panels of tabs that are not shown at first are content */
	if (str_eq(dom_attribute(dom, node, "role"), STR("tabpanel")))
		return false;
	struct str style = dom_attribute(dom, node, "style");
	return str_find_nocase(style, STR("display:none"), 0) != STR_NPOS ||
	       str_find_nocase(style, STR("display: none"), 0) != STR_NPOS;
}

/* Whether the element is left out; `share` is the percentage of the page's text in it. */
static bool is_dropped(const struct content *c, uint32_t i, uint32_t share)
{
	const struct dom *dom = c->dom;
	bool has_h1 = c->flags[i] & CONTENT_HAS_H1;

	switch ((enum dom_tag)dom->nodes[i].tag) {
	case DOM_SKIP:
	case DOM_NAV:
	case DOM_LINK:
	case DOM_META:
	case DOM_TITLE:
		return true;
	case DOM_BUTTON:
		return !str_eq(dom_attribute(dom, i, "role"), STR("tab"));
	case DOM_FOOTER:
	case DOM_HEADER:
		return !has_h1;
	case DOM_ASIDE:
		return !has_h1 && !is_admonition(dom, i);
	case DOM_TEXT:
	case DOM_ROOT:
	case DOM_MAIN:
	case DOM_ARTICLE:
	case DOM_IMG:
	case DOM_BR:
		return false;
	case DOM_INLINE:
	case DOM_BLOCK:
	case DOM_A:
	case DOM_CAPTION:
	case DOM_CODE:
	case DOM_DD:
	case DOM_DL:
	case DOM_DT:
	case DOM_HEADING:
	case DOM_LI:
	case DOM_LIST:
	case DOM_P:
	case DOM_PRE:
	case DOM_ROW:
	case DOM_SECTION:
	case DOM_TABLE:
	case DOM_TD:
	case DOM_TH:
		break;
	}
	if (dom->nodes[i].len == 0 || has_h1)
		return false;
	if (is_hidden(dom, i))
		return true;
	if (share > NOTICE_MAX || dom->nodes[i].tag == DOM_HEADING || is_admonition(dom, i))
		return false;
	if (drops_role(dom_attribute(dom, i, "role")) ||
	    drops_names(dom_attribute(dom, i, "class")))
		return true;
	if (IS_IN(dom_attribute(dom, i, "id"), contents_ids))
		return true;
	/* a section's id is made of its heading, which may be about anything else */
	return dom->nodes[i].tag == DOM_BLOCK && !dom_has_class(dom, i, "section") &&
	       drops_names(dom_attribute(dom, i, "id"));
}

static uint32_t text_bytes(struct str text)
{
	uint32_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += (unsigned char)text.ptr[i] > ' ';
	return count;
}

/* From the last node to the first, since what is in an element comes behind it. */
static void weigh(struct content *c)
{
	const struct dom *dom = c->dom;
	uint64_t total = 0;

	for (size_t i = 0; i < dom->count; i++)
		if (dom->nodes[i].tag == DOM_TEXT)
			total += c->solid[i] = text_bytes(dom_source(dom, (uint32_t)i));
	for (size_t i = dom->count - 1; i > 0; i--) {
		const struct dom_node *node = &dom->nodes[i];

		if (node->tag == DOM_HEADING && node->level == 1)
			c->flags[i] |= CONTENT_HAS_H1;
		if (is_dropped(c, (uint32_t)i,
			       (uint32_t)(total ? c->solid[i] * UINT64_C(100) / total : 0))) {
			c->flags[i] = CONTENT_DROPPED;
			continue;
		}
		c->flags[node->parent] |= c->flags[i] & CONTENT_HAS_H1;
		if (node->tag != DOM_A)
			c->solid[node->parent] += c->solid[i];
	}
}

/* 0 for no container, else how sure it is to be the content. */
static int container_rank(const struct dom *dom, uint32_t i)
{
	const struct dom_node *node = &dom->nodes[i];
	struct str rest, part;
	size_t count = 0;

	if (node->tag == DOM_TEXT)
		return 0;
	if (node->tag == DOM_MAIN || str_eq(dom_attribute(dom, i, "role"), STR("main")))
		return 3;
	if (node->tag == DOM_ARTICLE)
		return 2;
	if (node->tag != DOM_BLOCK && node->tag != DOM_SECTION)
		return 0;
	if (IS_IN(dom_attribute(dom, i, "id"), containers))
		return 1;
	rest = dom_attribute(dom, i, "class");
	while (rest.ptr && count++ < NAME_PARTS && str_cut(&rest, ' ', &part))
		if (IS_IN(str_trim(part), containers))
			return 1;
	return 0;
}

/* Goes down as long as one child holds nearly everything. */
static uint32_t densest(const struct content *c, uint32_t from)
{
	const struct dom *dom = c->dom;

	for (;;) {
		uint32_t next = 0;

		for (uint32_t i = dom->nodes[from].first; i; i = dom->nodes[i].next) {
			enum dom_tag tag = (enum dom_tag)dom->nodes[i].tag;

			if ((tag == DOM_BLOCK || tag == DOM_SECTION || tag == DOM_MAIN ||
			     tag == DOM_ARTICLE) &&
			    !(c->flags[i] & CONTENT_DROPPED) &&
			    c->solid[i] * UINT64_C(100) >= c->solid[from] * (uint64_t)DENSE_MIN &&
			    c->solid[i] &&
			    (c->flags[i] & CONTENT_HAS_H1) == (c->flags[from] & CONTENT_HAS_H1))
				next = i;
		}
		if (next == 0)
			return from;
		from = next;
	}
}

static void choose_root(struct content *c)
{
	const struct dom *dom = c->dom;
	uint32_t best = 0, end;
	int best_rank = 0;

	for (uint32_t i = 1; i < dom->count; i++) {
		int rank;

		if (c->solid[i] == 0 || (c->flags[i] & CONTENT_DROPPED) ||
		    c->solid[i] * UINT64_C(100) < c->solid[0] * (uint64_t)ROOT_MIN)
			continue;
		rank = container_rank(dom, i);
		if (rank > best_rank ||
		    (rank && rank == best_rank && c->solid[i] > c->solid[best])) {
			best = i;
			best_rank = rank;
		}
	}
	if (best_rank == 0) {
		c->root = densest(c, 0);
		return;
	}
	c->root = best;
	/* all that is in it comes behind it, up to the next node outside */
	for (end = best; end && !dom->nodes[end].next; end = dom->nodes[end].parent)
		;
	end = end ? dom->nodes[end].next : (uint32_t)dom->count;
	for (uint32_t i = best + 1; i < end; i++)
		if (!(c->flags[i] & CONTENT_DROPPED) &&
		    c->solid[i] * UINT64_C(100) >= c->solid[best] * (uint64_t)INNER_MIN &&
		    (c->flags[i] & CONTENT_HAS_H1) == (c->flags[best] & CONTENT_HAS_H1) &&
		    container_rank(dom, i))
			c->root = i;
}

enum err_code content_find(const struct dom *dom, const struct alloc *alloc, struct content *out,
			   struct err *err)
{
	*out = (struct content){.alloc = alloc, .dom = dom};
	out->solid = alloc_zero(alloc, dom->count, sizeof(*out->solid));
	out->flags = alloc_zero(alloc, dom->count, sizeof(*out->flags));
	if (!out->solid || !out->flags)
		return err_set(err, ERR_NOMEM, "out of memory");
	weigh(out);
	choose_root(out);
	return ERR_OK;
}

void content_release(struct content *content)
{
	alloc_free(content->alloc, content->solid);
	alloc_free(content->alloc, content->flags);
}

bool content_dropped(const struct content *content, uint32_t node)
{
	return content->flags[node] & CONTENT_DROPPED;
}
