/* What every source does with paths: choose by globs, collect items and reasons. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_FILTER_H
#define DOCS_BOT_SOURCE_FILTER_H

#include "source/source.h"

struct source_filter {
	const struct str *include, *exclude;
	size_t include_count, exclude_count;
};

/* Copies the globs into the arena. */
enum err_code source_filter_init(struct source_filter *filter, const struct str *include,
				 size_t include_count, const struct str *exclude,
				 size_t exclude_count, struct arena *arena,
				 struct err *err) WARN_UNUSED;

/* Not excluded, and included: by a glob, or without any by a known ending. */
bool source_filter_wants(const struct source_filter *filter, struct str path);

/* As source_filter_wants(), but without include globs everything that is not excluded. */
bool source_filter_wants_any(const struct source_filter *filter, struct str path);

bool source_filter_excludes(const struct source_filter *filter, struct str path);

/* Hidden, or a folder of other people's packages; `name` is one part of a path. */
bool source_ignored_name(struct str name);

/* Relative, valid UTF-8, without empty parts, "." or "..": it names nothing outside the root. */
bool source_inner_path(struct str path);

/* Items and reasons while they are collected. */
struct source_listing {
	const struct alloc *alloc;
	struct arena *arena; /* of what the caller of source_list() gets */
	struct source_item *items;
	struct source_skip *skips;
	size_t count, capacity;
	size_t skip_count, skip_capacity;
	size_t max_files;
	const char *what; /* for the message when there are more */
};

/* Room for one more element in an array that grows by doubling. */
enum err_code source_make_room(const struct alloc *alloc, void **items, size_t count,
			       size_t *capacity, size_t size, struct err *err) WARN_UNUSED;

/* Copies the texts. ERR_LIMIT past max_files. */
enum err_code source_add_item(struct source_listing *listing, const struct source_item *item,
			      struct err *err) WARN_UNUSED;

/* The path may be any bytes; past 10,000 entries none are added. `reason` lives as long as the arena. */
enum err_code source_add_skip(struct source_listing *listing, struct str path, struct str reason,
			      struct err *err) WARN_UNUSED;

/* Sorts by path into `out`. */
enum err_code source_listing_finish(struct source_listing *listing, struct source_list *out,
				    struct err *err) WARN_UNUSED;
void source_listing_release(struct source_listing *listing);

#endif
