/* A git repository: what the tree of one commit holds. Nothing is checked out. */
#include <git2.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "net/url.h"
#include "source/filter.h"
#include "source/git_cache.h"

#define DEPTH_MAX       64
#define ENTRIES_MAX     5000000 /* of all trees: the same tree may be in many places of itself */
#define LFS_POINTER     "version https://git-lfs.github.com/spec/"
#define LFS_POINTER_MAX 1024
/*
 * Packs are read through windows of this size, as many as fit: libgit2's own limits would keep
 * gigabytes of a large repository in memory.
 */
#define WINDOW_BYTES ((size_t)16 << 20)
#define MAPPED_BYTES ((size_t)128 << 20)
#define CACHE_BYTES  ((ssize_t)32 << 20)

struct git_source {
	struct source base;
	const struct alloc *alloc;
	struct arena arena; /* of the options' copies */
	struct source_filter filter;
	const struct str *paths; /* without '/' at their ends, none within another */
	size_t path_count;
	size_t max_file_bytes, max_files;
	struct git_cache cache;
	git_oid commit;
	bool listed, renewed;
};

struct walk {
	struct git_source *source;
	struct source_listing listing;
	git_odb *odb;
	size_t entries;
	struct err *err;
};

static enum err_code add_blob(struct walk *w, struct str path, const git_tree_entry *entry)
{
	const struct git_source *s = w->source;
	char id[5 + GIT_OID_HEXSZ + 1] = "git:";
	size_t size = 0;
	git_object_t type;

	/* another error than "too large" comes from reading, where the clone is made anew */
	if (git_odb_read_header(&size, &type, w->odb, git_tree_entry_id(entry)) < 0)
		return git_cache_fail(ERR_FORMAT, w->err, "the cache is damaged");
	if (size > s->max_file_bytes)
		return source_add_skip(&w->listing, path,
				       arena_printf(w->listing.arena,
						    "too large: %zu bytes, at most %zu are read",
						    size, s->max_file_bytes),
				       w->err);
	git_oid_tostr(id + 4, GIT_OID_HEXSZ + 1, git_tree_entry_id(entry));
	const struct source_item item = {
		.path = path, .size = size, .id = str_c(id), .url = STR("")};
	return source_add_item(&w->listing, &item, w->err);
}

static enum err_code walk_tree(struct walk *w, const git_tree *tree, struct str path, int depth);

static enum err_code enter_tree(struct walk *w, const git_oid *id, struct str path, int depth)
{
	git_tree *tree = NULL;
	enum err_code code;

	if (path.len && source_filter_excludes(&w->source->filter, path))
		return ERR_OK;
	if (depth > DEPTH_MAX)
		return source_add_skip(&w->listing, path, STR("folders are nested too deeply"),
				       w->err);
	if (git_tree_lookup(&tree, w->source->cache.repo, id) < 0)
		return git_cache_fail(ERR_FORMAT, w->err, "the cache is damaged");
	code = walk_tree(w, tree, path, depth);
	git_tree_free(tree);
	return code;
}

static enum err_code add_entry(struct walk *w, const git_tree_entry *entry, struct str path,
			       int depth)
{
	bool wanted = source_filter_wants(&w->source->filter, path);

	if (++w->entries > ENTRIES_MAX)
		return err_set(w->err, ERR_LIMIT, "more than %d files in %.200s", ENTRIES_MAX,
			       w->source->base.name);
	if (!source_inner_path(path))
		return source_add_skip(&w->listing, path, STR("the name is not valid"), w->err);
	switch (git_tree_entry_filemode(entry)) {
	case GIT_FILEMODE_TREE:
		return enter_tree(w, git_tree_entry_id(entry), path, depth + 1);
	case GIT_FILEMODE_COMMIT:
		return source_add_skip(&w->listing, path,
				       STR("is a submodule: index its repository by itself"),
				       w->err);
	case GIT_FILEMODE_LINK:
		return wanted ? source_add_skip(&w->listing, path, STR("is a symbolic link"),
						w->err)
			      : ERR_OK;
	case GIT_FILEMODE_BLOB:
	case GIT_FILEMODE_BLOB_EXECUTABLE:
		return wanted ? add_blob(w, path, entry) : ERR_OK;
	case GIT_FILEMODE_UNREADABLE:
	default:
		return source_add_skip(&w->listing, path, STR("not a regular file"), w->err);
	}
}

/* Recursion ends at DEPTH_MAX. */
static enum err_code walk_tree(struct walk *w, const git_tree *tree, struct str path, int depth)
{
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < git_tree_entrycount(tree) && code == ERR_OK; i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		struct str name = str_c(git_tree_entry_name(entry));
		struct buf child;

