/* Licence headers: comments at the head of a file that say nothing about what is in it. */
#ifndef DOCS_BOT_INDEX_LICENCE_H
#define DOCS_BOT_INDEX_LICENCE_H

#include <stddef.h>

#include "base/str.h"

/*
 * Overwrites with spaces the licence at the head of `text`, which is code (its lines stay), if there
 * is one: a first comment (#, //, or a block comment of C) that speaks of copyright or a licence,
 * perhaps below a line that begins with "#!". Linear in the length of the comment.
 */
void licence_blank(char *text, size_t len);

#endif
