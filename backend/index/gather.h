/* Lists the sources of a run: clones and websites are fetched several at once. */
#ifndef DOCS_BOT_INDEX_GATHER_H
#define DOCS_BOT_INDEX_GATHER_H

#include "index/run.h"

#define GATHER_MAX_THREADS 8

struct gathered {
	struct arena arena; /* owns the list */
	struct source_list list;
	struct err failure; /* code ERR_OK when there is a list */
};

/*
 * Fills out[count]. A source that fails does not stop the others; its failure is noted. One source
 * is listed by the caller's thread, more by up to GATHER_MAX_THREADS others: a source must not share
 * writable state with another. Fails with ERR_NOMEM and ERR_CANCELLED alone, which concern the whole
 * run. Release in every case, out[] having been zeroed.
 */
enum err_code gather_sources(const struct index_deps *deps, const struct index_source *sources,
			     size_t count, struct gathered *out, struct err *err) WARN_UNUSED;
void gather_release(struct gathered *gathered, size_t count);

#endif
