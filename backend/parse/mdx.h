/* What MDX and Docusaurus add to Markdown. */
#ifndef DOCS_BOT_PARSE_MDX_H
#define DOCS_BOT_PARSE_MDX_H

#include "base/arena.h"
#include "base/str.h"

/*
 * Markdown without it, line for line: ":::note Title" becomes the words "Note: Title"; of a page that
 * begins with import lines, these and export lines go, and the tags of components ("<TabItem …>"), with
 * their words kept. Code blocks stay as they are. The text itself when there is nothing to change; ptr
 * NULL when the arena is exhausted. Linear time.
 */
struct str mdx_plain(struct str text, struct arena *arena);

#endif
