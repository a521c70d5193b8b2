/* Which part of an HTML page is its content, and what within that is not. */
#ifndef DOCS_BOT_PARSE_CONTENT_H
#define DOCS_BOT_PARSE_CONTENT_H

#include "parse/dom.h"

/* What is known of each node before the page is read; one entry a node. */
struct content {
	const struct alloc *alloc;
	const struct dom *dom;
	uint32_t *solid; /* bytes of text in it that are neither links nor dropped */
	uint8_t *flags;  /* CONTENT_… */
	uint32_t root;   /* the element that holds the content */
};

enum {
	CONTENT_DROPPED = 1, /* navigation, footer, notice or the like, with all that is in it */
	CONTENT_HAS_H1 = 2,
};

/*
 * The root is the page's <main>, role=main, <article> or container with a name that sites use for
 * their text; otherwise the innermost element that still holds nearly all running text. Linear time.
 * Fails with ERR_NOMEM; release in every case.
 */
enum err_code content_find(const struct dom *dom, const struct alloc *alloc, struct content *out,
			   struct err *err) WARN_UNUSED;
void content_release(struct content *content);

bool content_dropped(const struct content *content, uint32_t node);

#endif
