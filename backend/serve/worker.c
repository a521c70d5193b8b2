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
 * 6. Locks: job.lock and service.ready_lock are never held together, nor across a call out of
 *    serve/.
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
	buf_init(&job->history, service->alloc, service->options->max_message_bytes);
	buf_init(&job->body, service->alloc, service->options->max_answer_bytes);
	outbox_init(&job->out, service->alloc, service->options->max_answer_bytes);
	return job;
}

void job_unref(struct job *job)
{
	if (atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	buf_release(&job->text);
	buf_release(&job->history);
	buf_release(&job->body);
	outbox_release(&job->out);
	pthread_mutex_destroy(&job->lock);
	alloc_free(job->service->alloc, job);
}

bool job_submit(struct job *job, struct conn *conn)
{
	struct service *service = job->service;
	job->conn = conn;
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

/* Hands the worker's frame to the loop. false: stop, nobody can take it. */
static bool send_frame(struct worker *worker, struct job *job)
{
	if (!worker->frame.len)
		return true; /* e.g. no citations */
	pthread_mutex_lock(&job->lock);
	bool ok = outbox_push(&job->out, buf_str(&worker->frame));
	if (!ok)
		job->overflow = true;
	pthread_mutex_unlock(&job->lock);
	buf_clear(&worker->frame);
	job_wake(job);
	return ok && !atomic_load(&job->cancelled);
}

static void finish(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	job->finished = true;
	pthread_mutex_unlock(&job->lock);
	job_wake(job);
}

/* Ends an HTTP job: `body` (taken over) becomes the response. */
static void finish_http(struct job *job, int status, struct buf *body)
{
	pthread_mutex_lock(&job->lock);
	buf_release(&job->body);
	job->body = *body;
	job->status = status;
	job->finished = true;
	pthread_mutex_unlock(&job->lock);
	job_wake(job);
}

struct stream {
	struct worker *worker;
	struct job *job;
};

static bool stream_status(void *ctx, const char *stage)
{
	struct stream *stream = ctx;
	return frames_status(stage, &stream->worker->frame, NULL) == ERR_OK &&
	       send_frame(stream->worker, stream->job);
}

static bool stream_text(void *ctx, struct str piece)
{
	struct stream *stream = ctx;
	return frames_content(piece, &stream->worker->frame, NULL) == ERR_OK &&
	       send_frame(stream->worker, stream->job);
}

static bool stream_tool_result(void *ctx, struct str tool, struct str text)
{
	struct stream *stream = ctx;
	return frames_tool_result(tool, text, &stream->worker->frame, NULL) == ERR_OK &&
	       send_frame(stream->worker, stream->job);
}

/* ---- the kinds of work ---- */

/* The answer workflow asks for the store when it searches, and not while a model writes. */
static enum err_code take_store(void *ctx, struct store **out, struct err *err)
{
	struct worker *worker = ctx;
	struct hosts_cache *cache = worker->service->deps->hosts;
	*out = NULL;
	enum err_code code = reader_take(worker->service, &worker->reader, err);
	if (code)
		return code;
	if (cache && !worker->hosts)
		code = hosts_acquire(cache, worker->reader->store, &worker->hosts, err);
	if (code) {
		reader_put(worker->reader, code);
		worker->reader = NULL;
		return code;
	}
	*out = worker->reader->store;
	return ERR_OK;
}

/* Asked by the filter of the answer, when there may be a search yet to come. */
static bool host_allowed(void *ctx, struct str host)
{
	struct worker *worker = ctx;
	return worker->hosts && hosts_allowed(worker->hosts, host);
}

static void put_store(void *ctx, enum err_code code)
{
	struct worker *worker = ctx;
	reader_put(worker->reader, code);
	worker->reader = NULL;
}

/* The frames after the text. */
static enum err_code send_rest(struct worker *worker, struct job *job,
			       const struct answer_result *result, struct err *err)
{
	struct buf *frame = &worker->frame;
	enum err_code code = frames_sources(result->citations, result->citation_count, frame, err);
	if (!code && !send_frame(worker, job))
		code = err_set(err, ERR_CANCELLED, "cancelled");
	if (!code)
		code = frames_citations(result->citations, result->citation_count, frame, err);
	if (!code && !send_frame(worker, job))
		code = err_set(err, ERR_CANCELLED, "cancelled");
	if (!code)
		code = frames_done(str_c(job->id), result, frame, err);
	if (!code && !send_frame(worker, job))
		code = err_set(err, ERR_CANCELLED, "cancelled");
	return code;
}

static enum err_code answer(struct worker *worker, struct job *job, struct answer_result *result,
			    struct err *err)
{
	const struct serve_deps *deps = worker->service->deps;
	const struct answer_stores stores = {worker, take_store, put_store};
	const struct answer_deps answer_deps = {.stores = &stores,
						.embedder = deps->embedder,
						.tuning = deps->tuning,
						.clock = deps->clock,
						.cancelled = &job->cancelled,
						.rerank = deps->rerank,
						.llm = deps->llm,
						.settings = deps->settings,
						.host_allowed = host_allowed,
						.hosts = worker};
	struct answer_request request = {.question = buf_str(&job->text)};
	struct stream stream = {worker, job};
	const struct answer_sink sink = {.ctx = &stream,
					 .status = stream_status,
					 .text = stream_text,
					 .tool_result = stream_tool_result};
	enum err_code code = talk_history(job, &worker->arena, &request.history, err);
	if (!code)
		code = answer_run(&answer_deps, &request, &sink, &worker->arena, result, err);
	hosts_release(worker->hosts);
	worker->hosts = NULL;
	if (code)
		return code;
	/* Before the reader can ask on. */
	talk_remember(job, result);
	return send_rest(worker, job, result, err);
}

static void send_error(struct worker *worker, struct job *job, const char *message)
{
	pthread_mutex_lock(&job->lock);
	bool overflow = job->overflow;
	pthread_mutex_unlock(&job->lock);
	buf_clear(&worker->frame);
	/* The loop reports an overflow itself, when there is room again. */
	if (!overflow && frames_error(message, &worker->frame, NULL) == ERR_OK)
		(void)send_frame(worker, job);
}

static void run_answer(struct worker *worker, struct job *job)
{
	struct service *service = worker->service;
	struct answer_result result = {.route = ROUTE_DOCS};
	struct err err = {0};
	enum err_code code = answer(worker, job, &result, &err);
	int64_t took_us = clock_monotonic_us(service->deps->clock) - job->created_us;
	if (code == ERR_OK) {
		metrics_answer(&service->metrics, (int)result.route, took_us);
		metrics_model(&service->metrics, &result);
		log_info(service->deps->log, "serve",
			 "answer=%s route=%s citations=%zu grounded=%d searches=%zu tokens=%" PRIu64
			 " took_ms=%" PRId64,
			 job->id, answer_route_name(result.route), result.citation_count,
			 result.grounded, result.searches, result.completion_tokens,
			 took_us / 1000);
		if (result.fell_back)
			log_warn(service->deps->log, "serve",
				 "answer=%s quoted instead of the model: %.*s", job->id,
				 STR_ARG(result.failure));
	} else {
		metrics_answer(&service->metrics, -1, took_us);
		log_write(service->deps->log, code == ERR_CANCELLED ? LOG_INFO : LOG_WARN, "serve",
			  "answer=%s error=\"%s\" took_ms=%" PRId64, job->id, err.message,
			  took_us / 1000);
		send_error(worker, job,
			   code == ERR_CANCELLED ? "the server is shutting down" : err.message);
	}
	finish(job);
}

static int problem_status(enum err_code code)
{
	if (code == ERR_INVALID)
		return 400;
	if (code == ERR_NOTFOUND || code == ERR_UNAVAILABLE || code == ERR_BUSY ||
	    code == ERR_MISMATCH || code == ERR_CANCELLED)
		return 503;
	return 500;
}

static void finish_problem(struct worker *worker, struct job *job, int status, const char *detail)
{
	struct buf body;
	buf_init(&body, worker->service->alloc, 4 * ERR_MESSAGE_MAX);
	const char *title = status == 400   ? "Bad Request"
			    : status == 404 ? "Not Found"
			    : status == 503 ? "Service Unavailable"
					    : "Internal Server Error";
	if (frames_problem(status, title, detail, str_c(job->id), &body, NULL))
		buf_clear(&body);
	finish_http(job, status, &body);
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
		finish_http(job, 200, &body);
		return;
	}
	buf_release(&body);
	log_warn(deps->log, "serve", "search=%s error=\"%s\"", job->id, err.message);
	finish_problem(worker, job, problem_status(code), err.message);
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
		finish_http(job, 200, &body);
		return;
	}
	buf_release(&body);
	bool missing = opened && code == ERR_NOTFOUND;
	finish_problem(worker, job, missing ? 404 : problem_status(code),
		       missing ? "no such document is indexed" : err.message);
}

static void run_ready(struct worker *worker, struct job *job)
{
	struct err err = {0};
	if (!worker->service->deps->embedder) {
		finish_problem(worker, job, 503,
			       "embedding model: not loaded; run `docs-bot model fetch`");
		return;
	}
	struct reader *reader;
	if (reader_take(worker->service, &reader, &err)) {
		err_context(&err, "index");
		finish_problem(worker, job, 503, err.message);
		return;
	}
	struct buf body;
	buf_init(&body, worker->service->alloc, 256);
	enum err_code code =
		frames_ready(reader->chunks, reader->pending, reader->generation, &body, &err);
	reader_put(reader, ERR_OK);
	if (code) {
		buf_release(&body);
		finish_problem(worker, job, 500, err.message);
		return;
	}
	finish_http(job, 200, &body);
}

static void run_job(struct worker *worker, struct job *job)
{
	if (atomic_load(&job->cancelled)) {
		finish(job);
		return;
	}
	buf_clear(&worker->frame);
	switch (job->kind) {
	case JOB_ANSWER:
		run_answer(worker, job);
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
