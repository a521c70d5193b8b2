/* Runs the package client as a child process, without a shell. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "embed/inproc/model_fetch.h"

enum { TICK_MS = 250, LINE_MAX_BYTES = 4096, FOLDERS_DEEP = 4, RUN_SECONDS_MAX = 3600 };

/* Bytes of the files below a folder: how far a download in there has come. */
static uint64_t tree_bytes(int at, const char *path, int depth)
{
	uint64_t total = 0;
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	struct dirent *entry;
	while (dir && (entry = readdir(dir)) != NULL) {
		struct stat info;
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(info.st_mode))
			total += (uint64_t)info.st_size;
		else if (S_ISDIR(info.st_mode) && depth > 0)
			total += tree_bytes(dirfd(dir), entry->d_name, depth - 1);
	}
	if (dir)
		closedir(dir);
	return total;
}

/*
 * The environment with TMPDIR replaced, and with Python told not to import from the folder the user
 * happens to be in: `python3 -m pip` would run a pip.py that lies there. NULL when out of memory.
 */
static char **child_environment(const struct fetch *fetch)
{
	size_t count = 0, kept = 0;
	while (environ[count])
		count++;
	char **copy = arena_array(fetch->arena, count + 3, sizeof(*copy));
	struct str tmpdir = arena_printf(fetch->arena, "TMPDIR=%s", fetch->work);
	if (!copy || !tmpdir.ptr)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!str_starts(str_c(environ[i]), STR("TMPDIR=")))
			copy[kept++] = environ[i];
	copy[kept] = (char *)(uintptr_t)tmpdir.ptr;
	copy[kept + 1] = (char *)(uintptr_t) "PYTHONSAFEPATH=1";
	return copy;
}

/* Starts argv with both outputs in `write_end`; an errno, 0 when it runs. */
static int spawn(pid_t *pid, char *const argv[], char *const env[], int write_end)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigemptyset(&none);
	int result = posix_spawn_file_actions_init(&actions);
	if (result)
		return result;
	result = posix_spawnattr_init(&attributes);
	if (result) {
		posix_spawn_file_actions_destroy(&actions);
		return result;
	}
	/* The fetch holds signals back; its child must not inherit that. */
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	result = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!result)
		result = posix_spawn_file_actions_adddup2(&actions, write_end, 1);
	if (!result)
		result = posix_spawn_file_actions_adddup2(&actions, write_end, 2);
	if (!result)
		result = posix_spawnp(pid, argv[0], &actions, &attributes, argv, env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

struct output {
	const struct fetch *fetch;
	char line[LINE_MAX_BYTES];
	size_t len;
	char last[160]; /* the last line that tells something */
};

static void end_line(struct output *o)
{
	struct str line = str_trim((struct str){o->line, o->len});
	o->len = 0;
	if (line.len == 0)
		return;
	log_debug(o->fetch->log, "model", "%.*s", STR_ARG(line));
	/* pip's advice to upgrade itself must not hide the reason of a failure. */
	if (str_starts(line, STR("[notice]")) || str_starts(line, STR("WARNING")))
		return;
	line = str_slice(line, 0, sizeof(o->last) - 1);
	memcpy(o->last, line.ptr, line.len);
	o->last[line.len] = '\0';
}

static void on_output(struct output *o, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r' || o->len == sizeof(o->line))
			end_line(o);
		if (bytes[i] != '\n' && bytes[i] != '\r')
			o->line[o->len++] = bytes[i];
	}
}

static time_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Reads until the child closes its output; stops early when cancelled or after an hour. */
static enum err_code follow(struct output *o, int fd, const char *what, uint64_t total,
			    struct err *err)
{
	time_t start = now();
	for (;;) {
		char part[4096];
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		enum err_code code = fetch_cancelled(err);
		if (code)
			return code;
		if (now() - start > RUN_SECONDS_MAX)
			return err_set(err, ERR_UNAVAILABLE, "%s took more than an hour", what);
		int ready = poll(&wait, 1, TICK_MS);
		if (ready <= 0) {
			uint64_t done = tree_bytes(AT_FDCWD, o->fetch->work, FOLDERS_DEEP);
			fetch_progress(o->fetch, what, done < total ? done : total, total);
			continue;
		}
		ssize_t got = read(fd, part, sizeof(part));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_OK;
		on_output(o, part, (size_t)got);
	}
}

enum err_code fetch_run(const struct fetch *fetch, char *const argv[], const char *what,
			uint64_t total, struct err *err)
{
	struct output output = {.fetch = fetch};
	int ends[2], status = 0;
	pid_t pid;
	char **env = child_environment(fetch);
	if (!env)
		return arena_fail(fetch->arena, err);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set(err, ERR_IO, "cannot make a pipe: %s", strerror(errno));
	int result = spawn(&pid, argv, env, ends[1]);
	close(ends[1]);
	if (result) {
		close(ends[0]);
		return err_set(err, result == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot run %s: %s; install it", argv[0], strerror(result));
	}
	enum err_code code = follow(&output, ends[0], what, total, err);
	if (code)
		kill(pid, SIGTERM);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	end_line(&output);
	/* Where posix_spawn() cannot report a missing program, its child exits with 127. */
	if (!code && WIFEXITED(status) && WEXITSTATUS(status) == 127 && !output.last[0])
		code = err_set(err, ERR_NOTFOUND, "cannot run %s: install it", argv[0]);
	if (!code && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		code = err_set(err, ERR_UNAVAILABLE, "%s failed: %s", what,
			       output.last[0] ? output.last : "it said nothing");
	return code;
}
