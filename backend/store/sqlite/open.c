/* Opening and closing the two files of a store. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/sqlite/internal.h"

/*
 * WAL with synchronous=NORMAL: a crash of the program loses nothing that was published, a power
 * cut at worst the newest publish; neither can damage the file. That is enough for an index, which
 * is made again from its sources.
 */
#define COMMON_PRAGMAS                                                                             \
	"PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"       \
	"PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864;"

/*
 * KiB of pages. A service has a reader for each worker, and what SQLite does not keep, the system's
 * page cache does: with 32 MiB each, 8 workers took 108 MB more for searches that cost 5.2 ms of a
 * processor instead of 6.2. A run that writes fills pages in all places of the file; it need not
 * overwrite what it deletes, which Debian's SQLite does unless told otherwise.
 */
#define READER_CACHE "PRAGMA cache_size = -2048"
#define WRITER_CACHE "PRAGMA cache_size = -32768; PRAGMA secure_delete = OFF"

/* Readers meet a lock for moments only, and a second run should be told soon. */
#define INDEX_BUSY_MS 250
/* Cached embeddings are worth waiting for: another run holds this lock up to two seconds. */
#define CACHE_BUSY_MS 5000

#define MAX_PATH_BYTES 4096

static enum err_code join_path(char **out, const char *dir, const char *name,
			       const struct alloc *alloc, struct err *err)
{
	size_t dir_len = strlen(dir), name_len = strlen(name);

	if (!dir_len || dir_len + name_len + 2 > MAX_PATH_BYTES)
		return err_set(err, ERR_INVALID,
			       "the data folder's name is empty or too long: set --data-dir");
	*out = alloc_get(alloc, dir_len + name_len + 2);
	if (!*out)
		return err_set(err, ERR_NOMEM, "out of memory opening the store");
	memcpy(*out, dir, dir_len);
	(*out)[dir_len] = '/';
	memcpy(*out + dir_len + 1, name, name_len + 1);
	return ERR_OK;
}

static bool is_missing(const char *path)
{
	struct stat info;

	return stat(path, &info) && errno == ENOENT;
}

/* Opens db->path and checks its schema. On failure the caller closes the db. */
static enum err_code open_file(struct sqldb *db, const struct sqldb_schema *schema, bool write,
			       int busy_ms, struct err *err)
{
	/* READWRITE also to read: a reader of a WAL file takes part in its shared memory. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		    (write ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(db->path, &db->handle, flags, NULL);
	enum err_code code;

	if (rc != SQLITE_OK)
		return sqldb_fail(db, rc, "opening it", err);
	(void)sqlite3_busy_timeout(db->handle, busy_ms);
	/* The file may come from elsewhere: nothing in it may call what SQLite deems unsafe. */
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	code = sqldb_exec(db, COMMON_PRAGMAS, "opening it", err);
	if (!code)
		code = sqldb_exec(db, write ? WRITER_CACHE : READER_CACHE, "opening it", err);
	if (!code)
		code = store_schema_check(db, schema, write, err);
	if (!code && !write)
		code = sqldb_exec(db, "PRAGMA query_only = ON", "opening it", err);
	return code;
}

static void store_sqlite_close(struct store *base)
{
	struct store_sqlite *s = (struct store_sqlite *)base;

	store_sqlite_rollback(base);
	store_sqlite_release(base);
	store_stemmer_close(s);
	sqldb_close(&s->cache, s->alloc);
	sqldb_close(&s->index, s->alloc);
	if (s->own_vectors)
		store_vectors_free(s->vectors);
	alloc_free(s->alloc, s->cache_key);
	alloc_free(s->alloc, s->lock_path);
	alloc_free(s->alloc, s);
}

