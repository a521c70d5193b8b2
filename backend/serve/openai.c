/* Chat completions and models of OpenAI's API. Requests are read on the loop. */
#include "serve/openai.h"

#include <string.h>

#include "base/json.h"
#include "serve/service.h"

/* ---- errors ---- */

static enum err_code write_problem(int status, const char *detail, struct buf *out, struct err *err)
{
	return openai_error(status, detail, NULL, NULL, out, err);
}

const struct problem_form openai_problems = {"application/json", write_problem};

void openai_refuse(struct conn *conn, const struct openai_problem *problem)
{
	struct buf body;
	buf_init(&body, conn->service->alloc, 8 * ERR_MESSAGE_MAX);
	if (openai_error(problem->status, problem->message,
			 problem->param[0] ? problem->param : NULL, problem->code, &body, NULL))
		buf_clear(&body);
	http_respond_buf(conn, problem->status, openai_problems.content_type, &body);
	buf_release(&body);
}

/* ---- chat completions ---- */

/* What is remembered of a request, in job->tag. */
struct request_tag {
	int64_t created;
	bool include_usage;
	char base[OPENAI_BASE_SIZE];
};

static struct openai_reply reply_of(const struct job *job)
{
	const struct request_tag *tag = (const void *)job->tag.ptr;
	return (struct openai_reply){.id = str_c(job->id),
				     .created = tag->created,
				     .base = str_c(tag->base),
				     .include_usage = tag->include_usage};
}

static enum err_code event_text(const struct job *job, struct str piece, struct buf *frame,
				struct err *err)
{
	const struct openai_reply reply = reply_of(job);
	return openai_event_text(&reply, piece, !job->begun, frame, err);
}

static enum err_code event_end(const struct job *job, const struct answer_result *result,
			       unsigned step, struct buf *frame, struct err *err)
{
	const struct openai_reply reply = reply_of(job);
	(void)step;
	return openai_event_end(&reply, result, !job->begun, frame, err);
}

/* Before the first piece an error has a status, which clients know better what to do with. */
static enum err_code event_error(const struct job *job, enum err_code code, const char *message,
				 struct buf *frame, struct err *err)
{
	return job->begun ? openai_event_error(worker_status(code), message, frame, err) : ERR_OK;
}

static const struct dialect events = {.content_type = "text/event-stream",
				      .text = event_text,
				      .end = event_end,
				      .end_steps = 1,
				      .error = event_error};

static enum err_code whole_end(const struct job *job, const struct answer_result *result,
			       unsigned step, struct buf *frame, struct err *err)
{
	const struct openai_reply reply = reply_of(job);
	(void)step;
	return openai_completion(&reply, result, frame, err);
}

static const struct dialect whole = {
	.content_type = "application/json", .end = whole_end, .end_steps = 1};

static bool host_name(const char *host)
{
	for (const char *c = host; *c; c++)
		if (!ascii_alnum((unsigned char)*c) && !strchr(".-:[]", *c))
			return false;
	return host[0] != '\0';
}

/*
 * Where the client reached us: addresses of pages that we show ourselves are relative, and its reader is
 * elsewhere. Only the client itself is shown what it sent as its Host.
 */
static void own_address(struct conn *conn, char base[OPENAI_BASE_SIZE])
{
	static const char forwarded[] = "x-forwarded-proto:";
	char host[OPENAI_BASE_SIZE - 8], scheme[8];
	int len = lws_hdr_custom_copy(conn->wsi, scheme, sizeof(scheme), forwarded,
				      sizeof(forwarded) - 1);
	bool secure = lws_is_ssl(conn->wsi) || (len > 0 && strcmp(scheme, "https") == 0);
	base[0] = '\0';
	if (http_header(conn, WSI_TOKEN_HOST, host, sizeof(host)) && host_name(host))
		snprintf(base, OPENAI_BASE_SIZE, "%s://%s", secure ? "https" : "http", host);
}

static int64_t seconds_now(struct conn *conn)
{
	return clock_wall_ms(conn->service->deps->clock) / 1000;
}

void openai_chat_post(struct conn *conn, struct str rest, struct str body)
{
	struct openai_problem problem;
	struct openai_chat chat;
	struct request_tag tag = {.created = seconds_now(conn)};
	struct job *job = job_new(conn->service, JOB_ANSWER, conn->id);
	(void)rest;
	if (!job) {
		http_problem(conn, 503, "out of memory");
		return;
	}
	if (!openai_read_chat(body, &chat, &job->text, &job->history, &problem)) {
		openai_refuse(conn, &problem);
		job_unref(job);
		return;
	}
	tag.include_usage = chat.include_usage;
	own_address(conn, tag.base);
	job->dialect = chat.stream ? &events : &whole;
	if (buf_append(&job->tag, (struct str){(const char *)&tag, sizeof(tag)})) {
		http_answer(conn, job);
	} else {
		http_problem(conn, 503, "out of memory");
		job_unref(job);
	}
}

/* ---- models ---- */

static const char *embedder_name(const struct conn *conn)
{
	const struct embedder *embedder = conn->service->deps->embedder;
	return embedder ? embedder->model : NULL;
}

static void respond(struct conn *conn, enum err_code code, struct buf *body, const struct err *err)
{
	const struct openai_problem missing = {
		.status = 404, .param = "model", .code = "model_not_found"};
	if (!code) {
		http_respond_buf(conn, 200, "application/json", body);
	} else if (code == ERR_NOTFOUND) {
		struct openai_problem problem = missing;
		memcpy(problem.message, err->message, sizeof(problem.message));
		openai_refuse(conn, &problem);
	} else {
		http_problem(conn, 503, "%s", err->message);
	}
	buf_release(body);
}

void openai_models_get(struct conn *conn, struct str rest)
{
	struct buf body;
	struct err err = {ERR_OK, ""};
	(void)rest;
	buf_init(&body, conn->service->alloc, 1 << 16);
	respond(conn, openai_models(embedder_name(conn), conn->service->started, &body, &err),
		&body, &err);
}

void openai_model_get(struct conn *conn, struct str rest)
{
	struct buf body;
	struct err err = {ERR_OK, ""};
	buf_init(&body, conn->service->alloc, 1 << 16);
	respond(conn, openai_model(rest, embedder_name(conn), conn->service->started, &body, &err),
		&body, &err);
}
