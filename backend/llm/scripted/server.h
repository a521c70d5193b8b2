/* The stand-in for a language model as a server: one thread, one event loop. */
#ifndef DOCS_BOT_LLM_SCRIPTED_SERVER_H
#define DOCS_BOT_LLM_SCRIPTED_SERVER_H

#include <signal.h>

#include "base/alloc.h"
#include "base/err.h"

/*
 * Serves until *stop is not 0. Prints "listening on http://HOST:PORT" on stdout once it does; port 0 takes a
 * free one.
 */
enum err_code scripted_serve(const char *host, int port, const volatile sig_atomic_t *stop,
			     const struct alloc *alloc, struct err *err) WARN_UNUSED;

#endif
