/* Reports as one HTML page to read: nothing is loaded from elsewhere, and no script runs. */
#ifndef DOCS_BOT_EVAL_PAGE_H
#define DOCS_BOT_EVAL_PAGE_H

#include "base/buf.h"
#include "base/json.h"

/*
 * Appends the page. `reports` are documents of eval_report_make(), perhaps read back from files:
 * members that are missing or of another type leave gaps, and all text is escaped.
 */
enum err_code eval_page_write(const json_t *const *reports, size_t count, struct buf *out,
			      struct err *err) WARN_UNUSED;

#endif
