#include "source/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "source/page_links.h"

#define LABEL_MAX 40
#define PIECE     ((size_t)1 << 14)

static struct str of_content_type(struct str type)
{
	size_t from = str_find_nocase(type, STR("charset="), 0);
	struct str label = STR("");

	if (from != STR_NPOS)
		label = str_trim(str_slice(type, from + 8, type.len));
	for (size_t i = 0; i < label.len; i++)
		if (label.ptr[i] == ';')
			label.len = i;
	label = str_trim(label);
	if (label.len > 1 && (label.ptr[0] == '"' || label.ptr[0] == '\''))
		label = str_slice(label, 1, label.len - 1);
	return label;
}

/* What the bytes begin with, and without it. */
static struct str of_mark(struct str *bytes)
{
	if (str_starts(*bytes, STR("\xef\xbb\xbf"))) {
		*bytes = str_slice(*bytes, 3, bytes->len);
		return STR("utf-8");
	}
	if (str_starts(*bytes, STR("\xff\xfe"))) {
		*bytes = str_slice(*bytes, 2, bytes->len);
		return STR("utf-16le");
	}
	if (str_starts(*bytes, STR("\xfe\xff"))) {
		*bytes = str_slice(*bytes, 2, bytes->len);
		return STR("utf-16be");
	}
	return STR("");
}

static bool is_any(struct str label, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(label, str_c(names[i])))
			return true;
	return false;
}

static size_t first_invalid(struct str bytes)
{
	int32_t cp;
	size_t at = 0, size;

	while (at < bytes.len && (size = utf8_decode(bytes, at, &cp)) > 0)
		at += size;
	return at;
}

/* The name for iconv; false for what is no plain name. Browsers read these three as Windows-1252. */
static bool iconv_name(struct str label, char out[LABEL_MAX + 1])
{
	static const char *const latin[] = {"iso-8859-1", "latin1", "us-ascii", "ascii"};

	if (is_any(label, latin, sizeof(latin) / sizeof(latin[0])))
		label = STR("windows-1252");
	if (label.len == 0 || label.len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_alnum(label.ptr[i]) && !strchr("-_.:", label.ptr[i]))
			return false;
	snprintf(out, LABEL_MAX + 1, "%.*s", STR_ARG(label));
	return true;
}

static enum err_code convert(iconv_t conversion, struct str bytes, const char *name,
			     struct buf *out, struct err *err)
{
	char *in = (char *)bytes.ptr; /* iconv only reads through it */
	size_t left = bytes.len;

	while (left) {
		size_t room = out->max - out->len < PIECE ? out->max - out->len : PIECE;
		size_t free_bytes = room, done;
		char *to;

		if (!buf_reserve(out, room))
			return buf_ok(out, "the page", err);
		to = out->ptr + out->len;
		done = iconv(conversion, &in, &left, &to, &free_bytes);
		out->len += room - free_bytes;
		if (done != (size_t)-1)
			break;
		if (errno != E2BIG)
			return err_set(err, ERR_FORMAT, "is not %s, as it declares (byte %zu)",
				       name, bytes.len - left + 1);
		if (room < 16)
			return err_set(err, ERR_LIMIT, "longer than %zu bytes", out->max);
	}
	if (out->ptr)
		out->ptr[out->len] = '\0';
	return ERR_OK;
}

enum err_code charset_to_utf8(struct str bytes, struct str content_type, bool is_html,
			      struct buf *out, struct err *err)
{
	static const char *const utf8[] = {"utf-8", "utf8", "unicode-1-1-utf-8"};
	struct str label = of_mark(&bytes);
	char name[LABEL_MAX + 1];
	enum err_code code;
	iconv_t conversion;
	bool declared;

	if (label.len == 0)
		label = of_content_type(content_type);
	if (label.len == 0 && is_html)
		label = page_declared_charset(bytes);
	declared = label.len > 0;
	if (!declared || is_any(label, utf8, sizeof(utf8) / sizeof(utf8[0]))) {
		size_t invalid = first_invalid(bytes);

		if (invalid < bytes.len)
			return err_set(err, ERR_FORMAT,
				       declared ? "is not UTF-8, as it declares (byte %zu)"
						: "is not UTF-8 (byte %zu) and declares no charset",
				       invalid + 1);
		return buf_append(out, bytes) ? ERR_OK : buf_ok(out, "the page", err);
	}
	if (!iconv_name(label, name))
		return err_set(err, ERR_FORMAT, "declares a charset of no known name");
	conversion = iconv_open("UTF-8", name);
	if (conversion == (iconv_t)-1)
		return err_set(err, ERR_FORMAT, "declares the charset %s, which is not known",
			       name);
	code = convert(conversion, bytes, name, out, err);
	(void)iconv_close(conversion);
	return code;
}
