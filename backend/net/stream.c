#include "net/stream.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/http.h"

/*
 * Who touches what: `lock` guards the queue and every stream's fields that both sides use. The
 * client's thread alone calls libcurl for streams that are in the multi handle, never with the lock
 * held. A stream is freed by its caller, and only after the thread set ENDED, its last touch.
 *
 * libcurl's socket interface, not curl_multi_perform(): that one looks at every transfer each time,
 * which for a thousand streams costs more than all their bytes.
 */
enum { POLL_MS = 50, IDLE_MS = 60000, EVENTS = 64, KEPT_CONNECTIONS = 256 };

enum state { NEW, RUNNING, ENDED };

struct stream {
	struct stream_client *client;
	struct stream *next_queued;   /* the thread has something to do */
	struct stream *next, **place; /* among the running; the thread's alone */
	CURL *curl;
	const atomic_bool *cancelled;
	pthread_cond_t changed;
	enum state state;
	bool queued, abort;
	bool paused; /* libcurl was told to wait for room */
	bool resume; /* there is room again */
	CURLcode result;
	long status;
	char type[64];
	int64_t retry_after_ms;
	size_t head, len; /* of the ring */
	char ring[STREAM_BUFFER_BYTES];
};

struct stream_client {
	const struct alloc *alloc;
	char *ca_file;
	unsigned connect_ms;
	struct curl_slist *headers, *get_headers; /* read-only once it is open */
	CURLM *multi;
	int epoll, wake;
	int64_t timer_us; /* when libcurl wants to be called; -1: not at all */
	pthread_mutex_t lock;
	pthread_t thread;
	bool lock_ready, thread_ready, closing;
	struct stream *queue, *running;
};

static int64_t now_us(void)
{
	return clock_monotonic_us(clock_system());
}

static void wake(struct stream_client *client)
{
	/* A counter that is full wakes as well. */
	while (eventfd_write(client->wake, 1) != 0 && errno == EINTR)
		;
}

/* With the lock held. */
static void enqueue(struct stream *s)
{
	if (s->queued)
		return;
	s->queued = true;
	s->next_queued = s->client->queue;
	s->client->queue = s;
}

/* With the lock held. */
static void note_head(struct stream *s)
{
	char *type = NULL;
	if (s->status)
		return;
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &s->status);
	curl_easy_getinfo(s->curl, CURLINFO_CONTENT_TYPE, &type);
	if (type)
		snprintf(s->type, sizeof(s->type), "%s", type);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct stream *s = ctx;
	size_t total = size * count, taken = total;
	pthread_mutex_lock(&s->client->lock);
	note_head(s);
	if (s->abort) {
		taken = 0;
	} else if (total > sizeof(s->ring) - s->len) {
		s->paused = true;
		taken = CURL_WRITEFUNC_PAUSE;
	} else {
		for (size_t i = 0; i < total;) {
			size_t at = (s->head + s->len) % sizeof(s->ring);
			size_t part = sizeof(s->ring) - at;
			if (part > total - i)
				part = total - i;
			memcpy(s->ring + at, bytes + i, part);
			s->len += part;
			i += part;
		}
		pthread_cond_signal(&s->changed);
	}
	pthread_mutex_unlock(&s->client->lock);
	return taken;
}

/* The thread's last touch of the stream, whether libcurl knows it or not. */
static void end_stream(struct stream *s, CURLcode result)
{
	struct stream_client *client = s->client;
	struct curl_header *after = NULL;
	int64_t retry_after = -1;
	if (s->place) {
		if (curl_easy_header(s->curl, "retry-after", 0, CURLH_HEADER, -1, &after) ==
		    CURLHE_OK)
			retry_after = retry_after_ms(str_c(after->value),
						     clock_wall_ms(clock_system()) / 1000);
		curl_multi_remove_handle(client->multi, s->curl);
		*s->place = s->next;
		if (s->next)
			s->next->place = s->place;
	}
	pthread_mutex_lock(&client->lock);
	note_head(s);
	s->retry_after_ms = retry_after;
	s->result = result;
	s->state = ENDED;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&client->lock);
}

static void begin_stream(struct stream *s)
{
	struct stream_client *client = s->client;
	if (curl_multi_add_handle(client->multi, s->curl) != CURLM_OK) {
		end_stream(s, CURLE_OUT_OF_MEMORY);
		return;
	}
	s->next = client->running;
	s->place = &client->running;
	if (s->next)
		s->next->place = &s->next;
	client->running = s;
}

