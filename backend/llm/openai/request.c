#include "llm/openai/request.h"

#include "base/json.h"

static const char *role_name(enum llm_role role)
{
	switch (role) {
	case LLM_SYSTEM:
		return "system";
	case LLM_ASSISTANT:
		return "assistant";
	case LLM_TOOL:
		return "tool";
	case LLM_USER:
		break;
	}
	return "user";
}

/* The arguments, or "{}" for what is no object. */
static json_t *arguments_of(const struct llm_tool_call *call)
{
	json_t *parsed = NULL;
	bool object = !json_parse(call->arguments, &parsed, NULL) && json_is_object(parsed);
	json_decref(parsed);
	return object ? json_from_str(call->arguments) : json_string("{}");
}

static json_t *calls_of(const struct llm_message *m)
{
	json_t *list = json_array();
	for (size_t i = 0; i < m->call_count && list; i++) {
		const struct llm_tool_call *call = &m->calls[i];
		json_t *item =
			json_pack("{s:o, s:s, s:{s:o, s:o}}", "id", json_from_str(call->id), "type",
				  "function", "function", "name", json_from_str(call->name),
				  "arguments", arguments_of(call));
		if (!item || json_array_append_new(list, item)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *message_of(const struct llm_message *m)
{
	json_t *item = json_pack("{s:s, s:o}", "role", role_name(m->role), "content",
				 json_from_str(m->content));
	bool made = item != NULL;
	if (made && m->call_count)
		made = !json_object_set_new(item, "tool_calls", calls_of(m));
	if (made && m->role == LLM_TOOL)
		made = !json_object_set_new(item, "tool_call_id", json_from_str(m->call_id));
	if (made)
		return item;
	json_decref(item);
	return NULL;
}

static json_t *messages_of(const struct llm_request *request)
{
	json_t *list = json_array();
	for (size_t i = 0; i < request->message_count && list; i++) {
		if (json_array_append_new(list, message_of(&request->messages[i]))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* *broken: the tool whose parameters are no JSON. */
static json_t *tools_of(const struct llm_request *request, const struct llm_tool **broken)
{
	json_t *list = json_array();
	for (size_t i = 0; i < request->tool_count && list; i++) {
		const struct llm_tool *tool = &request->tools[i];
		json_t *parameters = NULL;
		if (json_parse(tool->parameters, &parameters, NULL))
			*broken = tool;
		json_t *item =
			json_pack("{s:s, s:{s:o, s:o, s:o}}", "type", "function", "function",
				  "name", json_from_str(tool->name), "description",
				  json_from_str(tool->description), "parameters", parameters);
		if (!item || json_array_append_new(list, item)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

enum err_code request_write(const struct llm_request *request, const char *model,
			    unsigned max_tokens, struct buf *out, struct err *err)
{
	const struct llm_tool *broken = NULL;
	json_t *root = json_pack("{s:s, s:o, s:b, s:{s:b}, s:f, s:i}", "model", model, "messages",
				 messages_of(request), "stream", 1, "stream_options",
				 "include_usage", 1, "temperature", request->temperature,
				 "max_tokens", (int)(max_tokens > 1000000 ? 1000000 : max_tokens));
	bool made = root != NULL;
	if (made && request->tool_count)
		made = !json_object_set_new(root, "tools", tools_of(request, &broken)) &&
		       !json_object_set_new(root, "tool_choice", json_string("auto"));
	enum err_code code = ERR_OK;
	if (broken)
		code = err_set(err, ERR_INVALID, "the parameters of the tool %.*s are no JSON",
			       STR_ARG(broken->name));
	else if (!made)
		code = err_set(err, ERR_NOMEM, "out of memory for a request to the model");
	else
		code = json_write(root, out, err);
	json_decref(root);
	return code;
}
