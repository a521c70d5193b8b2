/* What the files of the SQLite store share. Nothing outside this folder and its tests includes it. */
#ifndef DOCS_BOT_STORE_SQLITE_INTERNAL_H
#define DOCS_BOT_STORE_SQLITE_INTERNAL_H

#include "base/sqldb.h"
#include "base/vec.h"
#include "base/veci8.h"
#include "store/sqlite/sqlite.h"

#define STORE_INDEX_FILE "index.sqlite"
#define STORE_CACHE_FILE "embeddings.sqlite"
#define STORE_LOCK_FILE  "index.lock"

/* --- db.c: the statements of both files --- */

enum store_index_stmt {
	INDEX_BEGIN_READ,
	INDEX_BEGIN_WRITE,
	INDEX_COMMIT,
	INDEX_STATE,
	INDEX_STATS,
	INDEX_SET_META,
	INDEX_HAS_DOCUMENT,
	INDEX_CLEAR,
	INDEX_FIND_DOCUMENT,
	INDEX_FIND_DOCUMENT_ID,
	INDEX_MARK_SEEN,
	INDEX_DELETE_DOCUMENT,
	INDEX_PUT_DOCUMENT,
	INDEX_PUT_SECTION,
	INDEX_PUT_PAGE,
	INDEX_PUT_CHUNK,
	INDEX_PUT_PENDING,
	INDEX_PENDING,
	INDEX_HAS_PENDING,
	INDEX_SET_VECTOR,
	INDEX_DELETE_PENDING,
	INDEX_COUNT_UNSEEN,
	INDEX_DELETE_UNSEEN,
	INDEX_COUNT_VECTORS,
	INDEX_VECTORS,
	INDEX_VECTOR,
	INDEX_SEARCH_SECTIONS,
	INDEX_SEARCH_PAGES,
	INDEX_PUT_MARKS,
	INDEX_PUT_DUPLICATE,
	INDEX_LIST,
	INDEX_PASSAGE,
	INDEX_CHUNK_TEXT,
	INDEX_WORDS,
	INDEX_WORD_ROWS,
	INDEX_SECTION_COUNT,
	INDEX_DOCUMENT_INFO,
	INDEX_DOCUMENT_BY_PATH,
	INDEX_PUT_LINK,
	INDEX_PUT_PRINT,
	INDEX_HAS_LINKS,
	INDEX_ORIGINS,
	INDEX_WITNESSES,
	INDEX_STMT_COUNT
};

enum store_cache_stmt {
	CACHE_BEGIN,
	CACHE_COMMIT,
	CACHE_GET,
	CACHE_PUT,
	CACHE_COUNT,
	CACHE_STMT_COUNT
};

_Static_assert(INDEX_STMT_COUNT <= SQLDB_STATEMENTS, "raise SQLDB_STATEMENTS");

extern const char *const store_index_sql[INDEX_STMT_COUNT];
extern const char *const store_cache_sql[CACHE_STMT_COUNT];

/* --- schema.c --- */

extern const struct sqldb_schema store_index_schema, store_cache_schema;

/*
 * Checks that the open file is ours and of a version this program knows. `write`: creates the
 * schema in an empty file and brings an older one up to date, in one transaction. Otherwise an
 * empty file is ERR_NOTFOUND and one older than readable_from ERR_UNSUPPORTED.
 */
enum err_code store_schema_check(struct sqldb *db, const struct sqldb_schema *schema, bool write,
				 struct err *err) WARN_UNUSED;

/* --- the instance --- */

struct matrix; /* vectors.c */

/* FTS5's tokenizer, opened when it is first needed. */
struct store_stemmer {
	fts5_tokenizer tokenizer;
	Fts5Tokenizer *instance; /* NULL: not open */
};

struct store_sqlite {
	struct store base;
	const struct alloc *alloc;
	const struct logger *log;
	const struct vec_ops *vec;
	const struct veci8_ops *codes;
	struct sqldb index, cache;
	struct store_stemmer stemmer;
	bool writable;
	struct store_vectors *vectors;
	bool own_vectors;

