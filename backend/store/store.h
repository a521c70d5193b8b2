/*
 * The port to the index: documents, their sections, chunks with vectors, full text, and the
 * embedding cache. Backends: sqlite/. One run writes (store_begin … store_publish), readers see
 * the last published state. A chunk may be published without its vector, which a later step adds
 * (store_pending, store_resume): until then it is found by its words alone. An instance begins with
 * a pointer to its operations.
 *
 * Threads: one instance is used by one thread at a time; open one per worker. Instances in the
 * same process share nothing but the file, except the vector matrix, which readers of one
 * store_reader_group share (see sqlite/).
 */
#ifndef DOCS_BOT_STORE_STORE_H
#define DOCS_BOT_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define STORE_HASH_SIZE  32
#define STORE_PRINT_SIZE 128

/* Chunk kinds, see index/chunk.h. */
enum store_unit { STORE_WINDOW, STORE_SECTION, STORE_PARAGRAPH, STORE_UNIT_COUNT };

struct store_section {
	struct str heading, anchor, path, text; /* text: section_text(), whole and unsplit */
	int level;
	uint32_t first_line, last_line; /* of the source file, from 1; 0: unknown */
	bool duplicate;                 /* kept and shown, but found by no search */
};

struct store_chunk {
	enum store_unit unit;
	uint32_t ordinal;
	uint32_t first_section, last_section; /* ordinals of the document's sections */
	struct str text;
	/*
	 * `dimension` values, unit length. NULL: the one that the embedding cache holds for `hash`,
	 * and if there is none the chunk is stored without, see store_pending().
	 */
	const float *vector;
	const unsigned char *hash; /* [STORE_HASH_SIZE] of embed_text; NULL: not in the cache */
	struct str embed_text;     /* what is embedded; empty: the text itself */
};

/* That a document links to a host. */
struct store_link {
	struct str host; /* lower case, no port */
	uint64_t
		context; /* hash of the words in front of the first link: copies of it have the same */
};

struct store_document {
	struct str source, path, title, description, url, type; /* type: "doc" or "code" */
	struct str repo;    /* "kubeflow/website"; may be empty */
	struct str version; /* "1.9", from the page or its path; may be empty */
	bool archived;      /* the page belongs to an old version or is kept for the record */
	struct str
		content_hash; /* hex SHA-256 of bytes and of all settings that shape its chunks */
	/*
	 * What tells without the bytes that they are the same, settings included, such as a git
	 * blob's id; empty: unknown. See store_unchanged_id().
	 */
	struct str content_id;
	struct str marks; /* any bytes, what the indexer wants back from store_list() */
	const struct store_section *sections;
	size_t section_count;
	const struct store_chunk *chunks;
	size_t chunk_count;
	const struct store_link *links; /* distinct hosts */
	size_t link_count;
	const unsigned char *print; /* [STORE_PRINT_SIZE] MinHash of its words; NULL: none */
};

/* What a store knows of one document that links to a host. */
struct store_witness {
	struct str host;
	int64_t document_id;
	uint64_t context;           /* as in struct store_link */
	const unsigned char *print; /* [STORE_PRINT_SIZE], or NULL */
};

/* Receives what store_hosts() finds; views hold during the call. */
struct store_host_sink {
	void *ctx;
	void (*address)(void *ctx,
			struct str url); /* scheme and authority of documents' addresses */
	void (*witness)(void *ctx, const struct store_witness *witness);
};

/* What the index was made with; checked when it is opened. */
struct store_identity {
	struct str model;
	size_t dimension;
	/* Of the embedding cache; empty: chunks without a vector are not looked up there. */
	struct str cache_key;
};

struct store_stats {
	uint64_t documents, sections, chunks, cached_embeddings;
	uint64_t pending_chunks; /* of the chunks, those without a vector so far */
	uint64_t generation;     /* grows with every publish */
	struct str model;        /* empty in a fresh store */
	size_t dimension;
	int64_t published_ms; /* wall clock of the last publish, 0 if none */
};

