/* The parsers behind parse_document(), one a format; all keep its promises. */
#ifndef DOCS_BOT_PARSE_FORMATS_H
#define DOCS_BOT_PARSE_FORMATS_H

#include "parse/document.h"

/*
 * Manifests: a section for each document, its heading "Kind name (namespace)", leading comments as
 * paragraphs, the text of the document as code. Other files: one section, or one for each few
 * top-level keys of a long one. Text that is not YAML (Helm templates) is kept as it is.
 */
enum err_code parse_yaml(struct str text, struct arena *arena, struct document *out,
			 struct err *err) WARN_UNUSED;

/*
 * Jupyter notebooks of format 3 and 4: Markdown cells, code cells in the kernel's language, the
 * beginning of text that they wrote. ERR_FORMAT when it is not JSON.
 */
enum err_code parse_notebook(struct str text, struct arena *arena, struct document *out,
			     struct err *err) WARN_UNUSED;

/*
 * HTML pages: what they have as content (content.h), headings with the ids they have in the page,
 * title from the first <h1> or <title>, description and canonical address from the head.
 */
enum err_code parse_html(struct str text, struct arena *arena, struct document *out,
			 struct err *err) WARN_UNUSED;

/*
 * reStructuredText as Sphinx sites have it: titles by the order of their adornments, anchors as
 * docutils makes them or by explicit targets, directives, roles, tables and literal blocks.
 */
enum err_code parse_rst(struct str text, struct arena *arena, struct document *out,
			struct err *err) WARN_UNUSED;

/*
 * Source code at the level of its symbols: the file's own documentation, then a section for each
 * class, function and method (Python) or each top-level declaration (Go) with its qualified name as
 * heading, its documentation, and its signature as code. Its lines are those of the whole symbol.
 */
enum err_code parse_python(struct str text, struct arena *arena, struct document *out,
			   struct err *err) WARN_UNUSED;
enum err_code parse_go(struct str text, struct arena *arena, struct document *out,
		       struct err *err) WARN_UNUSED;

#endif
