/* The reranker on a server: text-embeddings-inference, or vLLM and what speaks like it. */
#ifndef DOCS_BOT_RERANK_TEI_TEI_H
#define DOCS_BOT_RERANK_TEI_TEI_H

#include "base/alloc.h"
#include "base/clock.h"
#include "rerank/rerank.h"
#include "rerank/tei/wire.h"

struct rerank_tei_options {
	enum rerank_api api;
	/* http(s)://HOST[:PORT][/PATH]; the API's own path is added unless it ends in "/rerank". */
	const char *url;
	const char *key;     /* sent as a bearer token; NULL or "": none */
	const char *model;   /* vLLM: the name that the server has for it */
	unsigned timeout_ms; /* for each 64 texts of a call, whatever the number of requests */
	const struct clock *clock;
};

/*
 * Sends nothing yet: a server may start later. ERR_INVALID for an address that cannot be one.
 * A call sends the texts in as few requests as the server takes: 32 at once, TEI's default for
 * --max-client-batch-size, or half as many again and again while it answers 413.
 */
enum err_code rerank_tei_open(const struct rerank_tei_options *options, const struct alloc *alloc,
			      struct reranker **out, struct err *err) WARN_UNUSED;

#endif
