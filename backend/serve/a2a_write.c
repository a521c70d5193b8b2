/* What A2A clients are told. Every document and event is one line of JSON. */
#include "base/clock.h"
#include "base/json.h"
#include "serve/a2a.h"

#define ERROR_INFO    "type.googleapis.com/google.rpc.ErrorInfo"
#define ERROR_DOMAIN  "a2a-protocol.org"
#define ARTIFACT_ID   "answer"
#define ANSWER_TYPE   "text/markdown"
#define EVENT_PREFIX  "data: "
#define PARTIAL_FIELD "kagent_adk_partial"

static bool v10(const struct a2a_reply *reply)
{
	return reply->version == A2A_V10;
}

/* Takes `value` over; NULL: building it ran out of memory. On an error `out` is as long as before. */
static enum err_code write_line(json_t *value, bool event, struct buf *out, struct err *err)
{
	size_t before = out->len;
	if (!value)
		return err_set(err, ERR_NOMEM, "out of memory for a message of A2A");
	if (event)
		buf_append(out, STR(EVENT_PREFIX));
	enum err_code code = json_write(value, out, err);
	json_decref(value);
	if (event)
		buf_append(out, STR("\n\n"));
	if (!code)
		code = buf_ok(out, "an answer of A2A", err);
	if (code) {
		out->failed = false;
		out->len = before;
		if (out->ptr)
			out->ptr[before] = '\0';
	}
	return code;
}

static json_t *rpc_id(const struct a2a_reply *reply)
{
	json_t *id = reply->rpc_id.len ? json_loadb(reply->rpc_id.ptr, reply->rpc_id.len,
						    JSON_DECODE_ANY, NULL)
				       : NULL;
	return id ? id : json_null();
}

/* Takes `result` over. */
static enum err_code write_result(const struct a2a_reply *reply, json_t *result, struct buf *out,
				  struct err *err)
{
	json_t *document = result ? json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id",
					      rpc_id(reply), "result", result)
				  : NULL;
	return write_line(document, reply->event, out, err);
}

/* ---- errors ---- */

static const char *error_reason(int code)
{
	switch (code) {
	case A2A_TASK_NOT_FOUND:
		return "TASK_NOT_FOUND";
	case A2A_NOT_CANCELABLE:
		return "TASK_NOT_CANCELABLE";
	case A2A_NO_PUSH:
		return "PUSH_NOTIFICATION_NOT_SUPPORTED";
	case A2A_UNSUPPORTED:
		return "UNSUPPORTED_OPERATION";
	case A2A_CONTENT_TYPE:
		return "CONTENT_TYPE_NOT_SUPPORTED";
	case A2A_VERSION:
		return "VERSION_NOT_SUPPORTED";
	default:
		return NULL;
	}
}

enum err_code a2a_write_error(const struct a2a_reply *reply, const struct a2a_problem *problem,
			      struct buf *out, struct err *err)
{
	const char *reason = v10(reply) ? error_reason(problem->code) : NULL;
	/* Section 9.5 of 1.0: errors of A2A's own carry an ErrorInfo. */
	json_t *data = reason ? json_pack("[{s:s, s:s, s:s}]", "@type", ERROR_INFO, "reason",
					  reason, "domain", ERROR_DOMAIN)
			      : NULL;
	return write_line(json_pack("{s:s, s:o, s:{s:i, s:o, s:o*}}", "jsonrpc", "2.0", "id",
				    rpc_id(reply), "error", "code", problem->code, "message",
				    json_from_str(str_c(problem->message)), "data", data),
			  reply->event, out, err);
}

/* ---- parts of tasks ---- */

static const char *state_name(const struct a2a_reply *reply, enum a2a_state state)
{
	static const char *const names[A2A_STATE_COUNT][2] = {
		[A2A_SUBMITTED] = {"submitted", "TASK_STATE_SUBMITTED"},
		[A2A_WORKING] = {"working", "TASK_STATE_WORKING"},
		[A2A_COMPLETED] = {"completed", "TASK_STATE_COMPLETED"},
		[A2A_CANCELED] = {"canceled", "TASK_STATE_CANCELED"},
		[A2A_FAILED] = {"failed", "TASK_STATE_FAILED"}};
	return names[state][v10(reply)];
}

static json_t *text_part(const struct a2a_reply *reply, struct str text, const char *media_type)
{
	if (v10(reply))
		return json_pack("{s:o, s:s*}", "text", json_from_str(text), "mediaType",
				 media_type);
	return json_pack("{s:s, s:o}", "kind", "text", "text", json_from_str(text));
}

static json_t *message(const struct a2a_reply *reply, struct str text, enum a2a_text_kind kind,
		       struct str id)
{
	json_t *metadata = kind == A2A_TEXT_NOTE ? NULL
						 : json_pack("{s:b}", PARTIAL_FIELD,
							     (int)(kind == A2A_TEXT_PIECE));
	return json_pack("{s:s*, s:o, s:o, s:o, s:s, s:[o], s:o*}", "kind",
			 v10(reply) ? NULL : "message", "messageId", json_from_str(id), "taskId",
			 json_from_str(reply->task), "contextId", json_from_str(reply->context),
			 "role", v10(reply) ? "ROLE_AGENT" : "agent", "parts",
			 text_part(reply, text, kind == A2A_TEXT_NOTE ? NULL : ANSWER_TYPE),
			 "metadata", metadata);
}