/* A hit names a unit and how well it matched; higher is better. */
struct store_hit {
	int64_t document_id;
	uint32_t first_section, last_section; /* section ordinals; a page hit covers all */
	uint32_t ordinal;                     /* of the chunk within its kind; 0 for text hits */
	float score;                          /* cosine for vectors, BM25 (positive) for text */
};

struct store_hits {
	struct store_hit *items;
	size_t count;
	bool partial; /* vectors: some chunks of this kind have none yet and could not be found */
};

/* A chunk that waits for its vector. */
struct store_pending {
	int64_t id; /* never used for another chunk */
	int turn;   /* what helps retrieval most comes first */
	struct str text;
};

struct store_pending_list {
	struct store_pending *items;
	size_t count;
};

enum store_text_scope { STORE_TEXT_SECTIONS, STORE_TEXT_PAGES };

/* One section as retrieval hands it on. Text in the arena of the call. */
struct store_passage {
	int64_t document_id;
	uint32_t section;
	int level;
	struct str source, path, type, title, url; /* url of the page, without anchor */
	struct str heading, anchor, section_path, text;
	struct str repo, version; /* as in struct store_document */
	bool archived;
	uint32_t first_line, last_line; /* as in struct store_section */
};

/* What a document is, without its text. In the arena of the call. */
struct store_document_info {
	struct str source, path, type, title, url, repo, version; /* as in struct store_document */
	bool archived;
	uint32_t section_count;
};

struct store;

/* A document as the indexer knows it again. */
struct store_listed {
	struct str path, version, marks;
	bool archived;
	uint64_t chunks;
};

struct store_listing {
	struct store_listed *items; /* by path */
	size_t count;
};

