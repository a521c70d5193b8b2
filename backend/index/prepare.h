/* One document on its way into the index: read, parsed, cut into chunks. */
#ifndef DOCS_BOT_INDEX_PREPARE_H
#define DOCS_BOT_INDEX_PREPARE_H

#include "index/run.h"

struct prepared {
	struct arena arena; /* owns all of it */
	struct document document;
	struct chunk_list chunks;
	struct str path, url;
	struct str type, repo, version; /* as in struct store_document */
	bool archived;
	uint64_t masked; /* secrets */
	char content_hash[65];
	char content_id[65]; /* empty when the source gives its items no identity */
};

enum prepare_outcome { PREPARE_READY, PREPARE_UNCHANGED, PREPARE_SKIPPED };

/*
 * Reads one item, unless its identity says that it is stored. UNCHANGED: stored with the same hash,
 * *chunks says how many it has; SKIPPED: *reason (in `scratch`) says why. Only READY leaves an arena in *out, to be released by the
 * caller. Errors are those that end the run (memory of the run, store, embedder).
 */
enum err_code prepare_document(const struct index_deps *deps, const struct index_options *options,
			       const struct index_source *source, const struct source_item *item,
			       struct arena *scratch, struct prepared *out,
			       enum prepare_outcome *outcome, struct str *reason, uint64_t *chunks,
			       struct err *err) WARN_UNUSED;

#endif
