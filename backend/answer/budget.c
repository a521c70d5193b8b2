#include "answer/budget.h"

#include "base/utf8.h"

enum { LETTERS_PER_TOKEN = 4 };

/* Tokens of the run that begins at `at`; *end is its end. */
static size_t run_tokens(struct str text, size_t at, size_t *end)
{
	unsigned char c = (unsigned char)text.ptr[at];
	size_t i = at + 1;
	if (ascii_alpha(c)) {
		while (i < text.len && ascii_alpha((unsigned char)text.ptr[i]))
			i++;
		*end = i;
		return (i - at + LETTERS_PER_TOKEN - 1) / LETTERS_PER_TOKEN;
	}
	if (c == ' ') { /* one space joins the word that follows, more are a token */
		while (i < text.len && text.ptr[i] == ' ')
			i++;
		*end = i;
		return i - at > 1;
	}
	*end = i;
	return 1;
}

size_t budget_tokens(struct str text)
{
	size_t tokens = 0;
	for (size_t i = 0; i < text.len;)
		tokens += run_tokens(text, i, &i);
	return tokens;
}

struct str budget_cut(struct str text, size_t tokens)
{
	size_t used = 0, line = 0, i = 0;
	while (i < text.len) {
		size_t end;
		used += run_tokens(text, i, &end);
		if (used > tokens)
			break;
		i = end;
		if (text.ptr[i - 1] == '\n')
			line = i;
	}
	if (i == text.len)
		return text;
	return line > i / 2 ? str_slice(text, 0, line) : utf8_prefix(text, i);
}

/* The longest end of whole code points that fits. */
static struct str cut_front(struct str text, size_t tokens)
{
	/* A token is at least one byte and, by the estimate, at most four letters and a space. */
	size_t low = text.len > tokens * (LETTERS_PER_TOKEN + 1)
			     ? text.len - tokens * (LETTERS_PER_TOKEN + 1)
			     : 0;
	size_t high = text.len;
	while (low < high) { /* the estimate falls as the text gets shorter */
		size_t middle = low + (high - low) / 2;
		if (budget_tokens(str_slice(text, middle, text.len)) <= tokens)
			high = middle;
		else
			low = middle + 1;
	}
	while (low < text.len && ((unsigned char)text.ptr[low] & 0xC0) == 0x80)
		low++;
	return str_slice(text, low, text.len);
}

enum err_code budget_ends(struct str text, size_t tokens, struct arena *arena, struct str *out,
			  struct err *err)
{
	static const char gap[] = "\n[… left out …]\n";
	enum { GAP_TOKENS = 16 };
	*out = text;
	if (budget_tokens(text) <= tokens)
		return ERR_OK;
	size_t rest = tokens > GAP_TOKENS ? tokens - GAP_TOKENS : 0;
	struct str head = budget_cut(text, rest / 2);
	struct str tail = cut_front(str_slice(text, head.len, text.len), rest / 2);
	*out = arena_printf(arena, "%.*s%s%.*s", STR_ARG(head), gap, STR_ARG(tail));
	return out->ptr ? ERR_OK : arena_fail(arena, err);
}
