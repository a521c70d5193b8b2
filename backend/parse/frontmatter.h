/* Front matter: the YAML (---) or TOML (+++) block at the top of a page of a static site. */
#ifndef DOCS_BOT_PARSE_FRONTMATTER_H
#define DOCS_BOT_PARSE_FRONTMATTER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct frontmatter {
	struct str title, description; /* empty when not given; in the arena */
	struct str url, slug;          /* the same */
	bool draft;
	struct str body; /* view of what follows the block, else the whole text */
};

/*
 * Reads title (else linkTitle), description, url, slug and draft. A block that is damaged gives what could be read
 * of it and is left out of the body; one that is never closed is not front matter. Fails only
 * for lack of memory. Thread-safe.
 */
enum err_code frontmatter_read(struct str text, struct arena *arena, struct frontmatter *out,
			       struct err *err) WARN_UNUSED;

#endif
