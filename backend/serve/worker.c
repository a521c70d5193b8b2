/*
 * Threads of the service.
 *
 * 1. One loop thread (the caller of serve_run) owns libwebsockets, every connection and `struct
 *    conn`. It moves bytes and never computes, waits or opens a store.
 * 2. Workers take jobs from one bounded queue. Each owns its arena; a store is lent to it while it
 *    searches (readers.c), not while it waits for a language model. One more thread moves the stores
 *    that are not lent to a newly published index (refresh.c), one of llm/ moves the bytes of all
 *    models. Embedder, model, options, logger and clock are shared and constant; metrics are atomic.
 * 3. A job is counted: one reference is the connection's, one the worker's, one the ready list's.
 *    What it asks is constant once queued; what it answers is guarded by job.lock; job.conn belongs
 *    to the loop. The last reference frees it, on whatever thread that is.
 * 4. A worker adds frames to the job's capped buffer, puts the job on the ready list and wakes the
 *    loop by lws_cancel_service(), the one call into libwebsockets that other threads may make. The
 *    loop then asks for writeable callbacks and writes one frame in each.
 * 5. When a client goes, the loop sets job.cancelled and forgets the job. The answer workflow
 *    polls the flag at every stage.
 * 6. Locks: job.lock, service.ready_lock and service.bulk.lock are never held together, nor across a
 *    call out of serve/.
 * 7. Shutdown: stop accepting, close the queue, let running and queued jobs finish until the
 *    deadline, cancel the rest, join the workers, and only then destroy the context.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "serve/frames.h"
#include "serve/page.h"
#include "serve/service.h"
#include "serve/talk.h"

/* ---- jobs ---- */

struct job *job_new(struct service *service, enum job_kind kind, const char *id)
{
	struct job *job = alloc_zero(service->alloc, 1, sizeof(*job));
	if (!job)
		return NULL;
	job->service = service;
	job->kind = kind;
	job->created_us = clock_monotonic_us(service->deps->clock);
	atomic_init(&job->refs, 1);
	atomic_init(&job->cancelled, false);
	snprintf(job->id, sizeof(job->id), "%s", id);
	pthread_mutex_init(&job->lock, NULL);
	buf_init(&job->text, service->alloc, service->options->max_question_bytes);
	buf_init(&job->tag, service->alloc, JOB_TAG_MAX);
	buf_init(&job->history, service->alloc, service->options->max_message_bytes);
	buf_init(&job->body, service->alloc, service->options->max_answer_bytes);
	outbox_init(&job->out, service->alloc, service->options->max_answer_bytes);
	return job;
}

