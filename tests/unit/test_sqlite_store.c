/* What is particular to the SQLite store: its files, damage, versions, full disks, crashes. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/sqlite/internal.h"
#include "support/store_fixture.h"
#include "support/temp_dir.h"

static const struct store_identity model = {{"model", 5}, FIXTURE_DIMENSION, {"", 0}};
static const char *const headings[] = {"One", "Two", "Three"};
static const char *const texts[] = {"alpha some words", "beta twoWords", "gamma"};

/* Fails one call of SQLite's allocator; the tests around it run one thread. */
static struct {
	sqlite3_mem_methods real;
	long countdown; /* the call that fails; negative: none */
	bool failed;
} memory = {.countdown = -1};

static bool memory_fails(void)
{
	if (memory.countdown < 0 || memory.countdown-- > 0)
		return false;
	memory.failed = true;
	return true;
}

static void *memory_malloc(int size)
{
	return memory_fails() ? NULL : memory.real.xMalloc(size);
}

static void *memory_realloc(void *ptr, int size)
{
	return memory_fails() ? NULL : memory.real.xRealloc(ptr, size);
}

/* The state of a test is its folder; the name stands first in the struct, so it serves as both. */
static int set_up(void **state)
{
	struct temp_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -1;
	temp_dir_make(dir);
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	temp_dir_remove(*state);
	free(*state);
	return 0;
}

static enum err_code open_store(const char *dir, bool create, struct store_vectors *vectors,
				struct store **out, struct err *err)
{
	struct store_sqlite_options options = {
		.data_dir = dir, .create = create, .vectors = vectors, .vec_limit = VEC_AVX512};

	return store_sqlite_open(&options, alloc_default(), out, err);
}

static enum err_code put(struct store *s, const char *path, size_t sections, uint32_t seed,
			 struct err *err)
{
	struct fixture_document d;

	fixture_document(&d, "site", path, "hash", headings, texts, sections, seed);
	return store_put(s, &d.document, err);
}

/* An index with one published document of `sections` sections. */
static void make_index(const char *dir, size_t sections)
{
	struct store *s;
	struct err err;

	if (open_store(dir, true, NULL, &s, &err))
		fail_msg("%s", err.message);
	assert_int_equal(store_begin(s, &model, false, &err), ERR_OK);
	assert_int_equal(put(s, "a.md", sections, 1, &err), ERR_OK);
	assert_int_equal(store_publish(s, 1, &err), ERR_OK);
	store_close(s);
}

static uint64_t count_documents(struct store *s)
{
	struct arena arena;
	struct store_stats stats;
	struct err err;

	arena_init(&arena, alloc_default(), 1 << 20);
	if (store_stats(s, &arena, &stats, &err))
		fail_msg("%s", err.message);
	arena_release(&arena);
	return stats.documents;
}

