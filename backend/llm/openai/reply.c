#include "llm/openai/reply.h"

#include "base/json.h"
#include "base/utf8.h"
#include "llm/openai/lenient.h"

#define WORDS_MAX 200 /* bytes of a server's own words in a message */

void reply_init(struct reply *r, const struct alloc *alloc, const struct llm_sink *sink)
{
	*r = (struct reply){.alloc = alloc, .sink = sink, .finish = LLM_UNKNOWN};
	buf_init(&r->text, alloc, REPLY_MAX_TEXT);
	buf_init(&r->reasoning, alloc, REPLY_MAX_TEXT);
}

void reply_release(struct reply *r)
{
	buf_release(&r->text);
	buf_release(&r->reasoning);
	for (size_t i = 0; i < r->call_count; i++) {
		buf_release(&r->calls[i].id);
		buf_release(&r->calls[i].name);
		buf_release(&r->calls[i].arguments);
	}
}

/* --- text --- */

static bool say(void *ctx, struct str piece)
{
	struct reply *r = ctx;
	if (!buf_append(&r->text, piece))
		return false;
	r->left = !r->sink->text(r->sink->ctx, piece);
	return !r->left;
}

static bool reason(void *ctx, struct str piece)
{
	struct reply *r = ctx;
	return buf_append(&r->reasoning, piece);
}

static enum err_code text_failure(const struct reply *r, struct err *err)
{
	if (r->left)
		return err_set(err, ERR_CANCELLED, "the reader wants no more");
	enum err_code code = buf_ok(&r->text, "the model's reply", err);
	return code ? code : buf_ok(&r->reasoning, "the model's reasoning", err);
}

static enum err_code take_text(struct reply *r, struct str piece, struct err *err)
{
	const struct think_out out = {.ctx = r, .text = say, .reasoning = reason};
	if (!piece.len)
		return ERR_OK;
	r->begun = true;
	return think_feed(&r->think, piece, &out) ? ERR_OK : text_failure(r, err);
}

/* A string, or a list of {"type": "text", "text": …}. */
static enum err_code take_content(struct reply *r, const json_t *message, struct err *err)
{
	const json_t *parts = json_object_get(message, "content");
	enum err_code code = take_text(r, json_get_str(message, "content"), err);
	for (size_t i = 0; i < json_array_size(parts) && !code; i++)
		code = take_text(r, json_get_str(json_array_get(parts, i), "text"), err);
	return code;
}

static enum err_code take_reasoning(struct reply *r, const json_t *message, struct err *err)
{
	/* vLLM calls it "reasoning" since 0.12 and sends one or both, with the same text. */
	struct str piece = json_get_str(message, "reasoning_content");
	if (!piece.len)
		piece = json_get_str(message, "reasoning");
	if (!piece.len)
		return ERR_OK;
	r->begun = true;
	return reason(r, piece) ? ERR_OK : text_failure(r, err);
}

/* --- calls --- */

static struct reply_call *add_call(struct reply *r, long long index)
{
	if (r->call_count == LLM_MAX_TOOL_CALLS)
		return NULL;
	struct reply_call *call = &r->calls[r->call_count++];
	call->index = index;
	buf_init(&call->id, r->alloc, 256);
	buf_init(&call->name, r->alloc, 256);
	buf_init(&call->arguments, r->alloc, REPLY_MAX_ARGUMENTS);
	return call;
}

/*
 * The call that a fragment belongs to, NULL for one that is past the limit. A call begins with a new
 * index or a new id: some servers send no index, others 0 for every call.
 */
static struct reply_call *call_of(struct reply *r, const json_t *fragment)
{
	long long index = json_get_int(fragment, "index", -1);
	struct str id = json_get_str(fragment, "id");
	struct reply_call *found = NULL;
	for (size_t i = r->call_count; i > 0 && !found; i--)
		if (index < 0 || r->calls[i - 1].index == index)
			found = &r->calls[i - 1];
	bool another = found && id.len && found->id.len && !str_eq(id, buf_str(&found->id));
	/* Without index or id, a fragment with a name begins a call that is whole. */
	bool whole = found && index < 0 && !id.len &&
		     json_get_str(json_object_get(fragment, "function"), "name").len;
	return found && !another && !whole ? found : add_call(r, index);
}

