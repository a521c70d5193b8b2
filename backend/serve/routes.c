/* The paths of the service. Loop thread only. */
#include <string.h>

#include "answer/retrieve.h"
#include "base/utf8.h"
#include "serve/a2a.h"
#include "serve/assets.h"
#include "serve/page.h"
#include "serve/service.h"

#define DEFAULT_TOP_K 10

struct http_route {
	const char *path; /* ends in '/': everything below it */
	enum metrics_route metric;
	/* GET and HEAD, `rest` of the path below it; NULL: not allowed. */
	void (*handle)(struct conn *conn, struct str rest);
	/* POST with its whole body; NULL: not allowed. */
	void (*post)(struct conn *conn, struct str rest, struct str body);
};

static const char *content_type(struct str name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {{".html", "text/html; charset=utf-8"},
		     {".js", "text/javascript; charset=utf-8"},
		     {".css", "text/css; charset=utf-8"},
		     {".svg", "image/svg+xml"},
		     {".png", "image/png"}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_ends(name, str_c(types[i].suffix)))
			return types[i].type;
	return "application/octet-stream";
}

/* The client's copy is current when it names our tag (RFC 9110, 13.1.2; weak comparison). */
static bool not_modified(struct lws *wsi, const char *etag)
{
	char given[256];
	int len = lws_hdr_copy(wsi, given, sizeof(given), WSI_TOKEN_HTTP_IF_NONE_MATCH);
	return len > 0 && (strcmp(given, "*") == 0 || strstr(given, etag));
}

/* Names are compared whole with a fixed table, so no path can lead out of it. */
static void handle_asset(struct conn *conn, struct str name)
{
	for (size_t i = 0; i < asset_count; i++) {
		if (!str_eq(name, str_c(assets[i].name)))
			continue;
		const char *etag = conn->service->etags[i];
		bool same = not_modified(conn->wsi, etag);
		http_respond(conn, same ? 304 : 200, content_type(name),
			     same ? STR("")
				  : (struct str){(const char *)assets[i].data, assets[i].size});
		conn->response.etag = etag;
		conn->response.cache = "no-cache"; /* keep it, but ask each time */
		return;
	}
	http_problem(conn, 404, "no such file");
}

static void handle_page(struct conn *conn, struct str rest)
{
	handle_asset(conn, STR("index.html"));
}

static void handle_healthz(struct conn *conn, struct str rest)
{
	http_respond(conn, 200, "application/json", STR("{\"status\":\"ok\"}"));
}

static void handle_health(struct conn *conn, struct str rest)
{
	http_respond(conn, 200, "text/plain; charset=utf-8", STR("OK"));
}