static void resume_stream(struct stream *s)
{
	/* What it cannot deliver ends the transfer, and is seen there. */
	(void)curl_easy_pause(s->curl, CURLPAUSE_CONT);
	s->client->timer_us = now_us();
}

/* False once the client closes. */
static bool serve_queue(struct stream_client *client)
{
	pthread_mutex_lock(&client->lock);
	for (struct stream *s; (s = client->queue);) {
		client->queue = s->next_queued;
		s->queued = false;
		if (s->state == ENDED)
			continue;
		bool fresh = s->state == NEW, abort = s->abort, resume = s->resume;
		s->state = RUNNING;
		s->resume = false;
		pthread_mutex_unlock(&client->lock);
		if (abort)
			end_stream(s, CURLE_ABORTED_BY_CALLBACK);
		else if (fresh)
			begin_stream(s);
		else if (resume)
			resume_stream(s);
		pthread_mutex_lock(&client->lock);
	}
	bool open = !client->closing;
	pthread_mutex_unlock(&client->lock);
	return open;
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct stream_client *client = ctx;
	struct epoll_event event = {.data.fd = fd};
	if (what == CURL_POLL_REMOVE) {
		/* It may be closed already, which removed it. */
		(void)epoll_ctl(client->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events =
		(what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	if (epoll_ctl(client->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return errno == ENOENT ? epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event) : -1;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct stream_client *client = ctx;
	client->timer_us = ms < 0 ? -1 : now_us() + ms * 1000;
	return 0;
}

static void collect_ended(struct stream_client *client)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(client->multi, &left));) {
		struct stream *s = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode result = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
		end_stream(s, result);
	}
}

/* Wakes the callers that were told to stop: they sleep until then. */
static void tell_cancelled(struct stream_client *client)
{
	pthread_mutex_lock(&client->lock);
	for (struct stream *s = client->running; s; s = s->next)
		if (retry_stopped(s->cancelled))
			pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&client->lock);
}

static int wait_ms(const struct stream_client *client)
{
	int64_t wait = client->running ? POLL_MS : IDLE_MS;
	if (client->timer_us >= 0) {
		int64_t left = (client->timer_us - now_us() + 999) / 1000;
		if (left < wait)
			wait = left < 0 ? 0 : left;
	}
	return (int)wait;
}

static void *run(void *arg)
{
	struct stream_client *client = arg;
	struct epoll_event events[EVENTS];
	int64_t polled_us = 0;
	int running;
	while (serve_queue(client)) {
		int count = epoll_wait(client->epoll, events, EVENTS, wait_ms(client));
		for (int i = 0; i < count; i++) {
			eventfd_t ignored;
			uint32_t e = events[i].events;
			if (events[i].data.fd == client->wake) {
				(void)eventfd_read(client->wake, &ignored);
				continue;
			}
			int what = (e & EPOLLIN ? CURL_CSELECT_IN : 0) |
				   (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				   (e & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
			curl_multi_socket_action(client->multi, events[i].data.fd, what, &running);
		}
		if (client->timer_us >= 0 && now_us() >= client->timer_us) {
			client->timer_us = -1;
			curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		}
		collect_ended(client);
		if (now_us() - polled_us >= POLL_MS * 1000) {
			polled_us = now_us();
			tell_cancelled(client);
		}
	}
	return NULL;
}

/* --- opening and closing --- */

/* Appends a copy of the line; false without memory, and the list stays as it was. */
static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);
	if (longer)
		*list = longer;
	return longer != NULL;
}

static enum err_code make_headers(struct stream_client *client, const char *bearer, struct err *err)
{
	struct buf line;
	enum err_code code = ERR_OK;
	bool made = true;
	buf_init(&line, client->alloc, 16U << 10);
	if (bearer && bearer[0]) {
		for (const char *c = bearer; *c && !code; c++)
			if ((unsigned char)*c <= ' ' || *c == 0x7f)
				code = err_set(err, ERR_INVALID,
					       "the key has a character that no header can hold");
		buf_printf(&line, "Authorization: Bearer %s", bearer);
		if (!code)
			code = buf_ok(&line, "the key", err);
		made = code || (add_header(&client->headers, line.ptr) &&
				add_header(&client->get_headers, line.ptr));
	}
	/* Without "Expect:", a large body would wait a second for a server that ignores it. */
	if (!code &&
	    (!made || !add_header(&client->headers, "Content-Type: application/json") ||
	     !add_header(&client->headers, "Accept: text/event-stream, application/json") ||
	     !add_header(&client->headers, "Expect:") ||
	     !add_header(&client->get_headers, "Accept: application/json")))
		code = err_set(err, ERR_NOMEM, "out of memory for a request");
	buf_release(&line);
	return code;
}

