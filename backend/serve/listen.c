#include "serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum err_code listen_error(const char *host, int port, int number, struct err *err)
{
	if (number == EADDRINUSE)
		return err_set(err, ERR_EXISTS,
			       "cannot listen on %s:%d: address already in use; stop the other "
			       "process or choose another port with --listen",
			       host, port);
	if (number == EACCES)
		return err_set(err, ERR_INVALID,
			       "cannot listen on %s:%d: permission denied; choose a port above "
			       "1023 with --listen",
			       host, port);
	return err_set(err, ERR_IO, "cannot listen on %s:%d: %s; see --listen HOST:PORT", host,
		       port, strerror(number));
}

/* One address: 0, or errno. */
static int listen_on(const struct addrinfo *at, int *out)
{
	int one = 1;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, SOMAXCONN)) {
		int number = errno;
		close(fd);
		return number;
	}
	*out = fd;
	return 0;
}

int listen_first(const struct addrinfo *list, int *out)
{
	int number = EADDRNOTAVAIL;
	/*
	 * "localhost" may come as ::1 first on a machine without IPv6: then the next one serves. A
	 * port that is taken or forbidden is an answer, not a reason to listen elsewhere.
	 */
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		number = listen_on(at, out);
		if (!number || number == EADDRINUSE || number == EACCES)
			break;
	}
	return number;
}

enum err_code listen_open(const char *host, int port, int *out, int *bound, struct err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char service[16];
	int fd = -1;
	snprintf(service, sizeof(service), "%d", port);
	int failed = getaddrinfo(host, service, &hints, &list);
	if (failed)
		return err_set(err, ERR_INVALID,
			       "cannot listen on '%s': %s; see --listen HOST:PORT", host,
			       gai_strerror(failed));
	int number = listen_first(list, &fd);
	freeaddrinfo(list);
	if (number)
		return listen_error(host, port, number, err);
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t size = sizeof(address);
	memset(&address, 0, sizeof(address));
	if (getsockname(fd, &address.any, &size)) {
		number = errno;
		close(fd);
		return listen_error(host, port, number, err);
	}
	*bound = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
							 : address.v4.sin_port);
	*out = fd;
	return ERR_OK;
}
