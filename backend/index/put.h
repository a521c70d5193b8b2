/* A prepared document on its way into the store. */
#ifndef DOCS_BOT_INDEX_PUT_H
#define DOCS_BOT_INDEX_PUT_H

#include "index/prepare.h"

/*
 * Stores the document under the name of its source, within the run. Chunks get the vectors that the embedding cache holds for
 * them; the others wait (index/fill.h).
 */
enum err_code put_document(const struct index_deps *deps, const char *source,
			   const struct prepared *document, struct err *err) WARN_UNUSED;

#endif