static int64_t ask(const char *dir, const char *file, const char *sql)
{
	char path[512];
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t value = -1;
	int rc;

	fixture_path(path, dir, file);
	assert_int_equal(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
		SQLITE_OK);
	while (*sql) {
		const char *rest;

		if (sqlite3_prepare_v2(db, sql, -1, &stmt, &rest) != SQLITE_OK)
			fail_msg("%s: %s", sql, sqlite3_errmsg(db));
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
			value = sqlite3_column_int64(stmt, 0);
		if (rc != SQLITE_DONE)
			fail_msg("%s: %s", sql, sqlite3_errmsg(db));
		(void)sqlite3_finalize(stmt);
		sql = rest;
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static void write_file(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[512];
	FILE *file;

	fixture_path(path, dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* Opening must fail in this way, for readers and writers, with the path and an advice. */
static void check_refused(const char *dir, enum err_code want, const char *advice)
{
	for (int create = 0; create < 2; create++) {
		struct store *s;
		struct err err;

		assert_int_equal(open_store(dir, create, NULL, &s, &err), want);
		assert_null(s);
		if (!strstr(err.message, dir) || !strstr(err.message, advice))
			fail_msg("%s", err.message);
		assert_null(strchr(err.message, '\n'));
	}
}

static void test_newer_schema(void **state)
{
	make_index(*state, 1);
	(void)ask(*state, STORE_INDEX_FILE, "PRAGMA user_version = 99");
	check_refused(*state, ERR_UNSUPPORTED, "newer docs-bot");
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "SELECT count(*) FROM documents"), 1);
}

static void test_damaged_files(void **state)
{
	static const char garbage[8192] = "this is certainly no database at all";
	char path[512];
	struct stat info;

	write_file(*state, STORE_INDEX_FILE, garbage, sizeof(garbage));
	check_refused(*state, ERR_FORMAT, "docs-bot index");
	fixture_path(path, *state, STORE_INDEX_FILE);
	assert_int_equal(unlink(path), 0);
	make_index(*state, 3);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(truncate(path, info.st_size / 2), 0);
	check_refused(*state, ERR_FORMAT, "docs-bot index");
	assert_int_equal(truncate(path, 70), 0);
	check_refused(*state, ERR_FORMAT, "docs-bot index");
}

static void test_damaged_cache_is_named(void **state)
{
	struct store *s;
	struct err err;
	unsigned char hash[STORE_HASH_SIZE] = {0};
	float vector[FIXTURE_DIMENSION];
	bool found;
	static const char garbage[1024] = "this is certainly no database at all";

	make_index(*state, 1);
	write_file(*state, STORE_CACHE_FILE, garbage, sizeof(garbage));
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_OK);
	assert_int_equal(count_documents(s), 1); /* what does not need it still works */
	assert_int_equal(
		store_cache_get(s, model.model, hash, vector, FIXTURE_DIMENSION, &found, &err),
		ERR_FORMAT);
	assert_non_null(strstr(err.message, STORE_CACHE_FILE));
	assert_non_null(strstr(err.message, "remove it"));
	store_close(s);
}

static void test_foreign_database_is_left_alone(void **state)
{
	(void)ask(*state, STORE_INDEX_FILE, "CREATE TABLE theirs(x); INSERT INTO theirs VALUES(7)");
	check_refused(*state, ERR_FORMAT, "another program");
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "SELECT x FROM theirs"), 7);
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void test_reader_needs_an_index(void **state)
{
	struct store *s;
	struct err err;
	char path[512];

	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "docs-bot index"));
	write_file(*state, STORE_INDEX_FILE, "", 0);
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_NOTFOUND);
	/* Made, but never published. */
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_OK);
	store_close(s);
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_NOTFOUND);
	/* Opening for writing makes the folders. */
	fixture_path(path, *state, "new/folder");
	assert_int_equal(open_store(path, true, NULL, &s, &err), ERR_OK);
	store_close(s);
}

/* The file that a reader holds open lives on without its name; readers must hear of it. */
static void test_removed_index_is_noticed(void **state)
{
	struct store *reader;
	struct store_stats stats;
	uint64_t generation;
	struct arena arena;
	struct err err = {ERR_OK, ""};
	char path[512];

	make_index(*state, 1);
	assert_int_equal(open_store(*state, false, NULL, &reader, &err), ERR_OK);
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(store_stats(reader, &arena, &stats, &err), ERR_OK);
	fixture_path(path, *state, STORE_INDEX_FILE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_stats(reader, &arena, &stats, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "removed or replaced"));
	assert_int_equal(store_generation(reader, &generation, &err), ERR_NOTFOUND);
	arena_release(&arena);
	store_close(reader);
}

static void test_unusable_folder(void **state)
{
	char path[512];
	struct store *s;
	struct err err;

	write_file(*state, "file", "x", 1);
	fixture_path(path, *state, "file");
	assert_int_not_equal(open_store(path, true, NULL, &s, &err), ERR_OK);
	fixture_path(path, *state, STORE_INDEX_FILE);
	assert_int_equal(mkdir(path, 0755), 0);
	check_refused(*state, ERR_IO, "permissions");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(open_store("", true, NULL, &s, &err), ERR_INVALID);
	if (!geteuid())
		return; /* permissions do not bind root */
	assert_int_equal(chmod(*state, 0500), 0);
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_IO);
	assert_int_equal(chmod(*state, 0700), 0);
}

