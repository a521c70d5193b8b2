#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void buf_init(struct buf *buf, const struct alloc *alloc, size_t max)
{
	*buf = (struct buf){.alloc = alloc, .max = max};
}

void buf_release(struct buf *buf)
{
	alloc_free(buf->alloc, buf->ptr);
	*buf = (struct buf){.alloc = buf->alloc, .max = buf->max};
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = buf->limited = false;
	if (buf->ptr)
		buf->ptr[0] = '\0';
}

bool buf_reserve(struct buf *buf, size_t extra)
{
	size_t need;
	if (buf->failed)
		return false;
	if (buf->max - buf->len < extra || !size_add(buf->len + 1, extra, &need)) {
		buf->failed = buf->limited = true;
		return false;
	}
	if (need <= buf->cap)
		return true;
	size_t cap = buf->cap ? buf->cap : 64;
	while (cap < need && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (cap - 1 > buf->max)
		cap = buf->max + 1;
	if (cap < need)
		cap = need;
	char *ptr = alloc_resize(buf->alloc, buf->ptr, cap);
	if (!ptr)
		return buf->failed = true, false;
	buf->ptr = ptr;
	buf->cap = cap;
	buf->ptr[buf->len] = '\0';
	return true;
}

bool buf_append(struct buf *buf, struct str text)
{
	if (!buf_reserve(buf, text.len))
		return false;
	if (text.len)
		memcpy(buf->ptr + buf->len, text.ptr, text.len);
	buf->len += text.len;
	buf->ptr[buf->len] = '\0';
	return true;
}

bool buf_append_byte(struct buf *buf, char byte)
{
	return buf_append(buf, (struct str){&byte, 1});
}

bool buf_append_codepoint(struct buf *buf, int32_t codepoint)
{
	char bytes[4];
	return buf_append(buf, (struct str){bytes, utf8_encode(codepoint, bytes)});
}

bool buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !buf_reserve(buf, (size_t)len))
		return buf->failed = true, false;
	va_start(args, fmt);
	vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)len;
	return true;
}

void buf_consume(struct buf *buf, size_t count)
{
	if (count > buf->len)
		count = buf->len;
	if (!count)
		return;
	memmove(buf->ptr, buf->ptr + count, buf->len - count + 1);
	buf->len -= count;
}

struct str buf_str(const struct buf *buf)
{
	return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

enum err_code buf_ok(const struct buf *buf, const char *what, struct err *err)
{
	if (!buf->failed)
		return ERR_OK;
	if (buf->limited)
		return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, buf->max);
	return err_set(err, ERR_NOMEM, "out of memory for %s", what);
}
