/*
 * POST /chat: the JSON and server-sent events of docs-agent's HTTPS server. Events have the frames of
 * the WebSocket, one to a `data:` line.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "serve/frames.h"
#include "serve/service.h"

/* Puts a frame into an event; nothing becomes none. */
static enum err_code as_event(enum err_code code, struct buf *json, struct buf *frame,
			      struct err *err)
{
	if (!code && json->len) {
		buf_append(frame, STR("data: "));
		buf_append(frame, buf_str(json));
		buf_append(frame, STR("\n\n"));
		code = buf_ok(frame, "an event", err);
	}
	buf_release(json);
	return code;
}

static struct buf json_buf(const struct job *job)
{
	struct buf json;
	buf_init(&json, job->service->alloc, job->service->options->max_answer_bytes);
	return json;
}

static enum err_code event_status(const struct job *job, const char *stage, struct buf *frame,
				  struct err *err)
{
	struct buf json = json_buf(job);
	return as_event(frames_status(stage, &json, err), &json, frame, err);
}

static enum err_code event_text(const struct job *job, struct str piece, struct buf *frame,
				struct err *err)
{
	struct buf json = json_buf(job);
	return as_event(frames_content(piece, &json, err), &json, frame, err);
}

static enum err_code event_tool_result(const struct job *job, struct str tool, struct str text,
				       struct buf *frame, struct err *err)
{
	struct buf json = json_buf(job);
	return as_event(frames_tool_result(tool, text, &json, err), &json, frame, err);
}

static enum err_code event_end(const struct job *job, const struct answer_result *result,
			       unsigned step, struct buf *frame, struct err *err)
{
	struct buf json = json_buf(job);
	enum err_code code = ERR_OK;
	(void)step;
	code = as_event(frames_sources(result->citations, result->citation_count, &json, err),
			&json, frame, err);
	json = json_buf(job);
	if (!code)
		code = as_event(
			frames_citations(result->citations, result->citation_count, &json, err),
			&json, frame, err);
	json = json_buf(job);
	if (!code)
		code = as_event(frames_done(str_c(job->id), result, &json, err), &json, frame, err);
	return code;
}

static enum err_code event_error(const struct job *job, enum err_code kind, const char *message,
				 struct buf *frame, struct err *err)
{
	struct buf json = json_buf(job);
	(void)kind;
	return as_event(frames_error(message, &json, err), &json, frame, err);
}

static const struct dialect events = {.content_type = "text/event-stream",
				      .status = event_status,
				      .text = event_text,
				      .tool_result = event_tool_result,
				      .end = event_end,
				      .end_steps = 1,
				      .error = event_error};

static enum err_code whole_end(const struct job *job, const struct answer_result *result,
			       unsigned step, struct buf *frame, struct err *err)
{
	(void)step;
	return frames_chat(str_c(job->id), result, frame, err);
}

static const struct dialect whole = {
	.content_type = "application/json", .end = whole_end, .end_steps = 1};

/* What is wrong with a request, in the words of a problem document; NULL: nothing. */
static const char *read_request(const json_t *request, struct job *job, struct str raw,
				struct err *err)
{
	const json_t *message = json_object_get(request, "message");
	const json_t *stream = json_object_get(request, "stream");
	if (!json_is_object(request) || !json_is_string(message))
		return "the body must be JSON like {\"message\": \"…\", \"stream\": true}";
	if (stream && !json_is_boolean(stream))
		return "`stream` must be true or false";
	struct str text = str_trim(json_get_str(request, "message"));
	if (!text.len)
		return "the question is empty; type a question";
	if (!buf_append(&job->text, text))
		return "the question is too long";
	job->dialect = json_is_false(stream) ? &whole : &events;
	if (frames_conversation(raw, job->session, &job->history, err))
		return "out of memory";
	return NULL;
}

void chat_post(struct conn *conn, struct str rest, struct str body)
{
	struct err err = {ERR_OK, ""};
	json_t *request = NULL;
	struct job *job = job_new(conn->service, JOB_ANSWER, conn->id);
	(void)rest;
	if (!job) {
		http_problem(conn, 503, "out of memory");
		return;
	}
	enum err_code code = json_parse(body, &request, &err);
	const char *wrong =
		code ? "the body is no valid JSON" : read_request(request, job, body, &err);
	if (wrong) {
		http_problem(conn, 422, "%s", wrong);
		job_unref(job);
	} else {
		http_answer(conn, job);
	}
	json_decref(request);
}
