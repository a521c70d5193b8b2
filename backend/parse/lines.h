/* Which line of a page a line of its rewritten form comes from. */
#ifndef DOCS_BOT_PARSE_LINES_H
#define DOCS_BOT_PARSE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

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
