/* The embedded store: one SQLite file with FTS5, WAL, and an exact vector scan from memory. */
#ifndef DOCS_BOT_STORE_SQLITE_SQLITE_H
#define DOCS_BOT_STORE_SQLITE_SQLITE_H

#include "base/alloc.h"
#include "base/log.h"
#include "store/store.h"

/* The vectors of the published index in memory, shared by the stores of one process. */
struct store_vectors;

enum err_code store_vectors_new(const struct alloc *alloc, struct store_vectors **out,
				struct err *err) WARN_UNUSED;
void store_vectors_free(struct store_vectors *vectors); /* after the stores that use it */

struct store_sqlite_options {
	const char *data_dir; /* holds index.sqlite and embeddings.sqlite (the cache) */
	bool create; /* false: ERR_NOTFOUND when there is no index, saying how to make one */
	struct store_vectors *vectors; /* NULL: the store keeps its own */
	int vec_limit;                 /* enum vec_level */
	const struct logger *log;
};

/*
 * Opens and, when writing is wanted, migrates. ERR_UNSUPPORTED for a newer schema, ERR_FORMAT for a
 * damaged file; both say what to do. A reader notices a newly published index at its next search.
 */
enum err_code store_sqlite_open(const struct store_sqlite_options *options,
				const struct alloc *alloc, struct store **out,
				struct err *err) WARN_UNUSED;

#endif
