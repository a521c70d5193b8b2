/*
 * Masks secrets before text is stored, embedded or quoted: documentation and manifests hold real
 * ones now and then, and an index is copied to more places than the repository it was made from.
 */
#ifndef DOCS_BOT_INDEX_SECRETS_H
#define DOCS_BOT_INDEX_SECRETS_H

#include "base/secrets.h"
#include "parse/document.h"

/* secrets_mask() for all text of a document, in place; anchors stay. */
enum err_code secrets_mask_document(struct document *document, struct arena *arena, uint64_t *count,
				    struct err *err) WARN_UNUSED;

#endif
