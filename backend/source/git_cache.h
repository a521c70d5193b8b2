/* The bare clone of one repository in the cache folder: fetched, locked, made anew. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_GIT_CACHE_H
#define DOCS_BOT_SOURCE_GIT_CACHE_H

#include <git2.h>

#include "net/http.h"
#include "source/source.h"

struct git_cache_options {
	const char *url, *branch, *token; /* as in source_git_options, without a '/' at the end */
	const char *cache_dir;
	size_t depth;
	const struct alloc *alloc;
	const atomic_bool *stop;
	struct http_timeouts timeouts;
	source_progress_fn progress;
	void *progress_ctx;
};

/* One thread at a time; processes that share a cache folder wait for each other. */
struct git_cache {
	struct git_cache_options options;
	struct arena arena;
	const char *dir;   /* of the clone */
	const char *fresh; /* of one that is to take its place */
	git_repository *repo;
	int use_fd; /* locked, shared, while the clone is in use; -1: not yet */
};

/* Takes views into the options' texts. No file is touched. */
enum err_code git_cache_init(struct git_cache *cache, const struct git_cache_options *options,
			     struct err *err) WARN_UNUSED;
void git_cache_release(struct git_cache *cache);

/*
 * Opens the clone (or makes it) and fetches the branch; *commit is what it points to now. A damaged
 * clone is made anew once. Killed at any point, the next call goes on from the last good state.
 */
enum err_code git_cache_fetch(struct git_cache *cache, git_oid *commit,
			      struct err *err) WARN_UNUSED;

/*
 * Makes the clone anew, because an object cannot be read. The old one stays when that fails.
 * ERR_BUSY when another process uses the clone.
 */
enum err_code git_cache_renew(struct git_cache *cache, git_oid *commit,
			      struct err *err) WARN_UNUSED;

/* What libgit2 said last, under `code`. */
enum err_code git_cache_fail(enum err_code code, struct err *err, const char *what);

#endif
