/* Plain HTTP responses: headers, bodies in pieces, problem documents. Loop thread only. */
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "serve/frames.h"
#include "serve/origin.h"
#include "serve/service.h"

#define PIECE         16384 /* bytes of a body per writeable callback */
#define PIECE_SECONDS 30

static bool plain_id(const char *id, size_t len)
{
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_alnum(id[i]) && !memchr("-_.", id[i], 3))
			return false;
	return true;
}

void http_new_id(char id[SERVE_ID_SIZE])
{
	unsigned char random[12] = {0};
	if (getrandom(random, sizeof(random), 0) < 0) {
		/* Ids need to differ, not to be secret. */
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		memcpy(random, &now.tv_nsec, sizeof(now.tv_nsec));
	}
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
}

void http_request_id(struct lws *wsi, char id[SERVE_ID_SIZE])
{
	static const char name[] = "x-request-id:";
	int len = lws_hdr_custom_copy(wsi, id, SERVE_ID_SIZE, name, sizeof(name) - 1);
	if (len <= 0 || !plain_id(id, (size_t)len))
		http_new_id(id);
}

static void begin(struct conn *conn, int status, const char *content_type)
{
	struct response *r = &conn->response;
	bool close = r->close || conn->service->draining;
	buf_release(&r->owned);
	*r = (struct response){.active = true,
			       .close = close,
			       .status = status,
			       .content_type = content_type,
			       .cache = "no-store"};
	buf_init(&r->owned, conn->service->alloc, conn->service->options->max_answer_bytes);
	metrics_request(&conn->service->metrics, conn->route, status);
	log_debug(conn->service->deps->log, "serve", "request=%s status=%d", conn->id, status);
}

void http_respond(struct conn *conn, int status, const char *content_type, struct str body)
{
	begin(conn, status, content_type);
	conn->response.body = body;
}

void http_respond_buf(struct conn *conn, int status, const char *content_type, struct buf *body)
{
	begin(conn, status, content_type);
	buf_release(&conn->response.owned);
	conn->response.owned = *body;
	conn->response.body = buf_str(&conn->response.owned);
	buf_init(body, conn->service->alloc, body->max);
}

static const char *status_title(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 422:
		return "Unprocessable Content";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Internal Server Error";
	}
}

static const char *problem_type(const struct problem_form *form)
{
	return form ? form->content_type : "application/problem+json";
}

void http_problem(struct conn *conn, int status, const char *fmt, ...)
{
	char detail[ERR_MESSAGE_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	const struct problem_form *form = conn->problems;
	begin(conn, status, problem_type(form));
	struct response *r = &conn->response;
	if (status == 503)
		r->retry_after = SERVE_RETRY_AFTER;
	/* Without memory the status alone must do. */
	if (form ? form->write(status, detail, &r->owned, NULL)
		 : frames_problem(status, status_title(status), detail, str_c(conn->id), &r->owned,
				  NULL))
		buf_clear(&r->owned);
	r->body = buf_str(&r->owned);
}

struct head {
	struct lws *wsi;
	unsigned char *at, *end;
	bool failed;
};

static void add(struct head *head, const char *name, const char *value)
{
	if (value && lws_add_http_header_by_name(head->wsi, (const unsigned char *)name,
						 (const unsigned char *)value, (int)strlen(value),
						 &head->at, head->end))
		head->failed = true;
}

static bool send_head(struct conn *conn)
{
	const struct response *r = &conn->response;
	unsigned char bytes[LWS_PRE + 4096];
	unsigned char *start = bytes + LWS_PRE;
	struct head head = {.wsi = conn->wsi, .at = start, .end = bytes + sizeof(bytes)};
	if (lws_add_http_header_status(conn->wsi, (unsigned)r->status | LWSAHH_FLAG_NO_SERVER_NAME,
				       &head.at, head.end))
		return false;
	/* While an upgrade is being refused lws has not looked at the request's version yet. */
	if (memcmp(start, "HTTP/1.0", 8) == 0)
		start[7] = '1';
	char text[64];
	time_t now = (time_t)(clock_wall_ms(conn->service->deps->clock) / 1000);
	struct tm utc;
	if (gmtime_r(&now, &utc) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc))
		add(&head, "date:", text);
	add(&head, "x-request-id:", conn->id);
	add(&head, "cache-control:", r->cache);
	if (conn->origin[0]) {
		add(&head, "access-control-allow-origin:", conn->origin);
		add(&head,
		    "access-control-expose-headers:", "x-request-id, retry-after, mcp-session-id");
		add(&head, "vary:", "Origin");
	}
	if (conn->preflight) {
		add(&head, "access-control-allow-methods:", "GET, POST, DELETE, OPTIONS");
		add(&head, "access-control-allow-headers:",
		    "content-type, authorization, x-request-id, mcp-session-id, "
		    "mcp-protocol-version, mcp-method, mcp-name, a2a-version, a2a-extensions");
		add(&head, "access-control-max-age:", "600");
	}
	add(&head, "etag:", r->etag);
	add(&head, "allow:", r->allow);
	add(&head, "mcp-session-id:", r->session[0] ? r->session : NULL);
	if (r->retry_after) {
		snprintf(text, sizeof(text), "%d", r->retry_after);
		add(&head, "retry-after:", text);
	}
	if (r->close)
		add(&head, "connection:", "close");
	if (r->streamed)
		add(&head, "x-accel-buffering:", "no");
	if (r->status != 304) {
		add(&head, "content-type:", r->content_type);
		if (!r->streamed &&
		    lws_add_http_header_content_length(conn->wsi, r->body.len, &head.at, head.end))
			return false;
	}
	return !head.failed &&
	       lws_finalize_write_http_header(conn->wsi, start, &head.at, head.end) == 0;
}

