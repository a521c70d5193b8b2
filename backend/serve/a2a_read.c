/* Requests of A2A: bytes of strangers become a request, or the error that the specification names. */
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "serve/a2a.h"

static bool refuse(struct a2a_problem *problem, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool refuse(struct a2a_problem *problem, int code, const char *fmt, ...)
{
	va_list args;
	problem->code = code;
	va_start(args, fmt);
	vsnprintf(problem->message, sizeof(problem->message), fmt, args);
	va_end(args);
	utf8_make_printable(problem->message);
	return false;
}

/* ---- versions and methods ---- */

/* Methods that end in an error whatever they ask have its code. */
static const struct method {
	const char *name;
	enum a2a_version version;
	enum a2a_method method;
	int refusal;
} methods[] = {
	{"message/send", A2A_V03, A2A_SEND, 0},
	{"message/stream", A2A_V03, A2A_STREAM, 0},
	{"tasks/get", A2A_V03, A2A_GET, 0},
	{"tasks/cancel", A2A_V03, A2A_CANCEL, 0},
	{"tasks/resubscribe", A2A_V03, A2A_SUBSCRIBE, 0},
	{"tasks/pushNotificationConfig/set", A2A_V03, A2A_GET, A2A_NO_PUSH},
	{"tasks/pushNotificationConfig/get", A2A_V03, A2A_GET, A2A_NO_PUSH},
	{"tasks/pushNotificationConfig/list", A2A_V03, A2A_GET, A2A_NO_PUSH},
	{"tasks/pushNotificationConfig/delete", A2A_V03, A2A_GET, A2A_NO_PUSH},
	{"agent/getAuthenticatedExtendedCard", A2A_V03, A2A_GET, A2A_NO_EXTENDED_CARD},
	{"SendMessage", A2A_V10, A2A_SEND, 0},
	{"SendStreamingMessage", A2A_V10, A2A_STREAM, 0},
	{"GetTask", A2A_V10, A2A_GET, 0},
	{"CancelTask", A2A_V10, A2A_CANCEL, 0},
	{"SubscribeToTask", A2A_V10, A2A_SUBSCRIBE, 0},
	/* Whose tasks a client may list cannot be told without knowing who it is. */
	{"ListTasks", A2A_V10, A2A_GET, A2A_UNSUPPORTED},
	{"CreateTaskPushNotificationConfig", A2A_V10, A2A_GET, A2A_NO_PUSH},
	{"GetTaskPushNotificationConfig", A2A_V10, A2A_GET, A2A_NO_PUSH},
	{"ListTaskPushNotificationConfigs", A2A_V10, A2A_GET, A2A_NO_PUSH},
	{"DeleteTaskPushNotificationConfig", A2A_V10, A2A_GET, A2A_NO_PUSH},
	/* The card does not say that there is one (specification 1.0, section 3.3.4). */
	{"GetExtendedAgentCard", A2A_V10, A2A_GET, A2A_UNSUPPORTED},
};

static bool is_version(struct str header, struct str version)
{
	return str_eq(header, version) ||
	       (str_starts(header, version) && header.ptr[version.len] == '.');
}

/* The versions 0.3 and 1.0, their patch releases included; false: another one. */
static bool read_version(struct str header, struct str method, enum a2a_version *out)
{
	/* Method names of 1.0 begin with a capital, those of 0.3 do not. */
	*out = method.len && method.ptr[0] >= 'A' && method.ptr[0] <= 'Z' ? A2A_V10 : A2A_V03;
	if (!header.len)
		return true;
	if (is_version(header, STR("0.3")))
		*out = A2A_V03;
	else if (is_version(header, STR("1.0")) || str_eq(header, STR("1")))
		*out = A2A_V10;
	else
		return false;
	return true;
}

static const struct method *find_method(struct str name, enum a2a_version version)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].version == version && str_eq(name, str_c(methods[i].name)))
			return &methods[i];
	return NULL;
}

/* ---- parameters ---- */

/* An id of visible ASCII; absent is empty. */
static bool read_id(const json_t *object, const char *key, char out[A2A_ID_SIZE],
		    struct a2a_problem *problem)
{
	const json_t *value = json_object_get(object, key);
	out[0] = '\0';
	if (!value || json_is_null(value))
		return true;
	struct str text = json_get_str(object, key);
	bool fits = json_is_string(value) && text.len < A2A_ID_SIZE;
	for (size_t i = 0; i < text.len && fits; i++)
		fits = text.ptr[i] > ' ' && text.ptr[i] < 0x7F;
	if (!fits)
		return refuse(problem, A2A_INVALID_PARAMS,
			      "%s must be visible ASCII of at most %d bytes", key, A2A_ID_SIZE - 1);
	if (text.len)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return true;
}

