/* Lets a language model write the answer, and watches it while it does. */
#include <string.h>

#include "answer/turn.h"

enum {
	BYTES_PER_TOKEN = 12, /* of a reply; a server that goes on past this ignores max_tokens */
};

/* ---- one reply ---- */

/* Whether the text, but for marks around it, begins with the word for "not in the sources". */
static bool is_unknown(struct str text, bool *open)
{
	while (text.len && !ascii_alnum((unsigned char)text.ptr[0]))
		text = str_slice(text, 1, text.len);
	*open = str_starts(STR(PROMPT_UNKNOWN), text);
	return str_starts(text, STR(PROMPT_UNKNOWN));
}

/* Nothing but marks of sources and punctuation: "[1]", as small models like to answer. */
static bool says_nothing(struct str text)
{
	bool within = false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c == '[' || c == ']')
			within = c == '[';
		else if (c >= 0x80 || ascii_alpha(c) || (ascii_digit(c) && !within))
			return false;
	}
	return true;
}

static bool stop(struct writing *w, enum err_code code)
{
	w->code = code;
	return false;
}

static bool show(struct writing *w, struct str text)
{
	w->bytes += text.len;
	if (w->bytes > w->max_bytes) {
		w->too_long = true;
		return false;
	}
	if (nonsense_repeats(&w->nonsense, text)) {
		w->repeats = true;
		return false;
	}
	if (w->quiet)
		return true;
	enum err_code code = compose_text(&w->turn->composer, text, w->err);
	return code ? stop(w, code) : true;
}

/* The first bytes decide what a reply is; they are kept back until they do. */
static bool show_held(struct writing *w, bool last)
{
	struct str held = {w->held, w->held_len};
	bool may_be_unknown, may_be_call;
	if (is_unknown(held, &may_be_unknown)) {
		w->unknown = true;
		return false;
	}
	if (nonsense_is_tool_syntax(held, &may_be_call)) {
		w->tool_syntax = true;
		/* A quiet reply is kept whole, for the call may be read from it. */
		w->uncertain = false;
		return w->quiet;
	}
	if ((may_be_unknown || may_be_call || says_nothing(held)) && !last &&
	    held.len < WRITE_HELD_MAX / 2)
		return true;
	w->uncertain = false;
	w->held_len = 0;
	return show(w, held);
}

static bool on_text(void *ctx, struct str piece)
{
	struct writing *w = ctx;
	while (w->uncertain && piece.len) {
		size_t room = WRITE_HELD_MAX - w->held_len;
		struct str part = str_slice(piece, 0, room);
		memcpy(w->held + w->held_len, part.ptr, part.len);
		w->held_len += part.len;
		piece = str_slice(piece, part.len, piece.len);
		if (!show_held(w, w->held_len == WRITE_HELD_MAX))
			return false;
	}
	return piece.len == 0 || show(w, piece);
}

bool write_failed(const struct writing *w)
{
	return w->failed || w->repeats || w->too_long;
}

static const char *failure(const struct writing *w, const struct err *err)
{
	return w->repeats    ? "the model repeated itself"
	       : w->too_long ? "the model wrote more than it was asked for"
			     : err->message;
}

enum err_code write_reply(struct writing *w, const struct llm_request *request, struct err *err)
{
	struct turn *turn = w->turn;
	const struct llm_sink sink = {w, on_text};
	struct err failed = {ERR_OK, ""};
	w->uncertain = true;
	w->max_bytes = (size_t)request->max_tokens * BYTES_PER_TOKEN;
	w->err = err;
	int64_t started = clock_monotonic_us(turn->deps->clock);
	enum err_code code =
		llm_chat(turn->deps->llm, request, &sink, turn->arena, &w->reply, &failed);
	turn->out->llm_us += clock_monotonic_us(turn->deps->clock) - started;
	turn->out->prompt_tokens += w->reply.prompt_tokens;
	turn->out->completion_tokens += w->reply.completion_tokens;
	bool empty = !code && !w->reply.call_count && says_nothing(w->reply.text);
	if (!code && !empty && w->uncertain && w->held_len)
		(void)show_held(w, true);
	if (w->code)
		return w->code;
	enum err_code left = turn_check(turn, err);
	if (left)
		return left;
	if (code == ERR_NOMEM)
		return err_set(err, code, "%s", failed.message);
	if (w->unknown || w->tool_syntax)
		return ERR_OK;
	w->failed = code && !w->repeats && !w->too_long;
	w->cause = code;
	if (empty) {
		w->failed = true;
		err_set(&failed, ERR_FORMAT, "the model's answer was empty");
	}
	if (!write_failed(w))
		return ERR_OK;
	turn->out->failure = arena_str(turn->arena, str_c(failure(w, &failed)));
	return turn->out->failure.ptr ? ERR_OK : arena_fail(turn->arena, err);
}

/* ---- the answer ---- */

enum err_code generate(struct turn *turn, enum prompt_kind kind, enum generated *out,
		       struct err *err)
{
	const struct answer_settings *settings = turn->settings;
	struct prompt prompt = {.kind = kind,
				.project = str_c(settings->project),
				.question = turn->question,
				.history = &turn->history,
				.limits = {atomic_load(&turn->deps->llm->context_tokens),
					   settings->reply_tokens, settings->context_tokens}};
	struct writing writing = {.turn = turn};
	enum err_code code = prompt_mark(prompt.mark, err);
	if (!code)
		code = prompt_build(&prompt, &turn->sources, turn->arena, err);
	if (code == ERR_LIMIT || code == ERR_UNAVAILABLE) {
		turn->out->failure = arena_str(turn->arena, str_c(err->message));
		*out = GENERATED_NOTHING;
		return turn->out->failure.ptr ? ERR_OK : arena_fail(turn->arena, err);
	}
	const struct llm_request request = {.messages = prompt.messages,
					    .message_count = prompt.count,
					    .max_tokens = (unsigned)settings->reply_tokens,
					    .cancelled = turn->deps->cancelled};
	if (!code)
		code = write_reply(&writing, &request, err);
	if (code)
		return code;
	*out = GENERATED;
	if (writing.unknown)
		*out = GENERATED_UNKNOWN;
	else if (write_failed(&writing) || writing.tool_syntax)
		*out = GENERATED_NOTHING;
	if (writing.tool_syntax)
		turn->out->failure = STR("the model wrote a tool call as text");
	return ERR_OK;
}
