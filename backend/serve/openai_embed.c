/* Embeddings of OpenAI's API, by the service's own model. Requests are read on the loop. */
#include <inttypes.h>

#include "base/json.h"
#include "serve/openai.h"
#include "serve/service.h"

/*
 * Texts of one call to the embedder when there are many: enough that they share its products, few enough
 * that a client which has gone is noticed soon.
 */
#define SLICE 8

/* What is remembered of a request, in job->tag. */
struct request_tag {
	bool base64, list;
};

static const struct request_tag *tag_of(const struct job *job)
{
	return (const void *)job->tag.ptr;
}

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
		openai_refuse(conn, &problem);
		job_unref(job);
		return;
	}
	const struct request_tag tag = {.base64 = request.base64, .list = request.count > 1};
	if (buf_append(&job->tag, (struct str){(const char *)&tag, sizeof(tag)})) {
		http_answer(conn, job);
	} else {
		http_problem(conn, 503, "out of memory");
		job_unref(job);
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

/* Between slices it is seen that the client has gone. */
static enum err_code embed_batch(struct job *job, const struct batch *batch, float *vectors,
				 struct err *err)
{
	struct embedder *embedder = job->service->deps->embedder;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < batch->count && !code; i += SLICE) {
		size_t count = batch->count - i < SLICE ? batch->count - i : SLICE;
		code = atomic_load(&job->cancelled)
			       ? err_set(err, ERR_CANCELLED, "the server is shutting down")
			       : embed_texts(embedder, batch->texts + i, count,
					     vectors + i * embedder->dimension, err);
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

static void embed(struct worker *worker, struct job *job)
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
				      tag_of(job)->base64, batch.tokens, &body, &err);
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

/* Whether this worker is the one that embeds lists; else it waits, or is refused when too many do. */
static bool take_turn(struct job *job)
{
	struct service *service = job->service;
	struct bulk *bulk = &service->bulk;
	pthread_mutex_lock(&bulk->lock);
	bool mine = !bulk->busy, full = bulk->count >= service->options->queue_length;
	bulk->busy = true;
	if (!mine && !full) {
		atomic_fetch_add(&job->refs, 1);
		job->bulk_next = NULL;
		*(bulk->last ? &bulk->last->bulk_next : &bulk->first) = job;
		bulk->last = job;
		bulk->count++;
	}
	pthread_mutex_unlock(&bulk->lock);
	if (!mine && full)
		fail(job, ERR_BUSY, "too many lists of texts are waiting");
	return mine;
}

/* The list that waited longest, with its reference; NULL: none does, and the turn is over. */
static struct job *next_turn(struct service *service)
{
	struct bulk *bulk = &service->bulk;
	pthread_mutex_lock(&bulk->lock);
	struct job *job = bulk->first;
	if (job) {
		bulk->first = job->bulk_next;
		bulk->last = bulk->first ? bulk->last : NULL;
		bulk->count--;
	}
	bulk->busy = job != NULL;
	pthread_mutex_unlock(&bulk->lock);
	return job;
}

/*
 * A single text goes where the questions go, and shares their cache. Lists are embedded one after another by
 * one worker, on one processor, however many come: the other workers answer questions meanwhile.
 */
void openai_embed_run(struct worker *worker, struct job *job)
{
	if (!tag_of(job)->list) {
		embed(worker, job);
		return;
	}
	if (!take_turn(job))
		return;
	embed(worker, job);
	while ((job = next_turn(worker->service))) {
		arena_release(&worker->arena);
		if (atomic_load(&job->cancelled))
			worker_finish(job);
		else
			embed(worker, job);
		job_unref(job);
	}
}
