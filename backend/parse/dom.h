/*
 * The tree of an HTML page, read leniently: tags that are left out are closed where HTML says so,
 * ends without a beginning are ignored. Not a browser's tree for hostile pages, but made in linear
 * time and bounded depth (docs/decisions/0006-html.md).
 */
#ifndef DOCS_BOT_PARSE_DOM_H
#define DOCS_BOT_PARSE_DOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

#define DOM_DEPTH 200 /* elements that are nested deeper are their ancestor's children */

/* Elements that somebody asks for; all others are DOM_INLINE or DOM_BLOCK. */
enum dom_tag {
	DOM_TEXT,
	DOM_ROOT,
	DOM_INLINE,
	DOM_BLOCK,
	DOM_A,
	DOM_ARTICLE,
	DOM_ASIDE,
	DOM_BR,
	DOM_BUTTON,
	DOM_CAPTION,
	DOM_CODE,
	DOM_DD,
	DOM_DL,
	DOM_DT,
	DOM_FOOTER,
	DOM_HEADER,
	DOM_HEADING, /* h1 to h6, see dom_node.level */
	DOM_IMG,
	DOM_LI,
	DOM_LINK,
	DOM_LIST,
	DOM_MAIN,
	DOM_META,
	DOM_NAV,
	DOM_P,
	DOM_PRE,
	DOM_ROW,
	DOM_SECTION,
	DOM_SKIP, /* scripts, forms' fields, drawings: nothing to read */
	DOM_TABLE,
	DOM_TD,
	DOM_TH,
	DOM_TITLE,
};

struct dom_node {
	uint32_t begin, len;                /* in the page: the text, or the attributes */
	uint32_t parent, first, last, next; /* 0: none (the root is nobody's child) */
	uint8_t tag, level;
};

/* nodes[0] is the root; a node comes before all that is in it, and siblings in order. */
struct dom {
	const struct alloc *alloc;
	struct str html;
	struct dom_node *nodes;
	size_t count, capacity;
};

/*
 * `html` must outlive the tree. Fails with ERR_NOMEM, or with ERR_LIMIT for pages of 64 MB. Release
 * in every case.
 */
enum err_code dom_parse(struct str html, const struct alloc *alloc, struct dom *dom,
			struct err *err) WARN_UNUSED;
void dom_release(struct dom *dom);

/* The text of a text node, else the attributes (the first 4 KB of them). */
struct str dom_source(const struct dom *dom, uint32_t node);

/* An attribute as it is written; empty without it. */
struct str dom_attribute(const struct dom *dom, uint32_t node, const char *name);

/* Whether `word` is one of the words of the class. */
bool dom_has_class(const struct dom *dom, uint32_t node, const char *word);

#endif
