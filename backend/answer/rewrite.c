#include "answer/rewrite.h"

#include <string.h>

#include "answer/phrase.h"
#include "answer/route_words.h"
#include "base/buf.h"
#include "base/utf8.h"

/* Of a history only this much is read, whatever its length. */
enum {
	TURNS_MAX = 48,     /* from the end */
	USER_TURNS = 5,     /* of these, that a chain of follow-ups may go back */
	TURN_BYTES = 2000,  /* of each turn, from its beginning */
	LONG_WORDS = 60,    /* a question of so many stands by itself */
	CARRIED_WORDS = 20, /* of the subject */
	CARRIED_NAMES = 3,  /* of the assistant's turn */
	ASSISTANT_WORDS = 120,
	QUERY_MAX = 1 << 20,
	SCRATCH_MAX = 32 << 20,
};

struct rewriter {
	const struct history *history;
	struct lexicon *lexicon;
	struct arena *scratch;
	struct err *err;
};

/* One text with what is known of its words. */
struct turn {
	struct str text;
	struct reading reading;
};

static enum err_code read_turn(const struct rewriter *w, struct str text, struct turn *out)
{
	out->text = str_trim(utf8_prefix(text, TURN_BYTES));
	return reading_make(w->lexicon, out->text, w->scratch, &out->reading, w->err);
}

/* Also a word with any of these classes may be the subject, but says little about which. */
static const uint64_t no_subject =
	WORD_BIT(WORD_STOP) | WORD_BIT(WORD_PLAIN) | WORD_BIT(WORD_BUILD) | WORD_BIT(WORD_DESTROY) |
	WORD_BIT(WORD_HOWTO) | WORD_BIT(WORD_REVEAL) | WORD_BIT(WORD_GREET) | WORD_BIT(WORD_THANK) |
	WORD_BIT(WORD_PRAISE) | WORD_BIT(WORD_SOCIAL) | WORD_BIT(WORD_POLITE);

static bool is(const struct reading *r, size_t at, const char *word)
{
	return at < r->text.count && str_eq(r->text.words[at].text, str_c(word));
}

static bool is_any(const struct reading *r, size_t at, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is(r, at, words[i]))
			return true;
	return false;
}

#define IS_ANY(r, at, list) is_any(r, at, list, sizeof(list) / sizeof((list)[0]))

static bool is_component(const struct reading *r, size_t at)
{
	return r->classes[at] & WORD_BIT(WORD_COMPONENT);
}

static bool is_product(const struct reading *r, size_t at)
{
	return r->classes[at] & WORD_BIT(WORD_PRODUCT);
}

/* A version or another number of the text: "v2", "1.9". */
static bool is_version(const struct reading *r, size_t at)
{
	struct str word = r->text.words[at].text;
	size_t digits = 0;
	for (size_t i = 0; i < word.len; i++)
		digits += ascii_digit((unsigned char)word.ptr[i]);
	return digits > 0 && (digits == word.len || (digits + 1 == word.len && word.ptr[0] == 'v'));
}

/* A word that names something: what a question that stands by itself has. */
static bool is_specific(const struct reading *r, size_t at)
{
	return r->text.words[at].identifier || is_component(r, at) ||
	       (!(r->classes[at] & no_subject) && !is_version(r, at));
}

/* And one that is no general word of computing either. */
static bool is_name(const struct reading *r, size_t at)
{
	return is_specific(r, at) &&
	       (r->text.words[at].identifier || is_component(r, at) ||
		!(r->classes[at] & (WORD_BIT(WORD_TECH) | WORD_BIT(WORD_TECH_WEAK))));
}

static size_t count_words(const struct reading *r, size_t from, size_t to,
			  bool (*what)(const struct reading *, size_t))
{
	size_t n = 0;
	for (size_t i = from; i < to; i++)
		n += what(r, i);
	return n;
}

