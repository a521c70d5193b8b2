#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

const char *err_label(enum err_code code)
{
	switch (code) {
#define ERR_CASE(name, label)                                                                      \
	case name:                                                                                 \
		return label;
		ERR_CODES(ERR_CASE)
#undef ERR_CASE
	}
	return "unknown error";
}

/* After a cut at a byte: drops the character that has lost its end, so that JSON can carry it. */
static void drop_half_character(char *text, size_t len)
{
	size_t lead = len;
	while (lead && len - lead < 3 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return;
	unsigned char first = (unsigned char)text[lead - 1];
	size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
	if (len - lead + 1 < want)
		text[lead - 1] = '\0';
}

enum err_code(err_set)(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (!err)
		return code;
	err->code = code;
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	if (len >= ERR_MESSAGE_MAX)
		drop_half_character(err->message, ERR_MESSAGE_MAX - 1);
	utf8_make_printable(err->message);
	return code;
}

enum err_code(err_context)(struct err *err, const char *fmt, ...)
{
	if (!err)
		return ERR_INTERNAL;
	char context[ERR_MESSAGE_MAX];
	char old[ERR_MESSAGE_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(context, sizeof(context), fmt, args);
	va_end(args);
	memcpy(old, err->message, sizeof(old));
	size_t len = utf8_prefix(str_c(context), ERR_MESSAGE_MAX - 4).len;
	memcpy(err->message, context, len);
	memcpy(err->message + len, ": ", 2);
	size_t keep = utf8_prefix(str_c(old), ERR_MESSAGE_MAX - len - 3).len;
	memcpy(err->message + len + 2, old, keep);
	err->message[len + 2 + keep] = '\0';
	utf8_make_printable(err->message);
	return err->code;
}
