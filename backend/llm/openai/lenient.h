/* JSON of language model servers, which cut text between tokens and not between characters. */
#ifndef DOCS_BOT_LLM_OPENAI_LENIENT_H
#define DOCS_BOT_LLM_OPENAI_LENIENT_H

#include <jansson.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

/*
 * As json_parse(), but bytes that are no UTF-8, and escapes of lone surrogates, become U+FFFD, and
 * NUL is allowed in strings. ERR_FORMAT for what is no JSON even so.
 */
enum err_code lenient_parse(struct str text, const struct alloc *alloc, json_t **out,
			    struct err *err) WARN_UNUSED;

#endif
