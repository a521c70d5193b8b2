/* The event loop: listening socket, libwebsockets context, start and shutdown. */
#include "serve/serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "serve/a2a_tasks.h"
#include "serve/assets.h"
#include "serve/listen.h"
#include "serve/service.h"

#define TICK_US        (200 * LWS_US_PER_MS) /* how soon a stop request is seen */
#define CLOSE_GRACE_US 1000000               /* for close frames to be answered */
#define ACCEPT_BURST   64
#define HEADERS_MAX    16384 /* bytes of one request's headers, beside a question in the URL */
#define FRAGMENT_MAX   60000 /* lws counts the bytes of one header in 16 bits */

/* ---- connections ---- */

static struct conn *conn_new(struct service *service)
{
	struct conn *conn = alloc_zero(service->alloc, 1, sizeof(*conn));
	if (!conn)
		return NULL;
	conn->service = service;
	buf_init(&conn->response.owned, service->alloc, 0);
	buf_init(&conn->body, service->alloc, 0);
	buf_init(&conn->rest, service->alloc, HEADERS_MAX);
	conn->next = service->conns;
	if (conn->next)
		conn->next->prev = conn;
	service->conns = conn;
	service->conn_count++;
	return conn;
}

static void conn_free(struct conn *conn)
{
	struct service *service = conn->service;
	job_abandon(conn);
	ws_close(conn);
	buf_release(&conn->response.owned);
	buf_release(&conn->body);
	buf_release(&conn->rest);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		service->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	service->conn_count--;
	alloc_free(service->alloc, conn);
}

/* The request id of the answer to an upgrade; other responses add their own. */
static int add_upgrade_headers(struct conn *conn, struct lws_process_html_args *args)
{
	unsigned char *at = (unsigned char *)args->p, *end = at + args->max_len;
	if (lws_add_http_header_by_name(conn->wsi, (const unsigned char *)"x-request-id:",
					(const unsigned char *)conn->id, (int)strlen(conn->id), &at,
					end))
		return 1;
	args->p = (char *)at;
	return 0;
}

/* One callback for HTTP and WebSocket; libwebsockets calls it on the loop thread only. */
static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t len)
{
	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
		jobs_collect(lws_context_user(lws_get_context(wsi)));
		return 0;
	}
	struct conn *conn = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	if (!conn)
		return 0;
	/* Of some ninety reasons these matter; an int keeps -Wswitch-enum from asking for the rest. */
	switch ((int)reason) {
	case LWS_CALLBACK_HTTP:
		return routes_request(conn, (struct str){in, len});
	case LWS_CALLBACK_HTTP_BODY:
		return routes_body(conn, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return routes_body_done(conn);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return http_writeable(conn);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return ws_confirm(conn, in);
	case LWS_CALLBACK_ADD_HEADERS:
		return add_upgrade_headers(conn, in);
	case LWS_CALLBACK_ESTABLISHED:
		return ws_open(conn);
	case LWS_CALLBACK_RECEIVE:
		return ws_receive(conn, in, len);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return ws_writeable(conn);
	case LWS_CALLBACK_CLOSED:
		ws_close(conn);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		conn_free(conn);
		return 0;
	default:
		return 0;
	}
}

/* ---- accepting ---- */

/* Beyond the limit a client gets an answer rather than a queue of unknown length. */
static void refuse(int fd)
{
	static const char text[] =
		"HTTP/1.1 503 Service Unavailable\r\n"
		"Retry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	char drop[1024];
	/* Unread bytes would turn the close into a reset, and the client might miss the answer. */
	if (recv(fd, drop, sizeof(drop), MSG_DONTWAIT) >= 0 || errno == EAGAIN)
		(void)!send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void adopt(struct service *service, int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct conn *conn = conn_new(service);
	if (!conn) {
		close(fd);
		return;
	}
	/* Closes the socket itself when it fails. */
	struct lws *wsi = lws_adopt_socket_vhost(service->vhost, fd);
	if (!wsi) {
		conn_free(conn);
		return;
	}
	conn->wsi = wsi;
	lws_set_opaque_user_data(wsi, conn);
}

static void accept_all(struct service *service)
{
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int fd = accept4(lws_get_socket_fd(service->listener), NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			/* The socket stays readable: without a pause the loop would spin. */
			log_warn(service->deps->log, "serve", "cannot accept a connection: %s",
				 strerror(errno));
			lws_rx_flow_control(service->listener, 0);
			service->accept_paused = true;
		}
		if (fd < 0)
			return;
		if (service->conn_count >= service->options->max_connections)
			refuse(fd);
		else
			adopt(service, fd);
	}
}

/*
 * The listening socket is ours and adopted as a plain descriptor: so bind's own error is known,
 * only the address asked for is used, and shutdown can close it before the connections.
 */
