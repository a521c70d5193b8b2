/* One entry to all parsers: which format a file has, and its document. */
#ifndef DOCS_BOT_PARSE_PARSE_H
#define DOCS_BOT_PARSE_PARSE_H

#include <stdbool.h>

#include "parse/document.h"

enum parse_format {
	PARSE_UNKNOWN,
	PARSE_MARKDOWN, /* and MDX */
	PARSE_HTML,
	PARSE_RST,
	PARSE_NOTEBOOK,
	PARSE_YAML,
	PARSE_PYTHON,
	PARSE_GO,
	PARSE_PLAIN,
};

/*
 * By the ending of the path's last part, upper or lower case: .md .markdown .mdx, .html .htm, .rst,
 * .ipynb, .yaml .yml, .py, .go, .txt. PARSE_UNKNOWN for anything else.
 */
enum parse_format parse_format_of(struct str path);

/* Whether documents of the format are code rather than documentation: manifests, Python, Go. */
bool parse_format_is_code(enum parse_format format);

/*
 * Parses `text` (valid UTF-8, without a byte order mark) into *out; all in it lives in the arena, or
 * is a view of `text`, which must live as long. PARSE_UNKNOWN is read as HTML when it begins like
 * that, else as Markdown. Damaged input is hardly ever an error: what can be read of it is kept. Fails
 * with ERR_NOMEM, with ERR_LIMIT (too large, nested too deeply) or ERR_FORMAT (nothing can be read:
 * a notebook that is no JSON), which mean this document alone. Linear time; thread-safe.
 */
enum err_code parse_document(enum parse_format format, struct str text, struct arena *arena,
			     struct document *out, struct err *err) WARN_UNUSED;

#endif