/* The response has been handed to lws: 0 keeps the connection, -1 closes it. */
static int end(struct conn *conn)
{
	struct response *r = &conn->response;
	bool close = r->close;
	r->active = false;
	buf_release(&r->owned);
	r->body = (struct str){0};
	return close ? -1 : 0;
}

/* One step. 1: more to come, 0: all written, -1: failed. */
static int step(struct conn *conn)
{
	struct response *r = &conn->response;
	bool body = !conn->head && r->status != 304 && r->body.len;
	if (!r->head_sent) {
		if (!send_head(conn))
			return -1;
		r->head_sent = true;
		return body ? 1 : 0;
	}
	unsigned char bytes[LWS_PRE + PIECE];
	size_t size = r->body.len - r->sent;
	if (size > PIECE)
		size = PIECE;
	memcpy(bytes + LWS_PRE, r->body.ptr + r->sent, size);
	r->sent += size;
	bool last = r->sent == r->body.len;
	if (lws_write(conn->wsi, bytes + LWS_PRE, size,
		      last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)size)
		return -1;
	return last ? 0 : 1;
}

int http_pump(struct conn *conn)
{
	int more = step(conn);
	if (more < 0)
		return -1;
	if (more) {
		/* Each piece gets this long; a client that does not read is dropped. */
		lws_set_timeout(conn->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PIECE_SECONDS);
		lws_callback_on_writable(conn->wsi);
		return 0;
	}
	if (end(conn))
		return -1;
	return lws_http_transaction_completed(conn->wsi) ? -1 : 0;
}

bool http_send_now(struct conn *conn)
{
	int more = 1;
	while (more > 0)
		more = step(conn);
	end(conn);
	return more == 0;
}

/* Moves the result of a finished job into the response. */
static void take_result(struct conn *conn)
{
	struct job *job = conn->job;
	struct buf body;
	buf_init(&body, conn->service->alloc, 0);
	pthread_mutex_lock(&job->lock);
	bool finished = job->finished;
	int status = job->status;
	if (finished) {
		body = job->body;
		buf_init(&job->body, conn->service->alloc, 0);
	}
	pthread_mutex_unlock(&job->lock);
	if (!finished)
		return;
	bool mcp = job->kind == JOB_MCP, events = mcp && job->mcp->events;
	const char *type = job->kind == JOB_PAGE ? "text/html; charset=utf-8" : "application/json";
	job_abandon(conn);
	if (!status) { /* cancelled before it ran */
		buf_release(&body);
		http_problem(conn, 503, "the server is shutting down");
		return;
	}
	if (mcp && status == 200) {
		mcp_respond(conn, &body, events);
		return;
	}
	http_respond_buf(conn, status, status == 200 ? type : problem_type(conn->problems), &body);
	if (status == 503)
		conn->response.retry_after = SERVE_RETRY_AFTER;
}

/*
 * A body of unknown length ends with the connection, which lws may close only when it has sent
 * what it was given: in the callback after the one that wrote last.
 */
