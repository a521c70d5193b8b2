/* Ids of headings as Hugo gives them with its default `autoHeadingIDType: github`. */
#ifndef DOCS_BOT_PARSE_ANCHOR_H
#define DOCS_BOT_PARSE_ANCHOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* The ids of one page, so that repeated headings get "-1", "-2"… All memory from the arena. */
struct anchor_set {
	struct arena *arena;
	struct anchor_entry *entries; /* open addressing, `capacity` is a power of two or 0 */
	size_t capacity, count;
};

void anchor_set_init(struct anchor_set *set, struct arena *arena);

/*
 * The id of a heading whose Markdown source is `raw` (markup included, as goldmark does it:
 * letters, digits, '_' and '-' stay and are lower-cased, a space or tab becomes '-', everything
 * else goes; an empty result is "heading"), made unique within the set.
 */
enum err_code anchor_make(struct anchor_set *set, struct str raw, struct str *out,
			  struct err *err) WARN_UNUSED;

/* Notes an id that the page's author chose; it is taken as it is, even when repeated. */
enum err_code anchor_take(struct anchor_set *set, struct str id, struct err *err) WARN_UNUSED;

/*
 * Splits the attribute list `{#id .class key=value}` off the end of a heading's source: *id is
 * the id in it or empty, *text what stands before it. Without such a list *text is `raw`.
 */
void anchor_split_attributes(struct str raw, struct str *text, struct str *id);

#endif
