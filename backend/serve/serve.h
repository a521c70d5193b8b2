/* The service: one event loop that owns every connection, and workers that answer. */
#ifndef DOCS_BOT_SERVE_SERVE_H
#define DOCS_BOT_SERVE_SERVE_H

#include <stdatomic.h>

#include "answer/answer.h"
#include "answer/hosts.h"
#include "answer/rerank.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "embed/embed.h"
#include "state/state.h"
#include "store/store.h"

struct serve_options {
	const char *host; /* "127.0.0.1" */
	int port;         /* 0: any free one, printed when listening */
	size_t workers;   /* questions worked on at once, waiting for a language model included */
	size_t readers;   /* of which search at once */
	size_t queue_length;      /* jobs waiting; beyond: 503 or an error frame */
	size_t max_message_bytes; /* of one WebSocket message */
	size_t max_question_bytes;
	size_t max_connections;
	size_t max_answer_bytes;     /* buffered for a reader that does not read */
	int drain_seconds;           /* SIGTERM: how long running answers may finish */
	const char *allowed_origins; /* "*" or comma-separated; empty: same host only */
};

struct serve_deps {
	/* A store for one thread at a time. */
	enum err_code (*open_store)(void *ctx, struct store **out, struct err *err);
	void *ctx;
	struct embedder *embedder;              /* shared by all workers */
	const struct retrieve_tuning *tuning;   /* NULL: the default */
	struct rerank_stage *rerank;            /* shared too; NULL: no reranker */
	struct llm *llm;                        /* shared; NULL: answers are quotes */
	const struct answer_settings *settings; /* NULL: the default */
	struct hosts_cache *hosts; /* that links may lead to; NULL: those of the citations */
	struct state *state;       /* shared; NULL: nothing is remembered */
	const struct alloc *alloc;
	const struct clock *clock;
	const struct logger *log;
	const atomic_bool *stop; /* set by the signal handler; polled by the loop */
};

/*
 * Runs until *stop is set, then drains and returns ERR_OK. Prints one line with the address when
 * it listens (through the logger and `on_listen`). ERR_EXISTS when the port is taken; the message
 * says so.
 */
enum err_code serve_run(const struct serve_options *options, const struct serve_deps *deps,
			void (*on_listen)(void *ctx, const char *host, int port), void *listen_ctx,
			struct err *err) WARN_UNUSED;

#endif
