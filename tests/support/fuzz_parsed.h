/* What every fuzz target of a parser checks. */
#ifndef DOCS_BOT_TESTS_FUZZ_PARSED_H
#define DOCS_BOT_TESTS_FUZZ_PARSED_H

#include "parse/parse.h"

/*
 * Repairs the bytes to UTF-8, as nothing else comes to a parser, and parses them; aborts unless the
 * document is sound or refused for its size, nesting or form.
 */
void fuzz_parsed(enum parse_format format, const unsigned char *data, size_t size);

#endif
