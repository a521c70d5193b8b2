/* What the files of this folder share about the client. */
#ifndef DOCS_BOT_LLM_OPENAI_INTERNAL_H
#define DOCS_BOT_LLM_OPENAI_INTERNAL_H

#include <pthread.h>

#include "llm/openai/address.h"
#include "llm/openai/openai.h"
#include "net/breaker.h"
#include "net/stream.h"

enum discovery { DISCOVERY_OPEN, DISCOVERY_RUNS, DISCOVERY_DONE };

struct openai {
	struct llm base;
	const struct alloc *alloc;
	struct llm_openai_options options; /* its texts are copies in `arena` */
	struct arena arena;
	struct llm_address address;
	struct stream_client *client;
	struct breaker breaker;
	bool breaker_ready, lock_ready;
	pthread_mutex_t lock; /* guards the fields below, and `arena` once it is open */
	enum discovery discovery;
	unsigned discoveries;
	size_t place; /* of the address, once DISCOVERY_DONE */
};

/*
 * Finds out, once, where the API is, the model's name and its window; callers at the same time wait
 * for the one that asks. What is known by the settings does not fail because the server does not
 * tell. *again: another attempt may go well. Errors: ERR_UNAVAILABLE, ERR_CANCELLED, ERR_NOMEM.
 */
enum err_code openai_discover(struct openai *o, int64_t deadline_us, const atomic_bool *cancelled,
			      bool *again, struct err *err) WARN_UNUSED;

#endif
