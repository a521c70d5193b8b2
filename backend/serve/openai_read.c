/* What a request of OpenAI's API asks for; see openai.h. */
#include "serve/openai.h"

#include <string.h>

/* ---- refusals ---- */

static bool refuse(struct openai_problem *problem, int status, const char *code, const char *param,
		   const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Always false. */
static bool refuse(struct openai_problem *problem, int status, const char *code, const char *param,
		   const char *fmt, ...)
{
	va_list args;
	problem->status = status;
	problem->code = code;
	snprintf(problem->param, sizeof(problem->param), "%s", param);
	va_start(args, fmt);
	vsnprintf(problem->message, sizeof(problem->message), fmt, args);
	va_end(args);
	return false;
}

static bool no_memory(struct openai_problem *problem)
{
	return refuse(problem, 503, NULL, "", "out of memory");
}

/* ---- fields ---- */

enum {
	TYPE_STRING = 1,
	TYPE_INTEGER = 2,
	TYPE_NUMBER = 4,
	TYPE_BOOLEAN = 8,
	TYPE_OBJECT = 16,
	TYPE_LIST = 32,
	REQUIRED = 64
};

struct field {
	const char *name;
	unsigned types;
};

/* Those that mean something here, and those that well-known clients send and that have no effect. */
static const struct field chat_fields[] = {{"messages", TYPE_LIST | REQUIRED},
					   {"model", TYPE_STRING},
					   {"stream", TYPE_BOOLEAN},
					   {"stream_options", TYPE_OBJECT},
					   {"n", TYPE_INTEGER},
					   {"temperature", TYPE_NUMBER},
					   {"top_p", TYPE_NUMBER},
					   {"presence_penalty", TYPE_NUMBER},
					   {"frequency_penalty", TYPE_NUMBER},
					   {"max_tokens", TYPE_INTEGER},
					   {"max_completion_tokens", TYPE_INTEGER},
					   {"seed", TYPE_INTEGER},
					   {"stop", TYPE_STRING | TYPE_LIST},
					   {"tools", TYPE_LIST},
					   {"tool_choice", TYPE_STRING | TYPE_OBJECT},
					   {"parallel_tool_calls", TYPE_BOOLEAN},
					   {"functions", TYPE_LIST},
					   {"function_call", TYPE_STRING | TYPE_OBJECT},
					   {"response_format", TYPE_OBJECT},
					   {"logprobs", TYPE_BOOLEAN},
					   {"top_logprobs", TYPE_INTEGER},
					   {"logit_bias", TYPE_OBJECT},
					   {"metadata", TYPE_OBJECT},
					   {"user", TYPE_STRING}};

static const struct field stream_fields[] = {{"include_usage", TYPE_BOOLEAN}};

static const struct field message_fields[] = {{"role", TYPE_STRING | REQUIRED},
					      {"content", TYPE_STRING | TYPE_LIST}};

static const struct field embedding_fields[] = {{"input", TYPE_STRING | TYPE_LIST | REQUIRED},
						{"model", TYPE_STRING},
						{"encoding_format", TYPE_STRING},
						{"dimensions", TYPE_INTEGER},
						{"user", TYPE_STRING}};

static bool fits(const json_t *value, unsigned types)
{
	return (types & TYPE_STRING && json_is_string(value)) ||
	       (types & TYPE_INTEGER && json_is_integer(value)) ||
	       (types & TYPE_NUMBER && json_is_number(value)) ||
	       (types & TYPE_BOOLEAN && json_is_boolean(value)) ||
	       (types & TYPE_OBJECT && json_is_object(value)) ||
	       (types & TYPE_LIST && json_is_array(value));
}

static const char *types_name(unsigned types)
{
	switch (types & ~(unsigned)REQUIRED) {
	case TYPE_STRING:
		return "a string";
	case TYPE_INTEGER:
		return "an integer";
	case TYPE_NUMBER:
		return "a number";
	case TYPE_BOOLEAN:
		return "true or false";
	case TYPE_OBJECT:
		return "an object";
	case TYPE_LIST:
		return "a list";
	case TYPE_STRING | TYPE_LIST:
		return "a string or a list";
	default:
		return "a string or an object";
	}
}

/* null is as good as absent, as OpenAI has it. `where` comes before the name of a field, e.g. "messages[0].". */
static bool check_fields(const json_t *object, const struct field *fields, size_t count,
			 const char *where, struct openai_problem *problem)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, fields[i].name);
		char param[OPENAI_PARAM_SIZE];
		snprintf(param, sizeof(param), "%s%s", where, fields[i].name);
		if (!value || json_is_null(value)) {
			if (fields[i].types & REQUIRED)
				return refuse(problem, 400, "missing_required_parameter", param,
					      "`%s` is missing", param);
		} else if (!fits(value, fields[i].types)) {
			return refuse(problem, 400, "invalid_type", param, "`%s` must be %s", param,
				      types_name(fields[i].types));
		}
	}
	return true;
}

