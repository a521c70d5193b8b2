#include "serve/frames.h"

#include "answer/present.h"

#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

/* Python's bytes.decode("utf-8", errors="ignore"), which the first server of this protocol used. */
static void append_valid(struct buf *out, struct str text)
{
	size_t at = 0, from = 0;
	while (at < text.len) {
		int32_t cp;
		size_t size = utf8_decode(text, at, &cp);
		if (size) {
			at += size;
			continue;
		}
		buf_append(out, str_slice(text, from, at));
		at++;
		from = at;
	}
	buf_append(out, str_slice(text, from, text.len));
}

enum err_code frames_parse(struct str message, struct buf *question, struct err *err)
{
	struct buf clean;
	buf_init(&clean, question->alloc, message.len + 1);
	append_valid(&clean, message);
	json_t *json = NULL;
	enum err_code code = buf_ok(&clean, "the message", err);
	if (code)
		goto out;
	struct str text = str_trim(buf_str(&clean));
	/* Only an object can name a message, so nothing else needs a parser. */
	if (str_starts(text, STR("{")) && json_parse(text, &json, NULL) == ERR_OK) {
		const json_t *value = json_object_get(json, "message");
		if (value && !json_is_string(value)) {
			code = err_set(err, ERR_INVALID, "`message` must be a string");
			goto out;
		}
		if (value)
			text = str_trim(json_get_str(json, "message"));
	}
	buf_append(question, text);
	code = buf_ok(question, "the question", err);
out:
	json_decref(json);
	buf_release(&clean);
	return code;
}

static void copy_session(struct str name, char session[FRAMES_SESSION_MAX + 1])
{
	bool visible = name.len <= FRAMES_SESSION_MAX;
	for (size_t i = 0; i < name.len && visible; i++)
		visible = name.ptr[i] > ' ' && name.ptr[i] < 0x7F;
	if (visible && name.len)
		memcpy(session, name.ptr, name.len);
	session[visible ? name.len : 0] = '\0';
}

enum err_code frames_conversation(struct str message, char session[FRAMES_SESSION_MAX + 1],
				  struct buf *history, struct err *err)
{
	json_t *json = NULL;
	struct str text = str_trim(message);
	enum err_code code = ERR_OK;
	session[0] = '\0';
	if (!str_starts(text, STR("{")) || json_parse(text, &json, NULL) != ERR_OK)
		return ERR_OK;
	const json_t *list = json_object_get(json, "history");
	if (json_is_string(json_object_get(json, "message"))) {
		copy_session(json_get_str(json, "session_id"), session);
		if (json_is_array(list))
			code = json_write(list, history, err);
	}
	json_decref(json);
	return code;
}

/* Takes `frame` over; NULL means that building it ran out of memory. */
static enum err_code write_frame(json_t *frame, struct buf *out, struct err *err)
{
	if (!frame)
		return err_set(err, ERR_NOMEM, "out of memory while building a frame");
	size_t before = out->len;
	enum err_code code = json_write(frame, out, err);
	if (code) {
		out->failed = false;
		out->len = before;
		if (out->ptr)
			out->ptr[before] = '\0';
	}
	json_decref(frame);
	return code;
}

enum err_code frames_system(struct buf *out, struct err *err)
{
	return write_frame(json_pack("{s:s, s:s}", "type", "system", "content", FRAMES_GREETING),
			   out, err);
}

enum err_code frames_status(const char *stage, struct buf *out, struct err *err)
{
	return write_frame(json_pack("{s:s, s:s}", "type", "status", "stage", stage), out, err);
}

enum err_code frames_content(struct str piece, struct buf *out, struct err *err)
{
	return write_frame(
		json_pack("{s:s, s:o}", "type", "content", "content", json_from_str(piece)), out,
		err);
}