/* The index that an older docs-bot left: a reader asks for a run, and a run keeps what is in it. */
static void test_oldest_index_is_migrated(void **state)
{
	struct sqldb_schema oldest = store_index_schema;
	struct sqldb db = {0};
	struct err err;
	struct store *s;
	struct arena arena;
	struct store_passage passage;
	char path[512];

	fixture_path(path, *state, STORE_INDEX_FILE);
	db.path = path;
	db.advice = "";
	oldest.step_count = 1;
	assert_int_equal(sqlite3_open(path, &db.handle), SQLITE_OK);
	assert_int_equal(store_schema_check(&db, &oldest, true, &err), ERR_OK);
	assert_int_equal(sqlite3_close(db.handle), SQLITE_OK);
	(void)ask(*state, STORE_INDEX_FILE,
		  "UPDATE meta SET value = 1 WHERE key = 'generation';"
		  "INSERT INTO documents VALUES(7, 's', 'p.md', 'T', '', 'u', 'doc', 'h', 1);"
		  "INSERT INTO sections VALUES(1, 7, 0, 1, '', 'T', '', '', 'words', '');");
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "docs-bot index"));
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_OK);
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(store_passage(s, 7, 0, &arena, &passage, &err), ERR_OK);
	assert_true(str_eq(passage.text, STR("words")));
	assert_true(str_eq(passage.url, STR("u")));
	assert_int_equal(passage.repo.len + passage.version.len + passage.first_line, 0);
	arena_release(&arena);
	store_close(s);
}

static void ignore_address(void *ctx, struct str url)
{
	(void)ctx;
	(void)url;
}

static void ignore_witness(void *ctx, const struct store_witness *witness)
{
	(void)ctx;
	(void)witness;
}

/* A service that is newer than its index goes on reading it: only what links say is not known. */
static void test_reader_takes_version_5(void **state)
{
	struct sqldb_schema older = store_index_schema;
	const struct store_host_sink sink = {NULL, ignore_address, ignore_witness};
	struct sqldb db = {0};
	struct err err;
	struct store *s;
	char path[512];

	fixture_path(path, *state, STORE_INDEX_FILE);
	db.path = path;
	db.advice = "";
	older.step_count = 5;
	assert_int_equal(sqlite3_open(path, &db.handle), SQLITE_OK);
	assert_int_equal(store_schema_check(&db, &older, true, &err), ERR_OK);
	assert_int_equal(sqlite3_close(db.handle), SQLITE_OK);
	(void)ask(*state, STORE_INDEX_FILE, "UPDATE meta SET value = 1 WHERE key = 'generation'");
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_OK);
	assert_int_equal(store_hosts(s, 3, &sink, &err), ERR_OK);
	store_close(s);
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "PRAGMA user_version"), 5);
}

static void test_migration(void **state)
{
	static const char *const steps[] = {"CREATE TABLE t(x); INSERT INTO t VALUES(1);",
					    "ALTER TABLE t ADD COLUMN y DEFAULT 5;",
					    "UPDATE t SET x = x + y;"};
	static const char *const broken[] = {"", "", "", "CREATE TABLE u(x); no such statement"};
	struct sqldb_schema schema = {0x1234, steps, 1, 0};
	struct sqldb db = {0};
	struct err err;
	char path[512];

	fixture_path(path, *state, "test.sqlite");
	db.path = path;
	db.advice = "";
	assert_int_equal(sqlite3_open(path, &db.handle), SQLITE_OK);
	assert_int_equal(store_schema_check(&db, &schema, false, &err), ERR_NOTFOUND);
	assert_int_equal(store_schema_check(&db, &schema, true, &err), ERR_OK);
	assert_int_equal(ask(*state, "test.sqlite", "PRAGMA user_version"), 1);
	assert_int_equal(ask(*state, "test.sqlite", "PRAGMA application_id"), 0x1234);
	schema.step_count = 3;
	assert_int_equal(store_schema_check(&db, &schema, false, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "docs-bot index"));
	assert_int_equal(store_schema_check(&db, &schema, true, &err), ERR_OK);
	assert_int_equal(ask(*state, "test.sqlite", "SELECT x FROM t"), 6);
	assert_int_equal(ask(*state, "test.sqlite", "PRAGMA user_version"), 3);
	assert_int_equal(store_schema_check(&db, &schema, true, &err), ERR_OK); /* nothing to do */
	assert_int_equal(ask(*state, "test.sqlite", "SELECT x FROM t"), 6);
	/* A step that fails leaves the old version whole. */
	schema = (struct sqldb_schema){0x1234, broken, 4, 0};
	assert_int_not_equal(store_schema_check(&db, &schema, true, &err), ERR_OK);
	assert_int_equal(ask(*state, "test.sqlite", "PRAGMA user_version"), 3);
	assert_int_equal(
		ask(*state, "test.sqlite", "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"),
		0);
	assert_int_equal(sqlite3_close(db.handle), SQLITE_OK);
}