#define CHECK_FIELDS(object, fields, where, problem)                                               \
	check_fields(object, fields, sizeof(fields) / sizeof((fields)[0]), where, problem)

/* *request is the caller's also when this is false. */
static bool parse_object(struct str body, json_t **request, struct openai_problem *problem)
{
	struct err err = {ERR_OK, ""};
	*request = NULL;
	if (json_parse(body, request, &err))
		return refuse(problem, 400, "invalid_json", "", "the body is %s", err.message);
	return json_is_object(*request) ||
	       refuse(problem, 400, "invalid_type", "", "the body must be a JSON object");
}

static bool check_model(const json_t *request, const char *model, struct openai_problem *problem)
{
	struct str name = json_get_str(request, "model");
	if (!json_is_string(json_object_get(request, "model")) || str_eq(name, str_c(model)))
		return true;
	return refuse(problem, 404, "model_not_found", "model",
		      "there is no such model here; the one to ask is `%s`", model);
}

/* ---- messages ---- */

enum role { ROLE_IGNORED, ROLE_USER, ROLE_ASSISTANT };

/* A client must not speak for the system; what tools said is the client's affair. */
static bool read_role(struct str name, enum role *out)
{
	static const char *const ignored[] = {"system", "developer", "tool", "function"};
	*out = ROLE_IGNORED;
	if (str_eq(name, STR("user")))
		*out = ROLE_USER;
	else if (str_eq(name, STR("assistant")))
		*out = ROLE_ASSISTANT;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]) && *out == ROLE_IGNORED; i++)
		if (str_eq(name, str_c(ignored[i])))
			return true;
	return *out != ROLE_IGNORED;
}

static const char *role_name(enum role role)
{
	return role == ROLE_USER ? "user" : "assistant";
}

/* One message: its role, and the form of its content. */
static bool check_message(const json_t *message, size_t at, enum role *role,
			  struct openai_problem *problem)
{
	char where[OPENAI_PARAM_SIZE];
	snprintf(where, sizeof(where), "messages[%zu]", at);
	if (!json_is_object(message))
		return refuse(problem, 400, "invalid_type", where, "`%s` must be an object", where);
	snprintf(where, sizeof(where), "messages[%zu].", at);
	if (!CHECK_FIELDS(message, message_fields, where, problem))
		return false;
	if (!read_role(json_get_str(message, "role"), role)) {
		snprintf(where, sizeof(where), "messages[%zu].role", at);
		return refuse(problem, 400, "invalid_value", where,
			      "`%s` must be system, developer, user, assistant, tool or function",
			      where);
	}
	const json_t *parts = json_object_get(message, "content");
	for (size_t i = 0; i < json_array_size(parts); i++) {
		const json_t *part = json_array_get(parts, i);
		bool text = str_eq(json_get_str(part, "type"), STR("text"));
		snprintf(where, sizeof(where), "messages[%zu].content[%zu]", at, i);
		if (!json_is_string(json_object_get(part, "type")) ||
		    (text && !json_is_string(json_object_get(part, "text"))))
			return refuse(problem, 400, "invalid_type", where,
				      "`%s` must be like {\"type\": \"text\", \"text\": \"…\"}",
				      where);
	}
	return true;
}

