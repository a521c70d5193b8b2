/* Server-sent events, as the HTML standard reads them (9.2.6), from bytes that come in any pieces. */
#ifndef DOCS_BOT_NET_SSE_H
#define DOCS_BOT_NET_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Views that hold until the next call. Bytes are passed on as they came: UTF-8 is not checked. */
struct sse_event {
	struct str type; /* "message" unless the event has a name */
	struct str data; /* lines joined by '\n' */
	struct str id;   /* the last one that was sent, of this event or an earlier one */
};

struct sse {
	struct buf line, type, data, id;
	bool after_cr;   /* a '\n' now belongs to the line that ended */
	bool begun;      /* the place of a byte order mark is behind us */
	bool dispatched; /* `data` and `type` are those of the event handed out last */
};

/* `max_bytes` bounds a line and the data of an event. */
void sse_init(struct sse *sse, const struct alloc *alloc, size_t max_bytes);
void sse_release(struct sse *sse);

/*
 * Reads from the front of *rest until an event is whole (*event is filled, *whole true) or nothing is
 * left. An event whose blank line never comes is none, as the standard has it. ERR_LIMIT for what is too
 * long, ERR_NOMEM; the parser is of no use afterwards.
 */
enum err_code sse_next(struct sse *sse, struct str *rest, struct sse_event *event, bool *whole,
		       struct err *err) WARN_UNUSED;

#endif
