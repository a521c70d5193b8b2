/* Logs: component, level, key=value or JSON lines on a stream. Never secrets or whole questions. */
#ifndef DOCS_BOT_BASE_LOG_H
#define DOCS_BOT_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/*
 * Immutable after set-up, shared by all threads (each line is one fwrite). A NULL logger
 * drops everything, so that libraries need not check.
 */
struct logger {
	FILE *stream;
	enum log_level level;
	bool json;
	const struct clock *clock;
};

/* "error", "warn", "info", "debug"; false for anything else. */
bool log_level_parse(const char *name, enum log_level *level);

/*
 * One line; `component` is the module's name, the message carries key=value pairs. Secrets
 * (base/secrets.h) and e-mail addresses in it are masked.
 */
void log_write(const struct logger *log, enum log_level level, const char *component,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);

#define log_error(log, component, ...) log_write(log, LOG_ERROR, component, __VA_ARGS__)
#define log_warn(log, component, ...)  log_write(log, LOG_WARN, component, __VA_ARGS__)
#define log_info(log, component, ...)  log_write(log, LOG_INFO, component, __VA_ARGS__)
#define log_debug(log, component, ...) log_write(log, LOG_DEBUG, component, __VA_ARGS__)

#endif
