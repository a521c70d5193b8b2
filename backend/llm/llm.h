/*
 * The port to language models that chat: messages in, text and tool calls out. Backends: openai/
 * (KServe, vLLM, llama-server, any compatible server). An instance begins with a pointer to its
 * operations.
 */
#ifndef DOCS_BOT_LLM_LLM_H
#define DOCS_BOT_LLM_LLM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define LLM_MAX_TOOL_CALLS 8 /* of one reply; a model that asks for more gets these */

enum llm_role { LLM_SYSTEM, LLM_USER, LLM_ASSISTANT, LLM_TOOL };

/* What a model wants to be run. */
struct llm_tool_call {
	struct str id, name;
	struct str arguments; /* as the model wrote them ("{}" for none); may be no JSON at all */
};

struct llm_message {
	enum llm_role role;
	struct str content;
	const struct llm_tool_call *calls; /* of LLM_ASSISTANT */
	size_t call_count;
	struct str call_id; /* of LLM_TOOL: which call it answers */
};

struct llm_tool {
	struct str name, description;
	struct str parameters; /* JSON Schema, as JSON text */
};

struct llm_request {
	const struct llm_message *messages;
	size_t message_count;
	const struct llm_tool *tools; /* offered with tool_choice "auto" */
	size_t tool_count;
	unsigned max_tokens; /* of the reply; 0: the backend's default */
	double temperature;  /* 0 … 2 */
	/* Longest wait for the first token (of text, reasoning or a tool call); 0: the backend's. */
	unsigned first_token_ms;
	unsigned total_ms;            /* and for all of them */
	const atomic_bool *cancelled; /* may be NULL; polled several times a second */
};

/*
 * Receives the text as it comes, valid UTF-8 in whole code points, on the thread that called
 * llm_chat(). Returning false ends the request with ERR_CANCELLED.
 */
struct llm_sink {
	void *ctx;
	bool (*text)(void *ctx, struct str piece);
};

enum llm_finish { LLM_STOP, LLM_LENGTH, LLM_TOOL_CALLS, LLM_FILTERED, LLM_UNKNOWN };

struct llm_reply {
	struct str text;      /* everything that the sink got */
	struct str reasoning; /* `reasoning_content`, `<think>` at the start: never for a reader */
	struct llm_tool_call calls[LLM_MAX_TOOL_CALLS];
	size_t call_count;
	enum llm_finish finish;
	uint64_t prompt_tokens, completion_tokens; /* 0: the server did not say */
	int64_t first_token_us, total_us;          /* from the call on */
};

struct llm;

struct llm_ops {
	enum err_code (*chat)(struct llm *llm, const struct llm_request *request,
			      const struct llm_sink *sink, struct arena *arena,
			      struct llm_reply *reply, struct err *err);
	void (*close)(struct llm *llm);
};

/* May change while it is open, when a server that was down tells what it has; read as they are. */
struct llm {
	const struct llm_ops *ops;
	_Atomic(const char *) model;  /* as the server knows it; "" until it has told */
	atomic_size_t context_tokens; /* the model's window, prompt and reply together */
};

/*
 * One reply, waited for by the calling thread while a thread of the backend moves the bytes;
 * thread-safe. What the reply holds lives in the arena. On an error *reply holds what had come until
 * then (text may have been shown). Errors: ERR_INVALID (the request; 400 of the server),
 * ERR_UNAVAILABLE (nobody answers, refuses, is too slow, or the circuit is open), ERR_FORMAT
 * (what came is no chat completion), ERR_LIMIT (longer than the bounds), ERR_CANCELLED. `sink` may
 * be NULL: the text is in the reply as well. A model that calls tools has finish LLM_TOOL_CALLS,
 * whatever its server says.
 */
enum err_code llm_chat(struct llm *llm, const struct llm_request *request,
		       const struct llm_sink *sink, struct arena *arena, struct llm_reply *reply,
		       struct err *err) WARN_UNUSED;

void llm_close(struct llm *llm); /* NULL is fine; no request may be running */

#endif
