/*
 * The exact top k of a set of vectors that is kept as 8-bit integers.
 *
 * A vector v is stored as scale * codes + residual, of which only the codes, the scale and two
 * lengths are kept. A scan of the codes gives every score with a bound on its error (scan.c derives
 * it), and so the rows that can be among the best k; only these are scored with the f32 vectors,
 * which the caller fetches. Ids, scores and order are those of a scan of the f32 vectors. Plain
 * arrays: nothing here knows of a database.
 */
#ifndef DOCS_BOT_STORE_SQLITE_SCAN_H
#define DOCS_BOT_STORE_SQLITE_SCAN_H

#include "base/arena.h"
#include "base/vec.h"
#include "base/veci8.h"

#define SCAN_MAX_DIMENSION VECI8_MAX_N
#define SCAN_MAX_ROWS      ((size_t)UINT32_MAX)

/* Beside the codes of a row: what turns them into a score, and what bounds its error. */
struct scan_row {
	float scale;    /* of one step: the largest |value| / 127 */
	float norm;     /* |scale * codes|, rounded up */
	float residual; /* |v - scale * codes|, rounded up */
};

/* All of it the caller's, constant while it is scanned. */
struct scan_rows {
	size_t count, dimension;
	const int8_t *codes;         /* [count][scan_stride(dimension)], aligned to VECI8_LINE */
	const struct scan_row *rows; /* [count] */
};

/* Bytes of a row of codes: the dimension, rounded up to whole lines. */
size_t scan_stride(size_t dimension);

/*
 * Writes the scan_stride(dimension) codes and the row of one vector. false when a value is not
 * finite: such a vector has no score with any query and must be left out.
 */
bool scan_encode(const float *vector, size_t dimension, int8_t *codes,
		 struct scan_row *row) WARN_UNUSED;

struct scan_hit {
	float score;
	size_t row;
};

/* How much work a scan made, for measurements. */
struct scan_counts {
	size_t candidates; /* rows that the scan of the codes could not rule out */
	size_t fetched;    /* of these, scored with their f32 vectors */
};

struct scan_request {
	const struct scan_rows *rows;
	const struct veci8_ops *codes_ops; /* of the scan */
	const struct vec_ops *vec;         /* of the exact scores */
	const float *query;                /* [dimension], finite */
	size_t k;
	/* Writes the f32 vector of a row; an error ends the scan. Called on the caller's thread. */
	enum err_code (*fetch)(void *ctx, size_t row, float *vector, struct err *err);
	void *ctx;
};

/*
 * The best k rows by vec->dot(query, vector), best first, of equal scores the lower row first; rows
 * whose score is not finite are no hits. Hits are in the arena. Fast when few rows are as good as
 * the k-th; rows that are equal to it are all fetched. Thread-safe: nothing is written but the
 * arena. `counts` may be NULL.
 */
enum err_code scan_top(const struct scan_request *request, struct arena *arena,
		       struct scan_hit **hits, size_t *count, struct scan_counts *counts,
		       struct err *err) WARN_UNUSED;

#endif