static void test_deletion_leaves_no_postings(void **state)
{
	static const char check[] =
		"INSERT INTO sections_fts(sections_fts, rank) VALUES('integrity-check', 1);"
		"INSERT INTO pages_fts(pages_fts) VALUES('integrity-check');"
		"CREATE VIRTUAL TABLE temp.s USING fts5vocab(main, sections_fts, row);"
		"CREATE VIRTUAL TABLE temp.p USING fts5vocab(main, pages_fts, row);";
	char sql[1024];
	struct store *s;
	struct err err;
	uint64_t documents, chunks;

	make_index(*state, 3);
	(void)snprintf(sql, sizeof(sql), "%s%s", check,
		       "SELECT (SELECT count(*) FROM s WHERE term IN ('beta', 'twoword', 'word'))"
		       " + (SELECT count(*) FROM p WHERE term IN ('beta', 'twoword', 'word'))");
	assert_int_equal(ask(*state, STORE_INDEX_FILE, sql), 6);
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_OK);
	assert_int_equal(store_begin(s, &model, false, &err), ERR_OK);
	assert_int_equal(put(s, "a.md", 1, 1, &err), ERR_OK); /* replaced: only alpha is left */
	assert_int_equal(put(s, "b.md", 3, 1, &err), ERR_OK);
	assert_int_equal(store_publish(s, 1, &err), ERR_OK);
	assert_int_equal(store_begin(s, &model, false, &err), ERR_OK);
	assert_int_equal(put(s, "a.md", 1, 1, &err), ERR_OK);
	assert_int_equal(store_sweep(s, STR("site"), &documents, &chunks, &err), ERR_OK);
	assert_int_equal(documents, 1);
	assert_int_equal(chunks, 4);
	assert_int_equal(store_publish(s, 1, &err), ERR_OK);
	(void)snprintf(sql, sizeof(sql), "%s%s", check,
		       "SELECT (SELECT count(*) FROM s WHERE term IN ('beta', 'twoword', 'gamma'))"
		       " + (SELECT count(*) FROM p WHERE term IN ('beta', 'twoword', 'gamma'))");
	assert_int_equal(ask(*state, STORE_INDEX_FILE, sql), 0);
	assert_int_equal(ask(*state, STORE_INDEX_FILE,
			     "PRAGMA foreign_key_check; SELECT count(*) FROM sections"),
			 1);
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "SELECT count(*) FROM chunks"), 2);
	assert_int_equal(store_begin(s, &model, true, &err), ERR_OK);
	assert_int_equal(store_publish(s, 1, &err), ERR_OK);
	(void)snprintf(
		sql, sizeof(sql), "%s%s", check,
		"SELECT (SELECT count(*) FROM s) + (SELECT count(*) FROM p)"
		" + (SELECT count(*) FROM chunks) + (SELECT count(*) FROM pages_fts_content)");
	assert_int_equal(ask(*state, STORE_INDEX_FILE, sql), 0);
	store_close(s);
}