void job_unref(struct job *job)
{
	if (atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	if (job->dialect && job->dialect->gone)
		job->dialect->gone(job);
	buf_release(&job->text);
	buf_release(&job->history);
	buf_release(&job->tag);
	buf_release(&job->body);
	outbox_release(&job->out);
	if (job->mcp)
		mcp_release(job->mcp);
	alloc_free(job->service->alloc, job->mcp);
	pthread_mutex_destroy(&job->lock);
	alloc_free(job->service->alloc, job);
}

bool job_submit(struct job *job, struct conn *conn)
{
	struct service *service = job->service;
	job->conn = conn;
	job->problems = conn->problems;
	atomic_fetch_add(&job->refs, 1);
	if (queue_try_push(&service->queue, job)) {
		conn->job = job;
		return true;
	}
	atomic_fetch_add_explicit(&service->metrics.rejected, 1, memory_order_relaxed);
	job_unref(job);
	job_unref(job);
	return false;
}

void job_abandon(struct conn *conn)
{
	if (!conn->job)
		return;
	atomic_store(&conn->job->cancelled, true);
	conn->job->conn = NULL;
	job_unref(conn->job);
	conn->job = NULL;
}

void job_detach(struct conn *conn)
{
	if (!conn->job)
		return;
	conn->job->conn = NULL;
	job_unref(conn->job);
	conn->job = NULL;
}

static void job_wake(struct job *job)
{
	struct service *service = job->service;
	pthread_mutex_lock(&service->ready_lock);
	bool first = !service->ready;
	if (!job->ready) {
		job->ready = true;
		job->ready_next = service->ready;
		service->ready = job;
		atomic_fetch_add(&job->refs, 1);
	}
	pthread_mutex_unlock(&service->ready_lock);
	if (first)
		lws_cancel_service(service->context);
}

/* The oldest reference of the ready list, or NULL. */
static struct job *take_ready(struct service *service)
{
	pthread_mutex_lock(&service->ready_lock);
	struct job *job = service->ready;
	if (job) {
		service->ready = job->ready_next;
		job->ready_next = NULL;
		job->ready = false;
	}
	pthread_mutex_unlock(&service->ready_lock);
	return job;
}

void jobs_collect(struct service *service)
{
	struct job *job;
	while ((job = take_ready(service))) {
		if (job->conn)
			lws_callback_on_writable(job->conn->wsi);
		job_unref(job);
	}
}

/* ---- what a worker sends ---- */

bool worker_send(struct worker *worker, struct job *job)
{
	if (!worker->frame.len)
		return true; /* e.g. no citations */
	pthread_mutex_lock(&job->lock);
	bool ok = outbox_push(&job->out, buf_str(&worker->frame));
	if (!ok)
		job->overflow = true;
	pthread_mutex_unlock(&job->lock);
	buf_clear(&worker->frame);
	job->begun = true;
	job_wake(job);
	return ok && !atomic_load(&job->cancelled);
}

void worker_finish(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	job->finished = true;
	pthread_mutex_unlock(&job->lock);
	job_wake(job);
}

void worker_finish_http(struct job *job, int status, struct buf *body)
{
	pthread_mutex_lock(&job->lock);
	buf_release(&job->body);
	job->body = *body;
	job->status = status;
	job->finished = true;
	pthread_mutex_unlock(&job->lock);
	job_wake(job);
}

/* ---- the kinds of work ---- */

int worker_status(enum err_code code)
{
	if (code == ERR_INVALID)
		return 400;
	if (code == ERR_NOTFOUND || code == ERR_UNAVAILABLE || code == ERR_BUSY ||
	    code == ERR_MISMATCH || code == ERR_CANCELLED)
		return 503;
	return 500;
}

void worker_problem(struct worker *worker, struct job *job, int status, const char *detail)
{
	struct buf body;
	buf_init(&body, worker->service->alloc, 4 * ERR_MESSAGE_MAX);
	const char *title = status == 400   ? "Bad Request"
			    : status == 404 ? "Not Found"
			    : status == 503 ? "Service Unavailable"
					    : "Internal Server Error";
	if (job->problems ? job->problems->write(status, detail, &body, NULL)
			  : frames_problem(status, title, detail, str_c(job->id), &body, NULL))
		buf_clear(&body);
	worker_finish_http(job, status, &body);
}

static void run_search(struct worker *worker, struct job *job)
{
	struct service *service = worker->service;
	const struct serve_deps *deps = service->deps;
	struct err err = {0};
	struct retrieve_results results = {0};
	struct buf body;
	buf_init(&body, service->alloc, service->options->max_answer_bytes);
	struct reader *reader;
	enum err_code code = reader_take(service, &reader, &err);
	if (code == ERR_OK) {
		const struct retrieve_options options = {.top_k = job->top_k,
							 .tuning = deps->tuning,
							 .rerank = deps->rerank,
							 .type = str_c(job->type),
							 .repo = str_c(job->repo),
							 .version = str_c(job->version)};
		code = retrieve(reader->store, deps->embedder, deps->clock, buf_str(&job->text),
				&options, &worker->arena, &results, &err);
		reader_put(reader, code);
	}
	if (code == ERR_OK && frames_search(buf_str(&job->text), &results, &body, &err))
		code = err_set(&err, ERR_INVALID,
			       "the results are longer than %zu bytes; ask for a smaller top_k",
			       body.max);
	int64_t took_us = clock_monotonic_us(deps->clock) - job->created_us;
	metrics_observe(&service->metrics.search_seconds, took_us);
	if (code == ERR_OK) {
		log_info(deps->log, "serve", "search=%s results=%zu took_ms=%" PRId64, job->id,
			 results.count, took_us / 1000);
		worker_finish_http(job, 200, &body);
		return;
	}
	buf_release(&body);
	log_warn(deps->log, "serve", "search=%s error=\"%s\"", job->id, err.message);
	worker_problem(worker, job, worker_status(code), err.message);
}

static void run_page(struct worker *worker, struct job *job)
{
	struct service *service = worker->service;
	struct err err = {0};
	struct buf body;
	buf_init(&body, service->alloc, service->options->max_answer_bytes);
	bool opened = false;
	struct reader *reader;
	enum err_code code = reader_take(service, &reader, &err);
	if (code == ERR_OK) {
		opened = true;
		code = page_render(reader->store, buf_str(&job->text), &worker->arena, &body, &err);
		reader_put(reader, code == ERR_NOTFOUND ? ERR_OK : code);
	}
	if (code == ERR_OK) {
		worker_finish_http(job, 200, &body);
		return;
	}
	buf_release(&body);
	bool missing = opened && code == ERR_NOTFOUND;
	worker_problem(worker, job, missing ? 404 : worker_status(code),
		       missing ? "no such document is indexed" : err.message);
}

static void run_ready(struct worker *worker, struct job *job)
{
	struct err err = {0};
	if (!worker->service->deps->embedder) {
		worker_problem(worker, job, 503,
			       "embedding model: not loaded; run `docs-bot model fetch`");
		return;
	}
	struct reader *reader;
	if (reader_take(worker->service, &reader, &err)) {
		err_context(&err, "index");
		worker_problem(worker, job, 503, err.message);
		return;
	}
	struct buf body;
	buf_init(&body, worker->service->alloc, 256);
	enum err_code code =
		frames_ready(reader->chunks, reader->pending, reader->generation, &body, &err);
	reader_put(reader, ERR_OK);
	if (code) {
		buf_release(&body);
		worker_problem(worker, job, 500, err.message);
		return;
	}
	worker_finish_http(job, 200, &body);
}

static void run_job(struct worker *worker, struct job *job)
{
	buf_clear(&worker->frame);
	if (atomic_load(&job->cancelled)) {
		if (job->kind == JOB_ANSWER)
			answering_cancelled(worker, job);
		else
			worker_finish(job);
		return;
	}
	switch (job->kind) {
	case JOB_ANSWER:
		answering_run(worker, job);
		break;
	case JOB_SEARCH:
		run_search(worker, job);
		break;
	case JOB_PAGE:
		run_page(worker, job);
		break;
	case JOB_READY:
		run_ready(worker, job);
		break;
	case JOB_EMBED:
		openai_embed_run(worker, job);
		break;
	case JOB_MCP:
		mcp_run(worker, job);
		break;
	}
	/* One question's memory is given back, so a large one does not stay. */
	arena_release(&worker->arena);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct job *job;
	while ((job = queue_pop(&worker->service->queue))) {
		run_job(worker, job);
		job_unref(job);
	}
	return NULL;
}

enum err_code workers_start(struct service *service, struct err *err)
{
	size_t count = service->options->workers;
	service->workers = alloc_zero(service->alloc, count, sizeof(*service->workers));
	if (!service->workers)
		return err_set(err, ERR_NOMEM, "out of memory for %zu workers", count);
	/* Signals are for the loop: its poll must return early. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int failed = 0;
	for (size_t i = 0; i < count && !failed; i++) {
		struct worker *worker = &service->workers[i];
		worker->service = service;
		arena_init(&worker->arena, service->alloc, SERVE_ARENA_MAX);
		buf_init(&worker->frame, service->alloc, service->options->max_answer_bytes);
		failed = pthread_create(&worker->thread, NULL, worker_main, worker);
		if (!failed)
			service->worker_count++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		return err_set(err, ERR_UNAVAILABLE, "cannot start worker thread %zu of %zu: %s",
			       service->worker_count + 1, count, strerror(failed));
	return ERR_OK;
}

void workers_stop(struct service *service)
{
	queue_close(&service->queue);
	for (size_t i = 0; i < service->worker_count; i++) {
		pthread_join(service->workers[i].thread, NULL);
		arena_release(&service->workers[i].arena);
		buf_release(&service->workers[i].frame);
	}
	service->worker_count = 0;
	alloc_free(service->alloc, service->workers);
	service->workers = NULL;
}