/* Takes `said` over, which may be NULL. */
static json_t *status(const struct a2a_reply *reply, enum a2a_state state, json_t *said)
{
	char time[32];
	clock_format(reply->now_ms, time);
	return json_pack("{s:s, s:o*, s:s}", "state", state_name(reply, state), "message", said,
			 "timestamp", time);
}

static json_t *artifact(const struct a2a_reply *reply, const struct a2a_task_view *task)
{
	json_t *citations = NULL;
	if (task->citations.len)
		citations = json_loadb(task->citations.ptr, task->citations.len, 0, NULL);
	return json_pack("{s:s, s:s, s:[o], s:o*}", "artifactId", ARTIFACT_ID, "name", "answer",
			 "parts", text_part(reply, task->text, ANSWER_TYPE), "metadata",
			 citations ? json_pack("{s:o}", "citations", citations) : NULL);
}

/* ---- documents and events ---- */

enum err_code a2a_write_task(const struct a2a_reply *reply, const struct a2a_task_view *task,
			     bool sent, struct buf *out, struct err *err)
{
	bool answered = task->state == A2A_COMPLETED && task->text.len;
	json_t *said = task->state == A2A_FAILED && task->text.len
			       ? message(reply, task->text, A2A_TEXT_NOTE, reply->task)
			       : NULL;
	json_t *artifacts = answered ? json_pack("[o]", artifact(reply, task)) : NULL;
	json_t *result =
		json_pack("{s:s*, s:o, s:o, s:o, s:o*}", "kind", v10(reply) ? NULL : "task", "id",
			  json_from_str(reply->task), "contextId", json_from_str(reply->context),
			  "status", status(reply, task->state, said), "artifacts", artifacts);
	if (result && sent && v10(reply))
		result = json_pack("{s:o}", "task", result);
	return write_result(reply, result, out, err);
}

enum err_code a2a_write_status(const struct a2a_reply *reply, enum a2a_state state, struct str text,
			       enum a2a_text_kind kind, struct str message_id, struct buf *out,
			       struct err *err)
{
	json_t *said = text.len ? message(reply, text, kind, message_id) : NULL;
	json_t *final = v10(reply) ? NULL : json_boolean(a2a_state_final(state));
	json_t *result = json_pack(
		"{s:s*, s:o, s:o, s:o, s:o*}", "kind", v10(reply) ? NULL : "status-update",
		"taskId", json_from_str(reply->task), "contextId", json_from_str(reply->context),
		"status", status(reply, state, said), "final", final);
	if (result && v10(reply))
		result = json_pack("{s:o}", "statusUpdate", result);
	return write_result(reply, result, out, err);
}

enum err_code a2a_write_artifact(const struct a2a_reply *reply, const struct a2a_task_view *task,
				 struct buf *out, struct err *err)
{
	json_t *result = json_pack(
		"{s:s*, s:o, s:o, s:o, s:b, s:b}", "kind", v10(reply) ? NULL : "artifact-update",
		"taskId", json_from_str(reply->task), "contextId", json_from_str(reply->context),
		"artifact", artifact(reply, task), "append", 0, "lastChunk", 1);
	if (result && v10(reply))
		result = json_pack("{s:o}", "artifactUpdate", result);
	return write_result(reply, result, out, err);
}

/* ---- the card ---- */

static json_t *interface(const char *url, const char *version)
{
	return json_pack("{s:s, s:s, s:s}", "url", url, "protocolBinding", "JSONRPC",
			 "protocolVersion", version);
}

static json_t *skill(const char *description)
{
	return json_pack("{s:s, s:s, s:s, s:[s,s,s], s:[s,s]}", "id", "answer-questions", "name",
			 "Answer questions", "description", description, "tags", "documentation",
			 "search", "question-answering", "examples", "How do I install it?",
			 "Which settings are there, and what are their defaults?");
}

enum err_code a2a_write_card(struct str project, struct str base, struct str path, struct buf *out,
			     struct err *err)
{
	struct buf url, name, description;
	json_t *card = NULL;
	buf_init(&url, out->alloc, 4096);
	buf_init(&name, out->alloc, 1024);
	buf_init(&description, out->alloc, 1024);
	buf_printf(&url, "%.*s%.*s", STR_ARG(base), STR_ARG(path));
	buf_printf(&name, "%.*s documentation", STR_ARG(project));
	buf_printf(&description,
		   "Answers questions from the documentation of %.*s, with its sources.",
		   STR_ARG(project));
	enum err_code code = buf_ok(&url, "the card", err);
	if (!code)
		code = buf_ok(&name, "the card", err);
	if (!code)
		code = buf_ok(&description, "the card", err);
	if (code)
		goto out;
	card = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[o,o], s:{s:b, s:b, s:b}, s:[s], "
			 "s:[s,s], s:[o]}",
			 "name", name.ptr, "description", description.ptr, "version",
			 DOCS_BOT_VERSION, "url", url.ptr, "preferredTransport", "JSONRPC",
			 "protocolVersion", "0.3.0", "supportedInterfaces",
			 interface(url.ptr, "1.0"), interface(url.ptr, "0.3"), "capabilities",
			 "streaming", 1, "pushNotifications", 0, "extendedAgentCard", 0,
			 "defaultInputModes", "text/plain", "defaultOutputModes", ANSWER_TYPE,
			 "text/plain", "skills", skill(description.ptr));
	code = write_line(card, false, out, err);
out:
	buf_release(&url);
	buf_release(&name);
	buf_release(&description);
	return code;
}