/* Whether clauses joined by these words make what follows refer to what stands before. */
static bool is_joint(const struct reading *r, size_t from, size_t to)
{
	static const char *const joints[] = {"and",   "or",    "but",   "then", "before",
					     "after", "when",  "if",    "so",   "because",
					     "while", "since", "until", "that", "which"};
	for (size_t i = from; i < to; i++)
		if (IS_ANY(r, i, joints) || (i > from && r->text.words[i].before >= FOLD_COMMA))
			return true;
	return false;
}

/* Whether "that" at `at` stands for something, and does not begin a clause about the word before. */
static bool that_refers(const struct reading *r, size_t at)
{
	static const char *const in_front[] = {
		"do",     "undo",      "of",     "like",    "with",   "for",   "to",   "about",
		"from",   "after",     "before", "than",    "is",     "does",  "did",  "can",
		"will",   "would",     "why",    "how",     "and",    "in",    "on",   "use",
		"change", "avoid",     "fix",    "disable", "enable", "but",   "done", "by",
		"has",    "without",   "was",    "if",      "into",   "doing", "see",  "set",
		"delete", "could",     "should", "are",     "where",  "when",  "what", "stop",
		"remove", "configure", "against"};
	static const char *const behind[] = {
		"is",      "one",      "work",      "works", "mean",   "means", "field",
		"setting", "command",  "file",      "error", "value",  "case",  "way",
		"too",     "also",     "so",        "flag",  "option", "still", "different",
		"instead", "possible", "supported", "apply"};
	size_t next = at + 1;
	bool ends = next >= r->text.count || r->text.words[next].before >= FOLD_COMMA;
	return ends || at == 0 || IS_ANY(r, at - 1, in_front) || IS_ANY(r, next, behind);
}

/* Whether the word at `at` points at something outside of the question. */
static bool refers_back(const struct reading *r, size_t at)
{
	static const char *const pronouns[] = {"it",    "its",   "they", "them", "their", "this",
					       "these", "those", "he",   "she",  "itself"};
	static const char *const comparing[] = {"same",   "other",  "previous",      "above",
						"former", "latter", "aforementioned"};
	static const char *const expletive[] = {"possible",  "necessary", "recommended", "better",
						"best",      "normal",    "true",        "worth",
						"necessary", "needed",    "bad"};
	static const char *const having[] = {"use",  "using", "create", "make",    "get", "need",
					     "want", "have",  "add",    "another", "such"};
	static const char *const being[] = {"is", "are", "was", "were", "isnt", "arent"};
	bool ends = at + 1 >= r->text.count || r->text.words[at + 1].before >= FOLD_COMMA;
	size_t named = count_words(r, 0, at, is_specific);
	if (is(r, at, "that")) {
		if (!that_refers(r, at))
			return false;
	} else if (is(r, at, "there")) {
		if (IS_ANY(r, at + 1, being) || (at && IS_ANY(r, at - 1, being)))
			return false;
	} else if (is(r, at, "one") || is(r, at, "ones")) {
		if (!ends && !(at && IS_ANY(r, at - 1, having) && !is_specific(r, at + 1)))
			return false;
	} else if (IS_ANY(r, at, comparing)) {
		return named == 0 &&
		       (ends || !is_specific(r, at + 1) || (at && is(r, at - 1, "the")));
	} else if (!IS_ANY(r, at, pronouns)) {
		return false;
	}
	if (is(r, at, "it") && IS_ANY(r, at + 1, expletive) &&
	    count_words(r, at, r->text.count, is_specific) >= 1)
		return false;
	if (named == 0)
		/* "this error: …" is about what follows */
		return !(is(r, at, "this") && count_words(r, at, r->text.count, is_name) >= 4);
	/* "Where does Katib keep its database?" */
	if (is(r, at, "its") || is(r, at, "their") || is(r, at, "itself"))
		return false;
	/* "a profile and everything in it" */
	size_t last = at;
	while (last > 0 && !is_specific(r, last - 1))
		last--;
	return named <= 2 && !is_joint(r, last, at);
}

