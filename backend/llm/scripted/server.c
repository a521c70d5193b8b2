#include "llm/scripted/server.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "llm/scripted/script.h"

enum {
	BODY_MAX = 16 << 20,
	OUT_MAX = 4 << 20,
	PIECE = 8192, /* of a write */
	CONNECTIONS = 8192,
	IDLE_SECONDS = 60,
	HEAD_MAX = 2048,
	KINDS_MAX = 64,
};

struct server {
	const struct alloc *alloc;
	struct lws_context *context;
	size_t chats[KINDS_MAX]; /* asked of each kind */
	size_t requests, active, completed, aborted;
	struct buf last; /* the last request for a completion */
};

enum request_kind { OTHER, MODELS, STATS, LAST, CHAT };

/* One connection; zeros at first. */
struct conn {
	struct server *server;
	enum request_kind kind;
	bool ready; /* body, out and script are in use */
	bool answered;
	bool chatting; /* counts as active */
	bool head_sent, chunked, finished;
	bool waiting; /* for a timer */
	struct script script;
	struct buf body;
	struct buf out; /* bytes to send; `sent` of them are */
	size_t sent;
};

static void conn_release(struct conn *c)
{
	if (!c->ready)
		return;
	if (c->chatting) {
		c->server->active--;
		if (c->finished)
			c->server->completed++;
		else
			c->server->aborted++;
	}
	script_release(&c->script);
	buf_release(&c->body);
	buf_release(&c->out);
	memset(c, 0, sizeof(*c));
}

/* --- answers --- */

static bool header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
		   unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value, (int)strlen(value), at,
					   end) == 0;
}

static bool send_head(struct lws *wsi, struct conn *c)
{
	unsigned char room[LWS_PRE + HEAD_MAX], *start = room + LWS_PRE, *at = start;
	unsigned char *end = room + sizeof(room);
	const struct script *s = &c->script;
	char number[16];
	c->chunked = s->stream;
	if (lws_add_http_header_status(wsi, (unsigned)s->status, &at, end) ||
	    !header(wsi, "content-type:", s->type, &at, end))
		return false;
	snprintf(number, sizeof(number), "%d", s->retry_after);
	if (s->retry_after >= 0 && !header(wsi, "retry-after:", number, &at, end))
		return false;
	if (c->chunked) {
		if (!header(wsi, "transfer-encoding:", "chunked", &at, end))
			return false;
	} else if (lws_add_http_header_content_length(wsi, s->whole.len, &at, end)) {
		return false;
	}
	c->head_sent = true;
	return lws_finalize_write_http_header(wsi, start, &at, end) == 0;
}

/* The next piece of the script into `out`, framed. */
static bool fill(struct lws *wsi, struct conn *c)
{
	struct buf piece;
	unsigned delay = 0;
	bool more = false;
	buf_init(&piece, c->server->alloc, OUT_MAX);
	bool fine = !script_next(&c->script, &piece, &delay, &more, NULL);
	if (fine && piece.len && c->chunked)
		fine = buf_printf(&c->out, "%zx\r\n", piece.len) &&
		       buf_append(&c->out, buf_str(&piece)) && buf_append(&c->out, STR("\r\n"));
	else if (fine && piece.len)
		fine = buf_append(&c->out, buf_str(&piece));
	buf_release(&piece);
	c->finished = !more;
	if (!more && c->chunked && c->script.end == SCRIPT_COMPLETE)
		fine = fine && buf_append(&c->out, STR("0\r\n\r\n"));
	if (more && delay) {
		c->waiting = true;
		lws_set_timer_usecs(wsi, (lws_usec_t)delay * 1000);
	}
	return fine;
}

static bool write_some(struct lws *wsi, struct conn *c)
{
	unsigned char room[LWS_PRE + PIECE];
	size_t size = c->out.len - c->sent, most = c->script.bytewise ? 1 : PIECE;
	if (size > most)
		size = most;
	memcpy(room + LWS_PRE, c->out.ptr + c->sent, size);
	c->sent += size;
	if (c->sent == c->out.len) {
		c->sent = 0;
		buf_clear(&c->out);
	}
	bool last = c->finished && !c->out.len && c->script.end == SCRIPT_COMPLETE;
	return lws_write(wsi, room + LWS_PRE, size, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) >=
	       (int)size;
}

