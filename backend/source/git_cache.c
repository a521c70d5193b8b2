#include "source/git_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/retry.h"
#include "source/git_http.h"

#define LOCK_POLL_MS   50
#define LOCK_SECONDS   1800 /* another process may be cloning something large */
#define OUR_REF        "refs/docs-bot/head"
#define NAME_LENGTH    32 /* hexadecimal digits of the address's hash */
#define REMOVE_HANDLES 16
#define TREE_MEMORY    ((size_t)64 << 10)

static const struct retry_policy retry_policy = {.attempts = 4, .base_ms = 1000, .cap_ms = 30000};

/* One fetch, as the callbacks of libgit2 see it. */
struct fetch {
	struct git_cache *cache;
	struct git_http http;
	bool stopped;
};

enum err_code git_cache_fail(enum err_code code, struct err *err, const char *what)
{
	const git_error *last = git_error_last();

	return err_set(err, code, "%s: %s", what,
		       last && last->message ? last->message : "unknown error of libgit2");
}

enum err_code git_cache_init(struct git_cache *cache, const struct git_cache_options *options,
			     struct err *err)
{
	char hash[65];
	struct str dir, fresh;

	*cache = (struct git_cache){.options = *options, .use_fd = -1};
	arena_init(&cache->arena, options->alloc, TREE_MEMORY);
	sha256_hex(options->url, strlen(options->url), hash);
	dir = arena_printf(&cache->arena, "%s/git/%.*s", options->cache_dir, NAME_LENGTH, hash);
	fresh = arena_printf(&cache->arena, "%s/git/%.*s.new", options->cache_dir, NAME_LENGTH,
			     hash);
	if (!dir.ptr || !fresh.ptr)
		return arena_fail(&cache->arena, err);
	cache->dir = dir.ptr;
	cache->fresh = fresh.ptr;
	return ERR_OK;
}

void git_cache_release(struct git_cache *cache)
{
	git_repository_free(cache->repo);
	cache->repo = NULL;
	if (cache->use_fd >= 0)
		close(cache->use_fd); /* gives the lock back */
	cache->use_fd = -1;
	arena_release(&cache->arena);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, REMOVE_HANDLES, FTW_DEPTH | FTW_PHYS);
}

/* A lock file beside the clone; *fd is to be closed. `kind` is LOCK_EX or LOCK_SH. */
static enum err_code take_lock(struct git_cache *cache, const char *ending, int kind, int *fd,
			       struct err *err)
{
	struct str path = arena_printf(&cache->arena, "%s.%s", cache->dir, ending);
	int64_t end = clock_monotonic_us(clock_system()) + (int64_t)LOCK_SECONDS * 1000000;
	enum err_code code = ERR_OK;

	*fd = -1;
	if (!path.ptr)
		return arena_fail(&cache->arena, err);
	*fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (*fd < 0)
		return err_set(err, ERR_IO, "cannot write %.300s: %s", path.ptr, strerror(errno));
	while (flock(*fd, kind | LOCK_NB) != 0 && code == ERR_OK) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			code = err_set(err, ERR_IO, "cannot lock %.300s: %s", path.ptr,
				       strerror(errno));
		else if (clock_monotonic_us(clock_system()) > end)
			code = err_set(err, ERR_BUSY,
				       "another run has been fetching %.300s for long",
				       cache->options.url);
		else
			code = retry_wait(LOCK_POLL_MS, cache->options.stop, err);
	}
	if (code != ERR_OK) {
		close(*fd);
		*fd = -1;
	}
	return code;
}

static int on_transport(git_transport **out, git_remote *owner, void *payload)
{
	struct fetch *f = payload;

	return git_http_transport(out, owner, &f->http);
}

