/* Hides from search what other pages of the same source say (index/duplicate.h). */
#ifndef DOCS_BOT_INDEX_COLLAPSE_H
#define DOCS_BOT_INDEX_COLLAPSE_H

#include "index/prepare.h"

#define COLLAPSE_MARK_SIZE (DUPLICATE_PRINT_SIZE + 1) /* of a section: its print, whether hidden */

/*
 * Within a run, when all documents of the source are stored and those that are gone are deleted:
 * stores those anew of which other sections than before are to be hidden. So a second run changes
 * nothing, and the deletion of a page brings its copy back. repo->chunks follows; *hidden
 * grows by the sections that are hidden now. Errors are those that end the run.
 */
enum err_code collapse_duplicates(const struct index_deps *deps,
				  const struct index_options *options,
				  const struct index_source *source, const struct source_list *list,
				  struct index_repo *repo, uint64_t *hidden,
				  struct err *err) WARN_UNUSED;

/* The marks of a document, in the arena: one for each section, hidden as `flags` say (NULL: none). */
enum err_code collapse_marks(const struct document *document, bool exact, const bool *flags,
			     struct arena *arena, struct str *out, struct err *err) WARN_UNUSED;

#endif
