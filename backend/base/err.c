#include "base/err.h"

#include <stdio.h>
#include <string.h>

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

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (!err)
		return code;
	err->code = code;
	va_list args;
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return code;
}

enum err_code err_context(struct err *err, const char *fmt, ...)
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
	size_t len = strlen(context);
	if (len > ERR_MESSAGE_MAX - 4)
		len = ERR_MESSAGE_MAX - 4;
	memcpy(err->message, context, len);
	memcpy(err->message + len, ": ", 2);
	size_t room = ERR_MESSAGE_MAX - len - 3;
	size_t keep = strnlen(old, room);
	memcpy(err->message + len + 2, old, keep);
	err->message[len + 2 + keep] = '\0';
	return err->code;
}
