/* An indexed document as a web page, for documents that are published nowhere else. */
#ifndef DOCS_BOT_SERVE_PAGE_H
#define DOCS_BOT_SERVE_PAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

#define PAGE_PREFIX "/pages/" /* as in index/url.h */

/*
 * Appends the HTML of the document at `path`: every section under its heading with its anchor as
 * id, all text escaped. ERR_NOTFOUND when there is no such document or it has an address
 * elsewhere; ERR_LIMIT when `out` is too small; else the errors of the store. Uses the store from
 * the calling thread only.
 */
enum err_code page_render(struct store *store, struct str path, struct arena *arena,
			  struct buf *out, struct err *err) WARN_UNUSED;

#endif
