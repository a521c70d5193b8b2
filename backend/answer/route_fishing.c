#include "answer/route_fishing.h"

#include <string.h>

#include "answer/route_decode.h"
#include "answer/route_phrases.h"
#include "answer/route_words.h"

enum {
	NEAR_WORDS = 9,    /* between "you" and what it was told */
	NEAR_BYTES = 120,  /* between the two pieces of a foreign pair */
	LETTERS_APART = 6, /* words of one letter in a row that are no list of variables */
	DECODE_DEPTH = 2,
	ERROR_WORDS = 12,     /* around what may be part of an error message */
	MISSPELT_WORDS = 500, /* at the beginning of a text */
};

enum err_code route_rules_make(struct arena *arena, struct route_rules *out, struct err *err)
{
	_Static_assert(ROUTE_PHRASES_COUNT <= 8, "route_rules has no room");
	enum err_code code =
		lexicon_compile(route_words, route_word_rows, arena, &out->lexicon, err);
	for (size_t i = 0; i < ROUTE_PHRASES_COUNT && !code; i++)
		code = phrases_compile(route_phrases[i].phrases, route_phrases[i].count,
				       out->lexicon, arena, &out->sets[i], err);
	return code;
}

void route_sentence(const struct reading *reading, size_t at, size_t *from, size_t *to)
{
	const struct folded *text = &reading->text;
	*from = at < text->count ? at : 0;
	while (*from > 0 && text->words[*from].before != FOLD_SENTENCE)
		--*from;
	*to = *from;
	while (*to < text->count && (*to == *from || text->words[*to].before != FOLD_SENTENCE))
		++*to;
}

/* Whether two words differ by one letter put in, left out, changed, or swapped with its neighbour. */
static bool is_misspelt(struct str word, struct str right)
{
	size_t head = 0, tail = 0, less = word.len < right.len ? word.len : right.len;
	size_t more = word.len > right.len ? word.len : right.len;
	if (more - less > 1 || word.ptr[0] != right.ptr[0])
		return false;
	while (head < less && word.ptr[head] == right.ptr[head])
		head++;
	while (tail < less - head &&
	       word.ptr[word.len - 1 - tail] == right.ptr[right.len - 1 - tail])
		tail++;
	size_t differ = more - head - tail;
	return differ == 1 ||
	       (differ == 2 && word.len == right.len && word.ptr[head] == right.ptr[head + 1] &&
		word.ptr[head + 1] == right.ptr[head]);
}

/* Words that rules cannot do without are read in spite of a typing error. */
static void read_misspelt(const struct route_rules *rules, struct reading *reading)
{
	static const char *const words[] = {
		"instructions",  "instruction",  "prompt",    "prompts",
		"system",        "ignore",       "previous",  "guidelines",
		"configuration", "restrictions", "disregard", "reveal",
		"repeat",        "pretend",      "jailbreak", "forget"};
	for (size_t i = 0; i < reading->text.count && i < MISSPELT_WORDS; i++) {
		struct fold_word *word = &reading->text.words[i];
		if (reading->classes[i] || word->text.len < 5 || word->identifier)
			continue;
		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
			struct str right = str_c(words[j]);
			if (!is_misspelt(word->text, right))
				continue;
			word->text = right;
			word->hash = fold_hash(right);
			reading->classes[i] = lexicon_classes(rules->lexicon, right);
			break;
		}
	}
}

static bool is_one_of(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(word, str_c(list[i])))
			return true;
	return false;
}

bool route_asks_howto(const struct reading *reading, size_t at)
{
	static const char *const leads[] = {"how",    "where", "can", "could", "does", "do",
					    "should", "is",    "why", "when",  "if",   "which",
					    "what",   "we",    "i",   "are",   "did",  "my"};
	static const char *const persons[] = {"i", "we", "one",   "to", "the",
					      "a", "my", "users", "it"};
	size_t from, to;
	route_sentence(reading, at, &from, &to);
	for (; from < to && from < at; from++) {
		const struct fold_word *word = &reading->text.words[from];
		if (!is_one_of(word->text, leads, sizeof(leads) / sizeof(leads[0])))
			continue;
		/* "can you …" asks the assistant to do it */
		if (str_eq(word->text, STR("can")) || str_eq(word->text, STR("could")))
			return from + 1 < to &&
			       is_one_of(reading->text.words[from + 1].text, persons,
					 sizeof(persons) / sizeof(persons[0]));
		return true;
	}
	return false;
}

