#include "base/json.h"

#include <stdlib.h>

#include "base/utf8.h"

enum err_code json_parse(struct str text, json_t **out, struct err *err)
{
	json_error_t problem;
	*out = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &problem);
	if (*out)
		return ERR_OK;
	return err_set(err, ERR_INVALID, "not valid JSON: %s (line %d, column %d)", problem.text,
		       problem.line, problem.column);
}

struct str json_get_str(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_string(value))
		return STR("");
	return (struct str){json_string_value(value), json_string_length(value)};
}

long long json_get_int(const json_t *object, const char *key, long long fallback)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

json_t *json_from_str(struct str text)
{
	if (!utf8_valid(text))
		return json_null();
	return json_stringn(text.ptr ? text.ptr : "", text.len);
}

static int append_part(const char *part, size_t size, void *ctx)
{
	return buf_append(ctx, (struct str){part, size}) ? 0 : -1;
}

enum err_code json_write(const json_t *value, struct buf *out, struct err *err)
{
	if (value &&
	    json_dump_callback(value, append_part, out,
			       JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12)) == 0)
		return ERR_OK;
	enum err_code code = buf_ok(out, "JSON document", err);
	return code ? code : err_set(err, ERR_NOMEM, "out of memory for a JSON document");
}