enum err_code frames_tool_result(struct str tool, struct str text, struct buf *out, struct err *err)
{
	return write_frame(json_pack("{s:s, s:o, s:o}", "type", "tool_result", "tool_name",
				     json_from_str(tool), "content", json_from_str(text)),
			   out, err);
}

enum err_code frames_sources(const struct answer_citation *citations, size_t count, struct buf *out,
			     struct err *err)
{
	return write_frame(json_pack("{s:s, s:o}", "type", "sources", "sources",
				     present_citations(citations, count)),
			   out, err);
}

static bool cited_before(const struct answer_citation *citations, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(citations[i].url, citations[at].url))
			return true;
	return false;
}

/* The distinct addresses in order of first use; NULL without memory. */
static json_t *addresses(const struct answer_citation *citations, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++) {
		if (!citations[i].url.len || cited_before(citations, i))
			continue;
		if (json_array_append_new(list, json_from_str(citations[i].url))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

enum err_code frames_citations(const struct answer_citation *citations, size_t count,
			       struct buf *out, struct err *err)
{
	json_t *list = addresses(citations, count);
	if (list && json_array_size(list) == 0) {
		json_decref(list);
		return ERR_OK;
	}
	return write_frame(list ? json_pack("{s:s, s:o}", "type", "citations", "citations", list)
				: NULL,
			   out, err);
}

enum err_code frames_chat(struct str answer_id, const struct answer_result *result, struct buf *out,
			  struct err *err)
{
	json_t *list = addresses(result->citations, result->citation_count);
	/* Clients of the first server know null, not an empty list. */
	if (list && json_array_size(list) == 0) {
		json_decref(list);
		list = json_null();
	}
	return write_frame(json_pack("{s:o, s:o, s:o, s:o, s:s, s:b}", "response",
				     json_from_str(result->text), "citations", list, "sources",
				     present_citations(result->citations, result->citation_count),
				     "answer_id", json_from_str(answer_id), "route",
				     answer_route_name(result->route), "grounded",
				     result->grounded),
			   out, err);
}

enum err_code frames_done(struct str answer_id, const struct answer_result *result, struct buf *out,
			  struct err *err)
{
	return write_frame(json_pack("{s:s, s:o, s:s, s:b}", "type", "done", "answer_id",
				     json_from_str(answer_id), "route",
				     answer_route_name(result->route), "grounded",
				     result->grounded),
			   out, err);
}

enum err_code frames_ready(uint64_t chunks, uint64_t pending, uint64_t generation, struct buf *out,
			   struct err *err)
{
	uint64_t filled = chunks > pending ? chunks - pending : 0;
	return write_frame(json_pack("{s:s, s:{s:I, s:I, s:I, s:I}}", "status", "ready", "index",
				     "chunks", (json_int_t)chunks, "pending", (json_int_t)pending,
				     "percent", (json_int_t)(chunks ? filled * 100 / chunks : 100),
				     "generation", (json_int_t)generation),
			   out, err);
}

enum err_code frames_error(const char *message, struct buf *out, struct err *err)
{
	char text[ERR_MESSAGE_MAX + 32];
	snprintf(text, sizeof(text), "Request failed: %s", message);
	/* A message cut in the middle of a character must not lose the whole text. */
	struct str valid = str_c(text);
	while (valid.len && !utf8_valid(valid))
		valid.len--;
	return write_frame(
		json_pack("{s:s, s:o}", "type", "error", "content", json_from_str(valid)), out,
		err);
}

enum err_code frames_search(struct str query, const struct retrieve_results *results,
			    struct buf *out, struct err *err)
{
	return write_frame(present_results(query, results, false), out, err);
}

enum err_code frames_problem(int status, const char *title, const char *detail, struct str id,
			     struct buf *out, struct err *err)
{
	return write_frame(json_pack("{s:s, s:s, s:i, s:o, s:o}", "type", "about:blank", "title",
				     title, "status", status, "detail",
				     json_from_str(str_c(detail)), "request_id", json_from_str(id)),
			   out, err);
}
