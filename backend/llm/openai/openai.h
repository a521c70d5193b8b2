/*
 * A language model on a server that speaks OpenAI's chat completions: KServe, vLLM, llama-server and
 * others. docs/decisions has a page on what is tried again, when, and why.
 */
#ifndef DOCS_BOT_LLM_OPENAI_OPENAI_H
#define DOCS_BOT_LLM_OPENAI_OPENAI_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "llm/llm.h"

struct llm_openai_options {
	const char *url;       /* see llm/openai/address.h */
	const char *model;     /* NULL or "": the first that the server lists */
	const char *key;       /* sent as a bearer token; NULL or "": none */
	const char *ca_file;   /* PEM; NULL or "": the system's */
	size_t context_tokens; /* the window, unless the server tells a smaller one */
	unsigned max_tokens;   /* of a reply */
	unsigned connect_ms, first_token_ms, total_ms;
	unsigned stall_ms; /* longest silence between two tokens */
	const struct clock *clock;
	const struct logger *log;
};

/*
 * Asks the server once, for at most connect_ms, which models it has and where its API is; one that
 * does not answer is asked again before its first reply. ERR_INVALID for an address, a key or a file
 * of certificates that cannot be one. Thread-safe: thousands may wait for replies at once, each on its own thread.
 */
enum err_code llm_openai_open(const struct llm_openai_options *options, const struct alloc *alloc,
			      struct llm **out, struct err *err) WARN_UNUSED;

#endif