static const struct store_ops sqlite_ops = {
	.stats = store_sqlite_stats,
	.generation = store_sqlite_generation,
	.begin = store_sqlite_begin,
	.unchanged = store_sqlite_unchanged,
	.unchanged_id = store_sqlite_unchanged_id,
	.put = store_sqlite_put,
	.sweep = store_sqlite_sweep,
	.list = store_sqlite_list,
	.cache_get = store_sqlite_cache_get,
	.cache_put = store_sqlite_cache_put,
	.pending = store_sqlite_pending,
	.resume = store_sqlite_resume,
	.set_vector = store_sqlite_set_vector,
	.publish = store_sqlite_publish,
	.rollback = store_sqlite_rollback,
	.search_vector = store_sqlite_search_vector,
	.search_text = store_sqlite_search_text,
	.passage = store_sqlite_passage,
	.chunk_text = store_sqlite_chunk_text,
	.document_info = store_sqlite_document_info,
	.find_document = store_sqlite_find_document,
	.word_sections = store_sqlite_word_sections,
	.hosts = store_sqlite_hosts,
	.hold = store_sqlite_hold,
	.release = store_sqlite_release,
	.maintain = store_sqlite_maintain,
	.close = store_sqlite_close,
};

static enum err_code no_index(const char *data_dir, struct err *err)
{
	return err_set(err, ERR_NOTFOUND,
		       "there is no index in %s: run `docs-bot index FOLDER` first, or name "
		       "another folder with --data-dir",
		       data_dir);
}

static enum err_code open_index(struct store_sqlite *s, const char *data_dir, struct err *err)
{
	struct store_state state;
	enum err_code code = join_path(&s->index.path, data_dir, STORE_INDEX_FILE, s->alloc, err);

	if (!code)
		code = join_path(&s->cache.path, data_dir, STORE_CACHE_FILE, s->alloc, err);
	if (!code)
		code = join_path(&s->lock_path, data_dir, STORE_LOCK_FILE, s->alloc, err);
	if (code)
		return code;
	if (!s->writable && is_missing(s->index.path))
		return no_index(data_dir, err);
	if (s->writable)
		code = file_make_dirs(data_dir, err);
	if (!code)
		code = open_file(&s->index, &store_index_schema, s->writable, INDEX_BUSY_MS, err);
	if (!code && !s->writable) {
		/* The first run was never finished: to a reader that is no index. */
		code = store_sqlite_state(s, NULL, &state, err);
		if (!code && !state.generation)
			code = no_index(data_dir, err);
	}
	return code;
}

enum err_code store_sqlite_open(const struct store_sqlite_options *options,
				const struct alloc *alloc, struct store **out, struct err *err)
{
	struct store_sqlite *s = alloc_zero(alloc, 1, sizeof(*s));
	enum err_code code;

	*out = NULL;
	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory opening the store");
	s->base.ops = &sqlite_ops;
	s->alloc = alloc;
	s->lock = -1;
	s->log = options->log;
	s->vec = vec_ops_best((enum vec_level)options->vec_limit);
	s->codes = veci8_ops_best((enum vec_level)options->vec_limit);
	s->writable = options->create;
	s->vectors = options->vectors;
	s->index.sql = store_index_sql;
	s->index.stmt_count = INDEX_STMT_COUNT;
	s->index.advice = "remove it and run `docs-bot index` to make it again";
	s->cache.sql = store_cache_sql;
	s->cache.stmt_count = CACHE_STMT_COUNT;
	s->index.on_full = s->cache.on_full =
		"free some space and run again; what was published before is unchanged";
	s->cache.advice = "remove it, it is a cache and will be made again";
	code = open_index(s, options->data_dir, err);
	if (!code && !s->vectors) {
		code = store_vectors_new(alloc, &s->vectors, err);
		s->own_vectors = !code;
	}
	if (code)
		store_sqlite_close(&s->base);
	else
		*out = &s->base;
	return code;
}

enum err_code store_sqlite_need_cache(struct store_sqlite *s, struct err *err)
{
	enum err_code code;

	if (s->cache.handle)
		return ERR_OK;
	if (!s->writable && is_missing(s->cache.path))
		return err_set(err, ERR_NOTFOUND, "there is no file %s", s->cache.path);
	code = open_file(&s->cache, &store_cache_schema, s->writable, CACHE_BUSY_MS, err);
	if (code) {
		(void)sqlite3_close(s->cache.handle);
		s->cache.handle = NULL;
	}
	return code;
}
