/* The file: opening, setting a damaged one aside, and running work on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "state/sqlite/internal.h"

/*
 * WAL with synchronous=NORMAL: a crash of the program loses nothing, a power cut the newest turns.
 * What is forgotten is overwritten.
 */
#define PRAGMAS                                                                                    \
	"PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"       \
	"PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 4194304;"                        \
	"PRAGMA secure_delete = ON; PRAGMA cache_size = -2048;"

#define MAX_PATH_BYTES 4096

/* Other processes hold the lock for the time of one small transaction. */
#define BUSY_MS 500
/* After the file could not be opened or got hold of, questions do not wait for it again so soon. */
#define RETRY_US ((int64_t)5000000)
/* Checking all pages when the file is opened takes some milliseconds up to this size. */
#define CHECK_MAX_BYTES ((int64_t)8 << 20)
/* For the lock of those who set a damaged file aside. */
enum { LOCK_TRIES = 20, LOCK_WAIT_MS = 50 };

int64_t state_sqlite_now(const struct state_sqlite *s)
{
	return clock_wall_ms(s->clock);
}

static enum err_code join_path(char **out, const char *dir, const char *name,
			       const struct alloc *alloc, struct err *err)
{
	size_t dir_len = strlen(dir), name_len = strlen(name);
	if (!dir_len || dir_len + name_len + 2 > MAX_PATH_BYTES)
		return err_set(err, ERR_INVALID,
			       "the data folder's name is empty or too long: set --data-dir");
	*out = alloc_get(alloc, dir_len + name_len + 2);
	if (!*out)
		return err_set(err, ERR_NOMEM, "out of memory opening the state");
	memcpy(*out, dir, dir_len);
	(*out)[dir_len] = '/';
	memcpy(*out + dir_len + 1, name, name_len + 1);
	return ERR_OK;
}

static void close_file(struct state_sqlite *s)
{
	sqldb_close(&s->db, s->alloc);
}

static enum err_code cannot(const char *doing, const char *path, struct err *err)
{
	enum err_code code = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	return err_set(err, code, "cannot %s %s: %s", doing, path, strerror(errno));
}

/* Conversations are nobody else's: the file is made for its owner alone, before SQLite would. */
static enum err_code make_file(struct state_sqlite *s, struct err *err)
{
	enum err_code code = file_make_dirs(s->dir, err);
	if (code)
		return code;
	int file = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		return cannot("open", s->path, err);
	if (close(file) != 0)
		return cannot("make", s->path, err);
	return ERR_OK;
}

