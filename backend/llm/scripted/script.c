#include "llm/scripted/script.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "llm/scripted/text.h"

enum {
	WORDS = 64,
	ENDLESS_GAP_MS = 1,
	PIECE_HUGE = 4096,
	FRAGMENT = 3,
	TEXT_MAX = 1 << 20,
	PARALLEL = 10,
	WHOLE_PIECES = 250, /* most of an answer that is not streamed */
};
#define HUGE_BYTES ((uint64_t)50 << 20)

enum kind {
	SCRIPTED,
	ECHO_CONTEXT,
	GULLIBLE,
	TOOL_ONCE,
	TOOL_FRAGMENTS,
	TOOL_PARALLEL,
	TOOL_BAD_JSON,
	TOOL_UNKNOWN,
	TOOL_LOOP,
	TOOL_NEVER,
	TOOL_SYNTAX,
	THINK,
	REASONING,
	EMPTY,
	REPEAT,
	HUGE_REPLY,
	BAD_UTF8,
	BYTEWISE,
	TWO_DONE,
	HALF_JSON,
	WRONG_TYPE,
	SILENCE,
	STALL_MID,
	CLOSE_MID,
	FAULT_401,
	FAULT_404,
	FAULT_429,
	FAULT_500,
	FAULT_500_ONCE,
	KINDS
};

static const char *const names[KINDS] = {
	[SCRIPTED] = "scripted",
	[ECHO_CONTEXT] = "echo-context",
	[GULLIBLE] = "gullible",
	[TOOL_ONCE] = "tool-once",
	[TOOL_FRAGMENTS] = "tool-fragments",
	[TOOL_PARALLEL] = "tool-parallel10",
	[TOOL_BAD_JSON] = "tool-bad-json",
	[TOOL_UNKNOWN] = "tool-unknown",
	[TOOL_LOOP] = "tool-loop",
	[TOOL_NEVER] = "tool-never",
	[TOOL_SYNTAX] = "tool-syntax",
	[THINK] = "think",
	[REASONING] = "reasoning",
	[EMPTY] = "empty",
	[REPEAT] = "repeat",
	[HUGE_REPLY] = "huge",
	[BAD_UTF8] = "bad-utf8",
	[BYTEWISE] = "bytewise",
	[TWO_DONE] = "two-done",
	[HALF_JSON] = "half-json",
	[WRONG_TYPE] = "wrong-type",
	[SILENCE] = "silence",
	[STALL_MID] = "stall-mid",
	[CLOSE_MID] = "close-mid",
	[FAULT_401] = "fault-401",
	[FAULT_404] = "fault-404",
	[FAULT_429] = "fault-429",
	[FAULT_500] = "fault-500",
	[FAULT_500_ONCE] = "fault-500-once",
};

/* Numbers at the end of a name: "-ttft300-gap66-n300". */
struct numbers {
	uint64_t ttft, gap, n;
	bool has_n;
};

/* Takes one "-xxxN" off the name's end; false when there is none. */
static bool take_number(struct str *name, struct numbers *numbers)
{
	size_t at = name->len;
	uint64_t value;
	while (at && ascii_digit((unsigned char)name->ptr[at - 1]))
		at--;
	if (!str_to_u64(str_slice(*name, at, name->len), &value) || value > 1000000)
		return false;
	struct str head = str_slice(*name, 0, at);
	if (str_ends(head, STR("-ttft"))) {
		numbers->ttft = value;
		name->len = at - 5;
	} else if (str_ends(head, STR("-gap"))) {
		numbers->gap = value;
		name->len = at - 4;
	} else if (str_ends(head, STR("-n"))) {
		numbers->n = value;
		numbers->has_n = true;
		name->len = at - 2;
	} else {
		return false;
	}
	return true;
}

static enum kind kind_of(struct str name, struct numbers *numbers)
{
	*numbers = (struct numbers){.n = WORDS};
	while (take_number(&name, numbers))
		;
	for (size_t i = 0; i < KINDS; i++)
		if (str_eq(name, str_c(names[i])))
			return (enum kind)i;
	return KINDS;
}

size_t script_kind(struct str model)
{
	struct numbers ignored;
	return kind_of(model, &ignored);
}

size_t script_kinds(void)
{
	return KINDS;
}