struct store_ops {
	enum err_code (*stats)(struct store *s, struct arena *arena, struct store_stats *out,
			       struct err *err);
	enum err_code (*generation)(struct store *s, uint64_t *out, struct err *err);
	enum err_code (*begin)(struct store *s, const struct store_identity *identity, bool rebuild,
			       struct err *err);
	enum err_code (*unchanged)(struct store *s, struct str source, struct str path,
				   struct str content_hash, uint64_t *chunks, bool *same,
				   struct err *err);
	enum err_code (*unchanged_id)(struct store *s, struct str source, struct str path,
				      struct str content_id, uint64_t *chunks, bool *same,
				      struct err *err);
	enum err_code (*put)(struct store *s, const struct store_document *document,
			     struct err *err);
	enum err_code (*sweep)(struct store *s, struct str source, uint64_t *documents,
			       uint64_t *chunks, struct err *err);
	enum err_code (*list)(struct store *s, struct str source, struct arena *arena,
			      struct store_listing *out, struct err *err);
	enum err_code (*cache_get)(struct store *s, struct str model,
				   const unsigned char hash[STORE_HASH_SIZE], float *vector,
				   size_t dimension, bool *found, struct err *err);
	enum err_code (*cache_put)(struct store *s, struct str model,
				   const unsigned char hash[STORE_HASH_SIZE], const float *vector,
				   size_t dimension, struct err *err);
	enum err_code (*pending)(struct store *s, const struct store_pending *after, size_t max,
				 struct arena *arena, struct store_pending_list *out,
				 struct err *err);
	enum err_code (*resume)(struct store *s, const struct store_identity *identity,
				struct err *err);
	enum err_code (*set_vector)(struct store *s, int64_t pending_id, const float *vector,
				    struct err *err);
	enum err_code (*publish)(struct store *s, int64_t wall_ms, struct err *err);
	void (*rollback)(struct store *s);
	enum err_code (*search_vector)(struct store *s, enum store_unit unit, const float *query,
				       size_t dimension, size_t k, struct arena *arena,
				       struct store_hits *out, struct err *err);
	enum err_code (*search_text)(struct store *s, enum store_text_scope scope, struct str query,
				     size_t k, struct arena *arena, struct store_hits *out,
				     struct err *err);
	enum err_code (*passage)(struct store *s, int64_t document_id, uint32_t section,
				 struct arena *arena, struct store_passage *out, struct err *err);
	enum err_code (*chunk_text)(struct store *s, int64_t document_id, enum store_unit unit,
				    uint32_t ordinal, struct arena *arena, struct str *out,
				    struct err *err);
	enum err_code (*document_info)(struct store *s, int64_t document_id, struct arena *arena,
				       struct store_document_info *out, struct err *err);
	enum err_code (*find_document)(struct store *s, struct str path, int64_t *document_id,
				       uint32_t *section_count, struct err *err);
	enum err_code (*word_sections)(struct store *s, const struct str *words, size_t count,
				       uint64_t *sections, uint64_t *total, struct err *err);
	enum err_code (*hosts)(struct store *s, size_t least, const struct store_host_sink *sink,
			       struct err *err); /* NULL: it does not keep them */
	enum err_code (*hold)(struct store *s, uint64_t *generation, struct err *err);
	void (*release)(struct store *s);
	void (*maintain)(struct store *s);
	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

/* --- reading; never blocks on a running index --- */

enum err_code store_stats(struct store *s, struct arena *arena, struct store_stats *out,
			  struct err *err) WARN_UNUSED;

/*
 * stats.generation alone, which is cheap: whoever keeps a store open asks before each use whether
 * something else, perhaps of another model, was published. ERR_NOTFOUND when the index was removed
 * or replaced under its name.
 */
enum err_code store_generation(struct store *s, uint64_t *out, struct err *err) WARN_UNUSED;

/*
 * The k chunks of one kind whose cosine with `query` (`dimension` values, unit length) is highest,
 * exactly. ERR_MISMATCH when the index holds vectors of another dimension: it may have been rebuilt
 * with another model since it was opened.
 */
enum err_code store_search_vector(struct store *s, enum store_unit unit, const float *query,
				  size_t dimension, size_t k, struct arena *arena,
				  struct store_hits *out, struct err *err) WARN_UNUSED;

/*
 * BM25 over sections (heading weighted above text) or over whole pages (title weighted). `query`
 * is free text: it is never read as query syntax. Identifiers match whole and in parts.
 */
enum err_code store_search_text(struct store *s, enum store_text_scope scope, struct str query,
				size_t k, struct arena *arena, struct store_hits *out,
				struct err *err) WARN_UNUSED;

/* ERR_NOTFOUND when the index has changed since the hit. */
enum err_code store_passage(struct store *s, int64_t document_id, uint32_t section,
			    struct arena *arena, struct store_passage *out,
			    struct err *err) WARN_UNUSED;

/* The text of one chunk that a vector hit names. ERR_NOTFOUND when the index has changed since. */
enum err_code store_chunk_text(struct store *s, int64_t document_id, enum store_unit unit,
			       uint32_t ordinal, struct arena *arena, struct str *out,
			       struct err *err) WARN_UNUSED;

/* ERR_NOTFOUND when the index has changed since the hit. */
enum err_code store_document_info(struct store *s, int64_t document_id, struct arena *arena,
				  struct store_document_info *out, struct err *err) WARN_UNUSED;

/* A document by its path (of several sources the first by name); ERR_NOTFOUND when there is none. */
enum err_code store_find_document(struct store *s, struct str path, int64_t *document_id,
				  uint32_t *section_count, struct err *err) WARN_UNUSED;

/*
 * In how many sections each word stands, in any of its inflections, and how many sections there are:
 * document frequencies. A name with separators ("set_caching_options", "kubeflow.org/v1", "1.8.22") is
 * looked for as a whole, whatever its case. A word that stands in text that no search finds
 * (duplicates) counts 0. `sections` has `count` places.
 */
enum err_code store_word_sections(struct store *s, const struct str *words, size_t count,
				  uint64_t *sections, uint64_t *total, struct err *err) WARN_UNUSED;

/*
 * Where the documents are (each origin once), and, host by host, which documents of maintainers (types
 * "doc" and "code": not issues, which anybody writes) link to hosts that at least `least` of them link
 * to. An index that was made before links were kept has none.
 */
enum err_code store_hosts(struct store *s, size_t least, const struct store_host_sink *sink,
			  struct err *err) WARN_UNUSED;

/*
 * From now on all reading calls see the state published last, with its vectors in memory, whatever
 * is published meanwhile; *generation says which. Whoever holds a store must let go of it sooner or
 * later (store_release, or store_hold again), since what others write cannot be tidied up until
 * then. A store that writes cannot be held.
 */
enum err_code store_hold(struct store *s, uint64_t *generation, struct err *err) WARN_UNUSED;
void store_release(struct store *s); /* not held: nothing */

/*
 * Housekeeping for a process that keeps stores open for long: what was published since the last
 * time is merged, so that the store's log does not grow. Never waits; failure costs nothing.
 */
void store_maintain(struct store *s);

/* --- one indexing run: one transaction --- */

/*
 * ERR_BUSY when another run is writing, or is adding vectors; ERR_MISMATCH when the store holds another model's vectors
 * and `rebuild` is false (the message says what to do).
 */
enum err_code store_begin(struct store *s, const struct store_identity *identity, bool rebuild,
			  struct err *err) WARN_UNUSED;

/*
 * *same when the document is stored with this hash; it is then marked as seen in this run and
 * *chunks is how many chunks it has.
 */
enum err_code store_unchanged(struct store *s, struct str source, struct str path,
			      struct str content_hash, uint64_t *chunks, bool *same,
			      struct err *err) WARN_UNUSED;

/*
 * The same, asked by store_document.content_id before the bytes are read; never *same for an empty
 * one.
 */
enum err_code store_unchanged_id(struct store *s, struct str source, struct str path,
				 struct str content_id, uint64_t *chunks, bool *same,
				 struct err *err) WARN_UNUSED;

/* Inserts or replaces, and marks as seen. */
enum err_code store_put(struct store *s, const struct store_document *document,
			struct err *err) WARN_UNUSED;

/* Deletes this source's documents that the run has not seen; says how much went. */
enum err_code store_sweep(struct store *s, struct str source, uint64_t *documents, uint64_t *chunks,
			  struct err *err) WARN_UNUSED;

/* All documents of a source as the run has them by now, in the arena. */
enum err_code store_list(struct store *s, struct str source, struct arena *arena,
			 struct store_listing *out, struct err *err) WARN_UNUSED;

/*
 * The embedding cache, by model and SHA-256 of the text. What is put survives a rollback (it is
 * true whatever becomes of the run), so an interrupted run continues where it was.
 */
enum err_code store_cache_get(struct store *s, struct str model,
			      const unsigned char hash[STORE_HASH_SIZE], float *vector,
			      size_t dimension, bool *found, struct err *err) WARN_UNUSED;
enum err_code store_cache_put(struct store *s, struct str model,
			      const unsigned char hash[STORE_HASH_SIZE], const float *vector,
			      size_t dimension, struct err *err) WARN_UNUSED;

/*
 * At most `max` chunks without a vector, those first that stand behind `after` (NULL: all do), by
 * turn and id. Within a run, or between its steps. Texts in the arena.
 */
enum err_code store_pending(struct store *s, const struct store_pending *after, size_t max,
			    struct arena *arena, struct store_pending_list *out,
			    struct err *err) WARN_UNUSED;

/*
 * Begins a step that only adds vectors to what is published; store_publish() ends it. ERR_MISMATCH
 * when the index is not of this identity (cache_key included): another run has replaced it.
 */
enum err_code store_resume(struct store *s, const struct store_identity *identity,
			   struct err *err) WARN_UNUSED;

/*
 * Gives a chunk of store_pending() its vector (of the identity's dimension, unit length). Nothing
 * happens when the chunk is gone.
 */
enum err_code store_set_vector(struct store *s, int64_t pending_id, const float *vector,
			       struct err *err) WARN_UNUSED;

/*
 * Makes the run visible. While chunks wait for vectors the right to write stays with this store,
 * until they have them, or it is rolled back or closed.
 */
enum err_code store_publish(struct store *s, int64_t wall_ms, struct err *err) WARN_UNUSED;
void store_rollback(struct store *s); /* without a running transaction: nothing */

void store_close(struct store *s); /* rolls back; NULL is fine */

#endif
