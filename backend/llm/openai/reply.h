/* Chat completions, in chunks or whole, put together to one reply. */
#ifndef DOCS_BOT_LLM_OPENAI_REPLY_H
#define DOCS_BOT_LLM_OPENAI_REPLY_H

#include <jansson.h>

#include "base/buf.h"
#include "llm/llm.h"
#include "llm/openai/think.h"

#define REPLY_MAX_TEXT      ((size_t)1 << 20)   /* bytes of text, and of reasoning */
#define REPLY_MAX_ARGUMENTS ((size_t)256 << 10) /* of one call */

struct reply_call {
	struct buf id, name, arguments;
	long long index; /* as the server counts; -1: it does not */
};

struct reply {
	const struct alloc *alloc;
	const struct llm_sink *sink;
	struct buf text, reasoning;
	struct reply_call calls[LLM_MAX_TOOL_CALLS];
	size_t call_count;
	struct think think;
	enum llm_finish finish;
	bool begun;    /* a token came: of text, reasoning or a call */
	bool finished; /* the model said why it ended */
	bool done;     /* "[DONE]" */
	bool left;     /* the sink wants no more */
	uint64_t prompt_tokens, completion_tokens;
};

void reply_init(struct reply *reply, const struct alloc *alloc, const struct llm_sink *sink);
void reply_release(struct reply *reply);

/*
 * One event's data: a chunk or "[DONE]", behind which nothing counts. Invalid UTF-8 and halves of
 * surrogate pairs become U+FFFD. ERR_FORMAT for what is no chunk, ERR_UNAVAILABLE or ERR_INVALID with the
 * server's words for an error in the stream (*again: another attempt may go well), ERR_LIMIT, ERR_CANCELLED when the sink wants no more.
 */
enum err_code reply_chunk(struct reply *reply, struct str data, bool *again,
			  struct err *err) WARN_UNUSED;

/* A whole completion from a server that does not stream. */
enum err_code reply_whole(struct reply *reply, struct str body, bool *again,
			  struct err *err) WARN_UNUSED;

/* The text that was held back, once nothing more comes. */
enum err_code reply_end(struct reply *reply, struct err *err) WARN_UNUSED;

/* What came, into the arena. */
enum err_code reply_store(const struct reply *reply, struct arena *arena, struct llm_reply *out,
			  struct err *err) WARN_UNUSED;

/*
 * What a status that is not 200, with its body, says: always an error. *again as above.
 */
enum err_code reply_problem(long status, struct str body, bool *again, struct err *err);

#endif