json_t *script_models(void)
{
	json_t *list = json_array();
	for (size_t i = 0; i < KINDS && list; i++) {
		json_t *model =
			json_pack("{s:s, s:s, s:i, s:s, s:i}", "id", names[i], "object", "model",
				  "created", 0, "owned_by", "docs-bot", "max_model_len", 32768);
		if (!model || json_array_append_new(list, model)) {
			json_decref(list);
			return NULL;
		}
	}
	return list ? json_pack("{s:s, s:o}", "object", "list", "data", list) : NULL;
}

/* --- what a kind says --- */

static bool add_delta(struct script *s, json_t *delta)
{
	return delta && !json_array_append_new(s->deltas, delta);
}

static bool add_call(struct script *s, size_t index, const char *name, struct str arguments)
{
	char id[32];
	snprintf(id, sizeof(id), "call_%zu", index + 1);
	return add_delta(s, json_pack("{s:[{s:i, s:s, s:s, s:{s:s, s:o}}]}", "tool_calls", "index",
				      (int)index, "id", id, "type", "function", "function", "name",
				      name, "arguments", json_from_str(arguments)));
}

static bool add_fragment(struct script *s, size_t index, struct str arguments)
{
	return add_delta(s, json_pack("{s:[{s:i, s:{s:o}}]}", "tool_calls", "index", (int)index,
				      "function", "arguments", json_from_str(arguments)));
}

/* The first tool that is offered, "" without any. */
static const char *first_tool(const json_t *request)
{
	const json_t *tool = json_array_get(json_object_get(request, "tools"), 0);
	const char *name =
		json_string_value(json_object_get(json_object_get(tool, "function"), "name"));
	return name ? name : "";
}

/* Whether the last message is a tool's. */
static bool has_results(const json_t *messages)
{
	size_t count = json_array_size(messages);
	return count &&
	       str_eq(json_get_str(json_array_get(messages, count - 1), "role"), STR("tool"));
}

static bool add_calls(struct script *s, enum kind kind, const char *tool, struct str arguments)
{
	bool added = true;
	s->finish = "tool_calls";
	switch ((int)kind) {
	case TOOL_UNKNOWN:
		return add_call(s, 0, "delete_cluster", STR("{\"name\":\"production\"}"));
	case TOOL_BAD_JSON:
		return add_call(s, 0, tool, STR("{\"query\": \"gpu"));
	case TOOL_PARALLEL:
		for (size_t i = 0; i < PARALLEL && added; i++)
			added = add_call(s, i, tool, arguments);
		return added;
	case TOOL_FRAGMENTS:
		added = add_call(s, 0, tool, STR("")) && add_call(s, 1, tool, STR(""));
		/* Two calls in turns; bytes that are cut within a character would be no JSON. */
		for (size_t at = 0; at < arguments.len && added;) {
			size_t end = at + FRAGMENT < arguments.len ? at + FRAGMENT : arguments.len;
			while (end < arguments.len &&
			       ((unsigned char)arguments.ptr[end] & 0xc0) == 0x80)
				end++;
			added = add_fragment(s, 0, str_slice(arguments, at, end)) &&
				add_fragment(s, 1, str_slice(arguments, at, end));
			at = end;
		}
		return added;
	default:
		return add_call(s, 0, tool, arguments);
	}
}

/* {"query": the question} */
static bool call_tools(struct script *s, enum kind kind, const json_t *request)
{
	const json_t *messages = json_object_get(request, "messages");
	struct str question = utf8_prefix(text_question(messages), 500);
	struct buf arguments;
	buf_init(&arguments, s->alloc, TEXT_MAX);
	json_t *root = json_pack("{s:o}", "query", json_from_str(question));
	bool added = root && !json_write(root, &arguments, NULL) &&
		     add_calls(s, kind, first_tool(request), buf_str(&arguments));
	json_decref(root);
	buf_release(&arguments);
	return added;
}

static void say_words(struct script *s, uint64_t count)
{
	static const char words[] = "the trial controller starts a job for each suggestion and "
				    "collects its metrics until the goal is reached ";
	buf_append(&s->text, STR(words));
	s->anew = true;
	s->left = count;
}

static bool is_tool_kind(enum kind kind)
{
	return kind >= TOOL_ONCE && kind <= TOOL_LOOP;
}

