/*
 * MCP over streamable HTTP, both generations at one path. Messages are read on the loop thread, which
 * also owns the table of sessions; searches are made by a worker. Nothing is streamed: an answer is one
 * JSON text, or one event for a client that takes nothing else.
 */
#include <inttypes.h>
#include <string.h>

#include "serve/mcp_tools.h"
#include "serve/origin.h"
#include "serve/service.h"

#define HEADER_SIZE 256

/* A header, or NULL. One that does not fit is as "?": no version, method or session is called so. */
static const char *header(struct conn *conn, const char *name, char value[HEADER_SIZE])
{
	int len = lws_hdr_custom_length(conn->wsi, name, (int)strlen(name));
	if (len < 0)
		return NULL;
	if (len >= HEADER_SIZE ||
	    lws_hdr_custom_copy(conn->wsi, value, HEADER_SIZE, name, (int)strlen(name)) < 0)
		return "?";
	return value;
}

/* ---- responses ---- */

static enum err_code write_problem(int status, const char *detail, struct buf *out, struct err *err)
{
	return mcp_write_error(status < 500 ? MCP_INVALID_REQUEST : MCP_INTERNAL_ERROR, detail, out,
			       err);
}

const struct problem_form mcp_problems = {"application/json", write_problem};

/* Takes `json` over. As an event it is one `data:` line, for it holds no newline. */
static void send_json(struct conn *conn, int status, struct buf *json, bool events)
{
	if (!events) {
		http_respond_buf(conn, status, "application/json", json);
		return;
	}
	struct buf event;
	buf_init(&event, conn->service->alloc, json->max);
	buf_append(&event, STR("event: message\ndata: "));
	buf_append(&event, buf_str(json));
	buf_append(&event, STR("\n\n"));
	buf_release(json);
	if (event.failed) {
		buf_release(&event);
		http_problem(conn, 503, "out of memory");
		return;
	}
	http_respond_buf(conn, status, "text/event-stream", &event);
}

static void send_plan(struct conn *conn, const struct mcp_plan *plan)
{
	struct buf json;
	if (!plan->count) {
		http_respond(conn, 202, NULL, STR(""));
		return;
	}
	buf_init(&json, conn->service->alloc, conn->service->options->max_answer_bytes);
	if (mcp_write(plan, &json, NULL)) {
		buf_release(&json);
		http_problem(conn, 503, "out of memory");
		return;
	}
	send_json(conn, plan->status, &json, plan->events && plan->status == 200);
}

/* ---- searching, on a worker's thread ---- */

static void run_call(struct worker *worker, struct job *job, struct mcp_call *call, json_t **result)
{
	const struct serve_deps *deps = worker->service->deps;
	struct err err = {ERR_OK, ""};
	struct reader *reader;
	int64_t begun_us = clock_monotonic_us(deps->clock);
	enum err_code code = reader_take(worker->service, &reader, &err);
	if (!code) {
		const struct mcp_deps tool = {.store = reader->store,
					      .embedder = deps->embedder,
					      .clock = deps->clock,
					      .tuning = deps->tuning,
					      .rerank = deps->rerank};
		code = mcp_tool_run(&tool, &call->query, &worker->arena, result, &err);
		reader_put(reader, code);
	}
	int64_t took_us = clock_monotonic_us(deps->clock) - begun_us;
	metrics_observe(&worker->service->metrics.search_seconds, took_us);
	if (!code) {
		log_info(deps->log, "serve", "mcp=%s took_ms=%" PRId64, job->id, took_us / 1000);
		return;
	}
	log_warn(deps->log, "serve", "mcp=%s error=\"%s\"", job->id, err.message);
	*result = mcp_tool_failure("Search failed", err.message);
}

void mcp_run(struct worker *worker, struct job *job)
{
	struct mcp_plan *plan = job->mcp;
	struct err err = {ERR_OK, ""};
	struct buf body;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < plan->count && !code; i++) {
		struct mcp_call *call = &plan->calls[i];
		json_t *result = NULL;
		if (call->response)
			continue;
		if (atomic_load(&job->cancelled))
			code = err_set(&err, ERR_CANCELLED, "the client has gone");
		if (code)
			break;
		run_call(worker, job, call, &result);
		code = mcp_answer(call, result, &err);
	}
	buf_init(&body, worker->service->alloc, worker->service->options->max_answer_bytes);
	if (!code)
		code = mcp_write(plan, &body, &err);
	if (code == ERR_LIMIT) {
		buf_clear(&body);
		code = mcp_write_error(MCP_INTERNAL_ERROR,
				       "the results are too long; ask for a smaller top_k", &body,
				       &err);
	}
	if (code) {
		buf_release(&body);
		worker_problem(worker, job, worker_status(code), err.message);
		return;
	}
	worker_finish_http(job, 200, &body);
}

void mcp_respond(struct conn *conn, struct buf *body, bool events)
{
	send_json(conn, 200, body, events);
}

/* Takes the plan over. */
static void submit(struct conn *conn, struct mcp_plan *plan)
{
	struct service *service = conn->service;
	struct job *job = job_new(service, JOB_MCP, conn->id);
	if (!job) {
		mcp_release(plan);
		alloc_free(service->alloc, plan);
		http_problem(conn, 503, "out of memory");
		return;
	}
	job->mcp = plan;
	http_answer(conn, job);
}

