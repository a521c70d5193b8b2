/* Frames waiting to be sent: a capped buffer that remembers where each one ends. */
#ifndef DOCS_BOT_SERVE_OUTBOX_H
#define DOCS_BOT_SERVE_OUTBOX_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Not thread-safe: its owner locks. */
struct outbox {
	struct buf bytes; /* records: size_t length, then the frame */
	size_t at;        /* start of the first unsent record */
};

/* `max` bounds the bytes of unsent records, their lengths included. */
void outbox_init(struct outbox *box, const struct alloc *alloc, size_t max);
void outbox_release(struct outbox *box);

/* Copies one frame; false when it does not fit or memory runs out, and nothing was added. */
bool outbox_push(struct outbox *box, struct str frame) WARN_UNUSED;

/*
 * Appends the oldest frame to `out` and drops it from the box. false when the box is empty or
 * `out` cannot take it (then out->failed is set).
 */
bool outbox_pop(struct outbox *box, struct buf *out) WARN_UNUSED;

bool outbox_empty(const struct outbox *box);

#endif
