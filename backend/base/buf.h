/* A growing byte buffer with a maximum: nothing that comes from outside grows without end. */
#ifndef DOCS_BOT_BASE_BUF_H
#define DOCS_BOT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Appends return false when memory or the maximum runs out, and the buffer then remembers it
 * (`failed`): a run of appends may be checked once at its end by buf_ok(). `ptr` is always
 * NUL-terminated once anything was appended. Not thread-safe.
 */
struct buf {
	const struct alloc *alloc;
	char *ptr;
	size_t len, cap, max;
	bool failed, limited; /* limited: it was the maximum that ran out */
};

void buf_init(struct buf *buf, const struct alloc *alloc, size_t max);
void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* length 0, memory kept, failure forgotten */

bool buf_append(struct buf *buf, struct str text);
bool buf_append_byte(struct buf *buf, char byte);
bool buf_append_codepoint(struct buf *buf, int32_t codepoint);
bool buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for `extra` more bytes at ptr + len (add to len yourself). */
bool buf_reserve(struct buf *buf, size_t extra);
/* Drops the first `count` bytes. */
void buf_consume(struct buf *buf, size_t count);

struct str buf_str(const struct buf *buf);
/* ERR_OK, or the error that made an append fail: ERR_NOMEM or ERR_LIMIT, naming `what`. */
enum err_code buf_ok(const struct buf *buf, const char *what, struct err *err) WARN_UNUSED;

#endif