	/* the run */
	bool running;
	bool failed; /* a write failed half-way: only rollback is left */
	int64_t run;
	size_t dimension;
	char *cache_key; /* owned; NULL: none */
	char *lock_path; /* owned */
	int lock;        /* descriptor of the file whose lock is the right to write, or -1 */

	/* the snapshot that reading calls are held to */
	bool held;
	struct matrix *held_matrix;

	/* puts into the cache since its last commit */
	size_t cache_pending;
	int64_t cache_since_us;
};

/* What the meta table says about the published (or, within a run, the coming) state. */
struct store_state {
	int64_t instance; /* random, made with the file */
	uint64_t generation;
	int64_t run, published_ms;
	struct str model, cache_key; /* in the arena, empty when the arena is NULL */
	size_t dimension;
};

enum err_code store_sqlite_state(struct store_sqlite *s, struct arena *arena,
				 struct store_state *out, struct err *err) WARN_UNUSED;

/* Opens the cache file if it is not open. Reader without such a file: ERR_NOTFOUND. */
enum err_code store_sqlite_need_cache(struct store_sqlite *s, struct err *err) WARN_UNUSED;

/* Makes what was put durable; failure is logged, the cache only saves work. */
void store_sqlite_cache_flush(struct store_sqlite *s);

/* The right to write, and a write transaction; ERR_BUSY when another has it. write.c */
enum err_code store_sqlite_begin_write(struct store_sqlite *s, struct err *err) WARN_UNUSED;
/* ERR_INVALID when no run is writing, or it has failed. */
enum err_code store_sqlite_check_running(const struct store_sqlite *s, struct err *err) WARN_UNUSED;
/* What the run's vectors are of. */
enum err_code store_sqlite_take_key(struct store_sqlite *s, const struct store_identity *identity,
				    struct err *err) WARN_UNUSED;
/* Stores a chunk as one that waits, within the run. pending.c */
enum err_code store_sqlite_put_pending(struct store_sqlite *s, const struct store_chunk *chunk,
				       int64_t chunk_id, struct err *err) WARN_UNUSED;
enum err_code store_sqlite_has_pending(struct store_sqlite *s, bool *any,
				       struct err *err) WARN_UNUSED;

/* The operations, spread over write.c, pending.c, cache.c, read.c and vectors.c. */
enum err_code store_sqlite_stats(struct store *base, struct arena *arena, struct store_stats *out,
				 struct err *err);
enum err_code store_sqlite_generation(struct store *base, uint64_t *out, struct err *err);
enum err_code store_sqlite_begin(struct store *base, const struct store_identity *identity,
				 bool rebuild, struct err *err);
enum err_code store_sqlite_unchanged(struct store *base, struct str source, struct str path,
				     struct str content_hash, uint64_t *chunks, bool *same,
				     struct err *err);
enum err_code store_sqlite_unchanged_id(struct store *base, struct str source, struct str path,
					struct str content_id, uint64_t *chunks, bool *same,
					struct err *err);
enum err_code store_sqlite_put(struct store *base, const struct store_document *document,
			       struct err *err);
enum err_code store_sqlite_sweep(struct store *base, struct str source, uint64_t *documents,
				 uint64_t *chunks, struct err *err);
enum err_code store_sqlite_pending(struct store *base, const struct store_pending *after,
				   size_t max, struct arena *arena, struct store_pending_list *out,
				   struct err *err);
enum err_code store_sqlite_resume(struct store *base, const struct store_identity *identity,
				  struct err *err);
enum err_code store_sqlite_set_vector(struct store *base, int64_t pending_id, const float *vector,
				      struct err *err);
enum err_code store_sqlite_hold(struct store *base, uint64_t *generation, struct err *err);
void store_sqlite_release(struct store *base);
void store_sqlite_maintain(struct store *base);
enum err_code store_sqlite_list(struct store *base, struct str source, struct arena *arena,
				struct store_listing *out, struct err *err);
enum err_code store_sqlite_publish(struct store *base, int64_t wall_ms, struct err *err);
void store_sqlite_rollback(struct store *base);
enum err_code store_sqlite_cache_get(struct store *base, struct str model,
				     const unsigned char hash[STORE_HASH_SIZE], float *vector,
				     size_t dimension, bool *found, struct err *err);
