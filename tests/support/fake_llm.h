/* A language model that says what a test wants, and remembers what it was asked. */
#ifndef DOCS_BOT_TESTS_FAKE_LLM_H
#define DOCS_BOT_TESTS_FAKE_LLM_H

#include "llm/llm.h"

#define FAKE_LLM_REPLIES 16

struct fake_reply {
	const char *text; /* handed out in pieces of `piece` bytes; 0: whole */
	size_t piece;
	struct llm_tool_call calls[LLM_MAX_TOOL_CALLS];
	size_t call_count;
	enum err_code code; /* after the text */
	bool endless;       /* the text again and again, until somebody stops it */
};

struct fake_llm {
	struct llm llm;
	struct fake_reply replies[FAKE_LLM_REPLIES];
	size_t reply_count; /* the last one is repeated */
	size_t asked;
	/* The messages of each request, one after the other, and what was offered. */
	char *prompts[FAKE_LLM_REPLIES];
	size_t tools[FAKE_LLM_REPLIES];
	size_t bytes_taken; /* of the last text, by whoever listened */
};

void fake_llm_init(struct fake_llm *fake);
void fake_llm_reset(struct fake_llm *fake); /* no replies, nothing remembered */
void fake_llm_add(struct fake_llm *fake, struct fake_reply reply);

#endif
