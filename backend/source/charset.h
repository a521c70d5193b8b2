/* Pages of websites to UTF-8, by what they declare. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_CHARSET_H
#define DOCS_BOT_SOURCE_CHARSET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Appends `bytes` as UTF-8 without a byte order mark. What counts, in this order: a byte order mark,
 * the charset of the Content-Type, that of a <meta>, and that the bytes are valid UTF-8. ERR_FORMAT when
 * the bytes are not what they are declared to be, or are not UTF-8 and nothing is declared; ERR_LIMIT
 * past the buffer's maximum.
 */
enum err_code charset_to_utf8(struct str bytes, struct str content_type, bool is_html,
			      struct buf *out, struct err *err) WARN_UNUSED;

#endif
