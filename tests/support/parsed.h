/* A parsed document as lines of text, for tests to compare. */
#ifndef DOCS_BOT_TESTS_PARSED_H
#define DOCS_BOT_TESTS_PARSED_H

#include "base/buf.h"
#include "parse/parse.h"

/*
 * "= level heading|anchor|path" for a section that has a heading, then "P text", "L0 text" (depth),
 * "C language|text", "T text" for its blocks.
 */
void parsed_render(const struct document *document, struct buf *out);

/* Parses and fails the test unless what comes out renders as `expected`. */
void parsed_check(enum parse_format format, struct str text, const char *expected);

/* The same, for lines "first-last heading" of each section. */
void parsed_check_lines(enum parse_format format, struct str text, const char *expected);

/* Title, description and url, each with a newline behind it. */
void parsed_check_meta(enum parse_format format, struct str text, const char *expected);

/* Parses and fails the test unless all text that comes out is valid UTF-8 and lines are in order. */
void parsed_check_sound(enum parse_format format, struct str text);

#endif
