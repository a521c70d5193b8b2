/* What the parsers of programming languages share. */
#ifndef DOCS_BOT_PARSE_SOURCE_CODE_H
#define DOCS_BOT_PARSE_SOURCE_CODE_H

#include "parse/builder.h"
#include "parse/lines.h"

/* A symbol: where it is, and what is said of it. Lines count from 0; `last` is its last one. */
struct symbol {
	struct str name; /* qualified */
	struct str doc;  /* as written, without comment marks or quotes */
	int level;
	size_t first, last; /* lines of the signature, decorators included */
};

/*
 * Adds a section: the name as heading, paragraphs of the doc (indented parts and items keep their own
 * lines), the signature as code.
 */
void symbol_section(struct builder *b, const struct lines *lines, const struct symbol *symbol,
		    struct str language);

/* The doc text alone, into the open section. */
void symbol_doc(struct builder *b, struct str doc);

#endif
