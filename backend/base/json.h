/* Short-hands over jansson for reading untrusted objects and building results. */
#ifndef DOCS_BOT_BASE_JSON_H
#define DOCS_BOT_BASE_JSON_H

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Nesting of foreign JSON is bounded by jansson's own limit (2,048). */

/* Parses one document, refusing duplicate keys and trailing bytes. Caller owns *out (json_decref). */
enum err_code json_parse(struct str text, json_t **out, struct err *err) WARN_UNUSED;

/* The member, or the empty view / fallback when absent or of another type. Borrowed. */
struct str json_get_str(const json_t *object, const char *key);
long long json_get_int(const json_t *object, const char *key, long long fallback);

/* A new string value; invalid UTF-8 gives JSON null rather than a failed object. */
json_t *json_from_str(struct str text);

/* Compact one-line form appended to `out`. */
enum err_code json_write(const json_t *value, struct buf *out, struct err *err) WARN_UNUSED;

#endif
