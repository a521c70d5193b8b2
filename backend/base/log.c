#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

bool log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static void write_json(const struct logger *log, const char *time, enum log_level level,
		       const char *component, const char *message)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:o}", "time", time, "level", level_names[level],
				 "component", component, "message", json_from_str(str_c(message)));
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	if (text)
		fprintf(log->stream, "%s\n", text);
	free(text);
	json_decref(line);
}

void log_write(const struct logger *log, enum log_level level, const char *component,
	       const char *fmt, ...)
{
	if (!log || level > log->level)
		return;
	char message[2048];
	va_list args;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	utf8_make_printable(message); /* one event is one line, whatever it quotes */
	char time[32];
	clock_format(clock_wall_ms(log->clock), time);
	if (log->json)
		write_json(log, time, level, component, message);
	else
		fprintf(log->stream, "%s %-5s %s: %s\n", time, level_names[level], component,
			message);
}