static int on_progress(const git_indexer_progress *stats, void *payload)
{
	struct fetch *f = payload;
	const struct git_cache_options *o = &f->cache->options;
	struct source_progress progress = {
		.stage = stats->received_objects < stats->total_objects ? "fetching" : "resolving",
		.done = stats->received_objects,
		.total = stats->total_objects,
		.bytes = stats->received_bytes};

	if (progress.done == progress.total && stats->total_deltas) {
		progress.done = stats->indexed_deltas;
		progress.total = stats->total_deltas;
	}
	if (o->progress)
		o->progress(o->progress_ctx, &progress);
	f->stopped = retry_stopped(o->stop);
	return f->stopped ? -1 : 0;
}

/* The error of a step that failed: ours when the transport knows more than libgit2. */
static enum err_code fail(struct fetch *f, enum err_code code, struct err *err)
{
	const git_error *last = git_error_last();

	if (f->stopped || f->http.err.code == ERR_CANCELLED)
		return err_set(err, ERR_CANCELLED, "stopped");
	if (f->http.err.code != ERR_OK)
		return err_set(err, f->http.err.code, "%s", f->http.err.message);
	return err_set(err, code, "cannot fetch %.300s: %s", f->cache->options.url,
		       last && last->message ? last->message : "unknown error of libgit2");
}

/* The reference to fetch and what it points to. */
static enum err_code find_head(struct fetch *f, git_remote *remote, char *ref, size_t size,
			       git_oid *id, struct err *err)
{
	const git_remote_head **heads = NULL;
	const char *branch = f->cache->options.branch;
	size_t count = 0;
	static const char *const kinds[] = {"refs/heads/", "refs/tags/", ""};

	if (git_remote_ls(&heads, &count, remote) < 0)
		return fail(f, ERR_UNAVAILABLE, err);
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		int len = branch ? snprintf(ref, size, "%s%s", kinds[kind], branch)
				 : snprintf(ref, size, "HEAD");

		if (len < 0 || (size_t)len >= size)
			continue;
		for (size_t i = 0; i < count; i++)
			if (strcmp(heads[i]->name, ref) == 0) {
				*id = heads[i]->oid;
				return ERR_OK;
			}
	}
	if (count == 0)
		return err_set(err, ERR_NOTFOUND, "the repository %.300s has no commits yet",
			       f->cache->options.url);
	return err_set(err, ERR_NOTFOUND, "the repository %.300s has no branch or tag %.100s",
		       f->cache->options.url, branch ? branch : "HEAD: name one");
}

static enum err_code download(struct fetch *f, git_remote *remote, const char *ref, struct err *err)
{
	git_fetch_options options;
	char spec[512];
	char *specs[] = {spec};
	git_strarray list = {specs, 1};

	snprintf(spec, sizeof(spec), "+%s:" OUR_REF, ref);
	if (git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION) < 0)
		return fail(f, ERR_INTERNAL, err);
	options.callbacks.transfer_progress = on_progress;
	options.callbacks.payload = f;
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.update_fetchhead = 0;
#if LIBGIT2_VER_MAJOR > 1 || (LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR >= 7)
	options.depth = (int)(f->cache->options.depth > INT32_MAX ? 0 : f->cache->options.depth);
#endif
	if (strncmp(f->cache->options.url, "file:", 5) != 0)
		options.callbacks.transport = on_transport;
	/* whatever is not the network's doing is taken for damage of the clone */
	if (git_remote_download(remote, &list, &options) < 0)
		return fail(f, ERR_FORMAT, err);
	return ERR_OK;
}

/* `id` may be that of a tag. */
static bool peel(git_repository *repo, const git_oid *id, git_oid *commit)
{
	git_object *object = NULL, *peeled = NULL;
	bool found = git_object_lookup(&object, repo, id, GIT_OBJECT_ANY) == 0 &&
		     git_object_peel(&peeled, object, GIT_OBJECT_COMMIT) == 0;

	if (found)
		*commit = *git_object_id(peeled);
	git_object_free(peeled);
	git_object_free(object);
	return found;
}

static bool is_current(git_repository *repo, const git_oid *id, git_oid *commit)
{
	git_oid ours;

	return git_reference_name_to_id(&ours, repo, OUR_REF) == 0 && git_oid_equal(&ours, id) &&
	       peel(repo, id, commit);
}