/* The content of kinds that answer; false without memory. */
static bool say(struct script *s, enum kind kind, const json_t *request,
		const struct numbers *numbers)
{
	const json_t *messages = json_object_get(request, "messages");
	bool said = true;
	s->left = UINT64_MAX;
	if (is_tool_kind(kind) && first_tool(request)[0] &&
	    (kind == TOOL_LOOP || !has_results(messages)))
		return call_tools(s, kind, request);
	switch ((int)kind) {
	case EMPTY:
		s->left = 0;
		break;
	case GULLIBLE:
		text_gullible(messages, &s->text);
		break;
	case TOOL_SYNTAX:
		buf_append(&s->text, STR("<tool_call>\n{\"name\": \"search_kubeflow_docs\", "
					 "\"arguments\": {\"query\": \"gpu\"}}\n</tool_call>"));
		break;
	case THINK:
		buf_append(&s->text, STR("<think>\nThe reader must not see this.\n</think>\n\n"));
		text_echo(messages, &s->text);
		break;
	case REASONING:
		said = add_delta(s, json_pack("{s:s}", "reasoning_content",
					      "The reader must not see this."));
		text_echo(messages, &s->text);
		break;
	case REPEAT:
		s->anew = true;
		buf_append(&s->text, STR("I am sorry, I am sorry, "));
		if (!s->gap_ms)
			s->gap_ms = ENDLESS_GAP_MS;
		break;
	case HUGE_REPLY:
		buf_append(&s->text, STR("all work and no play makes a long reply "));
		s->piece_bytes = PIECE_HUGE;
		s->anew = true;
		s->left = HUGE_BYTES / PIECE_HUGE;
		break;
	case SCRIPTED:
		say_words(s, numbers->n);
		break;
	case STALL_MID:
	case CLOSE_MID:
		say_words(s, numbers->has_n ? numbers->n : 3);
		break;
	default:
		text_echo(messages, &s->text);
	}
	return said;
}

/* --- faults --- */

static bool fail_status(struct script *s, int status, const char *message)
{
	s->status = status;
	s->type = "application/json";
	s->stream = false;
	s->wait_ms = 0;
	json_t *root = json_pack("{s:{s:s, s:s, s:i}}", "error", "message", message, "type",
				 "error", "code", status);
	bool written = root && !json_write(root, &s->whole, NULL);
	json_decref(root);
	return written;
}

/* Faults in place of an answer; *failed: there is one. False without memory. */
static bool set_fault(struct script *s, enum kind kind, size_t count, bool *failed)
{
	*failed = true;
	switch ((int)kind) {
	case FAULT_401:
		return fail_status(s, 401, "the key is wrong");
	case FAULT_404:
		return fail_status(s, 404, "the model does not exist");
	case FAULT_500:
		return fail_status(s, 500, "out of order");
	case FAULT_429:
		s->retry_after = 1;
		if (count % 2 == 0)
			return fail_status(s, 429, "too many requests");
		break;
	case FAULT_500_ONCE:
		if (count % 2 == 0)
			return fail_status(s, 500, "out of order for once");
		break;
	case WRONG_TYPE:
		s->type = "text/html";
		s->stream = false;
		return buf_append(&s->whole, STR("<!doctype html><title>Sign in</title>\n"));
	case HALF_JSON:
		return buf_append(&s->raw, STR("data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"de"
					       "\n\n"));
	case BAD_UTF8:
		/* A stray byte, and a character in two pieces. */
		return buf_append(
			&s->raw,
			STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\xe9 "
			    "\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
			    "\xf0\x9f\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{"
			    "\"content\":\"\x98\x80 end\"},\"finish_reason\":\"stop\"}]}\n\n"
			    "data: [DONE]\n\n"));
	case SILENCE:
		s->silent = true;
		s->end = SCRIPT_HANG;
		return true;
	default:
		break;
	}
	*failed = false;
	s->retry_after = -1;
	return true;
}

static void set_flags(struct script *s, enum kind kind)
{
	s->bytewise = kind == BYTEWISE;
	s->two_done = kind == TWO_DONE;
	if (kind == STALL_MID)
		s->end = SCRIPT_HANG;
	else if (kind == CLOSE_MID)
		s->end = SCRIPT_CLOSE;
}

/* --- chunks --- */

static bool write_event(struct buf *out, json_t *root)
{
	buf_append(out, STR("data: "));
	bool written = root && !json_write(root, out, NULL) && buf_append(out, STR("\n\n"));
	json_decref(root);
	return written;
}

/* Takes over `delta`; `finish` may be NULL. */
static json_t *chunk_of(const struct script *s, json_t *delta, const char *finish)
{
	json_t *root =
		json_pack("{s:s, s:s, s:i, s:s, s:[{s:i, s:o, s:s?}]}", "id", "chatcmpl-scripted",
			  "object", "chat.completion.chunk", "created", 0, "model", s->model,
			  "choices", "index", 0, "delta", delta, "finish_reason", finish);
	if (root && s->usage && json_object_set_new(root, "usage", json_null())) {
		json_decref(root);
		return NULL;
	}
	return root;
}

