#include "answer/rewrite.h"

#include <string.h>

#include "answer/phrase.h"
#include "answer/route_words.h"
#include "base/buf.h"
#include "base/utf8.h"

enum { PROPOSAL_BYTES = 600, TURN_BYTES = 4000, TURNS_MAX = 24, SCRATCH_MAX = 32 << 20 };

static struct str unquote(struct str text)
{
	text = str_trim(text);
	while (text.len >= 2 && strchr("\"'`*", text.ptr[0]) &&
	       text.ptr[0] == text.ptr[text.len - 1])
		text = str_trim(str_slice(text, 1, text.len - 1));
	return text;
}

/* What models put around a query. */
static struct str unwrap(struct str text)
{
	static const char *const labels[] = {"standalone question:",
					     "standalone query:",
					     "rewritten question:",
					     "rewritten query:",
					     "search query:",
					     "query:",
					     "question:"};
	text = unquote(text);
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		size_t len = strlen(labels[i]);
		if (str_eq_nocase(str_slice(text, 0, len), str_c(labels[i])))
			return unquote(str_slice(text, len, text.len));
	}
	return text;
}

/* One line: the first that has words. */
static struct str first_line(struct str text)
{
	struct str line = STR("");
	while (str_cut(&text, '\n', &line))
		if (str_trim(line).len)
			return str_trim(line);
	return STR("");
}

static bool holds_word(const struct reading *r, struct str word)
{
	for (size_t i = 0; i < r->text.count; i++)
		if (str_eq(r->text.words[i].text, word))
			return true;
	return false;
}

static bool has_digit(struct str word)
{
	for (size_t i = 0; i < word.len; i++)
		if (ascii_digit((unsigned char)word.ptr[i]))
			return true;
	return false;
}

/* A word that must not get lost, and that a model must not make up. */
static bool is_literal(const struct reading *r, size_t at)
{
	return r->text.words[at].identifier || (r->classes[at] & WORD_BIT(WORD_COMPONENT)) ||
	       has_digit(r->text.words[at].text);
}

/* Words of the conversation, newest turns first, as much as is read of it. */
struct past {
	struct reading turns[TURNS_MAX];
	size_t count;
};

static enum err_code read_past(const struct lexicon *lexicon, const struct history *history,
			       struct arena *scratch, struct past *out, struct err *err)
{
	out->count = 0;
	for (size_t i = history->count; i-- > 0 && out->count < TURNS_MAX;) {
		enum err_code code =
			reading_make(lexicon, utf8_prefix(history->turns[i].text, TURN_BYTES),
				     scratch, &out->turns[out->count++], err);
		if (code)
			return code;
	}
	return ERR_OK;
}

static bool past_holds(const struct past *past, struct str word)
{
	for (size_t i = 0; i < past->count; i++)
		if (holds_word(&past->turns[i], word))
			return true;
	return false;
}

/* Whether every telling word of the proposal comes from the conversation it may draw on. */
static bool is_drawn_from(const struct reading *proposal, const struct reading *question,
			  const struct past *past, bool follow_up)
{
	bool shares = false;
	for (size_t i = 0; i < proposal->text.count; i++) {
		struct str word = proposal->text.words[i].text;
		bool asked = holds_word(question, word);
		bool empty = proposal->classes[i] & (WORD_BIT(WORD_STOP) | WORD_BIT(WORD_PLAIN));
		bool said = !asked && past_holds(past, word);
		shares = shares || (!empty && (asked || (said && follow_up)));
		/* made up, or from a topic that was left */
		if (!asked && is_literal(proposal, i) && !(said && follow_up))
			return false;
		if (!asked && !empty && said && !follow_up)
			return false;
	}
	return shares;
}

/* The token of the original that a word is part of. */
static struct str token_around(struct str text, const struct fold_word *word)
{
	size_t begin = word->begin, end = word->end;
	while (begin > 0 && !ascii_space((unsigned char)text.ptr[begin - 1]))
		begin--;
	while (end < text.len && !ascii_space((unsigned char)text.ptr[end]))
		end++;
	while (end > begin && memchr(".,;:!?", text.ptr[end - 1], 6))
		end--;
	return str_slice(text, begin, end);
}

/* Appends what the proposal has lost: identifiers, versions, components, quoted strings. */
static void append_lost(struct buf *out, struct str question, const struct reading *q)
{
	size_t done = 0;
	for (size_t i = 0; i < q->text.count; i++) {
		if (!is_literal(q, i) || q->text.words[i].begin < done)
			continue;
		struct str token = token_around(question, &q->text.words[i]);
		done = (size_t)(token.ptr - question.ptr) + token.len;
		if (str_find(buf_str(out), token, 0) == STR_NPOS) {
			buf_append_byte(out, ' ');
			buf_append(out, token);
		}
	}
	for (size_t at = 0; (at = str_find(question, STR("\""), at)) != STR_NPOS; at++) {
		size_t end = str_find(question, STR("\""), at + 1);
		if (end == STR_NPOS)
			break;
		struct str quoted = str_slice(question, at, end + 1);
		struct str inner = str_slice(quoted, 1, quoted.len - 1);
		if (str_find(buf_str(out), inner, 0) == STR_NPOS) {
			buf_append_byte(out, ' ');
			buf_append(out, quoted);
		}
		at = end;
	}
}

static enum err_code accept(struct str question, const struct history *history, struct str proposal,
			    struct arena *scratch, struct arena *arena, struct str *out,
			    struct err *err)
{
	struct lexicon *lexicon;
	struct reading asked, proposed;
	struct past *past = arena_get(scratch, sizeof(*past));
	if (!past)
		return arena_fail(scratch, err);
	enum err_code code = lexicon_compile(route_words, route_word_rows, scratch, &lexicon, err);
	if (!code)
		code = reading_make(lexicon, question, scratch, &asked, err);
	if (!code)
		code = reading_make(lexicon, proposal, scratch, &proposed, err);
	if (!code)
		code = read_past(lexicon, history, scratch, past, err);
	if (code)
		return code;
	out->ptr = NULL;
	if (!is_drawn_from(&proposed, &asked, past, rewrite_is_follow_up(question, history)))
		return ERR_OK;
	struct buf buf;
	buf_init(&buf, arena->alloc, PROPOSAL_BYTES + 2 * question.len + 16);
	buf_append(&buf, proposal);
	append_lost(&buf, question, &asked);
	code = buf_ok(&buf, "the query", err);
	if (!code && !(*out = arena_str(arena, buf_str(&buf))).ptr)
		code = arena_fail(arena, err);
	buf_release(&buf);
	return code;
}

enum err_code rewrite_accept(struct str question, const struct history *history,
			     struct str proposal, struct arena *arena, struct str *out,
			     struct err *err)
{
	static const struct history none = {NULL, 0};
	struct arena scratch;
	struct str line = unwrap(first_line(proposal));
	enum err_code code = ERR_OK;
	history = history ? history : &none;
	*out = (struct str){NULL, 0};
	if (line.len && line.len <= PROPOSAL_BYTES && utf8_valid(line) &&
	    str_find_nocase(line, STR("://"), 0) == STR_NPOS) {
		arena_init(&scratch, arena->alloc, SCRATCH_MAX);
		code = accept(question, history, line, &scratch, arena, out, err);
		arena_release(&scratch);
	}
	return code || out->ptr ? code : rewrite_by_rules(question, history, arena, out, err);
}