/* The text of a message, parts on lines of their own. false: *other is the first part that is no text. */
static bool message_text(const json_t *message, struct buf *out, size_t *other)
{
	const json_t *content = json_object_get(message, "content");
	bool all = true;
	buf_append(out, json_get_str(message, "content"));
	for (size_t i = 0; i < json_array_size(content); i++) {
		const json_t *part = json_array_get(content, i);
		if (str_eq(json_get_str(part, "type"), STR("text"))) {
			if (out->len)
				buf_append_byte(out, '\n');
			buf_append(out, json_get_str(part, "text"));
		} else if (all) {
			*other = i;
			all = false;
		}
	}
	return all;
}

static bool append_turn(json_t *turns, enum role role, struct str text)
{
	text = str_trim(role == ROLE_ASSISTANT ? openai_without_sources(text) : text);
	return !text.len ||
	       json_array_append_new(turns, json_pack("{s:s, s:o}", "role", role_name(role),
						      "content", json_from_str(text))) == 0;
}

static bool read_history(const json_t *messages, size_t end, struct buf *text, struct buf *history,
			 struct openai_problem *problem)
{
	json_t *turns = json_array();
	bool ok = turns != NULL;
	for (size_t i = 0; i < end && ok; i++) {
		const json_t *message = json_array_get(messages, i);
		enum role role;
		size_t other;
		buf_clear(text);
		if (!read_role(json_get_str(message, "role"), &role) || role == ROLE_IGNORED)
			continue;
		(void)message_text(message, text, &other); /* e.g. pictures are passed over */
		ok = !text->failed && append_turn(turns, role, buf_str(text));
	}
	if (ok && json_array_size(turns))
		ok = json_write(turns, history, NULL) == ERR_OK;
	json_decref(turns);
	return ok || no_memory(problem);
}

static bool read_question(const json_t *messages, size_t at, struct buf *text, struct buf *question,
			  struct openai_problem *problem)
{
	char where[OPENAI_PARAM_SIZE];
	size_t other = 0;
	buf_clear(text);
	if (!message_text(json_array_get(messages, at), text, &other)) {
		snprintf(where, sizeof(where), "messages[%zu].content[%zu]", at, other);
		return refuse(problem, 400, "unsupported_content", where,
			      "this assistant reads text alone, no pictures, sound or files");
	}
	struct str asked = str_trim(buf_str(text));
	snprintf(where, sizeof(where), "messages[%zu].content", at);
	if (text->failed)
		return no_memory(problem);
	if (!asked.len)
		return refuse(problem, 400, "invalid_value", where,
			      "the question is empty; type a question");
	if (buf_append(question, asked))
		return true;
	return question->limited ? refuse(problem, 400, "context_length_exceeded", where,
					  "the question is %zu bytes long; the limit is %zu",
					  asked.len, question->max)
				 : no_memory(problem);
}

static bool read_messages(const json_t *messages, struct buf *text, struct buf *question,
			  struct buf *history, struct openai_problem *problem)
{
	size_t last = SIZE_MAX;
	for (size_t i = 0; i < json_array_size(messages); i++) {
		enum role role;
		if (!check_message(json_array_get(messages, i), i, &role, problem))
			return false;
		if (role == ROLE_USER)
			last = i;
	}
	if (last == SIZE_MAX)
		return refuse(problem, 400, "invalid_value", "messages",
			      "there is no message of the user");
	return read_question(messages, last, text, question, problem) &&
	       read_history(messages, last, text, history, problem);
}