static void test_full_disk(void **state)
{
	struct store *s;
	struct store_sqlite *sqlite;
	struct err err;
	char path[32];
	unsigned char hash[STORE_HASH_SIZE] = {0};
	float vector[FIXTURE_DIMENSION] = {1};
	enum err_code code = ERR_OK;

	make_index(*state, 3);
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_OK);
	sqlite = (struct store_sqlite *)s;
	/* The page limit gives the same SQLITE_FULL as a full disk. */
	assert_int_equal(sqlite3_exec(sqlite->index.handle, "PRAGMA max_page_count = 60", 0, 0, 0),
			 SQLITE_OK);
	assert_int_equal(store_begin(s, &model, false, &err), ERR_OK);
	for (int i = 0; !code && i < 10000; i++) {
		(void)snprintf(path, sizeof(path), "%d.md", i);
		code = put(s, path, 3, 1, &err);
	}
	assert_int_equal(code, ERR_FULL);
	assert_non_null(strstr(err.message, "free some space"));
	assert_non_null(strstr(err.message, STORE_INDEX_FILE));
	assert_int_equal(put(s, "more.md", 3, 1, &err), ERR_INVALID);
	assert_int_equal(store_publish(s, 1, &err), ERR_INVALID);
	store_rollback(s);
	assert_int_equal(count_documents(s), 1);
	assert_int_equal(
		sqlite3_exec(sqlite->index.handle, "PRAGMA max_page_count = 100000", 0, 0, 0),
		SQLITE_OK);
	assert_int_equal(store_begin(s, &model, false, &err), ERR_OK);
	assert_int_equal(put(s, "b.md", 3, 1, &err), ERR_OK);
	assert_int_equal(store_publish(s, 1, &err), ERR_OK);
	assert_int_equal(count_documents(s), 2);

	assert_int_equal(store_sqlite_need_cache(sqlite, &err), ERR_OK);
	assert_int_equal(sqlite3_exec(sqlite->cache.handle, "PRAGMA max_page_count = 8", 0, 0, 0),
			 SQLITE_OK);
	for (int i = 0;
	     !(code = store_cache_put(s, model.model, hash, vector, FIXTURE_DIMENSION, &err)) &&
	     i < 10000;
	     i++) {
		hash[0] = (unsigned char)i;
		hash[1] = (unsigned char)(i >> 8);
	}
	assert_int_equal(code, ERR_FULL);
	store_close(s);
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_OK);
	assert_int_equal(count_documents(s), 2);
	store_close(s);
}

/* The child: writes half a run, then dies as by the OOM killer. */
static void die_while_writing(const char *dir)
{
	struct store *s;
	struct err err;
	unsigned char hash[STORE_HASH_SIZE] = {0};
	float vector[FIXTURE_DIMENSION] = {1};

	if (open_store(dir, true, NULL, &s, &err) || store_begin(s, &model, true, &err))
		_exit(1);
	/* Little page cache, so that the dying transaction has reached the log. */
	(void)sqlite3_exec(((struct store_sqlite *)s)->index.handle, "PRAGMA cache_size = 10", 0, 0,
			   0);
	for (uint32_t i = 0; i < 200; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "child-%u.md", i);
		hash[0] = (unsigned char)i;
		if (put(s, path, 3, i, &err) ||
		    store_cache_put(s, model.model, hash, vector, FIXTURE_DIMENSION, &err))
			_exit(1);
	}
	(void)raise(SIGKILL);
	_exit(1);
}

static void test_killed_run_leaves_the_published_state(void **state)
{
	struct store *s;
	struct arena arena;
	struct store_stats stats;
	struct store_hits hits;
	struct err err;
	pid_t child;
	int status;

	make_index(*state, 3);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		die_while_writing(*state);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_OK);
	assert_int_equal(store_stats(s, &arena, &stats, &err), ERR_OK);
	assert_int_equal(stats.documents, 1);
	assert_int_equal(stats.generation, 1);
	assert_true(stats.cached_embeddings >= 137); /* of 200: less than a batch of 64 is lost */
	assert_int_equal(
		store_search_text(s, STORE_TEXT_PAGES, STR("beta"), 9, &arena, &hits, &err),
		ERR_OK);
	assert_int_equal(hits.count, 1);
	store_close(s);
	make_index(*state, 2); /* the lock died with its owner */
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "PRAGMA integrity_check(1)"), 0);
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "SELECT count(*) FROM documents"), 1);
	arena_release(&arena);
}

