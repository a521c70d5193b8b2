#include "net/sse.h"

#include <string.h>

#define NAME_MAX_BYTES 1024 /* of an event's name or id */

static const char bom[] = "\xef\xbb\xbf";

void sse_init(struct sse *sse, const struct alloc *alloc, size_t max_bytes)
{
	*sse = (struct sse){.begun = false};
	buf_init(&sse->line, alloc, max_bytes);
	buf_init(&sse->data, alloc, max_bytes);
	buf_init(&sse->type, alloc, NAME_MAX_BYTES);
	buf_init(&sse->id, alloc, NAME_MAX_BYTES);
}

void sse_release(struct sse *sse)
{
	buf_release(&sse->line);
	buf_release(&sse->data);
	buf_release(&sse->type);
	buf_release(&sse->id);
}

/* A line that is not empty: "field: value", "field" alone, or a comment. */
static bool take_field(struct sse *sse)
{
	struct str value = buf_str(&sse->line), field;
	str_cut(&value, ':', &field);
	if (value.len && value.ptr[0] == ' ')
		value = str_slice(value, 1, value.len);
	if (str_eq(field, STR("data")))
		return buf_append(&sse->data, value) && buf_append_byte(&sse->data, '\n');
	if (str_eq(field, STR("event"))) {
		buf_clear(&sse->type);
		return buf_append(&sse->type, value);
	}
	if (str_eq(field, STR("id")) && (!value.len || !memchr(value.ptr, '\0', value.len))) {
		buf_clear(&sse->id);
		return buf_append(&sse->id, value);
	}
	return true; /* comments have an empty name; "retry" is for those who connect again */
}

/* The line is whole. *whole: it ended an event. False when a buffer failed. */
static bool end_line(struct sse *sse, bool *whole)
{
	bool taken = true;
	*whole = false;
	if (sse->line.len)
		taken = take_field(sse);
	else if (sse->data.len)
		*whole = true;
	else
		buf_clear(&sse->type);
	buf_clear(&sse->line);
	return taken;
}

static enum err_code failure(const struct sse *sse, struct err *err)
{
	enum err_code code = buf_ok(&sse->line, "a line of the stream", err);
	if (!code)
		code = buf_ok(&sse->data, "an event of the stream", err);
	if (!code)
		code = buf_ok(&sse->type, "the name of an event", err);
	return code ? code : buf_ok(&sse->id, "the id of an event", err);
}

/* The bytes before the next '\r' or '\n'. */
static struct str line_part(struct str rest)
{
	size_t len = 0;
	while (len < rest.len && rest.ptr[len] != '\n' && rest.ptr[len] != '\r')
		len++;
	return str_slice(rest, 0, len);
}

/* A byte order mark in front of the first line is no part of it. */
static void skip_bom(struct sse *sse)
{
	if (!sse->begun && str_starts(buf_str(&sse->line), STR(bom)))
		buf_consume(&sse->line, sizeof(bom) - 1);
	sse->begun = true;
}

enum err_code sse_next(struct sse *sse, struct str *rest, struct sse_event *event, bool *whole,
		       struct err *err)
{
	*whole = false;
	if (sse->dispatched) {
		buf_clear(&sse->data);
		buf_clear(&sse->type);
		sse->dispatched = false;
	}
	while (rest->len && !*whole) {
		if (sse->after_cr && rest->ptr[0] == '\n')
			*rest = str_slice(*rest, 1, rest->len);
		sse->after_cr = false;
		struct str part = line_part(*rest);
		if (!buf_append(&sse->line, part))
			return failure(sse, err);
		*rest = str_slice(*rest, part.len, rest->len);
		if (!rest->len)
			break;
		sse->after_cr = rest->ptr[0] == '\r';
		*rest = str_slice(*rest, 1, rest->len);
		skip_bom(sse);
		if (!end_line(sse, whole))
			return failure(sse, err);
	}
	if (!*whole)
		return ERR_OK;
	sse->dispatched = true;
	*event = (struct sse_event){.type = sse->type.len ? buf_str(&sse->type) : STR("message"),
				    .data = str_slice(buf_str(&sse->data), 0, sse->data.len - 1),
				    .id = buf_str(&sse->id)};
	return ERR_OK;
}