/* All is sent: what becomes of the connection. */
static int finish(struct lws *wsi, struct conn *c)
{
	if (c->script.end == SCRIPT_HANG) {
		c->finished = false; /* it ends when the client leaves */
		c->waiting = true;
		return 0;
	}
	bool close = c->script.end == SCRIPT_CLOSE;
	conn_release(c);
	if (close)
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* One write, or one step on. -1 closes. */
static int pump(struct lws *wsi, struct conn *c)
{
	if (!c->ready || c->waiting)
		return 0;
	lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
	if (c->out.len && !write_some(wsi, c))
		return -1;
	if (c->out.len) {
		/* another write */
	} else if (c->finished) {
		/*
		 * In the callback of the last write: a client that is quick sends its next request
		 * before another one, and lws would take that for more of this one's body.
		 */
		return finish(wsi, c);
	} else if (c->script.begun && !c->head_sent) {
		if (!send_head(wsi, c))
			return -1;
	} else if (!fill(wsi, c)) {
		return -1;
	}
	if (!c->waiting)
		lws_callback_on_writable(wsi);
	return 0;
}

/* --- requests --- */

static bool answer_json(struct conn *c, int status, json_t *root)
{
	struct script *s = &c->script;
	*s = (struct script){.alloc = c->server->alloc,
			     .status = status,
			     .type = "application/json",
			     .retry_after = -1};
	buf_init(&s->whole, c->server->alloc, OUT_MAX);
	buf_init(&s->text, c->server->alloc, 0);
	buf_init(&s->raw, c->server->alloc, 0);
	bool written = root && !json_write(root, &s->whole, NULL);
	json_decref(root);
	return written;
}

static json_t *stats_of(const struct server *server)
{
	return json_pack("{s:i, s:i, s:i, s:i}", "requests", (int)server->requests, "active",
			 (int)server->active, "completed", (int)server->completed, "aborted",
			 (int)server->aborted);
}

static json_t *problem(const char *message, int status)
{
	return json_pack("{s:{s:s, s:s, s:i}}", "error", "message", message, "type",
			 "invalid_request_error", "code", status);
}

static bool answer_chat(struct conn *c)
{
	struct server *server = c->server;
	json_t *request = NULL;
	if (json_parse(buf_str(&c->body), &request, NULL) || !json_is_object(request)) {
		json_decref(request);
		return answer_json(c, 400, problem("the body is no JSON object", 400));
	}
	server->requests++;
	server->active++;
	c->chatting = true;
	buf_clear(&server->last);
	bool fine = buf_append(&server->last, buf_str(&c->body));
	size_t kind = script_kind(json_get_str(request, "model"));
	size_t count = kind < KINDS_MAX ? server->chats[kind]++ : 0;
	fine = fine && !script_start(&c->script, request, count, server->alloc, NULL);
	json_decref(request);
	buf_release(&c->body);
	return fine;
}

/* The request is whole. */
static int answer(struct lws *wsi, struct conn *c)
{
	bool fine = true;
	if (!c->ready || c->answered)
		return -1;
	c->answered = true;
	switch (c->kind) {
	case MODELS:
		fine = answer_json(c, 200, script_models());
		break;
	case STATS:
		fine = answer_json(c, 200, stats_of(c->server));
		break;
	case LAST:
		fine = answer_json(c, 200, json_null());
		buf_clear(&c->script.whole);
		fine = fine &&
		       buf_append(&c->script.whole,
				  c->server->last.len ? buf_str(&c->server->last) : STR("null"));
		break;
	case CHAT:
		fine = answer_chat(c);
		break;
	case OTHER:
		fine = answer_json(c, 404, problem("no such address", 404));
		break;
	}
	if (!fine)
		return -1;
	lws_callback_on_writable(wsi);
	return 0;
}

static enum request_kind kind_of(struct str path, bool post)
{
	if (str_starts(path, STR("/openai/v1/")))
		path = str_slice(path, 7, path.len);
	if (post)
		return str_eq(path, STR("/v1/chat/completions")) ? CHAT : OTHER;
	return str_eq(path, STR("/v1/models")) ? MODELS
	       : str_eq(path, STR("/stats"))   ? STATS
	       : str_eq(path, STR("/last"))    ? LAST
					       : OTHER;
}

static int begin(struct lws *wsi, struct conn *c, struct str path)
{
	struct server *server = lws_context_user(lws_get_context(wsi));
	conn_release(c);
	bool post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
	*c = (struct conn){.server = server, .kind = kind_of(path, post), .ready = true};
	buf_init(&c->body, server->alloc, BODY_MAX);
	buf_init(&c->out, server->alloc, OUT_MAX);
	buf_init(&c->script.whole, server->alloc, 0);
	buf_init(&c->script.text, server->alloc, 0);
	buf_init(&c->script.raw, server->alloc, 0);
	return post ? 0 : answer(wsi, c);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t len)
{
	struct conn *c = user;
	switch ((int)reason) {
	case LWS_CALLBACK_HTTP:
		return begin(wsi, c, (struct str){in, len});
	case LWS_CALLBACK_HTTP_BODY:
		return c->ready && buf_append(&c->body, (struct str){in, len}) ? 0 : -1;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return answer(wsi, c);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return pump(wsi, c);
	case LWS_CALLBACK_TIMER:
		c->waiting = false;
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		if (c)
			conn_release(c);
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = on_event, .per_session_data_size = sizeof(struct conn)},
	{.name = NULL}};

enum err_code scripted_serve(const char *host, int port, const volatile sig_atomic_t *stop,
			     const struct alloc *alloc, struct err *err)
{
	struct server server = {.alloc = alloc};
	struct lws_context_creation_info info = {0};
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	buf_init(&server.last, alloc, BODY_MAX);
	lws_set_log_level(LLL_ERR, NULL);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options =
		LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME;
	info.user = &server;
	info.fd_limit_per_thread = CONNECTIONS;
	info.max_http_header_pool2 = CONNECTIONS;
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	server.context = lws_create_context(&info);
	if (!server.context)
		return err_set(err, ERR_NOMEM, "the event loop cannot be made");
	info.port = port;
	info.iface = host;
	info.protocols = protocols;
	info.server_string = "docs-bot-scripted-llm";
	info.vhost_name = "scripted";
	info.timeout_secs = IDLE_SECONDS;
	info.keepalive_timeout = IDLE_SECONDS;
	info.listen_accept_role = NULL;
	struct lws_vhost *vhost = lws_create_vhost(server.context, &info);
	enum err_code code = ERR_OK;
	if (!vhost) {
		code = err_set(err, ERR_IO, "cannot listen on %s:%d", host, port);
	} else {
		printf("listening on http://%s:%d\n", host, lws_get_vhost_listen_port(vhost));
		(void)fflush(stdout);
	}
	while (!code && !*stop)
		if (lws_service(server.context, 0) < 0)
			break;
	lws_context_destroy(server.context);
	buf_release(&server.last);
	return code;
}
