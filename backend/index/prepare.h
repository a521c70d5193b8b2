/* One document on its way into the index: read, parsed, cut into chunks. */
#ifndef DOCS_BOT_INDEX_PREPARE_H
#define DOCS_BOT_INDEX_PREPARE_H

#include "index/duplicate.h"
#include "index/run.h"
#include "index/witness.h"

struct prepared {
	struct arena arena; /* owns all of it */
	struct document document;
	struct chunk_list chunks;
	struct str path, url;
	struct str type, repo, version; /* as in struct store_document */
	bool archived;
	uint64_t masked; /* secrets */
	struct witness witness;
	struct str marks;   /* see index/collapse.h */
	const bool *hidden; /* of each section, whether no search is to find it; NULL: none */
	char content_hash[65];
	char content_id[65]; /* empty when the source gives its items no identity */
};

/* Sections that are stored but not to be searched, because another page says the same. */
struct prepare_hidden {
	const bool *flags;
	size_t count;
};

enum prepare_outcome { PREPARE_READY, PREPARE_UNCHANGED, PREPARE_SKIPPED };

/*
 * Reads one item, unless its identity says that it is stored. UNCHANGED: stored with the same hash,
 * *chunks says how many it has; SKIPPED: *reason (in `scratch`) says why. Only READY leaves an arena in *out, to be released by the
 * caller. With `hidden` it is read even when it is unchanged, and those sections have no chunks;
 * they are forgotten when the document has another number of sections by now. Errors are those that end the run (memory of the run, store, embedder).
 */
enum err_code prepare_document(const struct index_deps *deps, const struct index_options *options,
			       const struct index_source *source, const struct source_item *item,
			       const struct prepare_hidden *hidden, struct arena *scratch,
			       struct prepared *out, enum prepare_outcome *outcome,
			       struct str *reason, uint64_t *chunks, struct err *err) WARN_UNUSED;

#endif