static bool leaves_topic(const struct reading *r)
{
	static const char *const other[] = {"another",  "different", "new",  "unrelated",
					    "separate", "next",      "other"};
	static const char *const thing[] = {"question", "topic", "subject",
					    "matter",   "thing", "issue"};
	for (size_t i = 0; i < r->text.count && i < 12; i++) {
		if (is(r, i, "btw") || is(r, i, "unrelated") ||
		    (is(r, i, "by") && is(r, i + 1, "the") && is(r, i + 2, "way")) ||
		    (is(r, i, "something") &&
		     (is(r, i + 1, "else") || is(r, i + 1, "different"))) ||
		    (is(r, i, "moving") && is(r, i + 1, "on")))
			return true;
		if (IS_ANY(r, i, other) && (IS_ANY(r, i + 1, thing) || IS_ANY(r, i + 2, thing)) &&
		    (i == 0 || !is(r, i - 1, "the")))
			return true;
	}
	return false;
}

/* The first word that is no greeting, thanks or interjection. */
static size_t first_word(const struct reading *r)
{
	static const char *const fillers[] = {"ok",  "okay",    "well", "so",   "hm",    "hmm",
					      "ah",  "oh",      "yes",  "no",   "great", "thanks",
					      "thx", "perfect", "good", "cool", "right", "now"};
	size_t at = 0;
	while (at + 1 < r->text.count && IS_ANY(r, at, fillers))
		at++;
	return at;
}

/* "and for notebooks?", "what about v2", "same with the SDK?", "why?" */
static bool is_fragment(const struct reading *r, size_t at)
{
	static const char *const leads[] = {
		"for",     "in",        "on",   "with", "without", "via", "using",
		"from",    "under",     "at",   "to",   "by",      "per", "same",
		"instead", "otherwise", "also", "or",   "but",     "and", "plus"};
	static const char *const verbs[] = {"is",    "are",   "do",     "does", "did",   "can",
					    "could", "how",   "should", "will", "would", "has",
					    "have",  "was",   "were",   "must", "may",   "shall",
					    "why",   "where", "when"};
	if ((is(r, at, "what") || is(r, at, "how")) && is(r, at + 1, "about"))
		return true;
	if (is(r, at, "i") && (is(r, at + 1, "mean") || is(r, at + 1, "meant")))
		return true;
	if (is(r, at, "what") && is(r, at + 1, "if"))
		return count_words(r, at, r->text.count, is_name) < 3;
	if (!IS_ANY(r, at, leads))
		return false;
	/* "and how do I set up Spark?" is whole; "and for notebooks?" is not */
	bool joined = is(r, at, "and") || is(r, at, "but") || is(r, at, "also") || is(r, at, "or");
	if (joined && IS_ANY(r, at + 1, verbs))
		return count_words(r, at, r->text.count, is_name) == 0;
	return joined || count_words(r, at, r->text.count, is_specific) <= 3;
}

static bool leans(const struct turn *turn)
{
	const struct reading *r = &turn->reading;
	size_t words = r->text.count, at = first_word(r);
	if (words == 0 || words > LONG_WORDS || leaves_topic(r))
		return false;
	if (is_fragment(r, at))
		return true;
	for (size_t i = at; i < words; i++)
		if (refers_back(r, i))
			return true;
	/* Names nothing: "which versions are supported?", "why?" */
	size_t names = count_words(r, at, words, is_name);
	size_t specific = count_words(r, at, words, is_specific);
	if (names == 0)
		return specific <= 2;
	return names == 1 && words - at <= 2;
}

/* --- what is carried over --- */

static bool holds(const struct reading *r, struct str word)
{
	for (size_t i = 0; i < r->text.count; i++) {
		struct str known = r->text.words[i].text;
		struct str shorter = known.len < word.len ? known : word;
		struct str longer = known.len < word.len ? word : known;
		/* "notebook" and "notebooks" */
		if (str_eq(known, word) || (shorter.len >= 4 && longer.len <= shorter.len + 2 &&
					    str_starts(longer, shorter)))
			return true;
	}
	return false;
}

