#include "answer/guard_text.h"

#include <string.h>

#include "answer/guard.h"
#include "base/utf8.h"

enum {
	ESCAPE = 0x1b,
	CSI = 0x9b,
	OSC = 0x9d,
	BELL = 0x07,
	CSI_MAX = 64,     /* bytes of "ESC [ …" */
	STRING_MAX = 512, /* bytes of "ESC ] …"; a longer one is not swallowed any further */
	FIRST_SYMBOL = 0x2190,
	VARIATION_TEXT = 0xfe0e,
	VARIATION_EMOJI = 0xfe0f,
	KEYCAP = 0x20e3
};

enum { TEXT, AFTER_ESCAPE, IN_CSI, IN_STRING, STRING_ESCAPE };

/* Ranges of code points, from and to (Unicode 15: Cc, Cf, default ignorable, noncharacters). */
static const struct {
	int32_t from, to;
} hidden[] = {
	{0x0000, 0x0008},   {0x000b, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},
	{0x034f, 0x034f},   {0x061c, 0x061c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
	{0x180b, 0x180f},   {0x200b, 0x200f},   {0x202a, 0x202e},   {0x2060, 0x206f},
	{0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
	{0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x13430, 0x1345f},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool guard_is_hidden(int32_t cp)
{
	if (cp >= 0x20 && cp < 0x7f)
		return false;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (cp >= hidden[i].from && cp <= hidden[i].to)
			return true;
	return cp > 0xffff && (cp & 0xfffe) == 0xfffe;
}

/* One selector behind a symbol chooses its picture; more, or behind a letter, carry a message. */
static bool varies(const struct guard_cleaner *c, int32_t cp)
{
	bool selector = cp == VARIATION_TEXT || cp == VARIATION_EMOJI;
	return selector && c->previous >= FIRST_SYMBOL && !guard_is_hidden(c->previous);
}

static bool begins_string(int32_t cp)
{
	return cp == ']' || cp == 'P' || cp == '_' || cp == '^' || cp == 'X';
}

/* Whether the character belongs to a terminal escape, and is thus swallowed. */
static bool in_escape(struct guard_cleaner *c, int32_t cp)
{
	int state = c->state;
	c->swallowed = state == TEXT ? 0 : c->swallowed + 1;
	if (cp == '\n') {
		c->state = TEXT;
		return false;
	}
	switch (state) {
	case AFTER_ESCAPE:
		c->state = cp == '[' ? IN_CSI : begins_string(cp) ? IN_STRING : TEXT;
		return cp < 0x7f;
	case IN_CSI:
		if (cp >= 0x40 || cp < 0x20 || c->swallowed >= CSI_MAX)
			c->state = TEXT;
		return cp < 0x7f && cp >= 0x20;
	case IN_STRING:
		if (cp == ESCAPE)
			c->state = STRING_ESCAPE;
		else if (cp == BELL || cp == 0x9c || c->swallowed >= STRING_MAX)
			c->state = TEXT;
		return true;
	case STRING_ESCAPE:
		c->state = TEXT;
		return cp == '\\';
	default:
		break;
	}
	if (cp == ESCAPE)
		c->state = AFTER_ESCAPE;
	else if (cp == CSI)
		c->state = IN_CSI;
	else if (cp == OSC)
		c->state = IN_STRING;
	return false;
}

static void take(struct guard_cleaner *c, int32_t cp, struct buf *out)
{
	bool swallowed = in_escape(c, cp);
	if (cp == 0x2028 || cp == 0x2029)
		cp = '\n';
	if (swallowed || (guard_is_hidden(cp) && !varies(c, cp))) {
		c->removed++;
		return;
	}
	buf_append_codepoint(out, cp);
	/* "1" + selector + keycap: the digit is a symbol then */
	c->previous = guard_is_hidden(cp) ? 0 : cp;
}

/* Whether `bytes` may become a character when more come. */
static bool may_continue(struct str bytes)
{
	unsigned char lead = (unsigned char)bytes.ptr[0];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
	if (lead > 0xf4 || bytes.len >= need)
		return false;
	for (size_t i = 1; i < bytes.len; i++)
		if (((unsigned char)bytes.ptr[i] & 0xc0) != 0x80)
			return false;
	return true;
}

void guard_clean(struct guard_cleaner *c, struct str piece, bool last, struct buf *out)
{
	size_t at = 0;
	int32_t cp;
	/* the character whose beginning came before, byte by byte */
	while (c->partial_len && at < piece.len) {
		c->partial[c->partial_len++] = piece.ptr[at++];
		struct str bytes = {c->partial, c->partial_len};
		if (may_continue(bytes))
			continue;
		size_t n = utf8_decode(bytes, 0, &cp);
		if (n) {
			take(c, cp, out);
		} else {
			/* the byte that broke it may begin another one */
			at--;
			c->removed++;
		}
		c->partial_len = 0;
	}
	while (at < piece.len) {
		size_t n = utf8_decode(piece, at, &cp);
		if (n) {
			take(c, cp, out);
			at += n;
			continue;
		}
		struct str rest = str_slice(piece, at, piece.len);
		if (rest.len < 4 && may_continue(rest)) {
			memcpy(c->partial, rest.ptr, rest.len);
			c->partial_len = rest.len;
			break;
		}
		c->removed++;
		at++;
	}
	if (last)
		c->partial_len = 0;
}

enum err_code guard_question(struct str text, struct arena *arena, struct str *out, struct err *err)
{
	struct guard_cleaner cleaner = {0};
	struct buf clean;
	buf_init(&clean, arena->alloc, SIZE_MAX / 4);
	guard_clean(&cleaner, text, true, &clean);
	enum err_code code = buf_ok(&clean, "the question", err);
	*out = text;
	if (!code && !str_eq(buf_str(&clean), text)) {
		*out = arena_str(arena, buf_str(&clean));
		if (!out->ptr)
			code = arena_fail(arena, err);
	}
	buf_release(&clean);
	return code;
}

/* ---- borders of messages ---- */

/* Where a line begins, these speak for somebody else, or head a part of a prompt. */
static const char *const speakers[] = {"human", "assistant", "system", "user", "ai", "tool"};
static const char *const parts[] = {"instruction", "instructions", "response",  "system",
				    "input",       "human",        "assistant", "user"};

/* Within angle or square brackets: names that templates of chats use, up to a border. */
static const char *const names[] = {
	"s",
	"bos",
	"eos",
	"pad",
	"unk",
	"sep",
	"cls",
	"mask",
	"think",
	"inst",
	"tool_call",
	"tool_calls",
	"tool_code",
	"tool_response",
	"tool_results",
	"tool_output",
	"tools",
	"available_tools",
	"system_prompt",
	"function",
	"function_calls",
	"invoke",
	"system",
	"assistant",
	"user",
	"start_of_turn",
	"end_of_turn",
	"start_of_image",
	"end_of_text",
	"endoftext",
	"begin_of_text",
};

static bool is_word(char c)
{
	return ascii_alnum(c) || c == '_';
}

static bool listed(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, str_c(list[i])))
			return true;
	return false;
}

#define LISTED(word, list) listed(word, list, sizeof(list) / sizeof((list)[0]))

/* "<s>", "</s>", "[INST]", "[/INST]", "<function=x>": whether such a name stands behind `at`. */
static bool names_border(struct str text, size_t at)
{
	size_t from = at + 1;
	if (from < text.len && text.ptr[from] == '/')
		from++;
	size_t end = from;
	while (end < text.len && end - from < 32 && is_word(text.ptr[end]))
		end++;
	struct str word = str_slice(text, from, end);
	if (end >= text.len || !LISTED(word, names))
		return false;
	char close = text.ptr[end];
	return text.ptr[at] == '<' ? close == '>' || close == '=' || close == ' ' : close == ']';
}

/* Bytes of a border that begins at `at` after which a space takes it apart, or 0. */
static size_t border_at(struct str text, size_t at)
{
	struct str rest = str_slice(text, at, text.len);
	char c = text.ptr[at];
	if (c == '<' && (str_starts(rest, STR("<|")) || str_starts(rest, STR("<\xef\xbd\x9c")) ||
			 str_starts(rest, STR("<<SYS")) || str_starts(rest, STR("<</SYS"))))
		return 1;
	if ((c == '<' || c == '[') && names_border(text, at))
		return 1;
	if (c == '|' && str_starts(rest, STR("|>")))
		return 1;
	return str_starts(rest, STR("\xef\xbd\x9c>")) ? 3 : 0;
}

/* At the begin of a line: bytes up to where a space takes "### Response:" or "Human:" apart. */
static size_t speaker_at(struct str text, size_t at)
{
	size_t from = at, hashes;
	while (from < text.len && (text.ptr[from] == ' ' || text.ptr[from] == '\t'))
		from++;
	for (hashes = 0; from < text.len && text.ptr[from] == '#'; hashes++)
		from++;
	while (hashes && from < text.len && text.ptr[from] == ' ')
		from++;
	while (from < text.len && text.ptr[from] == '*')
		from++;
	size_t end = from;
	while (end < text.len && end - from < 16 && ascii_alpha(text.ptr[end]))
		end++;
	struct str word = str_slice(text, from, end);
	while (end < text.len && text.ptr[end] == '*')
		end++;
	bool colon = end < text.len && text.ptr[end] == ':';
	if (colon && (LISTED(word, speakers) || (hashes && LISTED(word, parts))))
		return end - at;
	return 0;
}

enum err_code guard_source(struct str text, struct arena *arena, struct str *out, struct err *err)
{
	struct str clean;
	enum err_code code = guard_question(text, arena, &clean, err);
	if (code)
		return code;
	struct buf apart;
	size_t copied = 0;
	buf_init(&apart, arena->alloc, SIZE_MAX / 4);
	for (size_t at = 0; at < clean.len; at++) {
		bool begins = at == 0 || clean.ptr[at - 1] == '\n';
		size_t n = begins ? speaker_at(clean, at) : 0;
		if (!n)
			n = border_at(clean, at);
		if (!n)
			continue;
		buf_append(&apart, str_slice(clean, copied, at + n));
		buf_append_byte(&apart, ' ');
		copied = at + n;
		at += n - 1;
	}
	buf_append(&apart, str_slice(clean, copied, clean.len));
	code = buf_ok(&apart, "the text of a source", err);
	*out = clean;
	if (!code && copied) {
		*out = arena_str(arena, buf_str(&apart));
		if (!out->ptr)
			code = arena_fail(arena, err);
	}
	buf_release(&apart);
	return code;
}
