/*
 * A local folder. Real folders are walked first and symbolic links afterwards, so that a link to
 * a folder of the same tree never hides the folder's own name, whatever the alphabet says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utf8.h"
#include "source/filter.h"
#include "source/ignore.h"

#define DEPTH_MAX    64
#define IGNORE_BYTES ((size_t)1 << 20) /* of one .gitignore */

struct dir_source {
	struct source base;
	const struct alloc *alloc;
	struct arena arena; /* of the options' copies */
	struct str root;    /* real path, without '/' at its end, NUL-terminated */
	struct source_filter filter;
	size_t max_file_bytes, max_files;
	bool no_ignore;
};

/* Folders seen, by device and inode. */
struct visited {
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct dir_source *source;
	struct arena *arena;
	struct err *err;
	struct source_listing listing;
	struct ignore ignore;
	struct visited *visited;
	struct str *links; /* relative paths, to be followed at the end */
	size_t visited_count, visited_capacity;
	size_t link_count, link_capacity;
	bool following;      /* links, after the real folders */
	char path[PATH_MAX]; /* of the entry being looked at */
};

static enum err_code add_skip(struct walk *w, struct str path, struct str reason)
{
	return source_add_skip(&w->listing, path, reason, w->err);
}

static enum err_code skip_errno(struct walk *w, struct str path, int error)
{
	char text[128];

	/* strerror_r as glibc has it returns the message */
	return add_skip(w, path,
			arena_printf(w->arena, "cannot be read: %s",
				     strerror_r(error, text, sizeof(text))));
}

/* The absolute path in w->path; false when it is too long for the system. */
static bool full_path(struct walk *w, struct str relative)
{
	int len = snprintf(w->path, sizeof(w->path), "%s/%.*s", w->source->root.ptr,
			   (int)(relative.len < PATH_MAX ? relative.len : PATH_MAX), relative.ptr);

	return len > 0 && (size_t)len < sizeof(w->path);
}

static enum err_code add_file(struct walk *w, struct str path, const struct stat *info)
{
	const struct dir_source *s = w->source;
	struct stat opened;
	int fd;

	if (!S_ISREG(info->st_mode))
		return add_skip(w, path, STR("not a regular file"));
	if ((uint64_t)info->st_size > s->max_file_bytes)
		return add_skip(w, path,
				arena_printf(w->arena,
					     "too large: %llu bytes, at most %zu are read",
					     (unsigned long long)info->st_size, s->max_file_bytes));
	/* opening is the one true test of permission; O_NONBLOCK in case it became a pipe */
	fd = open(w->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &opened) != 0) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return skip_errno(w, path, error);
	}
	close(fd);
	const struct source_item item = {
		.path = path, .size = (size_t)info->st_size, .id = STR(""), .url = STR("")};
	return source_add_item(&w->listing, &item, w->err);
}

/* Notes a folder; *first is false when it was noted before. */
static enum err_code visit(struct walk *w, const struct stat *info, bool *first)
{
	void *items = w->visited;
	enum err_code code;

	*first = false;
	/* real folders come once; only by links can one be met again */
	for (size_t i = 0; w->following && i < w->visited_count; i++)
		if (w->visited[i].dev == info->st_dev && w->visited[i].ino == info->st_ino)
			return ERR_OK;
	code = source_make_room(w->source->alloc, &items, w->visited_count, &w->visited_capacity,
				sizeof(*w->visited), w->err);
	if (code != ERR_OK)
		return code;
	w->visited = items;
	w->visited[w->visited_count++] = (struct visited){info->st_dev, info->st_ino};
	*first = true;
	return ERR_OK;
}

static enum err_code add_link(struct walk *w, struct str path)
{
	void *items = w->links;
	enum err_code code;

