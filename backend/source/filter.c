#include "source/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define SKIP_MAX 10000 /* entries in the report of what was left out */

static const struct str *copy_globs(struct arena *arena, const struct str *globs, size_t count)
{
	struct str *copy = arena_array(arena, count, sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = arena_str(arena, globs[i]);
		if (!copy[i].ptr)
			return NULL;
	}
	return copy;
}

enum err_code source_filter_init(struct source_filter *filter, const struct str *include,
				 size_t include_count, const struct str *exclude,
				 size_t exclude_count, struct arena *arena, struct err *err)
{
	filter->include = copy_globs(arena, include, include_count);
	filter->exclude = copy_globs(arena, exclude, exclude_count);
	filter->include_count = include_count;
	filter->exclude_count = exclude_count;
	return filter->include && filter->exclude ? ERR_OK : arena_fail(arena, err);
}

static bool is_known_format(struct str path)
{
	static const char *const suffixes[] = {".md",  ".markdown", ".mdx",  ".txt",   ".html",
					       ".htm", ".rst",      ".rest", ".ipynb", ".yaml",
					       ".yml", ".py",       ".go",   ".text",  ".xhtml"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct str suffix = str_c(suffixes[i]);

		if (path.len > suffix.len &&
		    str_eq_nocase(str_slice(path, path.len - suffix.len, path.len), suffix))
			return true;
	}
	return false;
}

static bool matches_any(const struct str *globs, size_t count, struct str path)
{
	for (size_t i = 0; i < count; i++) {
		struct str glob = globs[i];

		/* "drafts/" names the folder, as in .gitignore */
		if (glob.len > 1 && glob.ptr[glob.len - 1] == '/')
			glob.len--;
		if (source_glob_match(glob, path))
			return true;
	}
	return false;
}

bool source_filter_excludes(const struct source_filter *filter, struct str path)
{
	return matches_any(filter->exclude, filter->exclude_count, path);
}

bool source_filter_wants_any(const struct source_filter *filter, struct str path)
{
	if (source_filter_excludes(filter, path))
		return false;
	return !filter->include_count || matches_any(filter->include, filter->include_count, path);
}

bool source_filter_wants(const struct source_filter *filter, struct str path)
{
	return source_filter_wants_any(filter, path) &&
	       (filter->include_count || is_known_format(path));
}

bool source_ignored_name(struct str name)
{
	return (name.len && name.ptr[0] == '.') || str_eq(name, STR("node_modules"));
}

bool source_inner_path(struct str path)
{
	struct str rest = path, part;

	if (path.len == 0 || !utf8_valid(path) || memchr(path.ptr, '\0', path.len))
		return false;
	while (str_cut(&rest, '/', &part))
		if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
			return false;
	return true;
}

enum err_code source_make_room(const struct alloc *alloc, void **items, size_t count,
			       size_t *capacity, size_t size, struct err *err)
{
	size_t grown = *capacity ? *capacity * 2 : 32, bytes;
	void *ptr = NULL;

	if (count < *capacity)
		return ERR_OK;
	if (size_mul(grown, size, &bytes))
		ptr = alloc_resize(alloc, *items, bytes);
	if (!ptr)
		return err_set(err, ERR_NOMEM, "out of memory");
	*items = ptr;
	*capacity = grown;
	return ERR_OK;
}

enum err_code source_add_item(struct source_listing *listing, const struct source_item *item,
			      struct err *err)
{
	void *items = listing->items;
	struct source_item copy = *item;
	enum err_code code;

	if (listing->count == listing->max_files)
		return err_set(err, ERR_LIMIT,
			       "more than %zu files in %.200s: index a smaller folder, or leave "
			       "some out with --exclude",
			       listing->max_files, listing->what);
	code = source_make_room(listing->alloc, &items, listing->count, &listing->capacity,
				sizeof(*listing->items), err);
	if (code != ERR_OK)
		return code;
	listing->items = items;
	copy.path = arena_str(listing->arena, item->path);
	copy.id = arena_str(listing->arena, item->id);
	copy.url = arena_str(listing->arena, item->url);
	if (!copy.path.ptr || !copy.id.ptr || !copy.url.ptr)
		return arena_fail(listing->arena, err);
	listing->items[listing->count++] = copy;
	return ERR_OK;
}

enum err_code source_add_skip(struct source_listing *listing, struct str path, struct str reason,
			      struct err *err)
{
	void *items = listing->skips;
	enum err_code code;
	size_t replaced;

	if (listing->skip_count == SKIP_MAX)
		return ERR_OK;
	code = source_make_room(listing->alloc, &items, listing->skip_count,
				&listing->skip_capacity, sizeof(*listing->skips), err);
	if (code != ERR_OK)
		return code;
	listing->skips = items;
	/* names of any bytes are possible; the report is UTF-8 */
	path = utf8_repair(listing->arena, path, &replaced);
	path = path.ptr ? arena_str(listing->arena, path) : path;
	if (!path.ptr || !reason.ptr)
		return arena_fail(listing->arena, err);
	listing->skips[listing->skip_count++] = (struct source_skip){path, reason};
	return ERR_OK;
}

static int compare_items(const void *a, const void *b)
{
	return str_cmp(((const struct source_item *)a)->path,
		       ((const struct source_item *)b)->path);
}

static int compare_skips(const void *a, const void *b)
{
	return str_cmp(((const struct source_skip *)a)->path,
		       ((const struct source_skip *)b)->path);
}

enum err_code source_listing_finish(struct source_listing *listing, struct source_list *out,
				    struct err *err)
{
	struct arena *arena = listing->arena;

	out->items = arena_array(arena, listing->count, sizeof(*out->items));
	out->skipped = arena_array(arena, listing->skip_count, sizeof(*out->skipped));
	if (!out->items || !out->skipped)
		return arena_fail(arena, err);
	if (listing->count) {
		memcpy(out->items, listing->items, listing->count * sizeof(*out->items));
		qsort(out->items, listing->count, sizeof(*out->items), compare_items);
	}
	if (listing->skip_count) {
		memcpy(out->skipped, listing->skips, listing->skip_count * sizeof(*out->skipped));
		qsort(out->skipped, listing->skip_count, sizeof(*out->skipped), compare_skips);
	}
	out->count = listing->count;
	out->skip_count = listing->skip_count;
	return ERR_OK;
}

void source_listing_release(struct source_listing *listing)
{
	alloc_free(listing->alloc, listing->items);
	alloc_free(listing->alloc, listing->skips);
	listing->items = NULL;
	listing->skips = NULL;
}
