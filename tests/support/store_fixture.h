/* Small documents with vectors, for the tests of the store. */
#ifndef DOCS_BOT_TESTS_STORE_FIXTURE_H
#define DOCS_BOT_TESTS_STORE_FIXTURE_H

#include "store/sqlite/sqlite.h"

#define FIXTURE_DIMENSION    20 /* not a multiple of 16: rows are padded */
#define FIXTURE_MAX_SECTIONS 8

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

#endif