static bool read_parts(const json_t *parts, struct buf *question, struct a2a_problem *problem)
{
	size_t count = json_array_size(parts);
	struct buf text;
	if (!count)
		return refuse(problem, A2A_INVALID_PARAMS,
			      "message.parts must be a list with at least one part");
	if (count > A2A_PARTS_MAX)
		return refuse(problem, A2A_INVALID_PARAMS, "message.parts has more than %d parts",
			      A2A_PARTS_MAX);
	buf_init(&text, question->alloc, question->max);
	bool ok = true;
	for (size_t i = 0; i < count && ok; i++) {
		const json_t *part = json_array_get(parts, i);
		struct str kind = json_get_str(part, "kind");
		if (!json_is_object(part))
			ok = refuse(problem, A2A_INVALID_PARAMS, "part %zu is no object", i);
		else if (!json_is_string(json_object_get(part, "text")) ||
			 (kind.len && !str_eq(kind, STR("text"))))
			ok = refuse(problem, A2A_CONTENT_TYPE,
				    "part %zu is no text; only text parts are read", i);
		else if (!buf_append(&text, i ? STR("\n") : STR("")) ||
			 !buf_append(&text, json_get_str(part, "text")))
			ok = refuse(problem, A2A_INVALID_PARAMS,
				    "the text is longer than %zu bytes; shorten it", question->max);
	}
	struct str trimmed = str_trim(buf_str(&text));
	if (ok && !trimmed.len)
		ok = refuse(problem, A2A_INVALID_PARAMS, "the question is empty; type a question");
	if (ok && !buf_append(question, trimmed))
		ok = refuse(problem, A2A_INTERNAL_ERROR, "out of memory");
	buf_release(&text);
	return ok;
}

static bool read_message(const json_t *params, struct a2a_request *out, struct buf *question,
			 struct a2a_problem *problem)
{
	const json_t *message = json_object_get(params, "message");
	const json_t *settings = json_object_get(params, "configuration");
	bool v10 = out->version == A2A_V10;
	const char *role = v10 ? "ROLE_USER" : "user";
	if (!json_is_object(message))
		return refuse(problem, A2A_INVALID_PARAMS, "params.message is missing");
	if (!json_get_str(message, "messageId").len)
		return refuse(problem, A2A_INVALID_PARAMS, "message.messageId is missing");
	if (!str_eq(json_get_str(message, "role"), str_c(role)))
		return refuse(problem, A2A_INVALID_PARAMS, "message.role must be \"%s\"", role);
	if (!read_id(message, "contextId", out->context, problem) ||
	    !read_id(message, "taskId", out->task, problem))
		return false;
	out->at_once = v10 ? json_is_true(json_object_get(settings, "returnImmediately"))
			   : json_is_false(json_object_get(settings, "blocking"));
	return read_parts(json_object_get(message, "parts"), question, problem);
}

static bool read_params(const json_t *params, struct a2a_request *out, struct buf *question,
			struct a2a_problem *problem)
{
	if (!json_is_object(params))
		return refuse(problem, A2A_INVALID_PARAMS, "params must be an object");
	if (out->method == A2A_SEND || out->method == A2A_STREAM)
		return read_message(params, out, question, problem);
	if (!read_id(params, "id", out->task, problem))
		return false;
	return out->task[0] || refuse(problem, A2A_INVALID_PARAMS, "params.id is missing");
}

/* The id as JSON text; "null" when it is none of JSON-RPC's. */
static bool read_rpc_id(const json_t *request, struct buf *out, struct a2a_problem *problem)
{
	const json_t *id = json_object_get(request, "id");
	struct buf text;
	buf_init(&text, out->alloc, A2A_RPC_ID_MAX);
	bool ok = (json_is_string(id) || json_is_integer(id)) &&
		  json_write(id, &text, NULL) == ERR_OK;
	buf_append(out, ok ? buf_str(&text) : STR("null"));
	buf_release(&text);
	return ok ||
	       refuse(problem, A2A_INVALID_REQUEST,
		      "id must be a string or a whole number of at most %d bytes", A2A_RPC_ID_MAX);
}

static bool read_request(const json_t *request, struct str header, struct a2a_request *out,
			 struct buf *rpc_id, struct buf *question, struct a2a_problem *problem)
{
	struct str name = json_get_str(request, "method");
	bool known = read_version(header, name, &out->version);
	if (!read_rpc_id(request, rpc_id, problem))
		return false;
	if (!str_eq(json_get_str(request, "jsonrpc"), STR("2.0")) || !name.len)
		return refuse(problem, A2A_INVALID_REQUEST,
			      "the request must have \"jsonrpc\": \"2.0\" and a method");
	if (!known)
		return refuse(problem, A2A_VERSION,
			      "version %.*s of A2A is not spoken here; 1.0 and 0.3 are",
			      STR_ARG(utf8_prefix(header, 32)));
	const struct method *method = find_method(name, out->version);
	if (!method)
		return refuse(problem, A2A_METHOD_NOT_FOUND, "A2A %s has no method %.*s here",
			      out->version == A2A_V10 ? "1.0" : "0.3",
			      STR_ARG(utf8_prefix(name, 64)));
	if (method->refusal)
		return refuse(problem, method->refusal, "%s is not supported", method->name);
	out->method = method->method;
	return read_params(json_object_get(request, "params"), out, question, problem);
}

bool a2a_read(struct str body, struct str header, struct a2a_request *out, struct buf *rpc_id,
	      struct buf *question, struct a2a_problem *problem)
{
	json_t *request;
	bool ok = false;
	*out = (struct a2a_request){.version = A2A_V03};
	header = str_trim(header);
	/* Unlike json_parse(), a bare number is JSON here, if no request. */
	request = json_loadb(body.ptr ? body.ptr : "", body.len,
			     JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (!request) {
		(void)!read_version(header, STR(""), &out->version);
		buf_append(rpc_id, STR("null"));
		refuse(problem, A2A_PARSE_ERROR, "the body is no valid JSON");
	} else {
		ok = read_request(request, header, out, rpc_id, question, problem);
	}
	json_decref(request);
	return ok;
}