static bool asks_what(const struct reading *reading, size_t at)
{
	static const char *const whats[] = {"which", "what", "whats", "is", "are", "i"};
	size_t from, to;
	route_sentence(reading, at, &from, &to);
	return is_one_of(reading->text.words[from].text, whats, sizeof(whats) / sizeof(whats[0]));
}

/* Whether a word of these classes stands in the sentence of the match, but not in it. */
static bool has_beside(const struct reading *reading, const struct phrase_match *match,
		       uint64_t classes)
{
	size_t from, to;
	route_sentence(reading, match->from, &from, &to);
	for (size_t i = from; i < to; i++)
		if ((i < match->from || i >= match->to) && (reading->classes[i] & classes))
			return true;
	return false;
}

static bool has_verb(const struct reading *reading, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (reading->classes[i] & WORD_BIT(WORD_HOWTO))
			return true;
	return false;
}

/* "Error: your token has expired": a message that speaks to its reader. */
static bool reports_error(const struct reading *r, size_t at)
{
	static const char *const words[] = {
		"error",        "errors",  "failed",  "failure",   "denied", "expired", "exception",
		"unauthorized", "invalid", "warning", "forbidden", "fatal",  "wrong",   "401",
		"403",          "cannot",  "couldnt", "unable",    "level",  "missing"};
	size_t from = at > ERROR_WORDS ? at - ERROR_WORDS : 0;
	bool error = false, software = false;
	for (size_t i = from; i < r->text.count && i < at + ERROR_WORDS; i++) {
		error = error ||
			is_one_of(r->text.words[i].text, words, sizeof(words) / sizeof(words[0]));
		software = software || r->text.words[i].identifier ||
			   (r->classes[i] & WORD_BIT(WORD_COMPONENT));
	}
	return error && software;
}

/* Questions about software that use the same words. */
static bool is_about_software(const struct reading *reading, const struct phrase_match *match)
{
	uint64_t software = WORD_BIT(WORD_COMPONENT) | WORD_BIT(WORD_TECH);
	bool howto = route_asks_howto(reading, match->from);
	size_t from, to;
	route_sentence(reading, match->from, &from, &to);
	if ((match->phrase->flags & PHRASE_UNLESS_ERROR) && reports_error(reading, match->from))
		return true;
	if (match->phrase->flags & PHRASE_UNLESS_HOWTO)
		return howto && has_verb(reading, from, match->to) &&
		       has_beside(reading, match, software);
	/* "which", "what" may also be asked about the assistant */
	if (match->phrase->flags & PHRASE_UNLESS_COMPONENT)
		return has_beside(reading, match, WORD_BIT(WORD_COMPONENT)) ||
		       (howto && !asks_what(reading, match->from) &&
			has_beside(reading, match, software));
	return false;
}

static const char *find_phrase(const struct route_rules *rules, const struct reading *reading)
{
	struct phrase_match match;
	size_t at = 0;
	while (phrases_find(rules->sets[ROUTE_PHRASES_FISHING], reading, at, reading->text.count,
			    &match)) {
		if (!is_about_software(reading, &match))
			return match.phrase->label;
		at = match.from + 1;
	}
	return NULL;
}

/* "instructions for Windows", "a prompt to …": somebody's task, not the assistant's own. */
static bool has_purpose(const struct reading *r, size_t at)
{
	static const char *const purposes[] = {"for", "on", "about", "how", "to"};
	return at + 1 < r->text.count && r->text.words[at + 1].before == FOLD_SPACE &&
	       is_one_of(r->text.words[at + 1].text, purposes,
			 sizeof(purposes) / sizeof(purposes[0])) &&
	       !(at > 0 && (r->classes[at - 1] & WORD_BIT(WORD_YOU)));
}