	code = source_make_room(w->source->alloc, &items, w->link_count, &w->link_capacity,
				sizeof(*w->links), w->err);
	if (code != ERR_OK)
		return code;
	w->links = items;
	w->links[w->link_count] = arena_str(w->arena, path);
	if (!w->links[w->link_count].ptr)
		return arena_fail(w->arena, w->err);
	w->link_count++;
	return ERR_OK;
}

static enum err_code walk_folder(struct walk *w, struct str path, const struct stat *info,
				 int depth);

/* One entry, whose path is complete. */
static enum err_code walk_entry(struct walk *w, struct str path, int depth)
{
	struct stat info;

	if (!utf8_valid(path))
		return add_skip(w, path, STR("the name is not valid UTF-8"));
	if (!full_path(w, path))
		return add_skip(w, path, STR("the path is too long"));
	if (lstat(w->path, &info) != 0)
		return skip_errno(w, path, errno);
	if (S_ISLNK(info.st_mode))
		return add_link(w, path);
	if (ignore_matches(&w->ignore, path, S_ISDIR(info.st_mode)))
		return ERR_OK;
	if (S_ISDIR(info.st_mode))
		return walk_folder(w, path, &info, depth + 1);
	return source_filter_wants(&w->source->filter, path) ? add_file(w, path, &info) : ERR_OK;
}

/* The rules of a folder's own file, when it has one. */
static enum err_code read_ignore_file(struct walk *w, struct str folder, const char *name)
{
	struct str path =
		folder.len ? arena_printf(w->arena, "%.*s/%s", STR_ARG(folder), name) : str_c(name);
	struct err problem = {ERR_OK, ""};
	struct stat info;
	struct buf text;
	enum err_code code;

	if (!path.ptr)
		return arena_fail(w->arena, w->err);
	if (!full_path(w, path) || lstat(w->path, &info) != 0)
		return ERR_OK;
	buf_init(&text, w->source->alloc, IGNORE_BYTES);
	code = file_read(w->path, IGNORE_BYTES, &text, &problem);
	if (code == ERR_OK)
		code = ignore_add(&w->ignore, folder, buf_str(&text), w->err);
	else if (code == ERR_NOMEM)
		code = err_set(w->err, code, "%s", problem.message);
	else
		code = add_skip(w, path, arena_str(w->arena, str_c(problem.message)));
	buf_release(&text);
	return code;
}

static enum err_code read_folder(struct walk *w, struct str path, DIR *dir, int depth)
{
	enum err_code code = ERR_OK;
	struct dirent *entry;

	if (!w->source->no_ignore) {
		code = read_ignore_file(w, path, ".gitignore");
		if (code == ERR_OK)
			code = read_ignore_file(w, path, ".docsbotignore");
	}
	while (code == ERR_OK) {
		struct buf child;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? skip_errno(w, path, errno) : ERR_OK;
		if (source_ignored_name(str_c(entry->d_name)))
			continue;
		buf_init(&child, w->source->alloc, path.len + 1 + NAME_MAX + 1);
		if (path.len) {
			buf_append(&child, path);
			buf_append_byte(&child, '/');
		}
		buf_append(&child, str_c(entry->d_name));
		code = buf_ok(&child, "path", w->err);
		if (code == ERR_OK)
			code = walk_entry(w, buf_str(&child), depth);
		buf_release(&child);
	}
	return code;
}

/* w->path is the folder's absolute path. Recursion ends at DEPTH_MAX. */
static enum err_code walk_folder(struct walk *w, struct str path, const struct stat *info,
				 int depth)
{
	enum err_code code;
	bool first;
	DIR *dir;

	if (path.len && source_filter_excludes(&w->source->filter, path))
		return ERR_OK;
	if (depth > DEPTH_MAX)
		return add_skip(w, path, STR("folders are nested too deeply"));
	code = visit(w, info, &first);
	if (code != ERR_OK)
		return code;
	if (!first)
		return add_skip(w, path, STR("the link leads to a folder that is listed already"));
	dir = opendir(w->path);
	if (!dir)
		return skip_errno(w, path, errno);
	code = read_folder(w, path, dir, depth);
	closedir(dir);
	return code;
}

