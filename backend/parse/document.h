/* The document tree that every format is parsed into: sections under headings, made of blocks. */
#ifndef DOCS_BOT_PARSE_DOCUMENT_H
#define DOCS_BOT_PARSE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum block_kind {
	BLOCK_PARAGRAPH, /* running text on one line, markup dropped */
	BLOCK_LIST_ITEM, /* one item's own text on one line (nested items are blocks of their own) */
	BLOCK_CODE,      /* lines exactly as written, no fence */
	BLOCK_TABLE_ROW, /* "header: cell; header: cell" on one line */
};

struct block {
	enum block_kind kind;
	struct str text;
	struct str language; /* of code, may be empty */
	int depth;           /* nesting of list items, 0 outermost */
};

/* A heading and what stands below it up to the next heading of any level. */
struct section {
	int level;          /* 1…6; 0 for the text before the first heading */
	struct str heading; /* plain text; empty for level 0 */
	struct str anchor;  /* id on the site, without '#'; empty for level 0 */
	struct str path;    /* "Outer heading > Inner heading", without the page title */
	struct block *blocks;
	size_t block_count;
	/* Lines of the source file, from 1, from the heading to the last text; 0: not known. */
	uint32_t first_line, last_line;
};

struct document {
	struct str title;       /* from front matter, else the first level-1 heading, else empty */
	struct str description; /* from front matter, may be empty */
	/*
	 * Where the page itself says it is: `url:` of Hugo's front matter, or an HTML page's canonical
	 * link; `slug:` is the last part alone. Both may be empty.
	 */
	struct str url, slug;
	bool draft; /* `draft: true` of front matter */
	struct section *sections;
	size_t section_count;
};

/* A document with nothing in it. */
void document_init(struct document *document);

/*
 * Parses Markdown as Hugo sites have it. `text` is valid UTF-8. Everything in *out lives in the
 * arena. Broken front matter or shortcodes are not errors: the words stay as text. Fails only
 * with ERR_NOMEM/ERR_LIMIT of the arena. Thread-safe.
 */
enum err_code parse_markdown(struct str text, struct arena *arena, struct document *out,
			     struct err *err) WARN_UNUSED;

/* Plain text: one section, paragraphs at blank lines. */
enum err_code parse_plain(struct str text, struct arena *arena, struct document *out,
			  struct err *err) WARN_UNUSED;

/*
 * The text of one section as it is embedded, searched and quoted: heading first, then blocks,
 * separated by newlines; list items start with "- ", code stands unchanged between fences that are
 * longer than any run of backticks in it (answer/passage.h reads this form back).
 */
struct str section_text(const struct section *section, struct arena *arena);

#endif
