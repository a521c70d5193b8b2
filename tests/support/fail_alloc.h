/* An allocator that fails one chosen call, and knows what it has handed out. */
#ifndef DOCS_BOT_TESTS_FAIL_ALLOC_H
#define DOCS_BOT_TESTS_FAIL_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

/*
 * Counts the calls that ask for memory (new blocks and resizes, not frees), from 1. Thread-safe;
 * which call is the n-th is repeatable only while one thread allocates.
 */
struct fail_alloc {
	struct alloc alloc;   /* what the code under test gets */
	size_t fail_at;       /* 0: never */
	bool fail_ever_after; /* also every later call, as when memory has run out for good */
	atomic_size_t calls;
	atomic_size_t failures;
	atomic_size_t live; /* blocks not freed yet */
};

/* Must not be moved afterwards: `alloc` points to it. */
void fail_alloc_init(struct fail_alloc *fail, size_t fail_at, bool fail_ever_after);

#endif
