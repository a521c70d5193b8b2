/* Texts as lines, and which line of a page a line of its rewritten form comes from. */
#ifndef DOCS_BOT_PARSE_LINES_H
#define DOCS_BOT_PARSE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Views into one text, without line ends; joined by '\n' they are that text. */
struct lines {
	struct str text;
	struct str *items;
	size_t count;
};

/*
 * Cuts a text at its newlines; CR LF counts as one and is LF in lines->text, which is then a copy in
 * the arena. No line follows a newline at the end. Fails as the arena does.
 */
enum err_code lines_split(struct str text, struct arena *arena, struct lines *lines,
			  struct err *err) WARN_UNUSED;

/* The text of the lines [first, end), without a newline behind the last. */
struct str lines_join(const struct lines *lines, size_t first, size_t end);

/* Columns in front of the first character that is no space or tab (to multiples of eight). */
size_t line_indent(struct str line);

/* Nothing but white space. */
bool line_blank(struct str line);

/* Lines are counted from 0. A map without entries changes nothing. */
struct line_map {
	const struct alloc *alloc;
	uint32_t *items;
	size_t count, capacity;
	bool failed; /* memory ran out: entries are missing */
};

void line_map_init(struct line_map *map, const struct alloc *alloc);
void line_map_release(struct line_map *map);
void line_map_clear(struct line_map *map); /* changes nothing again; memory kept */

/* The next line of the rewritten form comes from `line`. */
void line_map_add(struct line_map *map, size_t line);

/* A line behind the last one added is that one's. */
size_t line_map_get(const struct line_map *map, size_t line);

#endif
