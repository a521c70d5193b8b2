/* Where a document is read in a browser. */
#ifndef DOCS_BOT_INDEX_URL_H
#define DOCS_BOT_INDEX_URL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * The address of the document at `path` (relative to its source, '/' between parts, UTF-8):
 *
 * - with a base URL and a path under content/en/ or content/: the permalink that Hugo gives by
 *   default: base + the path in lower case without its extension, a space as '-', other
 *   punctuation but . _ # + ~ @ dropped, a slash at the end; index.md and _index.md are their
 *   folder. "content/en/docs/x/My Page.md" is "https://www.kubeflow.org/docs/x/my-page/".
 * - with a base URL and any other path: base + "/" + the path, percent-encoded.
 * - without a base URL: "/pages/" + the path, percent-encoded, which the service serves itself.
 *
 * `base_url` may end in slashes. *out lives in the arena. Front matter (`url`, `slug`) is not
 * looked at. Thread-safe; errors: ERR_NOMEM, ERR_LIMIT.
 */
enum err_code url_for_document(struct str base_url, struct str path, struct arena *arena,
			       struct str *out, struct err *err) WARN_UNUSED;

#endif