/* Every call must end with a result or an error, whatever the pages hold. */
static void test_flipped_bytes_never_crash(void **state)
{
	char path[512];
	struct stat info;
	char *good, *bad;
	uint32_t random = 7;
	FILE *file;

	make_index(*state, 3);
	fixture_path(path, *state, STORE_INDEX_FILE);
	assert_int_equal(stat(path, &info), 0);
	good = malloc((size_t)info.st_size);
	bad = malloc((size_t)info.st_size);
	assert_non_null(good);
	assert_non_null(bad);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fread(good, 1, (size_t)info.st_size, file), info.st_size);
	assert_int_equal(fclose(file), 0);
	for (int round = 0; round < 100; round++) {
		struct store *s;
		struct arena arena;
		struct store_hits hits;
		struct store_passage passage;
		struct err err;
		float vector[FIXTURE_DIMENSION] = {1};

		memcpy(bad, good, (size_t)info.st_size);
		for (int i = 0; i < 40; i++) {
			random = random * 1664525U + 1013904223U;
			/* Not the header page, or nothing would ever get past opening. */
			bad[4096 + (random >> 4) % ((uint32_t)info.st_size - 4096)] ^=
				(char)(1 << (random >> 29));
		}
		write_file(*state, STORE_INDEX_FILE, bad, (size_t)info.st_size);
		arena_init(&arena, alloc_default(), 1 << 24);
		if (!open_store(*state, true, NULL, &s, &err)) {
			enum err_code code =
				store_search_vector(s, STORE_SECTION, vector, FIXTURE_DIMENSION, 5,
						    &arena, &hits, &err);

			assert_true(code || hits.count <= 5);
			code = store_search_text(s, STORE_TEXT_SECTIONS, STR("alpha beta"), 5,
						 &arena, &hits, &err);
			assert_true(code || hits.count <= 5);
			code = store_passage(s, 1, 0, &arena, &passage, &err);
			assert_true(code || passage.document_id == 1);
			if (!store_begin(s, &model, false, &err) && !put(s, "a.md", 2, 1, &err))
				(void)!store_publish(s, 1, &err);
			store_close(s);
		}
		arena_release(&arena);
	}
	free(bad);
	free(good);
}

static enum err_code whole_round(const char *dir, struct err *err)
{
	struct store *s = NULL;
	struct arena arena;
	struct store_hits hits;
	float vector[FIXTURE_DIMENSION] = {1};
	unsigned char hash[STORE_HASH_SIZE] = {1};
	enum err_code code = open_store(dir, true, NULL, &s, err);

	arena_init(&arena, alloc_default(), 1 << 20);
	if (!code)
		code = store_begin(s, &model, false, err);
	if (!code)
		code = store_cache_put(s, model.model, hash, vector, FIXTURE_DIMENSION, err);
	if (!code)
		code = put(s, "a.md", 2, 1, err);
	if (!code)
		code = store_publish(s, 1, err);
	if (!code)
		code = store_search_vector(s, STORE_SECTION, vector, FIXTURE_DIMENSION, 5, &arena,
					   &hits, err);
	if (!code && hits.count != 2)
		code = err_set(err, ERR_INTERNAL, "%zu vectors found", hits.count);
	if (!code)
		code = store_search_text(s, STORE_TEXT_SECTIONS, STR("two words"), 5, &arena, &hits,
					 err);
	if (!code && hits.count != 2)
		code = err_set(err, ERR_INTERNAL, "%zu texts found", hits.count);
	store_close(s);
	arena_release(&arena);
	return code;
}

/* SQLite's own allocations fail one after the other, every 11th of some thousands. */
static void test_sqlite_out_of_memory(void **state)
{
	struct store *s;
	struct err err;
	size_t refused = 0;

	make_index(*state, 1);
	for (long n = 0;; n += 11) {
		enum err_code code;

		memory.countdown = n;
		memory.failed = false;
		code = whole_round(*state, &err);
		memory.countdown = -1;
		if (!memory.failed) {
			assert_int_equal(code, ERR_OK);
			break;
		}
		/* SQLite can do without some of its allocations. */
		if (code && code != ERR_NOMEM)
			fail_msg("allocation %ld: %s: %s", n, err_label(code), err.message);
		refused += code == ERR_NOMEM;
		assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_OK);
		assert_int_equal(count_documents(s), 1);
		store_close(s);
	}
	assert_true(refused > 20);
	assert_int_equal(ask(*state, STORE_INDEX_FILE, "SELECT count(*) FROM documents"), 1);
}

