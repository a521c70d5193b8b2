/* Raw HTML inside Markdown: keeps what a reader sees, drops the tags. */
#ifndef DOCS_BOT_PARSE_HTML_H
#define DOCS_BOT_PARSE_HTML_H

#include <stdbool.h>

#include "parse/builder.h"
#include "parse/shortcode.h"

/*
 * What is open between two pieces of HTML: Markdown ends an HTML block at a blank line, so a
 * table or list often comes in several pieces with Markdown in between.
 */
struct html_state {
	bool in_cell, header_row; /* all cells of the open row so far are <th> */
	bool in_row;
	int lists; /* open <ul> and <ol> */
};

/*
 * Adds one piece (a block, or one inline tag) to the document. Comments, styles and scripts are
 * dropped; headings start sections (their anchor is the id, if they have one), <pre> is code, table rows and list items are blocks. Tags
 * that HTML does not have (<NAMESPACE>) are text that somebody forgot to escape: kept.
 */
void html_feed(struct html_state *state, struct builder *b, const struct shortcode_list *list,
	       struct str html);

/* Closes what is still open, where a section or the document ends. */
void html_end(struct html_state *state, struct builder *b);

#endif