static bool any_word(const struct reading *r, bool (*what)(const struct reading *, size_t))
{
	return count_words(r, 0, r->text.count, what) > 0;
}

/* The token of the original that the word is part of: "set_gpu_limit()" for "gpu". */
static struct str token_around(struct str text, const struct fold_word *word)
{
	size_t begin = word->begin, end = word->end;
	if (!word->identifier)
		return str_slice(text, begin, end);
	while (begin > 0 && !ascii_space((unsigned char)text.ptr[begin - 1]))
		begin--;
	while (end < text.len && !ascii_space((unsigned char)text.ptr[end]))
		end++;
	while (end > begin && memchr(".,;:!?", text.ptr[end - 1], 6))
		end--;
	return str_slice(text, begin, end);
}

/* Appends a token of another turn, once. */
static void carry(struct buf *out, const struct turn *from, size_t at, size_t *last_end)
{
	const struct fold_word *word = &from->reading.text.words[at];
	if (word->begin < *last_end) /* part of the token before */
		return;
	struct str token = token_around(from->text, word);
	buf_append_byte(out, ' ');
	buf_append(out, token);
	*last_end = (size_t)(token.ptr - from->text.ptr) + token.len;
}

static bool is_subject(const struct reading *r, size_t at)
{
	return r->text.words[at].identifier || is_component(r, at) ||
	       !(r->classes[at] & (WORD_BIT(WORD_STOP) | WORD_BIT(WORD_GREET) |
				   WORD_BIT(WORD_THANK) | WORD_BIT(WORD_PRAISE)));
}

/* The subject of `from` behind the question: its words but for those that the question replaces. */
static void carry_subject(struct buf *out, const struct turn *question, const struct turn *from)
{
	const struct reading *q = &question->reading, *r = &from->reading;
	bool product = any_word(q, is_product), version = any_word(q, is_version);
	size_t carried = 0, last_end = 0;
	for (size_t i = 0; i < r->text.count && carried < CARRIED_WORDS; i++) {
		if (!is_subject(r, i) || (product && is_product(r, i)) ||
		    (version && is_version(r, i)) || holds(q, r->text.words[i].text))
			continue;
		carry(out, from, i, &last_end);
		carried++;
	}
}

/* Names that only the assistant has said: what "that" may be. */
static void carry_names(struct buf *out, const struct turn *question, const struct turn *subject,
			const struct turn *assistant)
{
	const struct reading *r = &assistant->reading;
	size_t carried = 0, last_end = 0;
	for (size_t i = 0; i < r->text.count && i < ASSISTANT_WORDS && carried < CARRIED_NAMES;
	     i++) {
		struct str word = r->text.words[i].text;
		if (!r->text.words[i].identifier || holds(&question->reading, word) ||
		    holds(&subject->reading, word) || r->text.words[i].begin < last_end)
			continue;
		carry(out, assistant, i, &last_end);
		carried++;
	}
}

static enum err_code keep(struct buf *buf, struct arena *arena, struct str *out, struct err *err)
{
	enum err_code code = buf_ok(buf, "the query", err);
	if (!code && !(*out = arena_str(arena, buf_str(buf))).ptr)
		code = arena_fail(arena, err);
	return code;
}

/* `question` with the subject of `before`; `assistant` may be NULL. In `arena`. */
static enum err_code combine(const struct rewriter *w, struct str whole,
			     const struct turn *question, const struct turn *before,
			     const struct turn *assistant, struct arena *arena, struct str *out)
{
	struct buf buf;
	buf_init(&buf, arena->alloc, QUERY_MAX);
	buf_append(&buf, whole);
	carry_subject(&buf, question, before);
	if (assistant)
		carry_names(&buf, question, before, assistant);
	enum err_code code = keep(&buf, arena, out, w->err);
	buf_release(&buf);
	return code;
}

