/* The indexing workflow: fetch → parse → chunk → embed → publish. run.c reads top to bottom. */
#ifndef DOCS_BOT_INDEX_RUN_H
#define DOCS_BOT_INDEX_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "embed/embed.h"
#include "index/chunk.h"
#include "index/url.h"
#include "source/source.h"
#include "store/store.h"

struct index_options {
	struct chunk_options chunk;
	struct str base_url; /* of the published pages of sources that name none; may be empty */
	size_t threads;      /* that embed; ≥ 1 */
	size_t max_file_bytes;
	bool rebuild;
	bool text_only; /* publish without embedding; index_resume() embeds */
	bool dry_run;   /* parse and chunk, but neither embed nor write */
};

struct index_progress {
	uint64_t documents_done, documents_total;
	bool embedding;                     /* the second stage: what follows counts */
	uint64_t chunks_done, chunks_total; /* those that had no vector when it began */
	int64_t embedding_us;               /* since it began */
	uint64_t chunks_embedded;
	int64_t elapsed_us;
};

struct index_deps {
	struct store *store; /* NULL only for a dry run */
	struct embedder *embedder;
	const struct alloc *alloc;
	const struct clock *clock;
	const struct logger *log;
	void (*progress)(void *ctx, const struct index_progress *progress); /* may be NULL */
	void *progress_ctx;
	const atomic_bool *stop; /* may be NULL; set: the run ends with ERR_CANCELLED */
};

/* One source of a run, and what holds for all that comes from it. */
struct index_source {
	struct source *source; /* NULL: it could not be opened, as `failure` says */
	const char *name;      /* of one that could not be opened */
	struct err failure;
	struct url_rules url;
	struct str version; /* of all its documents; empty: as path and title say */
	bool archived;      /* all of it; else as path and title say */
};

struct index_repo {
	const char *name, *revision;
	uint64_t documents, chunks;
	const char *error; /* why it could not be indexed; NULL when it was */
};

struct index_report {
	uint64_t documents, total_chunks, embedded_chunks, reused_chunks;
	uint64_t pending_chunks; /* published without a vector (text_only) */
	uint64_t deleted_documents, deleted_chunks;
	uint64_t duplicate_chunks; /* sections that are not searched, another one says the same */
	uint64_t masked_secrets;   /* in the documents that are new or changed */
	struct source_skip *skipped;
	size_t skip_count;
	struct index_repo *repos;
	size_t repo_count, failed_repos;
	int64_t took_us;
};

/*
 * Indexes all sources. Text is published in one transaction of the store: readers see the old index
 * or the new one. A new index (or one whose vectors are not complete) is published without vectors
 * and answers by words while the second stage adds them in steps. A complete one is never made worse:
 * a rebuild, and a change of few chunks, are published with their vectors; a large change as text
 * first.
 *
 * Unchanged documents are neither parsed nor embedded, documents that are gone are deleted. A source
 * that cannot be opened or listed, or that has not a single document, does not stop the others: what
 * is stored of it stays, and the report says why. When all fail, and on any other error, the
 * what is not published is rolled back; embeddings made so far stay in the cache. So it is when one fails of a
 * rebuild, which would lose what is stored of it. No source, and two of one name, are ERR_INVALID.
 * Sources are listed by several threads at once, all else happens on the caller's and on those that
 * embed. The report lives in the arena.
 */
enum err_code index_run(const struct index_deps *deps, const struct index_options *options,
			const struct index_source *sources, size_t source_count,
			struct arena *arena, struct index_report *report,
			struct err *err) WARN_UNUSED;

/*
 * The second stage alone: embeds what an earlier run has published without vectors; nothing to do is
 * ERR_OK. `threads` as in the options. ERR_MISMATCH when the index is of another model or precision.
 */
enum err_code index_resume(const struct index_deps *deps, size_t threads,
			   struct index_report *report, struct err *err) WARN_UNUSED;

#endif
