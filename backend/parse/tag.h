/* The tokens of HTML: tags, their attributes, and entities in text. */
#ifndef DOCS_BOT_PARSE_TAG_H
#define DOCS_BOT_PARSE_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct tag {
	struct str name, attributes;
	bool closing;
	size_t end; /* behind '>' */
};

/*
 * The tag at html[at] == '<'; false when it is none. With `quoted_marks` a value in quotes may hold
 * '<'. A scan that went to the end of the text in vain leaves out->end there: a caller that wants
 * linear time must not ask for quoted marks again.
 */
bool tag_read(struct str html, size_t at, bool quoted_marks, struct tag *out);

/* The value of an attribute as it is written, entities and all; empty without it. */
struct str tag_attribute(struct str attributes, struct str name);

/* Whether the attribute is there, with a value or without. */
bool tag_has_attribute(struct str attributes, struct str name);

/* The entity at text[at] == '&': its length, 0 when it is none that we know. */
size_t tag_entity(struct str text, size_t at, int32_t *codepoint);

#endif