		if (source_ignored_name(name))
			continue;
		buf_init(&child, w->source->alloc, path.len + name.len + 2);
		if (path.len) {
			buf_append(&child, path);
			buf_append_byte(&child, '/');
		}
		buf_append(&child, name);
		code = buf_ok(&child, "path", w->err);
		if (code == ERR_OK)
			code = add_entry(w, entry, buf_str(&child), depth);
		buf_release(&child);
	}
	return code;
}

/* One of the folders that were asked for. */
static enum err_code walk_path(struct walk *w, const git_tree *root, struct str path)
{
	git_tree_entry *entry = NULL;
	enum err_code code;
	int found = git_tree_entry_bypath(&entry, root, path.ptr);
	int depth = 1;

	if (found == GIT_ENOTFOUND)
		return source_add_skip(&w->listing, path, STR("is not in the repository"), w->err);
	if (found < 0)
		return git_cache_fail(ERR_FORMAT, w->err, "the cache is damaged");
	for (size_t i = 0; i < path.len; i++)
		depth += path.ptr[i] == '/';
	code = add_entry(w, entry, path, depth);
	git_tree_entry_free(entry);
	return code;
}

static enum err_code walk(struct git_source *s, struct arena *arena, struct source_list *out,
			  struct err *err)
{
	struct walk w = {.source = s,
			 .listing = {.alloc = s->alloc,
				     .arena = arena,
				     .max_files = s->max_files,
				     .what = s->base.name},
			 .err = err};
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	enum err_code code = ERR_OK;

	if (git_repository_odb(&w.odb, s->cache.repo) < 0 ||
	    git_commit_lookup(&commit, s->cache.repo, &s->commit) < 0 ||
	    git_commit_tree(&tree, commit) < 0)
		code = git_cache_fail(ERR_FORMAT, err, "the cache is damaged");
	if (code == ERR_OK && s->path_count == 0)
		code = walk_tree(&w, tree, STR(""), 0);
	for (size_t i = 0; i < s->path_count && code == ERR_OK; i++)
		code = walk_path(&w, tree, s->paths[i]);
	if (code == ERR_OK)
		code = source_listing_finish(&w.listing, out, err);
	source_listing_release(&w.listing);
	git_tree_free(tree);
	git_commit_free(commit);
	git_odb_free(w.odb);
	return code;
}

static enum err_code git_list(struct source *base, struct arena *arena, struct source_list *out,
			      struct err *err)
{
	struct git_source *s = (struct git_source *)base;
	enum err_code code = git_cache_fetch(&s->cache, &s->commit, err);

	if (code != ERR_OK)
		return code;
	code = walk(s, arena, out, err);
	if (code == ERR_FORMAT && !s->renewed) {
		s->renewed = true;
		code = git_cache_renew(&s->cache, &s->commit, err);
		if (code == ERR_OK)
			code = walk(s, arena, out, err);
	}
	if (code != ERR_OK)
		return code;
	s->listed = true;
	git_oid_tostr(s->base.revision, sizeof(s->base.revision), &s->commit);
	return ERR_OK;
}

/* ERR_FORMAT when the clone cannot give what the listing had. */
static enum err_code read_blob(struct git_source *s, const char *path, struct buf *out,
			       struct err *err)
{
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	git_tree_entry *entry = NULL;
	git_blob *blob = NULL;
	enum err_code code = ERR_OK;
	struct str bytes;
	int found = -1;

	if (git_commit_lookup(&commit, s->cache.repo, &s->commit) == 0 &&
	    git_commit_tree(&tree, commit) == 0)
		found = git_tree_entry_bypath(&entry, tree, path);
	if (found == GIT_ENOTFOUND) {
		code = err_set(err, ERR_NOTFOUND, "%.300s is not in the commit", path);
		goto out;
	}
	if (found < 0 || git_tree_entry_type(entry) != GIT_OBJECT_BLOB ||
	    git_blob_lookup(&blob, s->cache.repo, git_tree_entry_id(entry)) < 0) {
		code = git_cache_fail(ERR_FORMAT, err, "cannot be read from the repository");
		goto out;
	}
	bytes = (struct str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)};
	if (bytes.len <= LFS_POINTER_MAX && str_starts(bytes, STR(LFS_POINTER)))
		code = err_set(err, ERR_UNSUPPORTED,
			       "is a pointer of Git LFS: its content is not in the repository");
	else if (bytes.len > s->max_file_bytes)
		code = err_set(err, ERR_LIMIT, "too large: at most %zu bytes are read",
			       s->max_file_bytes);
	else if (!buf_append(out, bytes))
		code = buf_ok(out, path, err);