static bool append_arguments(struct buf *out, const json_t *function)
{
	const json_t *arguments = json_object_get(function, "arguments");
	if (json_is_object(arguments)) /* as Ollama has them */
		return !json_write(arguments, out, NULL);
	return buf_append(out, json_get_str(function, "arguments"));
}

static enum err_code take_call(struct reply *r, const json_t *fragment, struct err *err)
{
	const json_t *function = json_object_get(fragment, "function");
	r->begun = true;
	struct reply_call *call = call_of(r, fragment);
	if (!call)
		return ERR_OK;
	/* Names come whole; servers that repeat them in each fragment mean the same. */
	if (!call->id.len)
		buf_append(&call->id, json_get_str(fragment, "id"));
	if (!call->name.len)
		buf_append(&call->name, json_get_str(function, "name"));
	append_arguments(&call->arguments, function);
	enum err_code code = buf_ok(&call->id, "the id of a call", err);
	if (!code)
		code = buf_ok(&call->name, "the name of a call", err);
	return code ? code : buf_ok(&call->arguments, "the arguments of a call", err);
}

static enum err_code take_calls(struct reply *r, const json_t *message, struct err *err)
{
	const json_t *calls = json_object_get(message, "tool_calls");
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < json_array_size(calls) && !code; i++)
		code = take_call(r, json_array_get(calls, i), err);
	return code;
}

/* --- chunks --- */

static uint64_t count_of(const json_t *usage, const char *key)
{
	long long value = json_get_int(usage, key, 0);
	return value > 0 ? (uint64_t)value : 0;
}

static void take_finish(struct reply *r, struct str why)
{
	if (!why.len)
		return;
	r->finished = true;
	if (str_eq(why, STR("stop")) || str_eq(why, STR("eos_token")))
		r->finish = LLM_STOP;
	else if (str_eq(why, STR("length")))
		r->finish = LLM_LENGTH;
	else if (str_eq(why, STR("tool_calls")) || str_eq(why, STR("function_call")))
		r->finish = LLM_TOOL_CALLS;
	else if (str_eq(why, STR("content_filter")))
		r->finish = LLM_FILTERED;
}

/* {"error": …} and {"object": "error", …}, as the servers have them. */
static const json_t *error_in(const json_t *root)
{
	const json_t *error = json_object_get(root, "error");
	if (error && !json_is_null(error))
		return error;
	return str_eq(json_get_str(root, "object"), STR("error")) ? root : NULL;
}

static struct str words_of(const json_t *error)
{
	struct str words = json_is_string(error) ? str_c(json_string_value(error))
						 : json_get_str(error, "message");
	return utf8_prefix(words, WORDS_MAX);
}

static enum err_code problem(long status, struct str words, bool *again, struct err *err)
{
	const char *colon = words.len ? ": " : "";
	*again = status == 408 || status == 429 || status >= 500;
	if (status == 400 || status == 413 || status == 422)
		return err_set(err, ERR_INVALID, "it does not take the request (%ld)%s%.*s", status,
			       colon, STR_ARG(words));
	if (status == 401 || status == 403)
		return err_set(err, ERR_UNAVAILABLE, "it refuses the key, see llm_api_key (%ld)",
			       status);
	if (status == 404)
		return err_set(err, ERR_UNAVAILABLE,
			       "it knows no such address or model, see kserve_url and llm_model "
			       "(404)%s%.*s",
			       colon, STR_ARG(words));
	if (status == 429)
		return err_set(err, ERR_UNAVAILABLE, "it has too much to do (429)%s%.*s", colon,
			       STR_ARG(words));
	return err_set(err, ERR_UNAVAILABLE, "it answers %ld%s%.*s", status, colon, STR_ARG(words));
}

enum err_code reply_problem(long status, struct str body, bool *again, struct err *err)
{
	json_t *root = NULL;
	struct str words = STR("");
	if (!json_parse(body, &root, NULL)) {
		const json_t *error = error_in(root);
		words = error ? words_of(error) : words_of(root);
	}
	enum err_code code = problem(status, words, again, err);
	json_decref(root);
	return code;
}

