/* What people paste below a question: logs, stack traces, output of commands. */
#ifndef DOCS_BOT_ANSWER_DUMP_H
#define DOCS_BOT_ANSWER_DUMP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A question without the dumps in it. A dump is a paragraph of several lines of which most do not read
 * as sentences; dumps are left out when they are long together (a few lines of code, an error of one
 * line, belong to the question). What is left has to say something: if it has less than three words of
 * content ("what does this mean?"), the last line of the dumps that names an error stays with it, and
 * without one the question stays whole. The result is the question itself, or lives in the arena; ptr
 * NULL when the arena is exhausted. Linear in the length.
 */
struct str dump_strip(struct str question, struct arena *arena);

#endif
