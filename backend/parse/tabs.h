/* Tabs of code: Docsy's {{< tab header="Python" lang="python" >}} holds code without a fence. */
#ifndef DOCS_BOT_PARSE_TABS_H
#define DOCS_BOT_PARSE_TABS_H

#include "base/arena.h"
#include "base/str.h"
#include "parse/lines.h"

/*
 * Puts a fence around the lines of every tab that names a language (lang= or codelang=) and has no
 * fence of its own, so that they stay code with their indentation. Outside code blocks only. The
 * text itself when there is no such tab; ptr NULL when the arena is exhausted. Linear time. `lines`,
 * empty before, gets the line of the text that each line of the result comes from.
 */
struct str tabs_fence(struct str text, struct arena *arena, struct line_map *lines);

#endif
