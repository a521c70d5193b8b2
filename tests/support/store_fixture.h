/* Scratch folders, small documents and a failing allocator for the tests of the store. */
#ifndef DOCS_BOT_TESTS_STORE_FIXTURE_H
#define DOCS_BOT_TESTS_STORE_FIXTURE_H

#include <stdatomic.h>

#include "store/sqlite/sqlite.h"

#define FIXTURE_DIMENSION    20 /* not a multiple of 16: rows are padded */
#define FIXTURE_MAX_SECTIONS 8

/* A new empty folder below $TMPDIR or /tmp; its name into out[]. False when that fails. */
bool fixture_make_dir(char out[256]);
void fixture_remove_dir(const char *dir);

/* "dir/name" into out[]. */
void fixture_path(char out[512], const char *dir, const char *name);

/* A document with one section chunk per section and one window chunk over all of them. */
struct fixture_document {
	struct store_document document;
	struct store_section sections[FIXTURE_MAX_SECTIONS];
	struct store_chunk chunks[FIXTURE_MAX_SECTIONS + 1];
	float vectors[FIXTURE_MAX_SECTIONS + 1][FIXTURE_DIMENSION];
};

/*
 * `headings` and `texts` are `count` strings, borrowed; the vectors are fixture_vector(seed + i)
 * for section i and fixture_vector(seed + 1000) for the window.
 */
void fixture_document(struct fixture_document *out, const char *source, const char *path,
		      const char *hash, const char *const *headings, const char *const *texts,
		      size_t count, uint32_t seed);

/* A pseudo-random unit vector, the same for the same seed. */
void fixture_vector(float *out, size_t dimension, uint32_t seed);

/* Counts its blocks, and fails call number `fail_at` (from 1; 0: never). Thread-safe. */
struct fixture_alloc {
	struct alloc alloc;
	atomic_size_t calls;
	atomic_long live; /* blocks not yet freed */
	size_t fail_at;
};

void fixture_alloc_init(struct fixture_alloc *fixture, size_t fail_at);

#endif
