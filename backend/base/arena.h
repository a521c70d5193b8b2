/* An arena: memory that dies together with one request or document. */
#ifndef DOCS_BOT_BASE_ARENA_H
#define DOCS_BOT_BASE_ARENA_H

#include <stddef.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

struct arena_block;

/* Not thread-safe: one thread uses an arena at a time. */
struct arena {
	const struct alloc *alloc;
	struct arena_block *head;
	size_t used, max; /* bytes handed out, and the most that may be */
	bool limited;     /* the last request that failed was over the limit */
};

/* `max` bounds the total handed out; past it allocations return NULL. */
void arena_init(struct arena *arena, const struct alloc *alloc, size_t max);

/* Frees every block; the arena may be used again (with the same limits). */
void arena_release(struct arena *arena);

/* Forgets everything handed out but keeps the newest block, for steady-state reuse. */
void arena_reset(struct arena *arena);

/* Zeroed, 16-byte aligned; NULL when out of memory or over the limit. */
void *arena_get(struct arena *arena, size_t size);

/* Zeroed array; NULL also when count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies; the result is NUL-terminated. ptr is NULL on failure. */
struct str arena_str(struct arena *arena, struct str text);

/* printf into the arena; ptr is NULL on failure. */
struct str arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The one message for a failed arena allocation: says whether memory or the limit ran out. */
enum err_code arena_fail(const struct arena *arena, struct err *err);
#ifdef __clang_analyzer__
#define arena_fail(...) err_failed((arena_fail)(__VA_ARGS__))
#endif

#endif