/* Where the last USER_TURNS turns of the user stand, oldest first. */
static size_t user_turns(const struct history *history, size_t at[USER_TURNS])
{
	size_t found = 0, seen = 0;
	for (size_t i = history->count; i-- > 0 && seen < TURNS_MAX && found < USER_TURNS; seen++)
		if (history->turns[i].role == CHAT_USER && str_trim(history->turns[i].text).len)
			at[found++] = i;
	for (size_t i = 0; i < found / 2; i++) {
		size_t other = at[i];
		at[i] = at[found - 1 - i];
		at[found - 1 - i] = other;
	}
	return found;
}

/* Thanks and the like have no subject to lean on. */
static bool has_subject(const struct turn *turn)
{
	const struct reading *r = &turn->reading;
	for (size_t i = 0; i < r->text.count; i++)
		if (is_specific(r, i))
			return true;
	return false;
}

/* What the last turn of the user that has a subject was about, follow-ups resolved. */
static enum err_code resolve_history(const struct rewriter *w, struct turn *out, bool *found)
{
	size_t at[USER_TURNS], count = user_turns(w->history, at);
	*found = false;
	for (size_t i = 0; i < count; i++) {
		struct turn turn;
		struct str text;
		enum err_code code = read_turn(w, w->history->turns[at[i]].text, &turn);
		if (code)
			return code;
		if (!has_subject(&turn) && !(*found && leans(&turn)))
			continue;
		if (*found && leans(&turn)) {
			code = combine(w, turn.text, &turn, out, NULL, w->scratch, &text);
			if (!code)
				code = read_turn(w, text, &turn);
			if (code)
				return code;
		}
		*out = turn;
		*found = true;
	}
	return ERR_OK;
}

/* The assistant's last turn, if it is the last of all. */
static enum err_code last_answer(const struct rewriter *w, struct turn *out, bool *found)
{
	const struct history *h = w->history;
	*found = h->count > 0 && h->turns[h->count - 1].role == CHAT_ASSISTANT;
	return *found ? read_turn(w, h->turns[h->count - 1].text, out) : ERR_OK;
}

static enum err_code rewrite(const struct rewriter *w, struct str question, struct arena *arena,
			     bool *leaning, struct str *out)
{
	struct turn turn, before, answer;
	bool found = false, answered = false;
	enum err_code code = read_turn(w, question, &turn);
	*leaning = false;
	if (!code && question.len <= TURN_BYTES && leans(&turn))
		code = resolve_history(w, &before, &found);
	if (!code && found)
		code = last_answer(w, &answer, &answered);
	*leaning = found;
	if (code || !found || !out)
		return code;
	bool names =
		answered && count_words(&turn.reading, 0, turn.reading.text.count, is_name) == 0;
	return combine(w, question, &turn, &before, names ? &answer : NULL, arena, out);
}

/* Opens what a rewriter needs; the caller releases the scratch arena in every case. */
static enum err_code open_rewriter(struct rewriter *w, const struct history *history,
				   struct arena *scratch, const struct alloc *alloc,
				   struct err *err)
{
	arena_init(scratch, alloc, SCRATCH_MAX);
	*w = (struct rewriter){.history = history, .scratch = scratch, .err = err};
	return lexicon_compile(route_words, route_word_rows, scratch, &w->lexicon, err);
}

bool rewrite_is_follow_up(struct str question, const struct history *history)
{
	struct arena scratch;
	struct rewriter w;
	struct err err;
	bool leaning = false;
	if (!history || !history->count)
		return false;
	if (open_rewriter(&w, history, &scratch, alloc_default(), &err) ||
	    rewrite(&w, question, NULL, &leaning, NULL))
		leaning = false;
	arena_release(&scratch);
	return leaning;
}

enum err_code rewrite_by_rules(struct str question, const struct history *history,
			       struct arena *arena, struct str *out, struct err *err)
{
	struct arena scratch;
	struct rewriter w;
	bool leaning;
	*out = question;
	if (!history || !history->count)
		return ERR_OK;
	enum err_code code = open_rewriter(&w, history, &scratch, arena->alloc, err);
	if (!code)
		code = rewrite(&w, question, arena, &leaning, out);
	arena_release(&scratch);
	return code;
}