out:
	git_blob_free(blob);
	git_tree_entry_free(entry);
	git_tree_free(tree);
	git_commit_free(commit);
	return code;
}

static enum err_code git_read(struct source *base, struct str path, struct buf *out,
			      struct err *err)
{
	struct git_source *s = (struct git_source *)base;
	struct buf name;
	git_oid now;
	enum err_code code;

	if (!s->listed)
		return err_set(err, ERR_INVALID, "the repository was not listed");
	buf_init(&name, s->alloc, path.len + 2);
	buf_append(&name, path);
	code = buf_ok(&name, "path", err);
	if (code == ERR_OK)
		code = read_blob(s, name.ptr, out, err);
	if (code == ERR_FORMAT && !s->renewed) {
		/* once: a page must not vanish from the index because a disk lost a byte */
		s->renewed = true;
		code = git_cache_renew(&s->cache, &now, err);
		if (code == ERR_OK)
			code = read_blob(s, name.ptr, out, err);
	}
	buf_release(&name);
	return code;
}

static void git_close(struct source *base)
{
	struct git_source *s = (struct git_source *)base;

	git_cache_release(&s->cache);
	git_libgit2_shutdown();
	arena_release(&s->arena);
	alloc_free(s->alloc, s);
}

static const struct source_ops git_ops = {
	.list = git_list,
	.read = git_read,
	.close = git_close,
};

/* "https://host/a/b.git/" without what says nothing. */
static struct str strip_ending(struct str url)
{
	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	if (str_ends(url, STR(".git")))
		url.len -= 4;
	return url;
}

static struct str last_part(struct str path)
{
	for (size_t i = path.len; i > 0; i--)
		if (path.ptr[i - 1] == '/')
			return str_slice(path, i, path.len);
	return path;
}

/* True for the hosts whose pages are at the repository's own address. */
static bool has_web_pages(struct str host)
{
	return str_eq_nocase(host, STR("github.com")) || str_eq_nocase(host, STR("gitlab.com")) ||
	       str_eq_nocase(host, STR("codeberg.org")) || str_starts(host, STR("gitlab.")) ||
	       str_starts(host, STR("github."));
}

/* name, repo and web_url, from the address. */
static enum err_code set_names(struct git_source *s, const struct url *url, const char *given,
			       struct err *err)
{
	bool local = str_eq(url->scheme, STR("file"));
	struct str path = strip_ending(url->path), repo, web = STR(""), name;

	while (path.len && path.ptr[0] == '/')
		path = str_slice(path, 1, path.len);
	repo = local ? STR("") : path;
	name = given && *given ? str_c(given) : local ? last_part(path) : path;
	if (name.len == 0)
		name = STR("repository");
	name = arena_str(&s->arena, name);
	repo = arena_str(&s->arena, repo);
	if (!local && has_web_pages(url->host))
		web = arena_printf(&s->arena, "https://%.*s/%.*s", STR_ARG(url->host),
				   STR_ARG(path));
	if (!name.ptr || !repo.ptr || !web.ptr)
		return arena_fail(&s->arena, err);
	s->base.name = name.ptr;
	s->base.repo = repo.ptr;
	s->base.web_url = web.ptr;
	return ERR_OK;
}

static bool is_within(struct str folder, struct str path)
{
	return str_eq(folder, path) || (str_starts(path, folder) && path.ptr[folder.len] == '/');
}

/* Copies the folders, without repetitions; "" or "." is the whole tree. */
static enum err_code copy_paths(struct git_source *s, const struct source_git_options *options,
				struct err *err)
{
	struct str *paths = arena_array(&s->arena, options->path_count, sizeof(*paths));

	if (!paths)
		return arena_fail(&s->arena, err);
	for (size_t i = 0; i < options->path_count; i++) {
		struct str path = options->paths[i];

		while (path.len && path.ptr[0] == '/')
			path = str_slice(path, 1, path.len);
		while (path.len && path.ptr[path.len - 1] == '/')
			path.len--;
		if (path.len == 0 || str_eq(path, STR("."))) {
			s->path_count = 0;
			return ERR_OK;
		}
		if (!source_inner_path(path))
			return err_set(err, ERR_INVALID, "\"%.*s\" is not a folder of a repository",
				       path.len > 200 ? 200 : (int)path.len, path.ptr);
		path = arena_str(&s->arena, path);
		if (!path.ptr)
			return arena_fail(&s->arena, err);
		paths[s->path_count++] = path;
	}
	for (size_t i = 0; i < s->path_count; i++)
		for (size_t j = 0; j < s->path_count; j++)
			if (i != j && is_within(paths[j], paths[i])) {
				paths[i] = paths[--s->path_count];
				i = SIZE_MAX; /* from the start */
				break;
			}
	s->paths = paths;
	return ERR_OK;
}

