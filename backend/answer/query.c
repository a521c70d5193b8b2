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
