/* The replaceable allocator: everything that takes memory of ours takes it from one of these. */
#ifndef DOCS_BOT_BASE_ALLOC_H
#define DOCS_BOT_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `resize` follows realloc(): ptr NULL allocates, size 0 frees and returns NULL.
 * Tests pass one that fails the n-th call. Must be callable from any thread.
 */
struct alloc {
	void *(*resize)(void *ctx, void *ptr, size_t size);
	void *ctx;
};

/* malloc and free; static storage, thread-safe. */
const struct alloc *alloc_default(void);

/* Uninitialised memory, NULL on failure. Size 0 is served as 1. */
void *alloc_get(const struct alloc *alloc, size_t size);

/* Zeroed memory for `count` elements of `size`; NULL on failure or overflow. */
void *alloc_zero(const struct alloc *alloc, size_t count, size_t size);

/* Grows or shrinks; NULL on failure leaves the old block as it was. */
void *alloc_resize(const struct alloc *alloc, void *ptr, size_t size);

/* Frees; NULL is fine. */
void alloc_free(const struct alloc *alloc, void *ptr);

/* *out = a * b, or *out = a + b; false when that overflows. */
bool size_mul(size_t a, size_t b, size_t *out);
bool size_add(size_t a, size_t b, size_t *out);

#endif