static void handle_metrics(struct conn *conn, struct str rest)
{
	struct service *service = conn->service;
	struct embed_shared_stats embed;
	struct metrics_gauges gauges = {.connections = service->conn_count,
					.queue_depth = queue_length(&service->queue),
					.workers = service->worker_count,
					.rerank = service->deps->rerank};
	if (embed_shared_stats(service->deps->embedder, &embed))
		gauges.embed = &embed;
	struct buf text;
	struct err err;
	buf_init(&text, service->alloc, 1 << 18);
	if (metrics_write(&service->metrics, &gauges, &text, &err)) {
		buf_release(&text);
		http_problem(conn, 500, "%s", err.message);
		return;
	}
	http_respond_buf(conn, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static void handle_ready(struct conn *conn, struct str rest)
{
	struct job *job = job_new(conn->service, JOB_READY, conn->id);
	if (!job) {
		http_problem(conn, 503, "out of memory");
		return;
	}
	http_answer(conn, job);
}

static void handle_document(struct conn *conn, struct str path)
{
	struct job *job = NULL;
	if (path.len && utf8_valid(path)) {
		job = job_new(conn->service, JOB_PAGE, conn->id);
		if (job && !buf_append(&job->text, path)) {
			job_unref(job);
			job = NULL;
		}
	}
	if (job)
		http_answer(conn, job);
	else
		http_problem(conn, 404, "no such document is indexed");
}

/*
 * Appends the decoded value of a query parameter; false when it is absent. lws keeps each
 * `name=value` pair, decoded, as one fragment.
 */
static bool query_value(struct lws *wsi, struct str name, struct buf *out)
{
	for (int i = 0;; i++) {
		/* 0 is an empty fragment ("?&q=x") or the end; only the copy tells which. */
		int len = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
		size_t before = out->len;
		if (!buf_reserve(out, (size_t)len + 1) ||
		    lws_hdr_copy_fragment(wsi, out->ptr + before, len + 1, WSI_TOKEN_HTTP_URI_ARGS,
					  i) < 0)
			return false;
		struct str pair = {out->ptr + before, (size_t)len};
		if (pair.len > name.len && pair.ptr[name.len] == '=' && str_starts(pair, name)) {
			out->len += (size_t)len;
			memmove(out->ptr + before, out->ptr + before + name.len + 1,
				(size_t)len - name.len);
			out->len -= name.len + 1;
			return true;
		}
		out->ptr[before] = '\0';
	}
	return false;
}

static bool known_type(struct str type)
{
	static const char *const types[] = {"doc", "pull_request", "issue", "code"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq(type, str_c(types[i])))
			return true;
	return false;
}

/* A name to filter by, empty when it is not given; false after a problem was sent. */
static bool search_filter(struct conn *conn, struct str name, char *out, size_t size,
			  struct buf *value)
{
	buf_clear(value);
	if (!query_value(conn->wsi, name, value))
		return true;
	struct str text = buf_str(value);
	if (!text.len || text.len >= size || !utf8_valid(text)) {
		http_problem(conn, 400, "%.*s must be a name of at most %zu bytes", STR_ARG(name),
			     size - 1);
		return false;
	}
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return true;
}

/* Fills top_k and the filters; false after a problem was sent. */
static bool search_options(struct conn *conn, struct job *job)
{
	struct buf value;
	bool ok = false;
	buf_init(&value, conn->service->alloc, 1 << 16);
	job->top_k = DEFAULT_TOP_K;
	if (query_value(conn->wsi, STR("top_k"), &value)) {
		uint64_t n;
		if (!str_to_u64(buf_str(&value), &n) || n < 1 || n > RETRIEVE_MAX_TOP_K) {
			http_problem(conn, 400, "top_k must be a whole number from 1 to %d",
				     RETRIEVE_MAX_TOP_K);
			goto out;
		}
		job->top_k = (size_t)n;
	}
	buf_clear(&value);
	if (query_value(conn->wsi, STR("type"), &value)) {
		if (!known_type(buf_str(&value))) {
			http_problem(conn, 400,
				     "type must be one of doc, pull_request, issue, code");
			goto out;
		}
		snprintf(job->type, sizeof(job->type), "%s", value.ptr);
	}
	if (!search_filter(conn, STR("repo"), job->repo, sizeof(job->repo), &value) ||
	    !search_filter(conn, STR("version"), job->version, sizeof(job->version), &value))
		goto out;
	ok = true;
out:
	buf_release(&value);
	return ok;
}

static void handle_search(struct conn *conn, struct str rest)
{
	size_t max = conn->service->options->max_question_bytes;
	struct buf query;
	struct job *job = job_new(conn->service, JOB_SEARCH, conn->id);
	buf_init(&query, conn->service->alloc, 1 << 17);
	if (!job) {
		http_problem(conn, 503, "out of memory");
		goto out;
	}
	bool given = query_value(conn->wsi, STR("q"), &query);
	struct str text = str_trim(buf_str(&query));
	if (!given || !text.len) {
		http_problem(conn, 400,
			     "the query parameter q is missing or empty: "
			     "/api/search?q=WORDS");
	} else if (!utf8_valid(text)) {
		http_problem(conn, 400, "q is not valid UTF-8");
	} else if (text.len > max) {
		http_problem(conn, 413, "q is %zu bytes long; the limit is %zu", text.len, max);
	} else if (search_options(conn, job)) {
		if (buf_append(&job->text, text)) {
			http_answer(conn, job);
			job = NULL;
		} else {
			http_problem(conn, 503, "out of memory");
		}
	}
out:
	if (job)
		job_unref(job);
	buf_release(&query);
}

#define OPENAI_ROUTES(prefix)                                                                      \
	{prefix "/chat/completions", METRICS_OPENAI_CHAT, NULL, openai_chat_post},                 \
		{prefix "/embeddings", METRICS_OPENAI_EMBEDDINGS, NULL, openai_embeddings_post},   \
		{prefix "/models", METRICS_OPENAI_MODELS, openai_models_get, NULL},                \
	{                                                                                          \
		prefix "/models/", METRICS_OPENAI_MODELS, openai_model_get, NULL                   \
	}

static const struct http_route routes[] = {
	{"/", METRICS_PAGE, handle_page, NULL},
	{"/assets/", METRICS_ASSETS, handle_asset, NULL},
	{PAGE_PREFIX, METRICS_DOCUMENT, handle_document, NULL},
	{"/api/search", METRICS_SEARCH, handle_search, NULL},
	{"/chat", METRICS_CHAT, NULL, chat_post},
	{"/a2a/", METRICS_A2A, a2a_get, a2a_post},
	{"/api/a2a/", METRICS_A2A, a2a_get, a2a_post}, /* where kagent has it */
	{A2A_CARD_PATH, METRICS_A2A, a2a_card_get, NULL},
	OPENAI_ROUTES("/v1"),
	OPENAI_ROUTES("/openai/v1"), /* where KServe has it */
	{"/mcp", METRICS_MCP, mcp_get, mcp_post},
	{"/healthz", METRICS_HEALTH, handle_healthz, NULL},
	{"/health", METRICS_HEALTH, handle_health, NULL},
	{"/readyz", METRICS_READY, handle_ready, NULL},
	{"/metrics", METRICS_METRICS, handle_metrics, NULL},
};

/* In which form the errors of a path are said; NULL: RFC 9457. */
static const struct problem_form *problem_form_of(enum metrics_route metric)
{
	if (metric == METRICS_OPENAI_CHAT || metric == METRICS_OPENAI_EMBEDDINGS ||
	    metric == METRICS_OPENAI_MODELS)
		return &openai_problems;
	if (metric == METRICS_A2A)
		return &a2a_problems;
	return metric == METRICS_MCP ? &mcp_problems : NULL;
}

static const struct http_route *find_route(struct str path, struct str *rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct str own = str_c(routes[i].path);
		*rest = str_slice(path, own.len, path.len);
		if (str_eq(path, own) ||
		    (own.len > 1 && str_ends(own, STR("/")) && str_starts(path, own)))
			return &routes[i];
	}
	return NULL;
}

/* Of the body: 0 when there is none, -1 when it is not said how long it is. */
static long long body_length(struct lws *wsi)
{
	char length[24] = "";
	uint64_t bytes = 0;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		return -1;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
		return 0;
	if (lws_hdr_copy(wsi, length, sizeof(length), WSI_TOKEN_HTTP_CONTENT_LENGTH) < 0 ||
	    !str_to_u64(str_c(length), &bytes) || bytes > INT64_MAX)
		return -1;
	return (long long)bytes;
}

/* A response is ready, or a worker is at it. */
static int go_on(struct conn *conn)
{
	if (conn->response.active && conn->response.close && !conn->response.streamed) {
		http_send_now(conn);
		return -1;
	}
	if (conn->response.active)
		lws_callback_on_writable(conn->wsi);
	else /* the queue may be long: lws must not hang up meanwhile */
		lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
	return 0;
}

static void refuse_method(struct conn *conn, const struct http_route *route)
{
	const char *allow =
		route->handle ? (route->post ? "GET, HEAD, POST" : "GET, HEAD") : "POST";
	http_problem(conn, 405, "only %s is allowed here",
		     route->handle && route->post ? "GET, HEAD or POST"
		     : route->handle              ? "GET or HEAD"
						  : "POST");
	conn->response.allow = allow;
}

/* A request with a body: it is received first. */
static int begin_post(struct conn *conn, const struct http_route *route, struct str rest)
{
	size_t max = conn->service->options->max_message_bytes;
	long long length = body_length(conn->wsi);
	conn->response.close = length != 0;
	if (!http_check_origin(conn))
		return go_on(conn);
	if (length < 0) {
		http_problem(conn, 411, "the request must say its Content-Length");
		return go_on(conn);
	}
	if ((unsigned long long)length > max) {
		http_problem(conn, 413, "the body is %lld bytes long; the limit is %zu", length,
			     max);
		return go_on(conn);
	}
	conn->response.close = false;
	buf_clear(&conn->rest);
	buf_append(&conn->rest, rest);
	buf_release(&conn->body);
	buf_init(&conn->body, conn->service->alloc, max);
	conn->posted = route;
	if (length == 0)
		return routes_body_done(conn);
	return 0;
}

int routes_body(struct conn *conn, const void *data, size_t len)
{
	if (conn->posted && !buf_append(&conn->body, (struct str){data, len})) {
		conn->posted = NULL;
		conn->response.close = true;
		http_problem(conn, 413, "the body is longer than the limit of %zu bytes",
			     conn->body.max);
		return go_on(conn);
	}
	return 0;
}

int routes_body_done(struct conn *conn)
{
	const struct http_route *route = conn->posted;
	/*
	 * Called once more for a body of no bytes, and by libwebsockets 4.1.6 again and again for a
	 * request that follows before this one is answered.
	 */
	if (!route)
		return conn->completions++ ? -1 : 0;
	conn->posted = NULL;
	route->post(conn, buf_str(&conn->rest), buf_str(&conn->body));
	buf_release(&conn->body);
	return go_on(conn);
}

/* A browser asks what a page of another origin may do; the first server answered so to everybody. */
static void answer_options(struct conn *conn)
{
	conn->preflight = true;
	http_respond(conn, 200, "application/json", STR("{\"message\":\"OK\"}"));
}

int routes_request(struct conn *conn, struct str path)
{
	struct str rest;
	const struct http_route *route = find_route(path, &rest);
	bool get = lws_hdr_total_length(conn->wsi, WSI_TOKEN_GET_URI) > 0;
	bool post = lws_hdr_total_length(conn->wsi, WSI_TOKEN_POST_URI) > 0;
	conn->head = lws_hdr_total_length(conn->wsi, WSI_TOKEN_HEAD_URI) > 0;
	conn->route = route ? route->metric : METRICS_OTHER;
	conn->problems = problem_form_of(conn->route);
	bool options = lws_hdr_total_length(conn->wsi, WSI_TOKEN_OPTIONS_URI) > 0;
	conn->posted = NULL;
	conn->completions = 0;
	conn->origin[0] = '\0';
	conn->preflight = false;
	http_request_id(conn->wsi, conn->id);
	bool ends = route && route->post == mcp_post &&
		    lws_hdr_total_length(conn->wsi, WSI_TOKEN_DELETE_URI) > 0;
	if (route && post && route->post)
		return begin_post(conn, route, rest);
	/* GET and HEAD carry no body here: what is left unread could pass for the next request. */
	conn->response.close = body_length(conn->wsi) != 0 || (!get && !conn->head && !ends);
	if (!route)
		http_problem(conn, 404, "no such path");
	else if (options && http_check_origin(conn))
		answer_options(conn);
	else if (conn->response.active)
		; /* the origin is refused */
	else if (ends && !conn->response.close)
		mcp_delete(conn);
	else if ((!get && !conn->head) || !route->handle)
		refuse_method(conn, route);
	else if (conn->response.close)
		http_problem(conn, 413, "this path takes no request body");
	else
		route->handle(conn, rest);
	return go_on(conn);
}
