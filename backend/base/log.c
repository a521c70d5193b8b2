#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/secrets.h"
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

enum {
	MESSAGE_MAX = 2048,
	UNMASKED_MAX =
		2 * MESSAGE_MAX, /* a secret that the end of a line would cut is seen whole */
	MASK_MEMORY = 1 << 20,
};

static bool in_mail(char c)
{
	return ascii_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%';
}

/* Where the address around the '@' at `at` begins and ends; false when it is none, or git's. */
static bool find_mail(struct str text, size_t at, size_t *from, size_t *to)
{
	size_t dot = 0;
	*from = at;
	*to = at + 1;
	while (*from > 0 && in_mail(text.ptr[*from - 1]))
		(*from)--;
	for (; *to < text.len &&
	       (ascii_alnum(text.ptr[*to]) || text.ptr[*to] == '-' || text.ptr[*to] == '.');
	     (*to)++)
		dot = text.ptr[*to] == '.' ? *to : dot;
	bool git = str_eq(str_slice(text, *from, at), STR("git"));
	return *from < at && dot > at + 1 && *to > dot + 2 && !git &&
	       ascii_alpha(text.ptr[dot + 1]);
}

static void mask_mails(struct str text, char out[MESSAGE_MAX])
{
	static const char mark[] = "[masked: e-mail]";
	size_t copied = 0, used = 0, from, to;
	for (size_t at = 0; at <= text.len; at++) {
		bool mail = at < text.len && text.ptr[at] == '@' && find_mail(text, at, &from, &to);
		if (at < text.len && !mail)
			continue;
		struct str before = str_slice(text, copied, mail ? from : at);
		before = utf8_prefix(before, MESSAGE_MAX - 1 - used);
		if (before.len)
			memcpy(out + used, before.ptr, before.len);
		used += before.len;
		if (!mail)
			break;
		struct str shown = str_slice(str_c(mark), 0, MESSAGE_MAX - 1 - used);
		memcpy(out + used, shown.ptr, shown.len);
		used += shown.len;
		copied = to;
		at = to - 1;
	}
	out[used] = '\0';
}

/*
 * Tokens, keys, passwords in addresses and e-mail addresses have no business in a log, whoever put
 * them into a message: the error of a server, a path, a URL.
 */
static void mask(char *raw, char out[MESSAGE_MAX])
{
	struct arena arena;
	struct str masked;
	uint64_t count = 0;
	arena_init(&arena, alloc_default(), MASK_MEMORY);
	if (secrets_mask(str_c(raw), &arena, &masked, &count, NULL))
		masked = STR("(left out: there is no memory to mask secrets in it)");
	mask_mails(masked, out);
	arena_release(&arena);
}

void log_write(const struct logger *log, enum log_level level, const char *component,
	       const char *fmt, ...)
{
	if (!log || level > log->level)
		return;
	char raw[UNMASKED_MAX], message[MESSAGE_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	utf8_make_printable(raw); /* one event is one line, whatever it quotes */
	mask(raw, message);
	char time[32];
	clock_format(clock_wall_ms(log->clock), time);
	if (log->json)
		write_json(log, time, level, component, message);
	else
		fprintf(log->stream, "%s %-5s %s: %s\n", time, level_names[level], component,
			message);
}
