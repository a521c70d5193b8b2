#include "llm/llm.h"

#include <math.h>

#include "base/utf8.h"

#define REQUEST_MAX_BYTES    ((size_t)4 << 20) /* of all texts together */
#define REQUEST_MAX_MESSAGES 1024
#define REQUEST_MAX_TOOLS    64

static enum err_code check_text(struct str text, size_t *total, const char *what, struct err *err)
{
	*total += text.len;
	if (text.len > REQUEST_MAX_BYTES || *total > REQUEST_MAX_BYTES)
		return err_set(err, ERR_INVALID,
			       "the prompt has more than %zu bytes, leave something out",
			       REQUEST_MAX_BYTES);
	if (!utf8_valid(text))
		return err_set(err, ERR_INVALID, "%s of the prompt is not valid UTF-8", what);
	return ERR_OK;
}

static enum err_code check_message(const struct llm_message *m, size_t *total, struct err *err)
{
	if ((unsigned)m->role > LLM_TOOL)
		return err_set(err, ERR_INVALID, "a message of the prompt has no known role");
	if (m->call_count && m->role != LLM_ASSISTANT)
		return err_set(err, ERR_INVALID, "a message with calls is not the assistant's");
	if (m->role == LLM_TOOL && !m->call_id.len)
		return err_set(err, ERR_INVALID, "a tool's result names no call");
	enum err_code code = check_text(m->content, total, "a message", err);
	if (!code)
		code = check_text(m->call_id, total, "a call's id", err);
	for (size_t i = 0; i < m->call_count && !code; i++) {
		code = check_text(m->calls[i].id, total, "a call's id", err);
		if (!code)
			code = check_text(m->calls[i].name, total, "a call's name", err);
		if (!code)
			code = check_text(m->calls[i].arguments, total, "a call's arguments", err);
	}
	return code;
}

/* What every backend may rely on: a bounded request of known roles and valid UTF-8. */
static enum err_code check_request(const struct llm_request *r, struct err *err)
{
	size_t total = 0;
	enum err_code code = ERR_OK;
	if (!r->message_count || r->message_count > REQUEST_MAX_MESSAGES)
		return err_set(err, ERR_INVALID, "a prompt of %zu messages, 1 to %d are taken",
			       r->message_count, REQUEST_MAX_MESSAGES);
	if (r->tool_count > REQUEST_MAX_TOOLS)
		return err_set(err, ERR_INVALID, "%zu tools, at most %d are offered", r->tool_count,
			       REQUEST_MAX_TOOLS);
	if (!isfinite(r->temperature) || r->temperature < 0 || r->temperature > 2)
		return err_set(err, ERR_INVALID, "the temperature is not between 0 and 2");
	for (size_t i = 0; i < r->message_count && !code; i++)
		code = check_message(&r->messages[i], &total, err);
	for (size_t i = 0; i < r->tool_count && !code; i++) {
		if (!r->tools[i].name.len)
			return err_set(err, ERR_INVALID, "a tool has no name");
		code = check_text(r->tools[i].name, &total, "a tool's name", err);
		if (!code)
			code = check_text(r->tools[i].description, &total, "a tool", err);
		if (!code)
			code = check_text(r->tools[i].parameters, &total, "a tool", err);
	}
	return code;
}

static bool drop_text(void *ctx, struct str piece)
{
	(void)ctx;
	(void)piece;
	return true;
}

enum err_code llm_chat(struct llm *llm, const struct llm_request *request,
		       const struct llm_sink *sink, struct arena *arena, struct llm_reply *reply,
		       struct err *err)
{
	static const struct llm_sink nobody = {.text = drop_text};
	*reply = (struct llm_reply){.text = STR(""), .reasoning = STR(""), .finish = LLM_UNKNOWN};
	enum err_code code = check_request(request, err);
	if (code)
		return code;
	if (request->cancelled && atomic_load(request->cancelled))
		return err_set(err, ERR_CANCELLED, "cancelled");
	return llm->ops->chat(llm, request, sink ? sink : &nobody, arena, reply, err);
}

void llm_close(struct llm *llm)
{
	if (llm)
		llm->ops->close(llm);
}