/* ---- requests, on the loop's thread ---- */

/*
 * A page may not reach this server under a name that its own name server points here (DNS rebinding):
 * its Origin is then the Host, which proves nothing unless it is an address.
 */
static bool check_origin(struct conn *conn)
{
	char origin[SERVE_ORIGIN_SIZE], host[512];
	if (http_header(conn, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) &&
	    http_header(conn, WSI_TOKEN_HOST, host, sizeof(host)) &&
	    origin_trusted(str_c(conn->service->options->allowed_origins), str_c(origin),
			   str_c(host)))
		return true;
	conn->origin[0] = '\0';
	http_problem(conn, 403,
		     "pages of this origin may not connect; see the option allowed_origins");
	return false;
}

/* Content-Type and Accept; false after an error was sent. */
static bool check_types(struct conn *conn, bool *events)
{
	char type[HEADER_SIZE], accept[HEADER_SIZE];
	struct str rest, media;
	/* A header that does not fit lists more than we would answer with anyway. */
	if (!http_header(conn, WSI_TOKEN_HTTP_ACCEPT, accept, sizeof(accept)))
		accept[0] = '\0';
	enum mcp_accept how = mcp_accept(accept);
	*events = how == MCP_ACCEPT_EVENTS;
	if (!http_header(conn, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof(type)))
		type[0] = '\0';
	rest = str_c(type);
	str_cut(&rest, ';', &media);
	if (!str_eq_nocase(str_trim(media), STR("application/json"))) {
		http_problem(conn, 415, "the Content-Type must be application/json");
		return false;
	}
	if (how == MCP_ACCEPT_NEITHER) {
		http_problem(conn, 406, "Accept must list application/json and text/event-stream");
		return false;
	}
	return true;
}

/* A request of the older generation belongs to a session; false after an error was sent. */
static bool check_session(struct conn *conn, const struct mcp_plan *plan, const char *session,
			  const char *agreed)
{
	bool broken = plan->status != 200; /* which is said anyway */
	if (plan->modern || plan->initialized || broken || agreed)
		return true;
	if (session)
		http_problem(conn, 404,
			     "the session has ended; send initialize without Mcp-Session-Id");
	else
		http_problem(conn, 400, "the request has no Mcp-Session-Id; send initialize first");
	return false;
}

static void answer_now(struct conn *conn, const struct mcp_plan *plan)
{
	char id[MCP_SESSION_SIZE] = "";
	struct service *service = conn->service;
	if (plan->initialized && !mcp_session_begin(&service->mcp, plan->initialized,
						    clock_monotonic_us(service->deps->clock), id)) {
		http_problem(conn, 503, "no session can be begun");
		return;
	}
	send_plan(conn, plan);
	if (conn->response.status == 200)
		memcpy(conn->response.session, id, sizeof(id));
}

void mcp_post(struct conn *conn, struct str rest, struct str body)
{
	struct service *service = conn->service;
	char version[HEADER_SIZE], method[HEADER_SIZE], name[HEADER_SIZE], id[HEADER_SIZE];
	bool events;
	(void)rest;
	if (!check_origin(conn) || !check_types(conn, &events))
		return;
	const char *session = header(conn, "mcp-session-id:", id);
	const char *agreed = session ? mcp_session_use(&service->mcp, str_c(session),
						       clock_monotonic_us(service->deps->clock))
				     : NULL;
	const struct mcp_frame frame = {.http = true,
					.version = header(conn, "mcp-protocol-version:", version),
					.method = header(conn, "mcp-method:", method),
					.name = header(conn, "mcp-name:", name),
					.agreed = agreed};
	struct mcp_plan *plan = alloc_zero(service->alloc, 1, sizeof(*plan));
	if (!plan || mcp_read(body, &frame, plan, NULL)) {
		http_problem(conn, 503, "out of memory");
	} else if (check_session(conn, plan, session, agreed)) {
		plan->events = events;
		if (plan->searches) {
			submit(conn, plan);
			return;
		}
		answer_now(conn, plan);
	}
	if (plan)
		mcp_release(plan);
	alloc_free(service->alloc, plan);
}

static void refuse_method(struct conn *conn)
{
	http_problem(conn, 405, "MCP sends by POST, and ends a session by DELETE");
	conn->response.allow = "POST, DELETE";
}

/* There is nothing that a client has not asked for, thus no stream to listen to. */
void mcp_get(struct conn *conn, struct str rest)
{
	(void)rest;
	if (check_origin(conn))
		refuse_method(conn);
}

void mcp_delete(struct conn *conn)
{
	struct service *service = conn->service;
	char id[HEADER_SIZE], version[HEADER_SIZE];
	const char *session = header(conn, "mcp-session-id:", id);
	const char *spoken = header(conn, "mcp-protocol-version:", version);
	if (!check_origin(conn))
		return;
	if (spoken && strcmp(spoken, MCP_VERSION_MODERN) == 0)
		refuse_method(conn); /* it has no sessions */
	else if (!session)
		http_problem(conn, 400, "the request has no Mcp-Session-Id");
	else if (!mcp_session_end(&service->mcp, str_c(session),
				  clock_monotonic_us(service->deps->clock)))
		http_problem(conn, 404, "there is no such session");
	else
		http_respond(conn, 200, NULL, STR(""));
}
