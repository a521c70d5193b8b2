/*
 * The paths of OpenAI's API: what clients of chat completions and embeddings speak. Requests are read on the
 * loop, answers and vectors are made by workers.
 */
#include "serve/openai.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "serve/service.h"

/*
 * Texts of one call to the embedder when there are many: enough that they share its products, few enough
 * that a client which has gone is noticed soon.
 */
#define SLICE 8

/* ---- errors ---- */

static enum err_code write_problem(int status, const char *detail, struct buf *out, struct err *err)
{
	return openai_error(status, detail, NULL, NULL, out, err);
}

const struct problem_form openai_problems = {"application/json", write_problem};

static void refuse(struct conn *conn, const struct openai_problem *problem)
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
		refuse(conn, &problem);
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
		refuse(conn, &problem);
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
	respond(conn, openai_models(embedder_name(conn), conn->service->started, &body, &err), &body,
		&err);
}

void openai_model_get(struct conn *conn, struct str rest)
{
	struct buf body;
	struct err err = {ERR_OK, ""};
	buf_init(&body, conn->service->alloc, 1 << 16);
	respond(conn, openai_model(rest, embedder_name(conn), conn->service->started, &body, &err),
		&body, &err);
}

/* ---- embeddings ---- */

void openai_embeddings_post(struct conn *conn, struct str rest, struct str body)
{
	const struct embedder *embedder = conn->service->deps->embedder;
	struct openai_problem problem;
	struct openai_embeddings request;
	(void)rest;
	if (!embedder) {
		http_problem(conn, 503, "the embedding model is not loaded");
		return;
	}
	struct job *job = job_new(conn->service, JOB_EMBED, conn->id);
	if (!job) {
		http_problem(conn, 503, "out of memory");
		return;
	}
	if (!openai_read_embeddings(body, embedder->model, embedder->dimension, &request,
				    &job->history, &problem)) {
		refuse(conn, &problem);
		job_unref(job);
	} else if (!buf_append_byte(&job->tag, request.base64)) {
		http_problem(conn, 503, "out of memory");
		job_unref(job);
	} else {
		http_answer(conn, job);
	}
}

struct batch {
	struct str *texts;
	size_t count;
	uint64_t tokens; /* of all, with those that the model adds */
};

/* The texts of a job, in the arena; one that is too long for the model is ERR_LIMIT. */
static enum err_code read_batch(struct worker *worker, const json_t *list, struct batch *out,
				struct err *err)
{
	struct embedder *embedder = worker->service->deps->embedder;
	out->count = json_array_size(list);
	out->tokens = 0;
	out->texts = arena_array(&worker->arena, out->count, sizeof(*out->texts));
	if (!out->texts)
		return arena_fail(&worker->arena, err);
	for (size_t i = 0; i < out->count; i++) {
		const json_t *text = json_array_get(list, i);
		struct token_list tokens;
		out->texts[i] = (struct str){json_string_value(text), json_string_length(text)};
		enum err_code code =
			embed_tokenize(embedder, out->texts[i], &worker->arena, &tokens, err);
		if (code)
			return code;
		size_t length = tokens.count + embedder->special_tokens;
		if (length > embedder->max_tokens)
			return err_set(err, ERR_LIMIT,
				       "text %zu has %zu tokens; the limit of the model is %zu", i,
				       length, embedder->max_tokens);
		out->tokens += length;
	}
	return ERR_OK;
}

/*
 * A single text goes where the questions go, and shares their cache. Many at once are the work of one
 * processor at a time, so that questions are answered meanwhile.
 */
static enum err_code embed_batch(struct job *job, const struct batch *batch, float *vectors,
				 struct err *err)
{
	struct service *service = job->service;
	struct embedder *embedder = service->deps->embedder;
	enum err_code code = ERR_OK;
	if (batch->count == 1)
		return embed_texts(embedder, batch->texts, 1, vectors, err);
	for (size_t i = 0; i < batch->count && !code; i += SLICE) {
		size_t count = batch->count - i < SLICE ? batch->count - i : SLICE;
		pthread_mutex_lock(&service->bulk_lock);
		code = atomic_load(&job->cancelled)
			       ? err_set(err, ERR_CANCELLED, "the server is shutting down")
			       : embed_texts(embedder, batch->texts + i, count,
					     vectors + i * embedder->dimension, err);
		pthread_mutex_unlock(&service->bulk_lock);
	}
	return code;
}

static void fail(struct job *job, enum err_code code, const char *message)
{
	struct buf body;
	bool long_text = code == ERR_LIMIT;
	int status = long_text ? 400 : worker_status(code);
	buf_init(&body, job->service->alloc, 8 * ERR_MESSAGE_MAX);
	if (openai_error(status, message, long_text ? "input" : NULL,
			 long_text ? "context_length_exceeded" : NULL, &body, NULL))
		buf_clear(&body);
	worker_finish_http(job, status, &body);
}

void openai_embed_run(struct worker *worker, struct job *job)
{
	const struct serve_deps *deps = worker->service->deps;
	const struct embedder *embedder = deps->embedder;
	struct err err = {ERR_OK, ""};
	struct batch batch = {0};
	float *vectors = NULL;
	json_t *list = NULL;
	struct buf body;
	/* At most 16 bytes a number, and 64 around each vector: openai_vectors(). */
	buf_init(&body, job->service->alloc,
		 OPENAI_INPUTS_MAX * (16 * embedder->dimension + 64) + 1024);
	enum err_code code = json_parse(buf_str(&job->history), &list, &err);
	if (!code)
		code = read_batch(worker, list, &batch, &err);
	if (!code) {
		vectors = arena_array(&worker->arena, batch.count,
				      embedder->dimension * sizeof(float));
		code = vectors ? embed_batch(job, &batch, vectors, &err)
			       : arena_fail(&worker->arena, &err);
	}
	if (!code)
		code = openai_vectors(embedder->model, vectors, batch.count, embedder->dimension,
				      job->tag.ptr[0] != 0, batch.tokens, &body, &err);
	json_decref(list);
	int64_t took_us = clock_monotonic_us(deps->clock) - job->created_us;
	if (code) {
		buf_release(&body);
		log_warn(deps->log, "serve", "embeddings=%s error=\"%s\"", job->id, err.message);
		fail(job, code, err.message);
		return;
	}
	log_info(deps->log, "serve", "embeddings=%s texts=%zu tokens=%" PRIu64 " took_ms=%" PRId64,
		 job->id, batch.count, batch.tokens, took_us / 1000);
	worker_finish_http(job, 200, &body);
}
