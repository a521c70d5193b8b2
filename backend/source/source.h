/* The port to places that hold documents. Backends: dir (a local folder). */
#ifndef DOCS_BOT_SOURCE_SOURCE_H
#define DOCS_BOT_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct source_item {
	struct str path; /* relative to the source's root, '/' between parts, valid UTF-8 */
	size_t size;     /* bytes */
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
	const char *name;  /* stable identity: what the store files this source's documents under */
	char revision[65]; /* git commit of the folder when it is a checkout, else empty */
};

/* Everything that may be indexed; files that cannot be are in `skipped`. */
enum err_code source_list(struct source *s, struct arena *arena, struct source_list *out,
			  struct err *err) WARN_UNUSED;

/* Appends the raw bytes of one listed item to `out` (bounded by the buffer's maximum). */
enum err_code source_read(struct source *s, struct str path, struct buf *out,
			  struct err *err) WARN_UNUSED;

void source_close(struct source *s);

struct source_dir_options {
	const char *root;          /* folder */
	const char *name;          /* NULL: the folder's own name */
	const struct str *include; /* globs over relative paths; none: every known format */
	size_t include_count;
	const struct str *exclude;
	size_t exclude_count;
	size_t max_file_bytes; /* larger files are skipped with a reason */
	size_t max_files;
};

/*
 * A local folder. Follows symbolic links once: links that lead out of the root or back to a
 * visited folder are skipped with a reason, hidden files and folders are ignored.
 */
enum err_code source_dir_open(const struct source_dir_options *options, const struct alloc *alloc,
			      struct source **out, struct err *err) WARN_UNUSED;

/*
 * Glob as in .gitignore: '*' and '?' do not match '/', "**" does, [a-z] classes; a pattern
 * without '/' matches the last path part, one with '/' the whole path.
 */
bool source_glob_match(struct str pattern, struct str path);

#endif