static enum err_code make_multi(struct stream_client *client, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};
	client->multi = curl_multi_init();
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event.data.fd = client->wake;
	if (!client->multi)
		return err_set(err, ERR_NOMEM, "out of memory for connections");
	if (client->epoll < 0 || client->wake < 0 ||
	    epoll_ctl(client->epoll, EPOLL_CTL_ADD, client->wake, &event) != 0)
		return err_set(err, ERR_IO, "no file descriptors for connections are left");
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
	return ERR_OK;
}

static enum err_code start_thread(struct stream_client *client, struct err *err)
{
	sigset_t all, old;
	if (pthread_mutex_init(&client->lock, NULL) != 0)
		return err_set(err, ERR_INTERNAL, "cannot create a mutex for connections");
	client->lock_ready = true;
	/* Signals belong to the thread that runs the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	client->thread_ready = pthread_create(&client->thread, NULL, run, client) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return client->thread_ready
		       ? ERR_OK
		       : err_set(err, ERR_INTERNAL, "cannot start a thread for connections");
}

static enum err_code copy_ca_file(struct stream_client *client, const char *path, struct err *err)
{
	if (!path || !path[0])
		return ERR_OK;
	size_t size = strlen(path) + 1;
	if (access(path, R_OK) != 0)
		return err_set(err, ERR_INVALID, "%s cannot be read: %s", path, strerror(errno));
	client->ca_file = alloc_get(client->alloc, size);
	if (!client->ca_file)
		return err_set(err, ERR_NOMEM, "out of memory for connections");
	memcpy(client->ca_file, path, size);
	return ERR_OK;
}

enum err_code stream_client_open(const struct stream_options *options, const struct alloc *alloc,
				 struct stream_client **out, struct err *err)
{
	*out = NULL;
	struct stream_client *client = alloc_zero(alloc, 1, sizeof(*client));
	if (!client)
		return err_set(err, ERR_NOMEM, "out of memory for connections");
	client->alloc = alloc;
	client->connect_ms = options->connect_ms;
	client->timer_us = client->epoll = client->wake = -1;
	enum err_code code = copy_ca_file(client, options->ca_file, err);
	if (!code)
		code = make_headers(client, options->bearer, err);
	if (!code)
		code = make_multi(client, err);
	if (!code)
		code = start_thread(client, err);
	if (code)
		stream_client_close(client);
	else
		*out = client;
	return code;
}

void stream_client_close(struct stream_client *client)
{
	if (!client)
		return;
	if (client->thread_ready) {
		pthread_mutex_lock(&client->lock);
		client->closing = true;
		pthread_mutex_unlock(&client->lock);
		wake(client);
		pthread_join(client->thread, NULL);
	}
	curl_multi_cleanup(client->multi);
	if (client->epoll >= 0)
		close(client->epoll);
	if (client->wake >= 0)
		close(client->wake);
	if (client->lock_ready)
		pthread_mutex_destroy(&client->lock);
	curl_slist_free_all(client->headers);
	curl_slist_free_all(client->get_headers);
	alloc_free(client->alloc, client->ca_file);
	alloc_free(client->alloc, client);
}

/* --- one stream --- */

/* localhost, 127.0.0.0/8 and ::1: what a proxy would look for on its own machine. */
static bool is_loopback(const char *address)
{
	struct url url;
	return url_parse(str_c(address), &url) &&
	       (str_eq_nocase(url.host, STR("localhost")) || str_starts(url.host, STR("127.")) ||
		str_eq(url.host, STR("::1")));
}

static CURLcode set_up(struct stream *s, const struct stream_request *request)
{
	struct stream_client *client = s->client;
	CURL *curl = s->curl;
	const struct http_timeouts timeouts = {.connect_ms = client->connect_ms};
	CURLcode set = http_set_common(curl, request->url, &timeouts, false);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_USERAGENT, "docs-bot/" DOCS_BOT_VERSION);
	if (!set && client->ca_file)
		set = curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
	if (!set && is_loopback(request->url))
		set = curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
			 request->body.ptr ? client->headers : client->get_headers);
	if (request->body.ptr) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr);
	}
	/* A paused HTTP/2 stream may be sent megabytes that libcurl would have to keep. */
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A request that is given up must not wait for its name to be looked up. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(curl, CURLOPT_PRIVATE, s);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, s);
	return set;
}

static bool make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return false;
	bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
		    pthread_cond_init(condition, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	return made;
}

