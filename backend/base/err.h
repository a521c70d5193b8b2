/* Errors: one list of codes, and a message that grows context on its way up. */
#ifndef DOCS_BOT_BASE_ERR_H
#define DOCS_BOT_BASE_ERR_H

#include <stdarg.h>

/* name, exit-independent label shown in logs and JSON */
#define ERR_CODES(X)                                                                               \
	X(ERR_OK, "ok")                                                                            \
	X(ERR_NOMEM, "out of memory")                                                              \
	X(ERR_IO, "input/output error")                                                            \
	X(ERR_NOTFOUND, "not found")                                                               \
	X(ERR_INVALID, "invalid input")                                                            \
	X(ERR_LIMIT, "limit exceeded")                                                             \
	X(ERR_FORMAT, "damaged or unknown format")                                                 \
	X(ERR_MISMATCH, "does not match")                                                          \
	X(ERR_EXISTS, "already exists")                                                            \
	X(ERR_BUSY, "busy")                                                                        \
	X(ERR_FULL, "no space left")                                                               \
	X(ERR_CANCELLED, "cancelled")                                                              \
	X(ERR_UNAVAILABLE, "unavailable")                                                          \
	X(ERR_UNSUPPORTED, "not supported")                                                        \
	X(ERR_INTERNAL, "internal error")

enum err_code {
#define ERR_ENUM(code, label) code,
	ERR_CODES(ERR_ENUM)
#undef ERR_ENUM
};

#define ERR_MESSAGE_MAX 512

/*
 * What went wrong. `message` is one line for a person: what, where, what to do. Names and paths may
 * be quoted as they are: control characters become spaces, bytes that are no UTF-8 '?'.
 * Callers own the struct (usually on the stack) and pass it as the last argument;
 * functions write it only when they fail. Passing NULL discards the message.
 */
struct err {
	enum err_code code;
	char message[ERR_MESSAGE_MAX];
};

#define WARN_UNUSED            __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* The label of a code, static storage. */
const char *err_label(enum err_code code);

/* Sets code and message, returns `code`, so that `return err_set(err, …)` reads well. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "context: " in front of the message (truncating its tail), returns the code. */
enum err_code err_context(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#ifdef __clang_analyzer__
/*
 * For `make lint` alone, which reads one file at a time and would follow every failure as if it
 * could return ERR_OK as well.
 */
static inline enum err_code err_failed(enum err_code code)
{
	if (code == ERR_OK)
		__builtin_unreachable();
	return code;
}
#define err_set(...)     err_failed((err_set)(__VA_ARGS__))
#define err_context(...) err_failed((err_context)(__VA_ARGS__))
#endif

#endif