bool openai_read_chat(struct str body, struct openai_chat *out, struct buf *question,
		      struct buf *history, struct openai_problem *problem)
{
	json_t *request = NULL;
	struct buf text;
	buf_init(&text, question->alloc, body.len + 1); /* no text is longer than all of them */
	*out = (struct openai_chat){0};
	bool ok = parse_object(body, &request, problem) &&
		  CHECK_FIELDS(request, chat_fields, "", problem) &&
		  CHECK_FIELDS(json_object_get(request, "stream_options"), stream_fields,
			       "stream_options.", problem) &&
		  check_model(request, OPENAI_MODEL, problem);
	if (ok && json_get_int(request, "n", 1) != 1)
		ok = refuse(problem, 400, "invalid_value", "n", "`n` must be 1");
	ok = ok &&
	     read_messages(json_object_get(request, "messages"), &text, question, history, problem);
	out->stream = json_is_true(json_object_get(request, "stream"));
	out->include_usage = json_is_true(
		json_object_get(json_object_get(request, "stream_options"), "include_usage"));
	buf_release(&text);
	json_decref(request);
	return ok;
}

/* ---- embeddings ---- */

static bool check_inputs(const json_t *input, struct openai_problem *problem)
{
	size_t count = json_array_size(input);
	if (!count || count > OPENAI_INPUTS_MAX)
		return refuse(problem, 400, "invalid_value", "input",
			      "`input` must have 1 to %d texts, not %zu", OPENAI_INPUTS_MAX, count);
	for (size_t i = 0; i < count; i++) {
		const json_t *text = json_array_get(input, i);
		char where[OPENAI_PARAM_SIZE];
		snprintf(where, sizeof(where), "input[%zu]", i);
		if (json_is_integer(text) || json_is_array(text))
			return refuse(problem, 400, "unsupported_content", where,
				      "tokens of another model's vocabulary cannot be read; send "
				      "text (LangChain: check_embedding_ctx_length=False)");
		if (!json_is_string(text))
			return refuse(problem, 400, "invalid_type", where, "`%s` must be a string",
				      where);
		if (!json_string_length(text))
			return refuse(problem, 400, "invalid_value", where, "`%s` is empty", where);
	}
	return true;
}

static bool read_format(const json_t *request, size_t dimension, struct openai_embeddings *out,
			struct openai_problem *problem)
{
	struct str format = json_get_str(request, "encoding_format");
	out->base64 = str_eq(format, STR("base64"));
	if (json_is_string(json_object_get(request, "encoding_format")) && !out->base64 &&
	    !str_eq(format, STR("float")))
		return refuse(problem, 400, "invalid_value", "encoding_format",
			      "`encoding_format` must be float or base64");
	if (json_get_int(request, "dimensions", (long long)dimension) != (long long)dimension)
		return refuse(problem, 400, "invalid_value", "dimensions",
			      "vectors of this model have %zu dimensions and cannot be shortened",
			      dimension);
	return true;
}

bool openai_read_embeddings(struct str body, const char *model, size_t dimension,
			    struct openai_embeddings *out, struct buf *inputs,
			    struct openai_problem *problem)
{
	json_t *request = NULL, *list = NULL;
	*out = (struct openai_embeddings){0};
	bool ok = parse_object(body, &request, problem) &&
		  CHECK_FIELDS(request, embedding_fields, "", problem) &&
		  check_model(request, model, problem) &&
		  read_format(request, dimension, out, problem);
	if (ok) {
		json_t *input = json_object_get(request, "input");
		list = json_is_string(input) ? json_pack("[O]", input) : json_incref(input);
		ok = list ? check_inputs(list, problem) : no_memory(problem);
	}
	out->count = json_array_size(list);
	if (ok && json_write(list, inputs, NULL))
		ok = no_memory(problem);
	json_decref(list);
	json_decref(request);
	return ok;
}