static enum err_code take_error(const json_t *error, bool *again, struct err *err)
{
	long long status = json_get_int(error, "code", 500);
	return problem(status >= 400 && status < 600 ? (long)status : 500, words_of(error), again,
		       err);
}

/* `key`: where a choice has its message, "delta" or "message". */
static enum err_code take_root(struct reply *r, const json_t *root, const char *key, bool *again,
			       struct err *err)
{
	const json_t *error = error_in(root), *usage = json_object_get(root, "usage");
	const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
	if (error)
		return take_error(error, again, err);
	if (json_is_object(usage)) {
		r->prompt_tokens = count_of(usage, "prompt_tokens");
		r->completion_tokens = count_of(usage, "completion_tokens");
	}
	if (json_get_int(choice, "index", 0) != 0)
		return ERR_OK; /* one completion was asked for */
	const json_t *message = json_object_get(choice, key);
	enum err_code code = take_reasoning(r, message, err);
	if (!code)
		code = take_content(r, message, err);
	if (!code)
		code = take_calls(r, message, err);
	if (!code)
		take_finish(r, json_get_str(choice, "finish_reason"));
	return code;
}

static enum err_code take_json(struct reply *r, struct str text, const char *key, bool *again,
			       struct err *err)
{
	json_t *root = NULL;
	*again = false;
	enum err_code code = lenient_parse(text, r->alloc, &root, err);
	if (code)
		return err_context(err, "its answer");
	if (!json_is_object(root) || (!error_in(root) && !json_object_get(root, "choices") &&
				      !json_object_get(root, "usage")))
		code = err_set(err, ERR_FORMAT, "its answer is JSON, but no chat completion");
	else
		code = take_root(r, root, key, again, err);
	json_decref(root);
	return code;
}

enum err_code reply_chunk(struct reply *r, struct str data, bool *again, struct err *err)
{
	*again = false;
	if (str_eq(str_trim(data), STR("[DONE]")))
		r->done = true;
	return r->done ? ERR_OK : take_json(r, data, "delta", again, err);
}

enum err_code reply_whole(struct reply *r, struct str body, bool *again, struct err *err)
{
	enum err_code code = take_json(r, body, "message", again, err);
	r->done = !code;
	return code;
}

enum err_code reply_end(struct reply *r, struct err *err)
{
	const struct think_out out = {.ctx = r, .text = say, .reasoning = reason};
	return think_end(&r->think, &out) ? ERR_OK : text_failure(r, err);
}

static bool store_call(const struct reply_call *call, size_t number, struct arena *arena,
		       struct llm_tool_call *out)
{
	struct str arguments = str_trim(buf_str(&call->arguments));
	out->id = call->id.len ? arena_str(arena, buf_str(&call->id))
			       : arena_printf(arena, "call_%zu", number);
	out->name = arena_str(arena, buf_str(&call->name));
	out->arguments = arena_str(arena, arguments.len ? arguments : STR("{}"));
	return out->id.ptr && out->name.ptr && out->arguments.ptr;
}

enum err_code reply_store(const struct reply *r, struct arena *arena, struct llm_reply *out,
			  struct err *err)
{
	out->text = arena_str(arena, buf_str(&r->text));
	out->reasoning = arena_str(arena, buf_str(&r->reasoning));
	bool stored = out->text.ptr && out->reasoning.ptr;
	for (size_t i = 0; i < r->call_count && stored; i++)
		stored = store_call(&r->calls[i], i + 1, arena, &out->calls[i]);
	if (!stored) {
		*out = (struct llm_reply){.text = STR(""), .reasoning = STR("")};
		return arena_fail(arena, err);
	}
	out->call_count = r->call_count;
	bool ended = r->finish == LLM_STOP || r->finish == LLM_UNKNOWN;
	out->finish = r->call_count && ended ? LLM_TOOL_CALLS : r->finish;
	out->prompt_tokens = r->prompt_tokens;
	out->completion_tokens = r->completion_tokens;
	return ERR_OK;
}
