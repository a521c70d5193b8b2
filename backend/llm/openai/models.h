/* What a server's list of models says. */
#ifndef DOCS_BOT_LLM_OPENAI_MODELS_H
#define DOCS_BOT_LLM_OPENAI_MODELS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct model_info {
	struct str id;  /* NUL-terminated, in the arena; empty: there is no model */
	size_t context; /* tokens of its window, 0: not told */
	bool llama;     /* the server is llama-server, whose real window stands in /props */
};

/*
 * The model called `wanted`, or the first one when that is empty; one that is not listed may still be
 * there (an adapter), and is taken by name. ERR_FORMAT when the body is no list of models.
 */
enum err_code models_read(struct str body, struct str wanted, struct arena *arena,
			  struct model_info *out, struct err *err) WARN_UNUSED;

/* llama-server's /props: tokens of a slot's window, 0: not told. */
size_t models_read_props(struct str body);

#endif
