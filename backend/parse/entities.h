/* Named entities of HTML: those of HTML 4, and a few for ASCII. */
#ifndef DOCS_BOT_PARSE_ENTITIES_H
#define DOCS_BOT_PARSE_ENTITIES_H

#include <stdint.h>

#include "base/str.h"

/* The code point that a name (without '&' and ';') stands for, a plain space for nbsp; 0: unknown. */
int32_t entity_find(struct str name);

#endif
