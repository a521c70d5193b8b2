/* docs-bot-scripted-llm --listen HOST:PORT: see docs/scripted-llm.md. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "llm/scripted/server.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int usage(void)
{
	(void)fputs("usage: docs-bot-scripted-llm [--listen HOST:PORT]\n"
		    "Answers like a language model, but the same each time; 127.0.0.1:8091, and "
		    "port 0 takes a free one.\n",
		    stderr);
	return 2;
}

int main(int argc, char **argv)
{
	char host[256] = "127.0.0.1";
	uint64_t port = 8091;
	struct err err = {ERR_OK, ""};
	struct sigaction action = {.sa_handler = on_signal};
	if (argc == 3 && strcmp(argv[1], "--listen") == 0) {
		struct str where = str_c(argv[2]);
		size_t colon = where.len;
		while (colon && where.ptr[colon - 1] != ':')
			colon--;
		if (colon < 2 || colon > sizeof(host) ||
		    !str_to_u64(str_slice(where, colon, where.len), &port) || port > 65535)
			return usage();
		snprintf(host, sizeof(host), "%.*s", (int)(colon - 1), where.ptr);
	} else if (argc != 1) {
		return usage();
	}
	/* lws_service() waits up to a second or so; without SA_RESTART the signal ends that. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (scripted_serve(host, (int)port, &stop, alloc_default(), &err)) {
		(void)fprintf(stderr, "docs-bot-scripted-llm: %s\n", err.message);
		return 1;
	}
	return 0;
}
