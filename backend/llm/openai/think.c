#include "llm/openai/think.h"

static const char open_tag[] = "<think>", close_tag[] = "</think>";

static bool give(bool (*to)(void *ctx, struct str piece), void *ctx, struct str piece)
{
	return !piece.len || to(ctx, piece);
}

/* It was no tag: what was held back is text after all. */
static bool release(struct think *t, const struct think_out *out)
{
	struct str spaces = {t->space, t->spaces}, tag = {open_tag, t->matched};
	t->state = THINK_TEXT;
	t->spaces = t->matched = 0;
	return give(out->text, out->ctx, spaces) && give(out->text, out->ctx, tag);
}

/* Reads on at piece[at] while it may be white space and "<think>"; returns how far. */
static size_t begin(struct think *t, struct str piece)
{
	size_t at = 0;
	for (; at < piece.len && t->state == THINK_BEGIN; at++) {
		char c = piece.ptr[at];
		if (!t->matched && ascii_space(c) && t->spaces < sizeof(t->space))
			t->space[t->spaces++] = c;
		else if (c == open_tag[t->matched])
			t->matched++;
		else
			break;
		if (open_tag[t->matched] == '\0') {
			t->state = THINK_INSIDE;
			t->matched = t->spaces = 0;
		}
	}
	return at;
}

/*
 * Passes reasoning on up to "</think>"; returns how far. A '<' is nowhere but at the tag's start, so
 * that a match that fails can only begin anew at the byte that failed.
 */
static size_t inside(struct think *t, struct str piece, const struct think_out *out, bool *fine)
{
	size_t from = 0, at = 0;
	for (; at < piece.len && t->state == THINK_INSIDE && *fine; at++) {
		char c = piece.ptr[at];
		if (c == close_tag[t->matched]) {
			if (!t->matched)
				*fine = give(out->reasoning, out->ctx, str_slice(piece, from, at));
			from = at + 1;
			t->matched++;
			if (close_tag[t->matched] == '\0') {
				t->state = THINK_BEHIND;
				t->matched = 0;
			}
		} else if (t->matched) {
			*fine = give(out->reasoning, out->ctx, (struct str){close_tag, t->matched});
			t->matched = 0;
			from = at--; /* once more, as the first byte of a tag */
		}
	}
	if (*fine && t->state == THINK_INSIDE && !t->matched)
		*fine = give(out->reasoning, out->ctx, str_slice(piece, from, at));
	return at;
}

bool think_feed(struct think *t, struct str piece, const struct think_out *out)
{
	bool fine = true;
	size_t at = 0;
	if (t->state == THINK_BEGIN) {
		at = begin(t, piece);
		if (t->state == THINK_BEGIN && at < piece.len)
			fine = release(t, out);
	}
	if (fine && t->state == THINK_INSIDE)
		at += inside(t, str_slice(piece, at, piece.len), out, &fine);
	if (t->state == THINK_BEHIND) {
		while (at < piece.len && ascii_space(piece.ptr[at]))
			at++;
		if (at < piece.len)
			t->state = THINK_TEXT;
	}
	return fine && (t->state != THINK_TEXT ||
			give(out->text, out->ctx, str_slice(piece, at, piece.len)));
}

bool think_end(struct think *t, const struct think_out *out)
{
	if (t->state == THINK_BEGIN)
		return release(t, out);
	if (t->state != THINK_INSIDE || !t->matched)
		return true;
	struct str tag = {close_tag, t->matched};
	t->matched = 0;
	return give(out->reasoning, out->ctx, tag);
}
