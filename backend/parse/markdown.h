/* Markdown that is a part of something else: a notebook's cell, for example. */
#ifndef DOCS_BOT_PARSE_MARKDOWN_H
#define DOCS_BOT_PARSE_MARKDOWN_H

#include "parse/builder.h"

/*
 * Adds the sections and blocks of `body` (Markdown without front matter, valid UTF-8). `front_lines`
 * are in front of it in the file. Text goes into the open section up to the first heading; nothing is
 * left open. The builder's text_max should be four times the body's length. Fails as builders do.
 */
enum err_code markdown_feed(struct builder *b, struct str body, size_t front_lines,
			    struct err *err) WARN_UNUSED;

#endif
