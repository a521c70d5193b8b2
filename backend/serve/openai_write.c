/* Documents and events of OpenAI's API; see openai.h. */
#include "serve/openai.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

#define OWNER "docs-bot"

/* Takes `json` over; NULL means that building it ran out of memory. */
static enum err_code write_json(json_t *json, struct buf *out, struct err *err)
{
	if (!json)
		return err_set(err, ERR_NOMEM, "out of memory while building a response");
	enum err_code code = json_write(json, out, err);
	json_decref(json);
	return code;
}

static enum err_code write_event(json_t *json, struct buf *out, struct err *err)
{
	if (!json)
		return err_set(err, ERR_NOMEM, "out of memory while building an event");
	buf_append(out, STR("data: "));
	enum err_code code = write_json(json, out, err);
	buf_append(out, STR("\n\n"));
	return code ? code : buf_ok(out, "an event", err);
}

/* ---- errors ---- */

static const char *error_type(int status)
{
	switch (status) {
	case 401:
		return "authentication_error";
	case 403:
		return "permission_error";
	case 429:
		return "rate_limit_error";
	default:
		return status >= 500 ? "server_error" : "invalid_request_error";
	}
}

static json_t *error_json(int status, const char *message, const char *param, const char *code)
{
	/* A message cut in the middle of a character must not lose the whole text. */
	struct str valid = str_c(message);
	while (valid.len && !utf8_valid(valid))
		valid.len--;
	return json_pack("{s:{s:o, s:s, s:s?, s:s?}}", "error", "message", json_from_str(valid),
			 "type", error_type(status), "param", param, "code", code);
}

enum err_code openai_error(int status, const char *message, const char *param, const char *code,
			   struct buf *out, struct err *err)
{
	return write_json(error_json(status, message, param, code), out, err);
}

enum err_code openai_event_error(int status, const char *message, struct buf *out, struct err *err)
{
	return write_event(error_json(status, message, NULL, NULL), out, err);
}

/* ---- answers ---- */

/* A chunk of a stream. Takes `delta` over. */
static json_t *chunk(const struct openai_reply *reply, json_t *delta, const char *finish_reason)
{
	json_t *json =
		json_pack("{s:s+%, s:s, s:I, s:s, s:[{s:i, s:o, s:n, s:s?}]}", "id", "chatcmpl-",
			  reply->id.ptr, reply->id.len, "object", "chat.completion.chunk",
			  "created", (json_int_t)reply->created, "model", OPENAI_MODEL, "choices",
			  "index", 0, "delta", delta, "logprobs", "finish_reason", finish_reason);
	if (json && reply->include_usage && json_object_set_new(json, "usage", json_null())) {
		json_decref(json);
		return NULL;
	}
	return json;
}

enum err_code openai_event_text(const struct openai_reply *reply, struct str piece, bool first,
				struct buf *out, struct err *err)
{
	json_t *delta = first ? json_pack("{s:s, s:o}", "role", "assistant", "content",
					  json_from_str(piece))
			      : json_pack("{s:o}", "content", json_from_str(piece));
	return write_event(chunk(reply, delta, NULL), out, err);
}

static json_t *usage_json(const struct answer_result *result)
{
	return json_pack("{s:I, s:I, s:I}", "prompt_tokens", (json_int_t)result->prompt_tokens,
			 "completion_tokens", (json_int_t)result->completion_tokens, "total_tokens",
			 (json_int_t)(result->prompt_tokens + result->completion_tokens));
}

static enum err_code usage_event(const struct openai_reply *reply,
				 const struct answer_result *result, struct buf *out,
				 struct err *err)
{
	return write_event(json_pack("{s:s+%, s:s, s:I, s:s, s:[], s:o}", "id", "chatcmpl-",
				     reply->id.ptr, reply->id.len, "object",
				     "chat.completion.chunk", "created", (json_int_t)reply->created,
				     "model", OPENAI_MODEL, "choices", "usage", usage_json(result)),
			   out, err);
}

/* The text with its list of sources. */
static enum err_code whole_text(const struct openai_reply *reply,
				const struct answer_result *result, struct buf *whole,
				struct err *err)
{
	buf_append(whole, result->text);
	openai_sources(reply, result, whole);
	return buf_ok(whole, "the answer", err);
}

static enum err_code sources_events(const struct openai_reply *reply,
				    const struct answer_result *result, bool first, struct buf *out,
				    struct err *err)
{
	struct buf whole;
	buf_init(&whole, out->alloc, out->max);
	enum err_code code = whole_text(reply, result, &whole, err);
	struct str list = str_slice(buf_str(&whole), result->text.len, whole.len);
	if (!code && (first || list.len))
		code = openai_event_text(reply, list, first, out, err);
	if (!code && list.len) {
		json_t *delta = json_pack("{s:o}", "annotations",
					  openai_annotations(reply, result, buf_str(&whole),
							     result->text.len, out->alloc));
		code = write_event(chunk(reply, delta, NULL), out, err);
	}
	buf_release(&whole);
	return code;
}