/* Whether the assistant is spoken to near word `at`, in its sentence. */
static bool speaks_to_you(const struct reading *r, size_t at, size_t from, size_t to)
{
	size_t first = at > from + NEAR_WORDS ? at - NEAR_WORDS : from;
	size_t last = at + NEAR_WORDS < to ? at + NEAR_WORDS : to;
	for (size_t i = first; i < last; i++)
		if (r->classes[i] & WORD_BIT(WORD_YOU))
			return true;
	return false;
}

/*
 * Whatever the wording: somebody speaks to the assistant about what it was told, in a sentence that
 * is about no software.
 */
/* "your documentation": what somebody may say "your" to without meaning the assistant. */
static bool is_yours(const struct reading *r, size_t at)
{
	static const char *const yours[] = {
		"documentation", "docs",       "site",     "website",        "project",
		"team",          "community",  "product",  "support",        "license",
		"app",           "tool",       "opinion",  "advice",         "suggestion",
		"example",       "answer",     "answers",  "help",           "time",
		"patience",      "last",       "previous", "recommendation", "experience",
		"view",          "work",       "name",     "guide",          "page",
		"pages",         "tutorial",   "quick",    "reply",          "response",
		"first",         "second",     "links",    "sources",        "citation",
		"citations",     "explanation"};
	size_t next = at + 1;
	return !str_eq(r->text.words[at].text, STR("your")) || next >= r->text.count ||
	       is_one_of(r->text.words[next].text, yours, sizeof(yours) / sizeof(yours[0]));
}

static bool is_software(const struct reading *r, size_t at)
{
	const uint64_t vague =
		WORD_BIT(WORD_FORMAT) | WORD_BIT(WORD_INNER) | WORD_BIT(WORD_INNER_WEAK);
	return r->text.words[at].identifier || (r->classes[at] & WORD_BIT(WORD_COMPONENT)) ||
	       ((r->classes[at] & WORD_BIT(WORD_TECH)) && !(r->classes[at] & vague));
}

/* "How do I use one prompt template for several chains?" */
static bool asks_to_do(const struct reading *r, size_t at)
{
	static const char *const leads[] = {"how",    "where", "can", "could",
					    "should", "does",  "do",  "why"};
	size_t from, to;
	route_sentence(r, at, &from, &to);
	for (size_t i = from; i < at && i < from + 3; i++)
		if (is_one_of(r->text.words[i].text, leads, sizeof(leads) / sizeof(leads[0])))
			return true;
	return false;
}

/*
 * Whatever the wording: in a sentence that is about no software somebody speaks to the assistant of
 * what it was told, or, where the whole text is about none, of anything that is its own.
 */
static const char *find_inner(const struct reading *r)
{
	const uint64_t inner = WORD_BIT(WORD_INNER) | WORD_BIT(WORD_INNER_WEAK);
	size_t from = 0, to = 0;
	bool any_software = false;
	const char *own = NULL;
	for (; from < r->text.count; from = to) {
		bool software = false;
		route_sentence(r, from, &from, &to);
		for (size_t i = from; i < to && !software; i++)
			software = is_software(r, i);
		any_software = any_software || software;
		for (size_t i = from; i < to && !software; i++) {
			bool strong = r->classes[i] & WORD_BIT(WORD_INNER);
			bool alone =
				(r->classes[i] & WORD_BIT(WORD_INNER_ALONE)) && !asks_to_do(r, i);
			if ((r->classes[i] & inner) && !has_purpose(r, i) &&
			    (alone || speaks_to_you(r, i, from, to)) &&
			    (strong || !reports_error(r, i)))
				return "asks for the system prompt or instructions";
			if (!is_yours(r, i))
				own = "asks about what is the assistant's own";
		}
	}
	return any_software ? NULL : own;
}

static enum err_code fold_piece(const char *piece, struct arena *arena, struct str *out,
				struct err *err)
{
	struct folded folded;
	enum err_code code = fold_text(str_c(piece), arena, &folded, err);
	*out = folded.text;
	return code;
}

