/*
 * The port to places that hold documents. Backends: dir (a local folder), git (a repository that is
 * fetched), site (a website). Opening one takes no network: source_list() fetches. A source belongs to
 * one thread; different sources may be used by different threads at the same time, also when they
 * share a cache folder.
 */
#ifndef DOCS_BOT_SOURCE_SOURCE_H
#define DOCS_BOT_SOURCE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct source_item {
	struct str path; /* relative to the source's root, '/' between parts, valid UTF-8 */
	size_t size;     /* bytes */
	/*
	 * Identity of the content: equal ids mean equal bytes ("git:" and the blob's object id, "site:"
	 * and a hash). Empty when only reading tells.
	 */
	struct str id;
	struct str url; /* the item's own address, of websites; else empty */
};

/* Why a file was left out, for the report. */
struct source_skip {
	struct str path;
	struct str reason;
};

struct source_list {
	struct source_item *items; /* sorted by path */
	size_t count;
	struct source_skip *skipped;
	size_t skip_count;
};

struct source;

struct source_ops {
	enum err_code (*list)(struct source *s, struct arena *arena, struct source_list *out,
			      struct err *err);
	enum err_code (*read)(struct source *s, struct str path, struct buf *out, struct err *err);
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	const char *name; /* stable identity: what the store files this source's documents under */
	/*
	 * git: the commit, known after source_list(). dir: the commit of the checkout that the folder
	 * is in, else empty. site: a hash over all pages, known after source_list().
	 */
	char revision[65];
	const char *repo;    /* "kubeflow/website" where the address says it, else "" */
	const char *web_url; /* "https://github.com/kubeflow/website" where it is known, else "" */
};

/*
 * Everything that may be indexed; files that cannot be are in `skipped`. A source that cannot be
 * reached, or of which too much fails to be trusted, gives an error and no list: keep what is indexed
 * of it. Only a list that was returned says that other pages are gone.
 */
enum err_code source_list(struct source *s, struct arena *arena, struct source_list *out,
			  struct err *err) WARN_UNUSED;

/* Appends the raw bytes of one listed item to `out` (bounded by the buffer's maximum). */
enum err_code source_read(struct source *s, struct str path, struct buf *out,
			  struct err *err) WARN_UNUSED;

void source_close(struct source *s);

/* What source_list() is doing, for a person who waits. */
struct source_progress {
	const char *stage;    /* "fetching", "resolving", "crawling"; static storage */
	uint64_t done, total; /* objects or pages; total 0: unknown */
	uint64_t bytes;       /* received */
};

typedef void (*source_progress_fn)(void *ctx, const struct source_progress *progress);

/* Of one request; 0 takes the default. */
struct source_timeouts {
	unsigned connect_ms; /* default 10 s */
	unsigned stall_ms;   /* without a byte, default 60 s */
	unsigned total_ms;   /* of a page, default 120 s; a repository has no such limit */
};

struct source_dir_options {
	const char *root;          /* folder */
	const char *name;          /* NULL: the folder's own name */
	const struct str *include; /* globs over relative paths; none: every known format */
	size_t include_count;
	const struct str *exclude;
	size_t exclude_count;
	size_t max_file_bytes; /* larger files are skipped with a reason */
	size_t max_files;
	bool no_ignore; /* read also what .gitignore and .docsbotignore leave out */
};

/*
 * A local folder. Follows symbolic links once: links that lead out of the root or back to a
 * visited folder are skipped with a reason, hidden files and folders are ignored.
 */
enum err_code source_dir_open(const struct source_dir_options *options, const struct alloc *alloc,
			      struct source **out, struct err *err) WARN_UNUSED;

/* All texts and lists are copied. */
struct source_git_options {
	const char *url;    /* https://, http:// or file:// */
	const char *name;   /* NULL: "owner/repository", or the last part of a file:// address */
	const char *branch; /* or tag; NULL: the remote's HEAD */
	const char *token;  /* NULL: none; sent to the host of `url` only, and to https only */
	const char *cache_dir;
	const struct str *paths; /* only these folders; none: all */
	size_t path_count;
	const struct str *include; /* as in source_dir_options */
	size_t include_count;
	const struct str *exclude;
	size_t exclude_count;
	size_t depth; /* commits; 0: the whole history. Needs libgit2 1.7, older ones fetch all */
	size_t max_file_bytes, max_files;
	const atomic_bool *stop; /* polled; NULL: never */
	struct source_timeouts timeouts;
	source_progress_fn progress; /* NULL: none. Called by the thread that lists */
	void *progress_ctx;
};

/*
 * A git repository, kept as a bare clone in cache_dir and fetched by each source_list(). ERR_INVALID
 * for an address that is not supported (ssh) or holds a password.
 */
enum err_code source_git_open(const struct source_git_options *options, const struct alloc *alloc,
			      struct source **out, struct err *err) WARN_UNUSED;

/* All texts and lists are copied. */
struct source_site_options {
	const char *url; /* start page; only pages of the same host and below its folder are read */
	const char *name; /* NULL: host and folder, "www.kubeflow.org/docs" */
	const char *cache_dir;
	const char *user_agent;    /* NULL: docs-bot's own */
	const struct str *include; /* globs over the items' paths; none: every page */
	size_t include_count;
	const struct str *exclude;
	size_t exclude_count;
	size_t max_pages;           /* further ones are skipped with a reason; 0: 10,000 */
	size_t max_depth;           /* links from the start page; 0: 16 */
	size_t max_file_bytes;      /* 0: 10 MB */
	double requests_per_second; /* 0: 5 */
	const atomic_bool *stop;    /* polled; NULL: never */
	struct source_timeouts timeouts;
	source_progress_fn progress; /* NULL: none. Called by the thread that lists */
	void *progress_ctx;
};

/*
 * A website. source_list() fetches every page into cache_dir (unchanged ones are answered 304) and
 * source_read() reads them there, as UTF-8. ERR_UNAVAILABLE when the start page or more than half of
 * the pages fail; a single page that fails for now is listed as it was last seen, if it was, and is in
 * `skipped` as well.
 */
enum err_code source_site_open(const struct source_site_options *options, const struct alloc *alloc,
			       struct source **out, struct err *err) WARN_UNUSED;

/*
 * Glob as in .gitignore: '*' and '?' do not match '/', "**" does, [a-z] classes; a pattern
 * without '/' matches the last path part, one with '/' the whole path.
 */
bool source_glob_match(struct str pattern, struct str path);

#endif
