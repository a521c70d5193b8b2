/*
 * Six small pages in a fresh folder, a SQLite store beside them, and the fake embedder: what tests
 * of the index and answer workflows need. Failures of the helpers end the running test (cmocka).
 */
#ifndef DOCS_BOT_TESTS_MINI_SITE_H
#define DOCS_BOT_TESTS_MINI_SITE_H

#include "index/run.h"
#include "support/fake_embedder.h"
#include "support/temp_dir.h"

#define MINI_SITE_PAGES 6

struct mini_site {
	struct temp_dir dir; /* pages below "site", the store in "data" */
	struct fake_embedder fake;
	struct index_options options;
	struct index_source rules; /* of every source, but for the source itself */
	atomic_bool stop;
	void (*progress)(void *ctx, const struct index_progress *progress); /* may be set */
	void *progress_ctx;
};

void mini_site_make(struct mini_site *site);
void mini_site_remove(struct mini_site *site);

/* A page below "site". */
void mini_site_write(const struct mini_site *site, const char *name, struct str content);

/* Opens the store for writing. */
enum err_code mini_site_store(const struct mini_site *site, const struct alloc *alloc,
			      struct store **out, struct err *err);

/*
 * Indexes the given folders of the temporary folder (each a source of its folder's name) with a
 * store opened for this run; one that is not there is a source that fails. A dry run gets no store. The report lives in the arena.
 */
enum err_code mini_site_index(struct mini_site *site, const char *const *folders, size_t count,
			      const struct alloc *alloc, struct arena *arena,
			      struct index_report *report, struct err *err);

/* What the store holds, in the arena. */
struct store_stats mini_site_stats(const struct mini_site *site, struct arena *arena);

#endif