static enum err_code check_pages(struct state_sqlite *s, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	enum err_code code = ERR_OK;
	int rc = sqlite3_prepare_v2(s->db.handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		code = sqldb_fail(&s->db, rc, "checking it", err);
	else if (!str_eq(sqldb_column_str(stmt, 0), STR("ok")))
		code = err_set(err, ERR_FORMAT, "%s is damaged", s->path);
	(void)sqlite3_finalize(stmt);
	return code;
}

/* Whose file it is and which version; a fresh or older one is brought up to date. */
static enum err_code check_schema(struct state_sqlite *s, struct err *err)
{
	int64_t application_id, version, objects;
	enum err_code code = sqldb_int(&s->db, "PRAGMA application_id", &application_id, err);
	if (!code)
		code = sqldb_int(&s->db, "PRAGMA user_version", &version, err);
	if (!code)
		code = sqldb_int(&s->db, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (code)
		return code;
	if ((application_id || version || objects) && application_id != state_schema.application_id)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s is a database of another program: move it away or choose "
			       "another folder with --data-dir",
			       s->path);
	if (version < 0 || version > (int64_t)state_schema.step_count)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s was made by a newer docs-bot (schema %lld, this program knows "
			       "%zu): upgrade docs-bot, or remove the file",
			       s->path, (long long)version, state_schema.step_count);
	code = sqldb_exec(&s->db, "PRAGMA journal_mode = WAL", "switching to WAL", err);
	if (!code && version < (int64_t)state_schema.step_count)
		code = sqldb_migrate(&s->db, &state_schema, err);
	return code;
}

/*
 * `whole`: every page is checked, whatever the size. The caller closes the file after an error.
 */
static enum err_code open_file(struct state_sqlite *s, bool whole, struct err *err)
{
	struct stat info;
	if (!s->create && stat(s->path, &info) != 0 && errno == ENOENT)
		return err_set(err, ERR_NOTFOUND, "there is no %s yet", s->path);
	enum err_code code = s->create ? make_file(s, err) : ERR_OK;
	if (!code && stat(s->path, &info) != 0)
		code = cannot("read", s->path, err);
	if (!code)
		code = join_path(&s->db.path, s->dir, STATE_FILE, s->alloc, err);
	if (code)
		return code;
	s->device = info.st_dev;
	s->inode = info.st_ino;
	s->db.sql = state_sql;
	s->db.stmt_count = STATE_STMT_COUNT;
	s->db.advice = "it is set aside and a new one begun";
	s->db.on_full = "free some space";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(s->path, &s->db.handle, flags, NULL);
	if (rc != SQLITE_OK)
		return sqldb_fail(&s->db, rc, "opening it", err);
	(void)sqlite3_busy_timeout(s->db.handle, BUSY_MS);
	(void)sqlite3_db_config(s->db.handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	code = sqldb_exec(&s->db, PRAGMAS, "opening it", err);
	if (!code)
		code = check_schema(s, err);
	if (!code && (whole || info.st_size <= CHECK_MAX_BYTES))
		code = check_pages(s, err);
	return code;
}

/* Whether the path still leads to the file that was opened: somebody may have removed it. */
static bool is_same_file(const struct state_sqlite *s)
{
	struct stat info;
	return stat(s->path, &info) == 0 && info.st_dev == s->device && info.st_ino == s->inode;
}

/* An exclusive lock between processes; ends when the descriptor is closed. */
static enum err_code take_lock(const struct state_sqlite *s, int *lock, struct err *err)
{
	const struct timespec wait = {.tv_nsec = LOCK_WAIT_MS * 1000000L};
	*lock = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		return cannot("open", s->lock_path, err);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
			return ERR_OK;
		(void)nanosleep(&wait, NULL);
	}
	(void)close(*lock);
	return err_set(err, ERR_BUSY, "%s is held by another docs-bot", s->lock_path);
}

static enum err_code copy_bytes(int from, int to, const char *name, struct err *err)
{
	char part[16384];
	for (;;) {
		ssize_t got = read(from, part, sizeof(part));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cannot("read", name, err);
		if (got == 0)
			return ERR_OK;
		for (ssize_t done = 0; done < got;) {
			ssize_t put = write(to, part + done, (size_t)(got - done));
			if (put < 0 && errno != EINTR)
				return cannot("copy", name, err);
			done += put > 0 ? put : 0;
		}
	}
}

/* For whoever wants to look what was in it; only the last one is kept. */
static enum err_code keep_copy(const struct state_sqlite *s, struct err *err)
{
	int from = open(s->path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return cannot("read", s->path, err);
	int to = open(s->damaged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum err_code code =
		to < 0 ? cannot("write", s->damaged, err) : copy_bytes(from, to, s->path, err);
	if (to >= 0 && close(to) != 0 && !code)
		code = cannot("write", s->damaged, err);
	(void)close(from);
	return code;
}

/*
 * Empties the file in its place, which SQLite can do whatever is in it, and other processes that have
 * it open go on: renaming it under them would part them from those who open the new one.
 */
static enum err_code reset(struct state_sqlite *s, struct err *err)
{
	(void)sqlite3_db_config(s->db.handle, SQLITE_DBCONFIG_RESET_DATABASE, 1, (int *)NULL);
	enum err_code code = sqldb_exec(&s->db, "VACUUM", "emptying it", err);
	(void)sqlite3_db_config(s->db.handle, SQLITE_DBCONFIG_RESET_DATABASE, 0, (int *)NULL);
	return code ? code : check_schema(s, err);
}

/*
 * Of several processes that find the file damaged, the first one to have the lock sets it aside; the
 * others then see that there is nothing wrong with it. `why` is what was found. Leaves it open.
 */
static enum err_code set_aside(struct state_sqlite *s, const struct err *why, struct err *err)
{
	int lock = -1;
	close_file(s);
	if (!s->create)
		return err_set(err, ERR_FORMAT, "%s", why->message);
	enum err_code code = take_lock(s, &lock, err);
	if (code)
		return code;
	code = open_file(s, true, err);
	if (code == ERR_FORMAT) {
		code = keep_copy(s, err);
		if (!code)
			code = reset(s, err);
		if (!code)
			log_warn(s->base.log, "state", "set aside as %s, and began anew: %s",
				 s->damaged, why->message);
	}
	(void)close(lock);
	if (code)
		close_file(s);
	return code;
}

static enum err_code ensure_open(struct state_sqlite *s, struct err *err)
{
	if (clock_monotonic_us(s->clock) < s->retry_us) {
		*err = s->refused;
		return err->code;
	}
	if (s->db.handle && !is_same_file(s)) {
		/* The log of that name may be another file's by now: closing must not delete it. */
		int keep = 1;
		(void)sqlite3_file_control(s->db.handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
		close_file(s);
	}
	if (s->db.handle)
		return ERR_OK;
	enum err_code code = open_file(s, false, err);
	if (code == ERR_FORMAT) {
		struct err why = *err;
		code = set_aside(s, &why, err);
	}
	if (code)
		close_file(s);
	return code;
}

static enum err_code run_once(struct state_sqlite *s, const struct state_work *work,
			      struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	enum err_code code = work->write ? sqldb_stmt(&s->db, STATE_BEGIN, &stmt, err) : ERR_OK;
	if (!code && work->write)
		code = sqldb_run(&s->db, stmt, "starting to write", err);
	if (code)
		return code;
	code = work->run(s, work->ctx, err);
	if (!code && work->write) {
		code = sqldb_stmt(&s->db, STATE_COMMIT, &stmt, err);
		if (!code)
			code = sqldb_run(&s->db, stmt, "writing", err);
	}
	if (code && !sqlite3_get_autocommit(s->db.handle))
		(void)sqlite3_exec(s->db.handle, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

enum err_code state_sqlite_work(struct state_sqlite *s, const struct state_work *work,
				struct err *err)
{
	struct err why = {ERR_OK, ""};
	(void)pthread_mutex_lock(&s->mutex);
	enum err_code code = ensure_open(s, &why);
	bool opened = !code;
	if (!code)
		code = run_once(s, work, &why);
	if (code == ERR_FORMAT && opened) {
		struct err damage = why;
		code = set_aside(s, &damage, &why);
		if (!code)
			code = run_once(s, work, &why);
	}
	/* Trying costs time then, and questions wait for it. */
	bool waits = code && code != ERR_NOTFOUND && (!s->db.handle || code == ERR_BUSY);
	if (waits && clock_monotonic_us(s->clock) >= s->retry_us) {
		s->retry_us = clock_monotonic_us(s->clock) + RETRY_US;
		s->refused = why;
	}
	(void)pthread_mutex_unlock(&s->mutex);
	if (code && err)
		*err = why;
	return code;
}

static void state_sqlite_close(struct state *base)
{
	struct state_sqlite *s = (struct state_sqlite *)base;
	close_file(s);
	(void)pthread_mutex_destroy(&s->mutex);
	alloc_free(s->alloc, s->path);
	alloc_free(s->alloc, s->dir);
	alloc_free(s->alloc, s->damaged);
	alloc_free(s->alloc, s->lock_path);
	alloc_free(s->alloc, s);
}

static const struct state_ops sqlite_ops = {
	.append_turn = state_sqlite_append_turn,
	.history = state_sqlite_history,
	.forget = state_sqlite_forget,
	.record_gap = state_sqlite_record_gap,
	.gaps = state_sqlite_gaps,
	.close = state_sqlite_close,
};

enum err_code state_sqlite_open(const struct state_sqlite_options *options,
				const struct alloc *alloc, struct state **out, struct err *err)
{
	*out = NULL;
	struct state_sqlite *s = alloc_zero(alloc, 1, sizeof(*s));
	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory opening the state");
	if (pthread_mutex_init(&s->mutex, NULL) != 0) {
		alloc_free(alloc, s);
		return err_set(err, ERR_NOMEM, "out of memory opening the state");
	}
	s->base.ops = &sqlite_ops;
	s->base.alloc = s->alloc = alloc;
	s->base.log = options->log;
	s->base.mask = options->mask;
	s->base.limits = options->limits;
	s->clock = options->clock;
	s->create = options->create;
	s->retry_us = INT64_MIN;
	enum err_code code = join_path(&s->path, options->data_dir, STATE_FILE, alloc, err);
	if (!code)
		code = join_path(&s->damaged, options->data_dir, STATE_DAMAGED_FILE, alloc, err);
	if (!code)
		code = join_path(&s->lock_path, options->data_dir, STATE_LOCK_FILE, alloc, err);
	if (!code) {
		size_t len = strlen(options->data_dir);
		s->dir = alloc_get(alloc, len + 1);
		if (s->dir)
			memcpy(s->dir, options->data_dir, len + 1);
		else
			code = err_set(err, ERR_NOMEM, "out of memory opening the state");
	}
	if (code)
		state_sqlite_close(&s->base);
	else
		*out = &s->base;
	return code;
}