enum err_code store_sqlite_cache_put(struct store *base, struct str model,
				     const unsigned char hash[STORE_HASH_SIZE], const float *vector,
				     size_t dimension, struct err *err);
enum err_code store_sqlite_search_vector(struct store *base, enum store_unit unit,
					 const float *query, size_t dimension, size_t k,
					 struct arena *arena, struct store_hits *out,
					 struct err *err);
enum err_code store_sqlite_search_text(struct store *base, enum store_text_scope scope,
				       struct str query, size_t k, struct arena *arena,
				       struct store_hits *out, struct err *err);
enum err_code store_sqlite_passage(struct store *base, int64_t document_id, uint32_t section,
				   struct arena *arena, struct store_passage *out, struct err *err);
enum err_code store_sqlite_chunk_text(struct store *base, int64_t document_id, enum store_unit unit,
				      uint32_t ordinal, struct arena *arena, struct str *out,
				      struct err *err);
enum err_code store_sqlite_document_info(struct store *base, int64_t document_id,
					 struct arena *arena, struct store_document_info *out,
					 struct err *err);
enum err_code store_sqlite_word_sections(struct store *base, const struct str *words, size_t count,
					 uint64_t *sections, uint64_t *total, struct err *err);
enum err_code store_sqlite_find_document(struct store *base, struct str path, int64_t *document_id,
					 uint32_t *section_count, struct err *err);

enum err_code store_sqlite_hosts(struct store *base, size_t least,
				 const struct store_host_sink *sink, struct err *err);
/* Writes the links and the print of a document, within the run. hosts.c */
enum err_code store_sqlite_put_links(struct store_sqlite *s, const struct store_document *document,
				     int64_t id, struct err *err) WARN_UNUSED;

/* --- spell.c --- */

/*
 * The query, followed by the stems that words in it may have been meant for which the index does not
 * hold. Lives in the arena or is the query itself.
 */
enum err_code store_sqlite_correct(struct store_sqlite *s, struct str query, struct arena *arena,
				   struct str *out, struct err *err) WARN_UNUSED;

/* Whether one letter added, missing or changed, or two swapped, make one word of the other. */
bool store_spell_near(struct str a, struct str b);

/* --- rare.c --- */

/*
 * The MATCH expression without the commonest of its terms, when together they name more rows than a
 * search may score; at least three that the index holds stay. `match` as store_text_query() makes it.
 */
enum err_code store_sqlite_rarest(struct store_sqlite *s, struct str match, struct arena *arena,
				  struct str *out, struct err *err) WARN_UNUSED;

/* In how many sections the word stands, in any of its inflections. */
enum err_code store_sqlite_word_rows(struct store_sqlite *s, struct str word, int64_t *rows,
				     struct err *err) WARN_UNUSED;

void store_stemmer_close(struct store_sqlite *s); /* before the database is */

/* --- text.c: pure functions --- */

#define STORE_TEXT_MAX_TERMS 64

/*
 * The FTS5 MATCH expression for free text: distinct words, identifiers joined and in parts, each
 * in double quotes, joined by OR. Stop words are left out unless there is nothing else, and of
 * more than STORE_TEXT_MAX_TERMS terms the joined identifiers and the longest words stay. Empty
 * when the text holds no word. Any bytes may come in; invalid UTF-8 separates words.
 */
enum err_code store_text_query(struct str query, struct arena *arena, struct str *match,
			       struct err *err) WARN_UNUSED;

/*
 * What the index holds beside the words of a text: for every identifier in it its joined form
 * ("spec.earlyStopping" gives "specearlystopping") and the parts that a tokenizer does not see
 * ("early stopping"), each once, separated by spaces.
 */
enum err_code store_text_identifiers(struct str text, struct arena *arena, struct str *out,
				     struct err *err) WARN_UNUSED;

/* --- floats as they stand in the files: f32, little-endian --- */

void store_floats_encode(const float *from, size_t count, unsigned char *to);
void store_floats_decode(const unsigned char *from, size_t count, float *to);
bool store_floats_finite(const float *values, size_t count);

#endif