static bool is_inside(struct str root, struct str path)
{
	return str_eq(root, path) || root.len == 1 ||
	       (str_starts(path, root) && path.ptr[root.len] == '/');
}

static enum err_code follow_link(struct walk *w, struct str path)
{
	struct stat info;
	char *target;
	bool inside;

	if (!full_path(w, path))
		return add_skip(w, path, STR("the path is too long"));
	if (stat(w->path, &info) != 0) {
		if (!source_filter_wants(&w->source->filter, path) && errno == ENOENT)
			return ERR_OK;
		return add_skip(w, path,
				errno == ELOOP ? STR("the link leads to itself")
					       : STR("the link leads nowhere"));
	}
	if (!S_ISDIR(info.st_mode) && !source_filter_wants(&w->source->filter, path))
		return ERR_OK;
	if (ignore_matches(&w->ignore, path, S_ISDIR(info.st_mode)))
		return ERR_OK;
	target = realpath(w->path, NULL);
	if (!target)
		return skip_errno(w, path, errno);
	inside = is_inside(w->source->root, str_c(target));
	free(target);
	if (!inside)
		return add_skip(w, path, STR("the link leads out of the folder"));
	if (!S_ISDIR(info.st_mode))
		return add_file(w, path, &info);
	int depth = 1;
	for (size_t i = 0; i < path.len; i++)
		depth += path.ptr[i] == '/';
	return walk_folder(w, path, &info, depth);
}

static enum err_code dir_list(struct source *base, struct arena *arena, struct source_list *out,
			      struct err *err)
{
	struct dir_source *s = (struct dir_source *)base;
	struct walk *w = alloc_zero(s->alloc, 1, sizeof(*w));
	enum err_code code;
	struct stat info;

	if (!w)
		return err_set(err, ERR_NOMEM, "out of memory");
	*w = (struct walk){.source = s, .arena = arena, .err = err};
	w->listing = (struct source_listing){
		.alloc = s->alloc, .arena = arena, .max_files = s->max_files, .what = s->root.ptr};
	w->ignore = (struct ignore){.alloc = s->alloc, .arena = arena};
	full_path(w, STR(""));
	if (stat(w->path, &info) != 0) {
		code = err_set(err, ERR_NOTFOUND, "folder %s is gone: index another one",
			       s->root.ptr);
		goto out;
	}
	code = walk_folder(w, STR(""), &info, 0);
	w->following = true;
	/* following a link may find more links */
	for (size_t i = 0; i < w->link_count && code == ERR_OK; i++)
		code = follow_link(w, w->links[i]);
	if (code == ERR_OK)
		code = source_listing_finish(&w->listing, out, err);
out:
	source_listing_release(&w->listing);
	ignore_release(&w->ignore);
	alloc_free(s->alloc, w->visited);
	alloc_free(s->alloc, w->links);
	alloc_free(s->alloc, w);
	return code;
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Half of an old text and half of a new one is none: a file that changes meanwhile is read again, once. */
static enum err_code read_steady(const struct dir_source *s, const char *path, struct buf *out,
				 struct err *err)
{
	size_t from = out->len;

	for (int attempt = 0; attempt < 2; attempt++) {
		struct stat before, after;
		enum err_code code;

		out->len = from;
		if (stat(path, &before) != 0)
			return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
				       "cannot read %.300s: %s", path, strerror(errno));
		code = file_read(path, s->max_file_bytes, out, err);
		if (code != ERR_OK)
			return code;
		if (stat(path, &after) == 0 && is_same_state(&before, &after))
			return ERR_OK;
	}
	out->len = from;
	return err_set(err, ERR_BUSY, "%.300s changes while it is read", path);
}