struct reader {
	pthread_t thread;
	const char *dir;
	struct store_vectors *vectors;
	size_t searches, mixed;
	enum err_code code;
	struct err err;
	atomic_bool *stop;
};

/* Every generation holds exactly one document, so all hits of one search must name the same. */
static void *read_on(void *ctx)
{
	struct reader *r = ctx;
	struct store *s = NULL;
	struct arena arena;
	float vector[FIXTURE_DIMENSION];

	fixture_vector(vector, FIXTURE_DIMENSION, 3);
	arena_init(&arena, alloc_default(), 1 << 20);
	r->code = open_store(r->dir, false, r->vectors, &s, &r->err);
	while (!r->code && (!r->searches || !atomic_load(r->stop))) {
		struct store_hits hits;

		r->code = store_search_vector(s, STORE_SECTION, vector, FIXTURE_DIMENSION, 9,
					      &arena, &hits, &r->err);
		if (r->code)
			break;
		r->searches++;
		r->mixed += hits.count == 0;
		for (size_t i = 1; i < hits.count; i++)
			r->mixed += hits.items[i].document_id != hits.items[0].document_id;
		arena_reset(&arena);
	}
	store_close(s);
	arena_release(&arena);
	return NULL;
}

static void test_threads_share_vectors(void **state)
{
	enum { READERS = 3, GENERATIONS = 30 };
	struct reader readers[READERS];
	struct store_vectors *vectors;
	struct store *s;
	struct err err;
	atomic_bool stop = false;

	make_index(*state, 1);
	assert_int_equal(store_vectors_new(alloc_default(), &vectors, &err), ERR_OK);
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.dir = *state, .vectors = vectors, .stop = &stop};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	assert_int_equal(open_store(*state, true, vectors, &s, &err), ERR_OK);
	for (uint32_t i = 0; i < GENERATIONS; i++) {
		assert_int_equal(store_begin(s, &model, false, &err), ERR_OK);
		assert_int_equal(put(s, "a.md", i % 3 + 1, i, &err), ERR_OK);
		assert_int_equal(store_publish(s, i, &err), ERR_OK);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		if (readers[i].code)
			fail_msg("%s", readers[i].err.message);
		assert_true(readers[i].searches > 0);
		assert_int_equal(readers[i].mixed, 0);
	}
	store_close(s);
	store_vectors_free(vectors);
}

static void test_vectors_of_two_indexes_are_not_confused(void **state)
{
	struct store_vectors *vectors;
	struct store *first, *second;
	struct arena arena;
	struct store_hits hits;
	struct err err;
	char other[512];
	float vector[FIXTURE_DIMENSION] = {1};

	fixture_path(other, *state, "other");
	make_index(*state, 1);
	make_index(other, 3); /* the same generation number */
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(store_vectors_new(alloc_default(), &vectors, &err), ERR_OK);
	assert_int_equal(open_store(*state, false, vectors, &first, &err), ERR_OK);
	assert_int_equal(open_store(other, false, vectors, &second, &err), ERR_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_search_vector(first, STORE_SECTION, vector,
						     FIXTURE_DIMENSION, 9, &arena, &hits, &err),
				 ERR_OK);
		assert_int_equal(hits.count, 1);
		assert_int_equal(store_search_vector(second, STORE_SECTION, vector,
						     FIXTURE_DIMENSION, 9, &arena, &hits, &err),
				 ERR_OK);
		assert_int_equal(hits.count, 3);
	}
	store_close(first);
	store_close(second);
	store_vectors_free(vectors);
	arena_release(&arena);
}

