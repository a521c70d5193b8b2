/* A question on its way through the answer workflow, in whatever protocol it was asked. */
#include <inttypes.h>

#include "serve/service.h"
#include "serve/talk.h"

struct stream {
	struct worker *worker;
	struct job *job;
};

static bool stream_status(void *ctx, const char *stage)
{
	struct stream *stream = ctx;
	const struct dialect *dialect = stream->job->dialect;
	return !dialect->status ||
	       (dialect->status(stream->job, stage, &stream->worker->frame, NULL) == ERR_OK &&
		worker_send(stream->worker, stream->job));
}

static bool stream_text(void *ctx, struct str piece)
{
	struct stream *stream = ctx;
	const struct dialect *dialect = stream->job->dialect;
	return !dialect->text ||
	       (dialect->text(stream->job, piece, &stream->worker->frame, NULL) == ERR_OK &&
		worker_send(stream->worker, stream->job));
}

static bool stream_tool_result(void *ctx, struct str tool, struct str text)
{
	struct stream *stream = ctx;
	const struct dialect *dialect = stream->job->dialect;
	return !dialect->tool_result ||
	       (dialect->tool_result(stream->job, tool, text, &stream->worker->frame, NULL) ==
			ERR_OK &&
		worker_send(stream->worker, stream->job));
}

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

/* What comes after the text, or the whole of it. */
static enum err_code send_end(struct worker *worker, struct job *job,
			      const struct answer_result *result, struct err *err)
{
	const struct dialect *dialect = job->dialect;
	for (unsigned i = 0; i < dialect->end_steps; i++) {
		enum err_code code = dialect->end(job, result, i, &worker->frame, err);
		if (code)
			return code;
		if (dialect_streams(dialect) && !worker_send(worker, job))
			return err_set(err, ERR_CANCELLED, "cancelled");
	}
	return ERR_OK;
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
	return send_end(worker, job, result, err);
}

/* A body that is sent as a whole. */
static void send_whole(struct worker *worker, struct job *job)
{
	struct buf body = worker->frame;
	buf_init(&worker->frame, body.alloc, body.max);
	worker_finish_http(job, 200, &body);
}

static void send_error(struct worker *worker, struct job *job, enum err_code code,
		       const char *message)
{
	const struct dialect *dialect = job->dialect;
	pthread_mutex_lock(&job->lock);
	bool overflow = job->overflow;
	pthread_mutex_unlock(&job->lock);
	buf_clear(&worker->frame);
	/* The loop reports an overflow itself, when there is room again. */
	bool whole = !dialect_streams(dialect);
	bool said = dialect->error && !overflow &&
		    dialect->error(job, code, message, &worker->frame, NULL) == ERR_OK;
	if (!dialect->error || (said && !worker->frame.len && !job->begun)) {
		worker_problem(worker, job, worker_status(code), message);
		return;
	}
	if (said && whole) {
		send_whole(worker, job);
		return;
	}
	if (said)
		worker_send(worker, job);
	worker_finish(job);
}

void answering_run(struct worker *worker, struct job *job)
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
		send_error(worker, job, code,
			   code == ERR_CANCELLED ? "the server is shutting down" : err.message);
		return;
	}
	if (dialect_streams(job->dialect))
		worker_finish(job);
	else
		send_whole(worker, job);
}

void answering_cancelled(struct worker *worker, struct job *job)
{
	const struct dialect *dialect = job->dialect;
	/* Others are told by the loop, when there is still somebody to tell. */
	if (dialect->gone)
		send_error(worker, job, ERR_CANCELLED, "the server is shutting down");
	else
		worker_finish(job);
}