static enum err_code dir_read(struct source *base, struct str path, struct buf *out,
			      struct err *err)
{
	struct dir_source *s = (struct dir_source *)base;
	char full[PATH_MAX], *target;
	int len = snprintf(full, sizeof(full), "%s/%.*s", s->root.ptr,
			   path.len < PATH_MAX ? (int)path.len : PATH_MAX, path.ptr);
	enum err_code code;

	if (len < 0 || (size_t)len >= sizeof(full))
		return err_set(err, ERR_INVALID, "path is too long: %.100s…", full);
	/* a link may have changed since the listing: look where it leads now */
	target = realpath(full, NULL);
	if (!target)
		return err_set(err, ERR_IO, "cannot read %.300s: %s", full, strerror(errno));
	if (is_inside(s->root, str_c(target)))
		code = read_steady(s, target, out, err);
	else
		code = err_set(err, ERR_INVALID, "%.300s leads out of the folder", full);
	free(target);
	return code;
}

static void dir_close(struct source *base)
{
	struct dir_source *s = (struct dir_source *)base;

	arena_release(&s->arena);
	alloc_free(s->alloc, s);
}

static const struct source_ops dir_ops = {
	.list = dir_list,
	.read = dir_read,
	.close = dir_close,
};

/* The commit that the checkout around `root` is at; empty when there is none. */
static void read_revision(const char *root, char out[65])
{
	git_repository *repo = NULL;
	git_oid id;

	out[0] = '\0';
	if (git_libgit2_init() < 0)
		return;
	if (git_repository_open_ext(&repo, root, 0, NULL) == 0 &&
	    git_reference_name_to_id(&id, repo, "HEAD") == 0)
		git_oid_tostr(out, 65, &id);
	git_repository_free(repo);
	git_libgit2_shutdown();
}

static enum err_code copy_options(struct dir_source *s, const struct source_dir_options *options,
				  const char *real, struct err *err)
{
	struct str name = str_c(options->name), rest, part;

	s->root = arena_str(&s->arena, str_c(real));
	s->max_file_bytes = options->max_file_bytes;
	s->max_files = options->max_files;
	s->no_ignore = options->no_ignore;
	rest = str_c(real);
	while (name.len == 0 && str_cut(&rest, '/', &part))
		if (!rest.ptr)
			name = part.len ? part : STR("root");
	name = arena_str(&s->arena, name);
	if (!s->root.ptr || !name.ptr)
		return arena_fail(&s->arena, err);
	s->base.name = name.ptr;
	return source_filter_init(&s->filter, options->include, options->include_count,
				  options->exclude, options->exclude_count, &s->arena, err);
}

enum err_code source_dir_open(const struct source_dir_options *options, const struct alloc *alloc,
			      struct source **out, struct err *err)
{
	struct dir_source *s = NULL;
	enum err_code code = ERR_OK;
	struct stat info;
	char *real = realpath(options->root, NULL);

	if (!real || stat(real, &info) != 0) {
		code = err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO,
			       "cannot open folder %.300s: %s. Give the folder that holds the "
			       "documentation",
			       options->root, strerror(errno));
		goto out;
	}
	if (!S_ISDIR(info.st_mode)) {
		code = err_set(err, ERR_NOTFOUND,
			       "%.300s is not a folder. Give the folder that holds it and choose "
			       "the file with --include",
			       options->root);
		goto out;
	}
	s = alloc_zero(alloc, 1, sizeof(*s));
	if (!s) {
		code = err_set(err, ERR_NOMEM, "out of memory");
		goto out;
	}
	s->base.ops = &dir_ops;
	s->base.repo = s->base.web_url = "";
	s->alloc = alloc;
	arena_init(&s->arena, alloc, 16 << 20);
	code = copy_options(s, options, real, err);
	if (code != ERR_OK) {
		dir_close(&s->base);
		goto out;
	}
	read_revision(real, s->base.revision);
	*out = &s->base;
out:
	free(real);
	return code;
}
