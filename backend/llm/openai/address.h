/* From KSERVE_URL as people write it to the addresses of the API. */
#ifndef DOCS_BOT_LLM_OPENAI_ADDRESS_H
#define DOCS_BOT_LLM_OPENAI_ADDRESS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { ADDRESS_CANDIDATES = 2 };

/* One place where the API may be; NUL-terminated. */
struct llm_place {
	const char *chat, *models;
};

struct llm_address {
	struct llm_place places[ADDRESS_CANDIDATES]; /* in the order in which they are tried */
	size_t count;
	const char *host;  /* "host:port", for messages */
	const char *props; /* where llama-server describes itself */
};

/*
 * "…/chat/completions" is taken as it is, with its list of models beside it; to a path that ends in
 * "/v1" (or another version, "/v2", "/v1beta") the rest is added, to "/openai" also "/v1". Any other path is a
 * prefix, below which KServe has "/openai/v1" and vLLM and llama-server have "/v1": two places, to be
 * tried. KServe is first, because its "/v1/models" exists too and is something else. A query is kept.
 * The texts live in the arena. ERR_INVALID says what is wrong with the address.
 */
enum err_code llm_address(struct str given, struct arena *arena, struct llm_address *out,
			  struct err *err) WARN_UNUSED;

#endif