static json_t *usage_of(const struct script *s)
{
	int prompt = (int)(s->prompt_bytes / 4), completion = (int)s->sent;
	return json_pack("{s:i, s:i, s:i}", "prompt_tokens", prompt, "completion_tokens",
			 completion, "total_tokens", prompt + completion);
}

/* The next word with the white space behind it, or piece_bytes of the text again and again. */
static struct str next_piece(struct script *s, char *room, size_t size)
{
	struct str text = buf_str(&s->text);
	size_t len = 0;
	if (!text.len)
		return text;
	if (s->piece_bytes) {
		while (len < s->piece_bytes && len < size) {
			room[len++] = text.ptr[s->at];
			s->at = (s->at + 1) % text.len;
		}
		return (struct str){room, len};
	}
	size_t end = s->at;
	while (end < text.len && !ascii_space((unsigned char)text.ptr[end]))
		end++;
	while (end < text.len && ascii_space((unsigned char)text.ptr[end]))
		end++;
	struct str piece = str_slice(text, s->at, end);
	s->at = end;
	return piece;
}

static bool text_left(struct script *s)
{
	if (!s->left || !s->text.len)
		return false;
	if (s->at >= s->text.len && s->anew)
		s->at = 0;
	return s->at < s->text.len;
}

static bool write_end(struct script *s, struct buf *out)
{
	bool written = true;
	s->ended = true;
	if (s->raw.len)
		return buf_append(out, buf_str(&s->raw));
	if (s->end != SCRIPT_COMPLETE)
		return true;
	written = write_event(out, chunk_of(s, json_object(), s->finish));
	if (written && s->usage)
		written = write_event(out, json_pack("{s:s, s:s, s:i, s:s, s:[], s:o}", "id",
						     "chatcmpl-scripted", "object",
						     "chat.completion.chunk", "created", 0, "model",
						     s->model, "choices", "usage", usage_of(s)));
	if (written)
		written = buf_append(out, STR("data: [DONE]\n\n"));
	if (written && s->two_done)
		written = buf_append(out, STR("data: [DONE]\n\n"));
	return written;
}

static bool write_piece(struct script *s, struct buf *out)
{
	char room[PIECE_HUGE];
	json_t *delta;
	if (s->delta < json_array_size(s->deltas))
		delta = json_incref(json_array_get(s->deltas, s->delta++));
	else {
		s->left--;
		delta = json_pack("{s:o}", "content",
				  json_from_str(next_piece(s, room, sizeof(room))));
	}
	s->sent++;
	return write_event(out, chunk_of(s, delta, NULL));
}

/* --- whole answers --- */

static bool merge_calls(const struct script *s, json_t *message)
{
	json_t *calls = NULL;
	for (size_t i = 0; i < json_array_size(s->deltas); i++) {
		const json_t *delta = json_array_get(s->deltas, i);
		json_t *part = json_array_get(json_object_get(delta, "tool_calls"), 0);
		if (!part)
			continue;
		if (!calls) {
			calls = json_array();
			if (!calls || json_object_set_new(message, "tool_calls", calls))
				return false;
		}
		size_t index = (size_t)json_get_int(part, "index", 0);
		json_t *call = json_array_get(calls, index);
		if (!call) {
			if (json_array_append_new(calls, json_deep_copy(part)))
				return false;
			continue;
		}
		json_t *function = json_object_get(call, "function");
		json_t *old = json_object_get(function, "arguments");
		const json_t *more =
			json_object_get(json_object_get(part, "function"), "arguments");
		json_t *joined =
			json_sprintf("%s%s", json_string_value(old), json_string_value(more));
		if (!joined || json_object_set_new(function, "arguments", joined))
			return false;
	}
	return true;
}

