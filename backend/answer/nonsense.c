#include "answer/nonsense.h"

#include <string.h>

enum {
	CHECK_EVERY = 32,
	SHORT_PERIOD = 96,
	SHORT_SPAN = 400, /* bytes that a short period must fill */
	LONG_PERIOD = 240,
};

static bool has_letters(const char *text, size_t len)
{
	size_t letters = 0;
	for (size_t i = 0; i < len; i++)
		letters += ascii_alpha((unsigned char)text[i]);
	return letters > 1 || (letters && len < 4);
}

/* Whether the last `span` bytes repeat with this period. */
static bool repeats(const struct nonsense *s, size_t period, size_t span)
{
	if (span > s->len || period >= span)
		return false;
	const char *from = s->tail + s->len - span;
	return memcmp(from, from + period, span - period) == 0 &&
	       has_letters(s->tail + s->len - period, period);
}

static void remember(struct nonsense *s, struct str piece)
{
	if (piece.len >= NONSENSE_TAIL) {
		memcpy(s->tail, piece.ptr + piece.len - NONSENSE_TAIL, NONSENSE_TAIL);
		s->len = NONSENSE_TAIL;
		return;
	}
	size_t room = NONSENSE_TAIL - s->len;
	if (piece.len > room) {
		size_t drop = piece.len - room;
		memmove(s->tail, s->tail + drop, s->len - drop);
		s->len -= drop;
	}
	memcpy(s->tail + s->len, piece.ptr, piece.len);
	s->len += piece.len;
}

static bool look(const struct nonsense *s)
{
	for (size_t period = 1; period <= SHORT_PERIOD; period++)
		if (repeats(s, period, SHORT_SPAN))
			return true;
	for (size_t period = SHORT_PERIOD + 1; period <= LONG_PERIOD; period++)
		if (repeats(s, period, NONSENSE_TAIL))
			return true;
	return false;
}

bool nonsense_repeats(struct nonsense *s, struct str piece)
{
	while (piece.len) {
		/* In steps, so that a huge piece is looked at like many small ones. */
		struct str step = str_slice(piece, 0, CHECK_EVERY);
		remember(s, step);
		s->unchecked += step.len;
		piece = str_slice(piece, step.len, piece.len);
		if (s->unchecked < CHECK_EVERY)
			continue;
		s->unchecked = 0;
		if (look(s))
			return true;
	}
	return false;
}

bool nonsense_is_tool_syntax(struct str beginning, bool *open)
{
	/* How families of models open a call when the server does not take it out of the text. */
	static const struct str openings[] = {
		{"<tool_call", 10},     {"<function", 9},
		{"[TOOL_CALLS]", 12},   {"<|python_tag|>", 14},
		{"<|tool_call", 11},    {"{\"name\":", 8},
		{"{\"function\":", 12}, {"{\"type\":\"function", 17},
		{"[{\"name\":", 9},     {"{\"tool", 6},
	};
	enum { SQUEEZED = 20 };
	char text[SQUEEZED];
	size_t len = 0;
	*open = false;
	/* White space inside JSON varies from model to model; a fence around it is dropped. */
	struct str rest = str_trim(beginning);
	if (str_starts(rest, STR("```json")))
		rest = str_slice(rest, 7, rest.len);
	for (size_t i = 0; i < rest.len && len < SQUEEZED; i++)
		if (!ascii_space((unsigned char)rest.ptr[i]))
			text[len++] = rest.ptr[i];
	struct str squeezed = {text, len};
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		if (str_starts(squeezed, openings[i]))
			return true;
		*open = *open || str_starts(openings[i], squeezed);
	}
	*open = *open || str_starts(STR("```json"), str_trim(beginning));
	return false;
}