enum err_code stream_start(struct stream_client *client, const struct stream_request *request,
			   struct stream **out, struct err *err)
{
	*out = NULL;
	struct stream *s = alloc_zero(client->alloc, 1, sizeof(*s));
	CURL *curl = s ? curl_easy_init() : NULL;
	if (!curl || !make_condition(&s->changed)) {
		curl_easy_cleanup(curl);
		alloc_free(client->alloc, s);
		return err_set(err, ERR_NOMEM, "out of memory for a request");
	}
	s->client = client;
	s->curl = curl;
	s->cancelled = request->cancelled;
	s->retry_after_ms = -1;
	CURLcode set = set_up(s, request);
	if (set) {
		s->state = ENDED;
		stream_free(s);
		return set == CURLE_OUT_OF_MEMORY
			       ? err_set(err, ERR_NOMEM, "out of memory for a request")
			       : err_set(err, ERR_UNAVAILABLE, "no request can be made: %s",
					 curl_easy_strerror(set));
	}
	pthread_mutex_lock(&client->lock);
	enqueue(s);
	pthread_mutex_unlock(&client->lock);
	wake(client);
	*out = s;
	return ERR_OK;
}

/* With the lock held: what fits, and lets libcurl go on when half of the ring is free. */
static size_t take(struct stream *s, char *out, size_t size)
{
	size_t taken = 0;
	while (taken < size && s->len) {
		size_t part = sizeof(s->ring) - s->head;
		if (part > s->len)
			part = s->len;
		if (part > size - taken)
			part = size - taken;
		memcpy(out + taken, s->ring + s->head, part);
		s->head = (s->head + part) % sizeof(s->ring);
		s->len -= part;
		taken += part;
	}
	if (s->paused && sizeof(s->ring) - s->len >= CURL_MAX_WRITE_SIZE) {
		s->paused = false;
		s->resume = true;
		enqueue(s);
	}
	return taken;
}

enum stream_event stream_read(struct stream *s, char *out, size_t size, int64_t wait, size_t *got)
{
	int64_t end = now_us() + (wait > 0 ? wait : 0) * 1000;
	const struct timespec until = {.tv_sec = end / 1000000, .tv_nsec = end % 1000000 * 1000};
	enum stream_event event;
	bool late = false, resume = false;
	*got = 0;
	pthread_mutex_lock(&s->client->lock);
	for (;;) {
		if (retry_stopped(s->cancelled)) {
			event = STREAM_CANCELLED;
			break;
		}
		if (s->len) {
			*got = take(s, out, size);
			resume = s->resume;
			event = STREAM_BYTES;
			break;
		}
		if (s->state == ENDED) {
			event = s->result ? STREAM_BROKEN : STREAM_END;
			break;
		}
		if (late) {
			event = STREAM_LATE;
			break;
		}
		late = pthread_cond_timedwait(&s->changed, &s->client->lock, &until) == ETIMEDOUT;
	}
	pthread_mutex_unlock(&s->client->lock);
	if (resume)
		wake(s->client);
	return event;
}

long stream_status(const struct stream *s)
{
	pthread_mutex_lock(&s->client->lock);
	long status = s->status;
	pthread_mutex_unlock(&s->client->lock);
	return status;
}

const char *stream_type(const struct stream *s)
{
	return stream_status(s) ? s->type : "";
}

int64_t stream_retry_after_ms(const struct stream *s)
{
	pthread_mutex_lock(&s->client->lock);
	int64_t ms = s->retry_after_ms;
	pthread_mutex_unlock(&s->client->lock);
	return ms;
}

const char *stream_problem(const struct stream *s, bool *transient)
{
	pthread_mutex_lock(&s->client->lock);
	CURLcode result = s->result;
	pthread_mutex_unlock(&s->client->lock);
	*transient = http_error_transient(result);
	return http_error_text(result);
}

/* With the lock held. */
static void dequeue(struct stream *s)
{
	for (struct stream **at = &s->client->queue; *at; at = &(*at)->next_queued) {
		if (*at == s) {
			*at = s->next_queued;
			return;
		}
	}
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	struct stream_client *client = s->client;
	pthread_mutex_lock(&client->lock);
	if (s->state != ENDED) {
		s->abort = true;
		enqueue(s);
		wake(client);
	}
	while (s->state != ENDED)
		pthread_cond_wait(&s->changed, &client->lock);
	dequeue(s);
	pthread_mutex_unlock(&client->lock);
	curl_easy_cleanup(s->curl);
	pthread_cond_destroy(&s->changed);
	alloc_free(client->alloc, s);
}