static bool write_whole(struct script *s)
{
	char room[PIECE_HUGE];
	struct buf text;
	buf_init(&text, s->alloc, TEXT_MAX);
	for (; s->sent < WHOLE_PIECES && text_left(s); s->sent++, s->left--)
		buf_append(&text, next_piece(s, room, sizeof(room)));
	json_t *message =
		text.failed ? NULL
			    : json_pack("{s:s, s:o}", "role", "assistant", "content",
					text.len ? json_from_str(buf_str(&text)) : json_null());
	buf_release(&text);
	const json_t *reasoning =
		json_object_get(json_array_get(s->deltas, 0), "reasoning_content");
	bool made = message && merge_calls(s, message) &&
		    (!reasoning || !json_object_set_new(message, "reasoning_content",
							json_copy((json_t *)reasoning)));
	json_t *root = made ? json_pack("{s:s, s:s, s:i, s:s, s:[{s:i, s:O, s:s}], s:o}", "id",
					"chatcmpl-scripted", "object", "chat.completion", "created",
					0, "model", s->model, "choices", "index", 0, "message",
					message, "finish_reason", s->finish, "usage", usage_of(s))
			    : NULL;
	bool written = root && !json_write(root, &s->whole, NULL);
	json_decref(root);
	json_decref(message);
	return written;
}

/* --- the interface --- */

static enum err_code refuse(struct script *s, int status, const char *message, struct err *err)
{
	return fail_status(s, status, message)
		       ? ERR_OK
		       : err_set(err, ERR_NOMEM, "out of memory for an answer");
}

static void read_request(struct script *s, const json_t *request, const struct numbers *numbers)
{
	const json_t *messages = json_object_get(request, "messages");
	const json_t *options = json_object_get(request, "stream_options");
	s->stream = json_is_true(json_object_get(request, "stream"));
	s->usage = json_is_true(json_object_get(options, "include_usage"));
	s->type = s->stream ? "text/event-stream" : "application/json";
	s->wait_ms = (unsigned)numbers->ttft;
	s->gap_ms = (unsigned)numbers->gap;
	for (size_t i = 0; i < json_array_size(messages); i++)
		s->prompt_bytes += json_get_str(json_array_get(messages, i), "content").len;
}

enum err_code script_start(struct script *s, const json_t *request, size_t count,
			   const struct alloc *alloc, struct err *err)
{
	struct numbers numbers;
	struct str model = json_get_str(request, "model");
	*s = (struct script){.alloc = alloc,
			     .status = 200,
			     .type = "application/json",
			     .retry_after = -1,
			     .finish = "stop",
			     .deltas = json_array()};
	snprintf(s->model, sizeof(s->model), "%.*s", STR_ARG(str_slice(model, 0, 100)));
	buf_init(&s->whole, alloc, TEXT_MAX);
	buf_init(&s->text, alloc, TEXT_MAX);
	buf_init(&s->raw, alloc, TEXT_MAX);
	enum kind kind = kind_of(model, &numbers);
	if (!json_array_size(json_object_get(request, "messages")))
		return refuse(s, 400, "messages: a list of at least one is required", err);
	if (kind == KINDS)
		return refuse(s, 404, "the model does not exist; see /v1/models", err);
	bool failed = false;
	read_request(s, request, &numbers);
	set_flags(s, kind);
	bool made = s->deltas && set_fault(s, kind, count, &failed);
	if (made && !failed)
		made = say(s, kind, request, &numbers) && !s->text.failed;
	long long most = json_get_int(request, "max_tokens", 0);
	if (made && kind == SCRIPTED && most > 0 && s->left > (uint64_t)most) {
		s->left = (uint64_t)most;
		s->finish = "length";
	}
	if (made && !failed && !s->stream)
		made = write_whole(s);
	return made ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory for an answer");
}

void script_release(struct script *s)
{
	buf_release(&s->whole);
	buf_release(&s->text);
	buf_release(&s->raw);
	json_decref(s->deltas);
	s->deltas = NULL;
}

enum err_code script_next(struct script *s, struct buf *out, unsigned *delay_ms, bool *more,
			  struct err *err)
{
	bool written = true;
	*delay_ms = s->gap_ms;
	*more = false;
	if (!s->begun) {
		s->begun = true;
		*more = !s->silent;
		*delay_ms = s->wait_ms;
		/* Everything but its head waits for the first token. */
		return ERR_OK;
	}
	if (!s->stream) {
		s->ended = true;
		written = buf_append(out, buf_str(&s->whole));
	} else if (s->ended) {
		return ERR_OK;
	} else {
		if (!s->sent && !s->raw.len)
			written = write_event(out, chunk_of(s,
							    json_pack("{s:s, s:s}", "role",
								      "assistant", "content", ""),
							    NULL));
		bool piece = s->delta < json_array_size(s->deltas) || text_left(s);
		if (written)
			written = piece ? write_piece(s, out) : write_end(s, out);
		*more = piece;
	}
	return written ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory for an answer");
}