static enum err_code check_url(const char *text, const char *token, struct url *url,
			       struct err *err)
{
	bool web;

	if (!url_parse(str_c(text), url)) {
		if (strchr(text, '@') && strchr(text, ':'))
			return err_set(err, ERR_INVALID,
				       "ssh addresses of repositories are not supported: give "
				       "https://HOST/OWNER/NAME, and a token where it is private");
		return err_set(err, ERR_INVALID, "%.200s is not the address of a repository", text);
	}
	if (url->has_userinfo && !str_eq(url->scheme, STR("ssh")))
		return err_set(err, ERR_INVALID,
			       "the address of a repository on %.*s holds a user or a password: "
			       "give the token by GITHUB_TOKEN instead",
			       url->host.len > 200 ? 200 : (int)url->host.len, url->host.ptr);
	web = str_eq(url->scheme, STR("https")) || str_eq(url->scheme, STR("http"));
	if (!web && !str_eq(url->scheme, STR("file")))
		return err_set(err, ERR_INVALID,
			       "%.*s:// addresses of repositories are not supported: give "
			       "https://HOST/OWNER/NAME, and a token where it is private",
			       url->scheme.len > 20 ? 20 : (int)url->scheme.len, url->scheme.ptr);
	if (strlen(text) > URL_MAX || url->path.len < 2 || url->query.len || url->fragment.len ||
	    (web && url->host.len == 0))
		return err_set(err, ERR_INVALID, "%.200s is not the address of a repository", text);
	if (token && *token && str_eq(url->scheme, STR("http")) &&
	    !str_eq(url->host, STR("127.0.0.1")) && !str_eq(url->host, STR("::1")) &&
	    !str_eq_nocase(url->host, STR("localhost")))
		return err_set(err, ERR_INVALID,
			       "%.200s is not encrypted, and a token is set: give https://", text);
	return ERR_OK;
}

static enum err_code copy_options(struct git_source *s, const struct source_git_options *o,
				  struct err *err)
{
	struct str url = str_c(o->url), branch, token, cache_dir;
	enum err_code code;

	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	url = arena_str(&s->arena, url);
	branch = arena_str(&s->arena, str_c(o->branch));
	token = arena_str(&s->arena, str_c(o->token));
	cache_dir = arena_str(&s->arena, str_c(o->cache_dir));
	if (!url.ptr || !branch.ptr || !token.ptr || !cache_dir.ptr)
		return arena_fail(&s->arena, err);
	code = source_filter_init(&s->filter, o->include, o->include_count, o->exclude,
				  o->exclude_count, &s->arena, err);
	if (code == ERR_OK)
		code = copy_paths(s, o, err);
	if (code != ERR_OK)
		return code;
	s->max_file_bytes = o->max_file_bytes;
	s->max_files = o->max_files;
	const struct git_cache_options options = {
		.url = url.ptr,
		.branch = branch.len ? branch.ptr : NULL,
		.token = token.len ? token.ptr : NULL,
		.cache_dir = cache_dir.ptr,
		.depth = o->depth,
		.alloc = s->alloc,
		.stop = o->stop,
		.timeouts = {.connect_ms = o->timeouts.connect_ms ? o->timeouts.connect_ms : 10000,
			     .stall_ms = o->timeouts.stall_ms ? o->timeouts.stall_ms : 60000},
		.progress = o->progress,
		.progress_ctx = o->progress_ctx};
	return git_cache_init(&s->cache, &options, err);
}

enum err_code source_git_open(const struct source_git_options *options, const struct alloc *alloc,
			      struct source **out, struct err *err)
{
	struct git_source *s;
	struct url url;
	enum err_code code = check_url(options->url, options->token, &url, err);

	if (code != ERR_OK)
		return code;
	s = alloc_zero(alloc, 1, sizeof(*s));
	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory");
	s->base.ops = &git_ops;
	s->alloc = alloc;
	s->cache.use_fd = -1;
	arena_init(&s->arena, alloc, (size_t)16 << 20);
	if (git_libgit2_init() < 0) {
		arena_release(&s->arena);
		alloc_free(alloc, s);
		return err_set(err, ERR_NOMEM, "libgit2 cannot start");
	}
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, WINDOW_BYTES);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, MAPPED_BYTES);
	git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, CACHE_BYTES);
	code = set_names(s, &url, options->name, err);
	if (code == ERR_OK)
		code = copy_options(s, options, err);
	if (code == ERR_OK)
		*out = &s->base;
	else
		git_close(&s->base);
	return code;
}
