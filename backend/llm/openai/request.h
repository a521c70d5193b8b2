/* Requests for chat completions as JSON. */
#ifndef DOCS_BOT_LLM_OPENAI_REQUEST_H
#define DOCS_BOT_LLM_OPENAI_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "llm/llm.h"

/*
 * Appends the body of a streamed request. Arguments of earlier calls that are no JSON object are sent
 * as "{}": servers read them again, and refuse the whole request for them. ERR_INVALID for a tool whose
 * parameters are no JSON, ERR_LIMIT when `out` is full.
 */
enum err_code request_write(const struct llm_request *request, const char *model,
			    unsigned max_tokens, struct buf *out, struct err *err) WARN_UNUSED;

#endif