enum err_code openai_event_end(const struct openai_reply *reply, const struct answer_result *result,
			       bool first, struct buf *out, struct err *err)
{
	enum err_code code = sources_events(reply, result, first, out, err);
	if (!code)
		code = write_event(chunk(reply, json_object(), "stop"), out, err);
	if (!code && reply->include_usage)
		code = usage_event(reply, result, out, err);
	if (code)
		return code;
	buf_append(out, STR("data: [DONE]\n\n"));
	return buf_ok(out, "an event", err);
}

enum err_code openai_completion(const struct openai_reply *reply,
				const struct answer_result *result, struct buf *out,
				struct err *err)
{
	struct buf whole;
	buf_init(&whole, out->alloc, out->max);
	enum err_code code = whole_text(reply, result, &whole, err);
	if (!code) {
		json_t *message =
			json_pack("{s:s, s:o, s:n, s:o}", "role", "assistant", "content",
				  json_from_str(buf_str(&whole)), "refusal", "annotations",
				  openai_annotations(reply, result, buf_str(&whole),
						     result->text.len, out->alloc));
		code = write_json(json_pack("{s:s+%, s:s, s:I, s:s, s:[{s:i, s:o, s:n, s:s}], s:o}",
					    "id", "chatcmpl-", reply->id.ptr, reply->id.len,
					    "object", "chat.completion", "created",
					    (json_int_t)reply->created, "model", OPENAI_MODEL,
					    "choices", "index", 0, "message", message, "logprobs",
					    "finish_reason", "stop", "usage", usage_json(result)),
				  out, err);
	}
	buf_release(&whole);
	return code;
}

/* ---- models ---- */

static json_t *model_json(const char *id, int64_t created)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "id", id, "object", "model", "created",
			 (json_int_t)created, "owned_by", OWNER);
}

enum err_code openai_models(const char *embedder, int64_t created, struct buf *out, struct err *err)
{
	json_t *list = json_pack("[o]", model_json(OPENAI_MODEL, created));
	if (embedder && json_array_append_new(list, model_json(embedder, created))) {
		json_decref(list);
		list = NULL;
	}
	return write_json(json_pack("{s:s, s:o}", "object", "list", "data", list), out, err);
}

enum err_code openai_model(struct str id, const char *embedder, int64_t created, struct buf *out,
			   struct err *err)
{
	if (str_eq(id, STR(OPENAI_MODEL)))
		return write_json(model_json(OPENAI_MODEL, created), out, err);
	if (embedder && str_eq(id, str_c(embedder)))
		return write_json(model_json(embedder, created), out, err);
	return err_set(err, ERR_NOTFOUND, "there is no such model here");
}

/* ---- embeddings ---- */

/* RFC 4648, 4, of values as little-endian f32, three bytes at a time. */
static void append_base64(struct buf *out, const float *values, size_t count)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t group = 0;
	unsigned held = 0;
	for (size_t i = 0; i < 4 * count; i++) {
		uint32_t bits;
		memcpy(&bits, &values[i / 4], sizeof(bits));
		group = group << 8 | (bits >> (8 * (i % 4)) & 0xFF);
		if (++held < 3)
			continue;
		for (int shift = 18; shift >= 0; shift -= 6)
			buf_append_byte(out, digits[group >> shift & 63]);
		group = 0;
		held = 0;
	}
	if (!held)
		return;
	group <<= 8 * (3 - held);
	for (unsigned i = 0; i < 4; i++)
		buf_append_byte(out, i <= held ? digits[group >> (18 - 6 * i) & 63] : '=');
}

/* Nine digits tell every f32 from its neighbours. */
static void append_numbers(struct buf *out, const float *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%.9g", i ? "," : "", (double)values[i]);
}

enum err_code openai_vectors(const char *model, const float *vectors, size_t count,
			     size_t dimension, bool base64, uint64_t tokens, struct buf *out,
			     struct err *err)
{
	buf_append(out, STR("{\"object\":\"list\",\"data\":["));
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":%c",
			   i ? "," : "", i, base64 ? '"' : '[');
		if (base64)
			append_base64(out, vectors + i * dimension, dimension);
		else
			append_numbers(out, vectors + i * dimension, dimension);
		buf_append_byte(out, base64 ? '"' : ']');
		buf_append_byte(out, '}');
	}
	buf_append(out, STR("],\"model\":"));
	enum err_code code = write_json(json_from_str(str_c(model)), out, err);
	buf_printf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}",
		   tokens, tokens);
	return code ? code : buf_ok(out, "the vectors", err);
}
