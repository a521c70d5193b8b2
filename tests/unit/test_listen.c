#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/listen.h"

#define NO_FAMILY 9999 /* beyond AF_MAX: socket() refuses it */

struct address {
	struct sockaddr_in in;
	struct addrinfo info;
};

static void set_address(struct address *a, const char *host, int port, struct address *next)
{
	memset(a, 0, sizeof(*a));
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((uint16_t)port);
	assert_int_equal(inet_pton(AF_INET, host, &a->in.sin_addr), 1);
	a->info.ai_family = AF_INET;
	a->info.ai_socktype = SOCK_STREAM;
	a->info.ai_addr = (struct sockaddr *)&a->in;
	a->info.ai_addrlen = sizeof(a->in);
	a->info.ai_next = next ? &next->info : NULL;
}

/* The address and port that a socket is bound to. */
static struct sockaddr_in bound_to(int fd)
{
	struct sockaddr_in in;
	socklen_t size = sizeof(in);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	return in;
}

static void check_loopback(int fd)
{
	struct sockaddr_in in = bound_to(fd);
	char text[INET_ADDRSTRLEN];
	assert_non_null(inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)));
	assert_string_equal(text, "127.0.0.1");
	assert_true(ntohs(in.sin_port) > 0);
	close(fd);
}

/* As "localhost" where ::1 comes first and the machine has no IPv6. */
static void test_next_address_serves(void **state)
{
	struct address first, second;
	int fd = -1;
	(void)state;
	/* of the reserved block 240.0.0.0/4: never an address of this machine */
	set_address(&second, "127.0.0.1", 0, NULL);
	set_address(&first, "240.0.0.1", 0, &second);
	assert_int_equal(listen_first(&first.info, &fd), 0);
	check_loopback(fd);
	/* no socket at all for the first */
	set_address(&first, "127.0.0.1", 0, &second);
	first.info.ai_family = NO_FAMILY;
	assert_int_equal(listen_first(&first.info, &fd), 0);
	check_loopback(fd);
}

static void test_no_address_serves(void **state)
{
	struct address first, second;
	int fd = -1;
	(void)state;
	set_address(&second, "240.0.0.2", 0, NULL);
	set_address(&first, "240.0.0.1", 0, &second);
	assert_int_equal(listen_first(&first.info, &fd), EADDRNOTAVAIL);
	assert_int_equal(listen_first(NULL, &fd), EADDRNOTAVAIL);
	assert_int_equal(fd, -1);
}

/* Who says --listen HOST:PORT would look for the service there, not on another address. */
static void test_taken_port_is_final(void **state)
{
	struct address first, second;
	struct err err = {ERR_OK, ""};
	int taken = -1, port = 0, fd = -1;
	(void)state;
	assert_int_equal(listen_open("127.0.0.1", 0, &taken, &port, &err), ERR_OK);
	assert_int_equal(port, ntohs(bound_to(taken).sin_port));
	set_address(&second, "127.0.0.1", 0, NULL);
	set_address(&first, "127.0.0.1", port, &second);
	assert_int_equal(listen_first(&first.info, &fd), EADDRINUSE);
	assert_int_equal(listen_open("127.0.0.1", port, &fd, &port, &err), ERR_EXISTS);
	assert_non_null(strstr(err.message, "address already in use"));
	assert_int_equal(fd, -1);
	close(taken);
}

static void test_names(void **state)
{
	struct err err = {ERR_OK, ""};
	int fd = -1, port = 0;
	(void)state;
	assert_int_equal(listen_open("localhost", 0, &fd, &port, &err), ERR_OK);
	assert_true(port > 0);
	close(fd);
	fd = -1;
	assert_int_equal(listen_open("no host", 0, &fd, &port, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "no host"));
	assert_int_equal(listen_open("240.0.0.1", 0, &fd, &port, &err), ERR_IO);
	assert_non_null(strstr(err.message, "240.0.0.1:0"));
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_address_serves),
		cmocka_unit_test(test_no_address_serves),
		cmocka_unit_test(test_taken_port_is_final),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