/* One attempt. *again: another may go well. */
static enum err_code fetch_once(struct git_cache *cache, git_repository *repo, git_oid *commit,
				bool *again, int64_t *asked, struct err *err)
{
	struct fetch f = {.cache = cache,
			  .http = {.url = cache->options.url,
				   .token = cache->options.token,
				   .stop = cache->options.stop,
				   .timeouts = cache->options.timeouts,
				   .alloc = cache->options.alloc,
				   .retry_after_ms = -1}};
	git_remote_callbacks callbacks;
	git_reference *written = NULL;
	git_remote *remote = NULL;
	char ref[256];
	git_oid id;
	enum err_code code = ERR_OK;

	*again = false;
	*asked = -1;
	if (git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION) < 0)
		return fail(&f, ERR_INTERNAL, err);
	callbacks.payload = &f;
	/* libgit2 copies files itself; the network is ours */
	if (strncmp(cache->options.url, "file:", 5) != 0)
		callbacks.transport = on_transport;
	if (git_remote_create_anonymous(&remote, repo, cache->options.url) < 0) {
		code = fail(&f, ERR_FORMAT, err);
		goto out;
	}
	if (git_remote_connect(remote, GIT_DIRECTION_FETCH, &callbacks, NULL, NULL) < 0) {
		code = fail(&f, ERR_UNAVAILABLE, err);
		goto out;
	}
	code = find_head(&f, remote, ref, sizeof(ref), &id, err);
	if (code != ERR_OK || is_current(repo, &id, commit))
		goto out;
	code = download(&f, remote, ref, err);
	if (code == ERR_OK && (!peel(repo, &id, commit) ||
			       git_reference_create(&written, repo, OUR_REF, &id, 1, NULL) < 0))
		code = fail(&f, ERR_FORMAT, err);
	git_reference_free(written);
out:
	git_remote_disconnect(remote);
	git_remote_free(remote);
	*again = f.http.transient;
	*asked = f.http.retry_after_ms;
	return code;
}

static enum err_code fetch(struct git_cache *cache, git_repository *repo, git_oid *commit,
			   struct err *err)
{
	for (unsigned attempt = 0;; attempt++) {
		bool again;
		int64_t asked;
		enum err_code code = fetch_once(cache, repo, commit, &again, &asked, err);

		if (code == ERR_OK || !again || attempt + 1 == retry_policy.attempts)
			return code;
		code = retry_wait(retry_delay_ms(&retry_policy, attempt, asked,
						 (uint64_t)clock_monotonic_us(clock_system())),
				  cache->options.stop, err);
		if (code != ERR_OK)
			return code;
	}
}

/* What a fetch that was killed left among the packs; others' are excluded by the lock. */
static void remove_leftovers(const char *dir)
{
	char path[4096];
	struct dirent *entry;
	DIR *packs;
	int len = snprintf(path, sizeof(path), "%s/objects/pack", dir);

	packs = len > 0 && (size_t)len < sizeof(path) ? opendir(path) : NULL;
	while (packs && (entry = readdir(packs))) {
		struct str name = str_c(entry->d_name);

		if (str_starts(name, STR("pack-")) || str_starts(name, STR(".")))
			continue;
		len = snprintf(path, sizeof(path), "%s/objects/pack/%s", dir, entry->d_name);
		if (len > 0 && (size_t)len < sizeof(path))
			(void)unlink(path);
	}
	if (packs)
		closedir(packs);
}

/*
 * Fetching follows our settings alone, whatever the user's .gitconfig says of addresses (and libgit2 1.5
 * leaks 20 KB for each entry that its search for "url.….insteadof" looks at).
 */
static enum err_code forget_config(git_repository *repo, struct err *err)
{
	git_config *empty = NULL;
	bool good = git_config_new(&empty) == 0 && git_repository_set_config(repo, empty) == 0;

	git_config_free(empty);
	return good ? ERR_OK : git_cache_fail(ERR_NOMEM, err, "no settings for the repository");
}