static int on_listener(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t len)
{
	struct service *service = wsi ? lws_context_user(lws_get_context(wsi)) : NULL;
	if (!service || wsi != service->listener)
		/* A client that asks for this protocol by name is none of ours. */
		return reason == LWS_CALLBACK_ESTABLISHED ? -1 : 0;
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		accept_all(service);
	else if (reason == LWS_CALLBACK_RAW_CLOSE_FILE)
		service->listener = NULL;
	return 0;
}

/* ---- context ---- */

/* Sent with every response, those that libwebsockets makes itself included. */
static const struct lws_protocol_vhost_options headers[] = {
	{&headers[1], NULL, "content-security-policy:",
	 "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src "
	 "'none'; "
	 "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
	{&headers[2], NULL, "x-content-type-options:", "nosniff"},
	{&headers[3], NULL, "referrer-policy:", "no-referrer"},
	{NULL, NULL, "x-frame-options:", "DENY"},
};

static const struct lws_protocols protocols[] = {
	{.name = "docs-bot", .callback = on_event},
	{.name = "listener", .callback = on_listener},
	{.name = NULL},
};

/* A silent client is pinged after 30 s and dropped when no pong comes within 10 s. */
static const lws_retry_bo_t idle_policy = {.secs_since_valid_ping = 30,
					   .secs_since_valid_hangup = 40};

static enum err_code context_open(struct service *service, struct err *err)
{
	struct lws_context_creation_info info = {0};
	/*
	 * The library's log level and sink are its global state, and the sink gets no context to
	 * find our logger by, so only its errors are let through, to stderr. What matters to an
	 * operator we log ourselves.
	 */
	lws_set_log_level(LLL_ERR, NULL);
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8 |
		       LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME;
	info.user = service;
	info.protocols = protocols;
	info.headers = headers;
	info.server_string = "docs-bot";
	info.vhost_name = "docs-bot";
	info.retry_and_idle_policy = &idle_policy;
	info.timeout_secs = 20;
	info.keepalive_timeout = 30;
	size_t head = service->options->max_question_bytes + HEADERS_MAX;
	info.max_http_header_data2 = (unsigned)(head < FRAGMENT_MAX ? head : FRAGMENT_MAX);
	info.max_http_header_pool2 = (unsigned)service->options->max_connections + 1;
	/* Else tables for every descriptor the process may have, which can be a thousand million. */
	info.fd_limit_per_thread = (unsigned)service->options->max_connections + 32;
	info.gid = (int)-1;
	info.uid = (int)-1;
	service->context = lws_create_context(&info);
	if (!service->context)
		return err_set(err, ERR_INTERNAL, "libwebsockets could not start");
	service->vhost = lws_create_vhost(service->context, &info);
	if (!service->vhost)
		return err_set(err, ERR_INTERNAL, "libwebsockets could not create its host");
	return ERR_OK;
}

static enum err_code etags_make(struct service *service, struct err *err)
{
	service->etags = alloc_zero(service->alloc, asset_count + 1, sizeof(*service->etags));
	if (!service->etags)
		return err_set(err, ERR_NOMEM, "out of memory for the pages");
	for (size_t i = 0; i < asset_count; i++) {
		char hex[65];
		sha256_hex(assets[i].data, assets[i].size, hex);
		snprintf(service->etags[i], sizeof(service->etags[i]), "\"%.16s\"", hex);
	}
	return ERR_OK;
}

/* ---- the loop ---- */

static void drain_start(struct service *service)
{
	service->draining = true;
	service->drain_started_us = clock_monotonic_us(service->deps->clock);
	log_info(service->deps->log, "serve", "stopping connections=%zu queued=%zu",
		 service->conn_count, queue_length(&service->queue));
	if (service->listener)
		lws_set_timeout(service->listener, PENDING_TIMEOUT_USER_REASON_BASE,
				LWS_TO_KILL_ASYNC);
	queue_close(&service->queue);
}

static void on_tick(lws_sorted_usec_list_t *tick)
{
	struct service *service = lws_container_of(tick, struct service, tick);
	if (!service->draining && atomic_load(service->deps->stop))
		drain_start(service);
	if (service->accept_paused && service->listener) {
		service->accept_paused = false;
		lws_rx_flow_control(service->listener, 1);
	}
	if (service->draining) /* idle sockets say goodbye when they may write */
		for (struct conn *conn = service->conns; conn; conn = conn->next)
			if (conn->websocket)
				lws_callback_on_writable(conn->wsi);
	lws_sul_schedule(service->context, 0, &service->tick, on_tick, TICK_US);
}

/* True when nothing is left to do, or the time for it is over. */
static bool drained(struct service *service)
{
	int64_t now = clock_monotonic_us(service->deps->clock);
	bool busy = false;
	for (struct conn *conn = service->conns; conn && !busy; conn = conn->next)
		busy = conn->job || conn->response.active || (conn->websocket && ws_busy(conn));
	if (now - service->drain_started_us >= (int64_t)service->options->drain_seconds * 1000000)
		return true;
	if (busy) {
		service->idle_since_us = 0;
		return false;
	}
	if (!service->idle_since_us)
		service->idle_since_us = now;
	return !service->websocket_count || now - service->idle_since_us >= CLOSE_GRACE_US;
}

static enum err_code loop(struct service *service, struct err *err)
{
	lws_sul_schedule(service->context, 0, &service->tick, on_tick, TICK_US);
	while (!service->draining || !drained(service))
		if (lws_service(service->context, 0) < 0)
			return err_set(err, ERR_INTERNAL, "the event loop failed: %s",
				       strerror(errno));
	return ERR_OK;
}

static void service_close(struct service *service)
{
	for (struct conn *conn = service->conns; conn; conn = conn->next)
		if (conn->job)
			atomic_store(&conn->job->cancelled, true);
	if (service->a2a_tasks)
		a2a_tasks_cancel_all(service->a2a_tasks, clock_wall_ms(service->deps->clock));
	refresh_stop(service);
	if (service->workers)
		workers_stop(service);
	readers_stop(service);
	/* Wakes that came after the last turn of the loop still hold their jobs. */
	jobs_collect(service);
	if (service->context) {
		lws_sul_cancel(&service->tick);
		lws_context_destroy(service->context);
	}
	queue_release(&service->queue);
	mcp_sessions_release(&service->mcp);
	a2a_tasks_free(service->a2a_tasks);
	alloc_free(service->alloc, service->etags);
	pthread_mutex_destroy(&service->ready_lock);
	pthread_mutex_destroy(&service->bulk.lock);
	pthread_mutex_destroy(&service->refresh_lock);
	pthread_cond_destroy(&service->refresh_wake);
	alloc_free(service->alloc, service);
}

static enum err_code listen_adopt(struct service *service, int fd, struct err *err)
{
	lws_sock_file_fd_type descriptor = {.filefd = fd};
	service->listener = lws_adopt_descriptor_vhost(service->vhost, LWS_ADOPT_RAW_FILE_DESC,
						       descriptor, "listener", NULL);
	if (!service->listener)
		return err_set(err, ERR_INTERNAL, "libwebsockets refused the listening socket");
	return ERR_OK;
}

static enum err_code check_options(const struct serve_options *options, struct err *err)
{
	if (!options->host || options->port < 0 || options->port > 65535)
		return err_set(err, ERR_INVALID, "the port must be from 0 to 65535");
	if (!options->workers || !options->readers || !options->queue_length ||
	    !options->max_connections || !options->max_message_bytes ||
	    !options->max_question_bytes || !options->max_answer_bytes)
		return err_set(err, ERR_INVALID, "the limits of the service must be at least 1");
	return ERR_OK;
}

enum err_code serve_run(const struct serve_options *options, const struct serve_deps *deps,
			void (*on_listen)(void *ctx, const char *host, int port), void *listen_ctx,
			struct err *err)
{
	int fd = -1, port = 0;
	enum err_code code = check_options(options, err);
	if (code)
		return code;
	struct service *service = alloc_zero(deps->alloc, 1, sizeof(*service));
	if (!service)
		return err_set(err, ERR_NOMEM, "out of memory for the service");
	service->options = options;
	service->deps = deps;
	service->alloc = deps->alloc;
	service->started = clock_wall_ms(deps->clock) / 1000;
	service->mcp.alloc = deps->alloc;
	pthread_mutex_init(&service->ready_lock, NULL);
	pthread_mutex_init(&service->bulk.lock, NULL);
	pthread_mutex_init(&service->refresh_lock, NULL);
	pthread_cond_init(&service->refresh_wake, NULL);
	const struct a2a_limits a2a_limits = a2a_limits_default();
	if ((code = a2a_tasks_new(deps->alloc, &a2a_limits, &service->a2a_tasks, err)) ||
	    (code = listen_open(options->host, options->port, &fd, &port, err)) ||
	    (code = queue_init(&service->queue, deps->alloc, options->queue_length, err)) ||
	    (code = etags_make(service, err)) || (code = context_open(service, err)) ||
	    (code = readers_start(service, err)) || (code = workers_start(service, err)) ||
	    (code = refresh_start(service, err)))
		goto out;
	code = listen_adopt(service, fd, err);
	fd = -1; /* lws closes it */
	if (code)
		goto out;
	log_info(deps->log, "serve", "listening address=%s port=%d workers=%zu", options->host,
		 port, options->workers);
	if (on_listen)
		on_listen(listen_ctx, options->host, port);
	code = loop(service, err);
	log_info(deps->log, "serve", "stopped");
out:
	if (fd >= 0)
		close(fd);
	service_close(service);
	return code;
}
