#include "answer/query.h"

#include <string.h>

enum { MAX_WORDS_BETWEEN = 6 };

/* The word that begins at or after *at, cut at white space; false at the end. */
static bool next_word(struct str text, size_t *at, struct str *word)
{
	while (*at < text.len && ascii_space((unsigned char)text.ptr[*at]))
		++*at;
	size_t begin = *at;
	while (*at < text.len && !ascii_space((unsigned char)text.ptr[*at]))
		++*at;
	*word = str_slice(text, begin, *at);
	return word->len > 0;
}

static bool preventing(struct str word)
{
	return str_eq_nocase(word, STR("stop")) || str_eq_nocase(word, STR("prevent")) ||
	       str_eq_nocase(word, STR("keep"));
}

/* Whether "from DOING" follows within reach; *from is then the word "from". */
static bool find_from(struct str text, size_t at, struct str *from)
{
	struct str word, after;
	for (size_t n = 0; n <= MAX_WORDS_BETWEEN && next_word(text, &at, &word); n++) {
		if (!str_eq_nocase(word, STR("from")))
			continue;
		*from = word;
		return n > 0 && next_word(text, &at, &after) && after.len > 4 &&
		       str_find_nocase(after, STR("ing"), 2) != STR_NPOS;
	}
	return false;
}

struct str query_subject(struct str question, struct arena *arena)
{
	struct str verb, from;
	for (size_t at = 0; next_word(question, &at, &verb);) {
		if (!preventing(verb) || !find_from(question, at, &from))
			continue;
		size_t verb_at = (size_t)(verb.ptr - question.ptr);
		size_t from_at = (size_t)(from.ptr - question.ptr);
		return arena_printf(
			arena, "%.*s%.*s%.*s", STR_ARG(str_slice(question, 0, verb_at)),
			STR_ARG(str_trim(str_slice(question, verb_at + verb.len, from_at))),
			STR_ARG(str_slice(question, from_at + from.len, question.len)));
	}
	return question;
}

/* The run of letters, digits and dots that begins at or after *at; false at the end. */
static bool next_token(struct str text, size_t *at, struct str *token)
{
	while (*at < text.len && !ascii_alnum((unsigned char)text.ptr[*at]))
		++*at;
	size_t begin = *at;
	while (*at < text.len &&
	       (ascii_alnum((unsigned char)text.ptr[*at]) || text.ptr[*at] == '.'))
		++*at;
	*token = str_slice(text, begin, *at);
	while (token->len && token->ptr[token->len - 1] == '.')
		token->len--;
	return *at > begin;
}

bool query_asks_for_old(struct str question)
{
	static const char *const words[] = {"legacy",     "deprecated", "deprecation", "archived",
					    "archive",    "old",        "older",       "obsolete",
					    "superseded", "outdated"};
	struct str token;
	for (size_t at = 0; next_token(question, &at, &token);)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (str_eq_nocase(token, str_c(words[i])))
				return true;
	return false;
}

/* Without a leading 'v'. */
static struct str version_digits(struct str text)
{
	return text.len > 1 && ascii_lower(text.ptr[0]) == 'v' ? str_slice(text, 1, text.len)
							       : text;
}

bool query_names_version(struct str question, struct str version)
{
	struct str token, wanted = version_digits(version);
	for (size_t at = 0; wanted.len && next_token(question, &at, &token);) {
		struct str digits = version_digits(token);
		bool marked = digits.len < token.len || str_find(digits, STR("."), 0) != STR_NPOS;
		if (marked && str_starts(digits, wanted) &&
		    (digits.len == wanted.len || digits.ptr[wanted.len] == '.'))
			return true;
	}
	return false;
}