/* What a run or a search does for every page must not look at every page. */
static void test_single_rows_are_found_by_index(void **state)
{
	static const enum store_index_stmt stmts[] = {INDEX_FIND_DOCUMENT,   INDEX_MARK_SEEN,
						      INDEX_DELETE_DOCUMENT, INDEX_VECTOR,
						      INDEX_PASSAGE,         INDEX_CHUNK_TEXT};
	struct store *s;
	struct err err;

	make_index(*state, 1);
	assert_int_equal(open_store(*state, true, NULL, &s, &err), ERR_OK);
	for (size_t i = 0; i < sizeof(stmts) / sizeof(stmts[0]); i++) {
		char sql[1024];
		sqlite3_stmt *plan;
		int steps = 0;

		(void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s",
			       store_index_sql[stmts[i]]);
		assert_int_equal(sqlite3_prepare_v2(((struct store_sqlite *)s)->index.handle, sql,
						    -1, &plan, NULL),
				 SQLITE_OK);
		for (; sqlite3_step(plan) == SQLITE_ROW; steps++)
			if (strstr((const char *)sqlite3_column_text(plan, 3), "SCAN"))
				fail_msg("%s: %s", sql, sqlite3_column_text(plan, 3));
		assert_true(steps > 0);
		(void)sqlite3_finalize(plan);
	}
	store_close(s);
}

/* A service opens a reader for every worker: their page caches must be small. */
static void test_readers_keep_few_pages(void **state)
{
	struct err err;

	make_index(*state, 1);
	for (int write = 0; write < 2; write++) {
		struct store *s;
		int64_t kib = 0;

		assert_int_equal(open_store(*state, write, NULL, &s, &err), ERR_OK);
		assert_int_equal(sqldb_int(&((struct store_sqlite *)s)->index, "PRAGMA cache_size",
					   &kib, &err),
				 ERR_OK);
		assert_int_equal(kib, write ? -32768 : -2048);
		store_close(s);
	}
}

/* put() refuses such vectors; a file from elsewhere may hold them, and they have no score. */
static void test_vector_that_is_no_number(void **state)
{
	static const char update[] =
		"UPDATE chunks SET vector = x'"
		"0000C07F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F"
		"0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F"
		"' WHERE unit = 1 AND ordinal = 1";
	struct store_hits hits;
	struct arena arena;
	struct store *s;
	struct err err;
	float vector[FIXTURE_DIMENSION] = {1};

	make_index(*state, 3);
	(void)ask(*state, STORE_INDEX_FILE, update);
	assert_int_equal(ask(*state, STORE_INDEX_FILE,
			     "SELECT count(*) FROM chunks WHERE"
			     " hex(vector) LIKE '0000C07F%'"),
			 1);
	assert_int_equal(open_store(*state, false, NULL, &s, &err), ERR_OK);
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(store_search_vector(s, STORE_SECTION, vector, FIXTURE_DIMENSION, 9, &arena,
					     &hits, &err),
			 ERR_OK);
	assert_int_equal(hits.count, 2);
	for (size_t i = 0; i < hits.count; i++)
		assert_int_not_equal(hits.items[i].first_section, 1);
	arena_release(&arena);
	store_close(s);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_newer_schema),
		TEST(test_damaged_files),
		TEST(test_damaged_cache_is_named),
		TEST(test_foreign_database_is_left_alone),
		TEST(test_reader_needs_an_index),
		TEST(test_removed_index_is_noticed),
		TEST(test_unusable_folder),
		TEST(test_oldest_index_is_migrated),
		TEST(test_reader_takes_version_5),
		TEST(test_migration),
		TEST(test_deletion_leaves_no_postings),
		TEST(test_full_disk),
		TEST(test_killed_run_leaves_the_published_state),
		TEST(test_flipped_bytes_never_crash),
		TEST(test_sqlite_out_of_memory),
		TEST(test_threads_share_vectors),
		TEST(test_vectors_of_two_indexes_are_not_confused),
		TEST(test_vector_that_is_no_number),
		TEST(test_readers_keep_few_pages),
		TEST(test_single_rows_are_found_by_index),
	};
	sqlite3_mem_methods counting;

	/* Before SQLite is first used: afterwards its allocator is fixed. */
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real) != SQLITE_OK)
		return 1;
	counting = memory.real;
	counting.xMalloc = memory_malloc;
	counting.xRealloc = memory_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &counting) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