static enum err_code create(const char *dir, git_repository **out, struct err *err)
{
	git_repository_init_options options = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};

	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH |
			GIT_REPOSITORY_INIT_NO_REINIT;
	if (git_repository_init_ext(out, dir, &options) < 0)
		return git_cache_fail(ERR_IO, err, "the cache of the repository cannot be made");
	return forget_config(*out, err);
}

/* Clones into `fresh` and puts it in the place of `dir`. The fetch lock is held. */
static enum err_code replace(struct git_cache *cache, git_oid *commit, struct err *err)
{
	git_repository *repo = NULL;
	enum err_code code;

	remove_tree(cache->fresh);
	code = create(cache->fresh, &repo, err);
	if (code == ERR_OK)
		code = fetch(cache, repo, commit, err);
	git_repository_free(repo);
	if (code == ERR_FORMAT)
		code = ERR_UNAVAILABLE; /* of a new clone it is not ours that is damaged */
	if (code != ERR_OK)
		goto out;
	/* only now: until here another process may read the old one */
	if (cache->use_fd >= 0 && flock(cache->use_fd, LOCK_EX | LOCK_NB) != 0) {
		code = err_set(err, ERR_BUSY,
			       "the cache of %.300s is damaged, and another run uses it: try again "
			       "when that has ended",
			       cache->options.url);
		goto out;
	}
	git_repository_free(cache->repo);
	cache->repo = NULL;
	remove_tree(cache->dir);
	if (rename(cache->fresh, cache->dir) != 0)
		code = err_set(err, ERR_IO, "cannot rename %.200s: %s", cache->fresh,
			       strerror(errno));
	else if (git_repository_open_bare(&cache->repo, cache->dir) < 0)
		code = git_cache_fail(ERR_IO, err, "the cache of the repository cannot be opened");
out:
	remove_tree(cache->fresh);
	if (cache->use_fd >= 0 && flock(cache->use_fd, LOCK_SH | LOCK_NB) != 0 && code == ERR_OK)
		code = err_set(err, ERR_BUSY, "another run replaces the cache of %.300s",
			       cache->options.url);
	return code;
}

static enum err_code open_and_fetch(struct git_cache *cache, git_oid *commit, struct err *err)
{
	enum err_code code = ERR_OK;
	struct stat info;

	git_repository_free(cache->repo);
	cache->repo = NULL;
	if (stat(cache->dir, &info) != 0)
		return replace(cache, commit, err);
	remove_leftovers(cache->dir);
	if (git_repository_open_bare(&cache->repo, cache->dir) < 0)
		code = git_cache_fail(ERR_FORMAT, err, "the cache is damaged");
	else
		code = forget_config(cache->repo, err);
	if (code == ERR_OK)
		code = fetch(cache, cache->repo, commit, err);
	return code == ERR_FORMAT ? replace(cache, commit, err) : code;
}

static enum err_code locked(struct git_cache *cache,
			    enum err_code (*work)(struct git_cache *, git_oid *, struct err *),
			    git_oid *commit, struct err *err)
{
	struct str parent = arena_printf(&cache->arena, "%s/git", cache->options.cache_dir);
	int fd = -1;
	enum err_code code;

	if (!parent.ptr)
		return arena_fail(&cache->arena, err);
	code = file_make_dirs(parent.ptr, err);
	if (code == ERR_OK)
		code = take_lock(cache, "lock", LOCK_EX, &fd, err);
	if (code == ERR_OK && cache->use_fd < 0)
		code = take_lock(cache, "use", LOCK_SH, &cache->use_fd, err);
	if (code == ERR_OK)
		code = work(cache, commit, err);
	if (fd >= 0)
		close(fd);
	return code;
}

enum err_code git_cache_fetch(struct git_cache *cache, git_oid *commit, struct err *err)
{
	return locked(cache, open_and_fetch, commit, err);
}

enum err_code git_cache_renew(struct git_cache *cache, git_oid *commit, struct err *err)
{
	return locked(cache, replace, commit, err);
}