static int pump_stream(struct conn *conn)
{
	struct response *r = &conn->response;
	struct job *job = conn->job;
	static const char pre[LWS_PRE];
	if (!r->head_sent) {
		if (!send_head(conn))
			return -1;
		r->head_sent = true;
		lws_callback_on_writable(conn->wsi);
		return conn->head ? -1 : 0;
	}
	if (!job)
		return -1;
	struct buf frame;
	buf_init(&frame, conn->service->alloc, conn->service->options->max_answer_bytes + LWS_PRE);
	bool ok = buf_append(&frame, (struct str){pre, sizeof(pre)});
	pthread_mutex_lock(&job->lock);
	bool got = ok && outbox_pop(&job->out, &frame);
	bool ended = job->finished && outbox_empty(&job->out);
	ok = ok && !frame.failed && !job->overflow;
	pthread_mutex_unlock(&job->lock);
	size_t len = got ? frame.len - LWS_PRE : 0;
	if (ok && len) {
		/* Each piece gets this long; a client that does not read is dropped. */
		lws_set_timeout(conn->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PIECE_SECONDS);
		ok = lws_write(conn->wsi, (unsigned char *)frame.ptr + LWS_PRE, len,
			       LWS_WRITE_HTTP) >= (int)len;
		lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
	}
	buf_release(&frame);
	if (!ok)
		return -1;
	if (ended)
		job_abandon(conn);
	if (ended || got)
		lws_callback_on_writable(conn->wsi);
	return 0;
}

/* A streamed answer begins with its first frame; one that failed before that is a problem. */
static void begin_stream(struct conn *conn)
{
	struct job *job = conn->job;
	pthread_mutex_lock(&job->lock);
	bool begun = !outbox_empty(&job->out) || (job->finished && !job->status);
	pthread_mutex_unlock(&job->lock);
	if (!begun)
		return;
	conn->response.close = true;
	begin(conn, 200, job->dialect->content_type);
	conn->response.streamed = true;
	conn->response.cache = "no-cache";
}

void http_answer(struct conn *conn, struct job *job)
{
	struct service *service = conn->service;
	if (job_submit(job, conn))
		return;
	if (service->draining)
		http_problem(conn, 503, "the server is shutting down");
	else
		http_problem(conn, 503, "%zu requests are already waiting; try again in %d s",
			     service->options->queue_length, SERVE_RETRY_AFTER);
}

bool http_header(struct conn *conn, enum lws_token_indexes token, char *out, size_t size)
{
	out[0] = '\0';
	return lws_hdr_total_length(conn->wsi, token) <= 0 ||
	       lws_hdr_copy(conn->wsi, out, (int)size, token) >= 0;
}

static bool host_name(const char *host)
{
	for (const char *c = host; *c; c++)
		if (!ascii_alnum((unsigned char)*c) && !strchr(".-:[]", *c))
			return false;
	return host[0] != '\0';
}

void http_own_address(struct conn *conn, char *out, size_t size)
{
	static const char forwarded[] = "x-forwarded-proto:";
	char host[256], scheme[8];
	int len = lws_hdr_custom_copy(conn->wsi, scheme, sizeof(scheme), forwarded,
				      sizeof(forwarded) - 1);
	bool secure = lws_is_ssl(conn->wsi) || (len > 0 && strcmp(scheme, "https") == 0);
	out[0] = '\0';
	if (!http_header(conn, WSI_TOKEN_HOST, host, sizeof(host)) || !host_name(host))
		return;
	int wrote = snprintf(out, size, "%s://%s", secure ? "https" : "http", host);
	if (wrote < 0 || (size_t)wrote >= size)
		out[0] = '\0';
}

bool http_check_origin(struct conn *conn)
{
	char origin[SERVE_ORIGIN_SIZE], host[512];
	if (http_header(conn, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) &&
	    http_header(conn, WSI_TOKEN_HOST, host, sizeof(host)) &&
	    origin_allowed(str_c(conn->service->options->allowed_origins), str_c(origin),
			   str_c(host))) {
		memcpy(conn->origin, origin, sizeof(origin));
		return true;
	}
	http_problem(conn, 403,
		     "pages of this origin may not connect; see the option allowed_origins");
	return false;
}

int http_writeable(struct conn *conn)
{
	const struct job *job = conn->job;
	if (job && !conn->response.active && job->kind == JOB_ANSWER &&
	    dialect_streams(job->dialect))
		begin_stream(conn);
	if (conn->response.active && conn->response.streamed)
		return pump_stream(conn);
	if (conn->job && !conn->response.active)
		take_result(conn);
	return conn->response.active ? http_pump(conn) : 0;
}
