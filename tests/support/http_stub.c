#include "support/http_stub.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REQUEST_MAX (16U << 20)

static bool read_more(int fd, struct buf *in)
{
	char part[65536];
	ssize_t got = recv(fd, part, sizeof(part), 0);
	return got > 0 && buf_append(in, (struct str){part, (size_t)got});
}

/* Value of a header without case, among whole lines. */
static struct str header(struct str headers, struct str name)
{
	struct str line;
	while (str_cut(&headers, '\n', &line))
		if (line.len > name.len && line.ptr[name.len] == ':' &&
		    str_eq_nocase(str_slice(line, 0, name.len), name))
			return str_trim(str_slice(line, name.len + 1, line.len));
	return STR("");
}

/* The next request of the connection; false when there is none. */
static bool read_request(int fd, struct buf *in, struct stub_request *request, size_t *used)
{
	size_t end;
	uint64_t length = 0;
	while ((end = str_find(buf_str(in), STR("\r\n\r\n"), 0)) == STR_NPOS)
		if (!read_more(fd, in))
			return false;
	struct str head = str_slice(buf_str(in), 0, end);
	if (header(head, STR("content-length")).len &&
	    !str_to_u64(header(head, STR("content-length")), &length))
		return false;
	*used = end + 4 + (size_t)length;
	while (in->len < *used)
		if (!read_more(fd, in))
			return false;
	struct str all = buf_str(in), line;
	request->headers = str_slice(all, 0, end);
	request->body = str_slice(all, end + 4, *used);
	str_cut(&request->headers, '\n', &line);
	return str_cut(&line, ' ', &request->method) && str_cut(&line, ' ', &request->path);
}

static bool send_all(int fd, struct str text)
{
	while (text.len) {
		ssize_t sent = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		text = str_slice(text, (size_t)sent, text.len);
	}
	return true;
}

static void serve_connection(struct http_stub *stub, int fd)
{
	struct buf in, answer;
	struct stub_request request = {0};
	size_t used;
	enum stub_end end = STUB_KEEP;
	buf_init(&in, alloc_default(), REQUEST_MAX);
	buf_init(&answer, alloc_default(), REQUEST_MAX);
	while (end == STUB_KEEP && read_request(fd, &in, &request, &used)) {
		request.number = atomic_fetch_add(&stub->requests, 1);
		buf_clear(&answer);
		pthread_mutex_lock(&stub->lock);
		end = stub->handle(stub->ctx, &request, &answer);
		pthread_mutex_unlock(&stub->lock);
		if (!send_all(fd, buf_str(&answer)))
			break;
		buf_consume(&in, used);
	}
	while (end == STUB_HANG && read_more(fd, &in))
		buf_clear(&in);
	buf_release(&in);
	buf_release(&answer);
	close(fd);
}

static void *serve_one(void *ctx)
{
	struct stub_connection *connection = ctx;
	serve_connection(connection->stub, connection->fd);
	return NULL;
}

static void *serve(void *ctx)
{
	struct http_stub *stub = ctx;
	size_t count = 0;
	int fd;
	/* Shut down, the listener accepts no more. */
	while (count < STUB_CONNECTIONS && (fd = accept(stub->listener, NULL, NULL)) >= 0) {
		struct stub_connection *c = &stub->connection[count];
		*c = (struct stub_connection){.stub = stub, .fd = fd};
		/* Before the thread is there: it may answer, and a test look, at once. */
		atomic_fetch_add(&stub->connections, 1);
		if (pthread_create(&c->thread, NULL, serve_one, c) != 0) {
			atomic_fetch_sub(&stub->connections, 1);
			close(fd);
			break;
		}
		count++;
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(stub->connection[i].thread, NULL);
	return NULL;
}

void http_stub_start(struct http_stub *stub)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	atomic_init(&stub->requests, 0);
	atomic_init(&stub->connections, 0);
	stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(stub->listener >= 0);
	assert_int_equal(bind(stub->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(stub->listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(listen(stub->listener, 16), 0);
	stub->port = ntohs(address.sin_port);
	assert_int_equal(pthread_mutex_init(&stub->lock, NULL), 0);
	assert_int_equal(pthread_create(&stub->thread, NULL, serve, stub), 0);
}

void http_stub_stop(struct http_stub *stub)
{
	shutdown(stub->listener, SHUT_RDWR);
	pthread_join(stub->thread, NULL);
	pthread_mutex_destroy(&stub->lock);
	close(stub->listener);
}

void http_stub_json(struct buf *answer, int status, struct str body)
{
	buf_printf(answer,
		   "HTTP/1.1 %d Status\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\n\r\n",
		   status, body.len);
	buf_append(answer, body);
}
