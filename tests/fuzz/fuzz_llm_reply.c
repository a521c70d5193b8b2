/*
 * Any bytes as a server's answer: the stream of a chat completion, a whole one, a refusal, a list of
 * models, as the first byte says. What comes out is bounded and valid text, or one line that says
 * what is wrong.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "llm/openai/models.h"
#include "llm/openai/reply.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_llm_reply: %s\n", what);
	abort();
}

static void check_error(enum err_code code, const struct err *err)
{
	require(code != ERR_NOMEM && code != ERR_INTERNAL, "an error that cannot be");
	require(err->message[0] && utf8_valid(str_c(err->message)), "a message is no text");
}

static bool hear(void *ctx, struct str piece)
{
	size_t *heard = ctx;
	require(piece.len && utf8_valid(piece), "a piece is empty or no valid text");
	*heard += piece.len;
	return true;
}

static enum err_code take_stream(struct reply *r, struct str stream, struct err *err)
{
	struct sse sse;
	struct sse_event event;
	enum err_code code = ERR_OK;
	bool again;
	sse_init(&sse, alloc_default(), 1 << 20);
	for (bool whole = true; whole && !code;) {
		code = sse_next(&sse, &stream, &event, &whole, err);
		if (whole && !code)
			code = reply_chunk(r, event.data, &again, err);
	}
	sse_release(&sse);
	return code;
}

static void check_reply(const struct reply *r, size_t heard)
{
	struct arena arena;
	struct llm_reply out = {.call_count = 0};
	arena_init(&arena, alloc_default(), 32U << 20);
	require(!reply_store(r, &arena, &out, NULL), "it cannot be stored");
	require(out.text.len == heard && out.text.len <= REPLY_MAX_TEXT, "text and pieces differ");
	require(utf8_valid(out.text) && utf8_valid(out.reasoning), "no valid text");
	require(out.call_count <= LLM_MAX_TOOL_CALLS, "too many calls");
	for (size_t i = 0; i < out.call_count; i++)
		require(out.calls[i].id.len && out.calls[i].arguments.len &&
				out.calls[i].arguments.len <= REPLY_MAX_ARGUMENTS &&
				utf8_valid(out.calls[i].arguments) && utf8_valid(out.calls[i].name),
			"a call is broken");
	arena_release(&arena);
}

static void read_models(struct str body)
{
	struct arena arena;
	struct model_info info;
	arena_init(&arena, alloc_default(), 8U << 20);
	enum err_code code = models_read(body, STR(""), &arena, &info, NULL);
	require(code == ERR_OK || code == ERR_FORMAT || code == ERR_LIMIT, "another error");
	require(code || utf8_valid(info.id), "a name is no valid text");
	(void)models_read_props(body);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct err err = {ERR_OK, ""};
	struct reply r;
	size_t heard = 0;
	bool again;
	const struct llm_sink sink = {.ctx = &heard, .text = hear};
	if (!size)
		return 0;
	struct str body = {(const char *)data + 1, size - 1};
	switch (data[0] % 4) {
	case 0:
		check_error(reply_problem(400 + data[0], body, &again, &err), &err);
		return 0;
	case 1:
		read_models(body);
		return 0;
	default:
		break;
	}
	reply_init(&r, alloc_default(), &sink);
	enum err_code code = data[0] % 4 == 2 ? take_stream(&r, body, &err)
					      : reply_whole(&r, body, &again, &err);
	if (!code)
		code = reply_end(&r, &err);
	if (code)
		check_error(code, &err);
	check_reply(&r, heard);
	reply_release(&r);
	return 0;
}