/* Pairs of other languages, both pieces within some words of each other in any order. */
static enum err_code find_foreign(const struct reading *reading, struct arena *arena, bool *found,
				  struct err *err)
{
	struct str text = reading->text.text;
	for (size_t i = 0; i < route_foreign_count && !*found; i++) {
		struct str first, second;
		enum err_code code = fold_piece(route_foreign[i].first, arena, &first, err);
		if (!code)
			code = fold_piece(route_foreign[i].second, arena, &second, err);
		if (code)
			return code;
		for (size_t at = 0; (at = str_find(text, first, at)) != STR_NPOS && !*found; at++) {
			size_t from = at > NEAR_BYTES ? at - NEAR_BYTES : 0;
			struct str near = str_slice(text, from, at + first.len + NEAR_BYTES);
			*found = second.len == 0 || str_find(near, second, 0) != STR_NPOS;
		}
	}
	return ERR_OK;
}

static bool has_marker(struct str text)
{
	for (size_t i = 0; i < route_marker_count; i++)
		if (str_find_nocase(text, str_c(route_markers[i]), 0) != STR_NPOS)
			return true;
	return false;
}

static bool has_squashed(struct str letters)
{
	for (size_t i = 0; i < route_squashed_count; i++)
		if (str_find(letters, str_c(route_squashed[i]), 0) != STR_NPOS)
			return true;
	return false;
}

/* Letters that stand apart, joined: the words are lost with the spaces, so phrases without them. */
static enum err_code find_spaced(const struct reading *reading, struct arena *arena, bool *found,
				 struct err *err)
{
	const struct folded *text = &reading->text;
	size_t run = 0, longest = 0, len = 0;
	for (size_t i = 0; i < text->count; i++) {
		run = text->words[i].text.len <= 2 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	if (longest < LETTERS_APART)
		return ERR_OK;
	char *letters = arena_get(arena, text->text.len + 1);
	if (!letters)
		return arena_fail(arena, err);
	for (size_t i = 0; i < text->text.len; i++)
		if (text->text.ptr[i] != ' ')
			letters[len++] = text->text.ptr[i];
	*found = has_squashed((struct str){letters, len});
	return ERR_OK;
}

static enum err_code find_plain(const struct route_rules *rules, struct str text,
				const struct reading *reading, bool as_written, struct arena *arena,
				const char **why, struct err *err)
{
	bool foreign = false, spaced = false;
	*why = find_phrase(rules, reading);
	/* Not where words may stand in another order: that takes away what a word is for. */
	if (!*why && as_written)
		*why = find_inner(reading);
	if (!*why && has_marker(text))
		*why = "plays the border of a message";
	if (*why)
		return ERR_OK;
	enum err_code code = as_written ? find_foreign(reading, arena, &foreign, err) : ERR_OK;
	if (!code)
		code = find_spaced(reading, arena, &spaced, err);
	if (foreign || spaced)
		*why = "asks for the system prompt or instructions";
	return code;
}

/* NOLINTNEXTLINE(misc-no-recursion): DECODE_DEPTH deep */
static enum err_code find_decoded(const struct route_rules *rules, struct str text, int depth,
				  struct arena *arena, const char **why, struct err *err)
{
	struct route_decoded decoded;
	enum err_code code = route_decode(text, arena, &decoded, err);
	for (size_t i = 0; i < decoded.count && !code && !*why; i++) {
		struct reading reading;
		code = reading_make(rules->lexicon, decoded.texts[i], arena, &reading, err);
		if (!code)
			read_misspelt(rules, &reading);
		if (!code)
			code = find_plain(rules, decoded.texts[i], &reading, i >= decoded.respelled,
					  arena, why, err);
		if (!code && !*why && i >= decoded.respelled && depth + 1 < DECODE_DEPTH)
			code = find_decoded(rules, decoded.texts[i], depth + 1, arena, why, err);
	}
	return code;
}

enum err_code route_find_fishing(const struct route_rules *rules, struct str text,
				 struct reading *reading, struct arena *arena, const char **why,
				 struct err *err)
{
	*why = NULL;
	read_misspelt(rules, reading);
	enum err_code code = find_plain(rules, text, reading, true, arena, why, err);
	if (!code && !*why)
		code = find_decoded(rules, text, 0, arena, why, err);
	return code;
}
