/*
 * Integer dot products of the vector scan (store/sqlite/scan.h), chosen once per process by what
 * the processor has. Integers: every level gives the same numbers.
 */
#ifndef DOCS_BOT_BASE_VECI8_H
#define DOCS_BOT_BASE_VECI8_H

#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

enum veci8_level { VECI8_PLAIN, VECI8_AVX2, VECI8_AVX512, VECI8_VNNI };

#define VECI8_LINE  64    /* bytes: rows are a multiple of this long and begin at one */
#define VECI8_MAX_N 65536 /* codes per row: 65536 * 127 * 127 fits into int32_t */

/* Thread-safe and pure. */
struct veci8_ops {
	enum veci8_level level;
	const char *name;
	/*
	 * out[r] = sum of query[i] * rows[r * n + i] over the n codes of each of `count` rows. All
	 * codes are in [-127, 127] (not -128: its product with another cannot be added in pairs in
	 * 16 bits); n is a multiple of VECI8_LINE, at most VECI8_MAX_N; query and rows begin at a
	 * multiple of VECI8_LINE. Fetches memory behind the rows ahead of use, which is harmless at
	 * their end.
	 */
	void (*dots)(const int8_t *query, const int8_t *rows, size_t count, size_t n, int32_t *out);
};

/* The best level of this processor that `limit` allows. Static storage. */
const struct veci8_ops *veci8_ops_best(enum vec_level limit);

/* NULL when this processor or build does not have that level. */
const struct veci8_ops *veci8_ops_get(enum veci8_level level);

#endif
