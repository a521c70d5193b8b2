/* Which version of the software a document is about, and whether it is kept for the record only. */
#ifndef DOCS_BOT_INDEX_VERSION_H
#define DOCS_BOT_INDEX_VERSION_H

#include <stdbool.h>

#include "base/str.h"

struct version_label {
	struct str version; /* "1.9", without a leading 'v'; empty: of no version in particular */
	bool archived;      /* legacy, deprecated or archived: must not crowd out current pages */
};

/*
 * Reads the label from the path (relative, '/' between parts) and the title:
 *
 * - version: a folder that is one (v1.9, 1.8, release-1.7, legacy-v1, v2 unless `code`, where
 *   such folders are versions of an API); a file that is one, or that is named after one below a
 *   folder of releases (releases/kubeflow-1.8.md); a title of a few words that ends in one
 *   ("Kubeflow 1.9", "Version: v0.7", "Kubeflow 1.8 release notes"). The innermost part of the
 *   path that has one decides, then the title.
 * - archived: a folder named archive, archived, old, legacy, deprecated or obsolete, alone or as
 *   its first or last word; a file whose last word is one of them but "archive"; a title that
 *   begins with Legacy, Archived, Deprecated or Obsolete, or has one of them in brackets.
 *
 * The version is a view of the path or the title. Thread-safe, linear in their length.
 */
struct version_label version_of_document(struct str path, struct str title, bool code);

#endif
