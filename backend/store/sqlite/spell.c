/*
 * Typing errors in a question. A word that the index does not hold, but that is one error (Damerau:
 * "A technique for computer detection and correction of spelling errors", CACM 1964: a letter missing,
 * added, changed, or two neighbours swapped) away from one that it does, is searched for as that one
 * too. Nothing is taken away: a name that we do not know stays in the query as it is.
 */
#include <string.h>

#include "store/sqlite/internal.h"

enum {
	MIN_LETTERS = 5, /* shorter words have too many neighbours */
	MAX_LETTERS = 32,
	MAX_WORDS = 32,  /* of a question that are looked at */
	MAX_UNKNOWN = 4, /* of them that are looked for; each reads the words of one first letter */
};

bool store_spell_near(struct str a, struct str b)
{
	if (a.len > b.len) {
		struct str c = a;
		a = b;
		b = c;
	}
	size_t same = 0, tail = 0;
	while (same < a.len && a.ptr[same] == b.ptr[same])
		same++;
	while (tail < a.len - same && a.ptr[a.len - 1 - tail] == b.ptr[b.len - 1 - tail])
		tail++;
	size_t rest = a.len - same - tail;
	if (b.len == a.len)
		return rest <= 1 || (rest == 2 && a.ptr[same] == b.ptr[same + 1] &&
				     a.ptr[same + 1] == b.ptr[same]);
	return b.len == a.len + 1 && rest == 0;
}

/*
 * The index holds stems. How Porter's algorithm would cut a misspelled word is not to be known, so
 * the word is compared as it is and without the endings that it cuts most.
 */
static bool stem_near(struct str word, struct str stem)
{
	static const char *const endings[] = {"", "s", "es", "e", "ed", "ing", "ly", "ion", "ions"};
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct str ending = str_c(endings[i]);
		if (word.len < ending.len + MIN_LETTERS || !str_ends(word, ending))
			continue;
		if (store_spell_near(str_slice(word, 0, word.len - ending.len), stem))
			return true;
	}
	return false;
}

/* Of the stems that are near the one in most sections; empty when there is none. */
static enum err_code find_near(struct store_sqlite *s, struct str word, struct arena *arena,
			       struct str *out, struct err *err)
{
	const char low[] = {word.ptr[0], '\0'}, high[] = {(char)(word.ptr[0] + 1), '\0'};
	sqlite3_stmt *stmt;
	int64_t most = 0;
	int rc;
	enum err_code code = sqldb_stmt(&s->index, INDEX_WORDS, &stmt, err);
	*out = STR("");
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, str_c(low));
	sqldb_bind_str(stmt, 2, str_c(high));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && !code) {
		struct str stem = sqldb_column_str(stmt, 0);
		int64_t sections = sqlite3_column_int64(stmt, 1);
		if (sections <= most || stem.len < MIN_LETTERS - 1 || !stem_near(word, stem))
			continue;
		most = sections;
		*out = arena_str(arena, stem);
		if (!out->ptr)
			code = arena_fail(arena, err);
	}
	if (!code && rc != SQLITE_DONE)
		code = sqldb_fail(&s->index, rc, "reading its words", err);
	sqldb_done(stmt);
	return code;
}

/* The next word of letters alone, with at most its first in upper case unless all are. */
static bool next_word(struct str text, size_t *at, char lower[MAX_LETTERS], size_t *len)
{
	while (*at < text.len) {
		size_t begin = *at, upper = 0;
		bool plain = true;
		while (*at < text.len && !ascii_space((unsigned char)text.ptr[*at]))
			++*at;
		struct str word = str_slice(text, begin, *at);
		while (word.len && strchr(".,;:!?\"')(", word.ptr[word.len - 1]))
			word.len--;
		while (word.len && strchr("\"'(", word.ptr[0]))
			word = str_slice(word, 1, word.len);
		++*at;
		for (size_t i = 0; i < word.len && plain; i++) {
			plain = ascii_alpha((unsigned char)word.ptr[i]);
			upper += i > 0 && ascii_lower(word.ptr[i]) != word.ptr[i];
		}
		if (!plain || word.len < MIN_LETTERS || word.len > MAX_LETTERS ||
		    (upper && upper + 1 < word.len))
			continue;
		for (size_t i = 0; i < word.len; i++)
			lower[i] = ascii_lower(word.ptr[i]);
		*len = word.len;
		return true;
	}
	return false;
}

enum err_code store_sqlite_correct(struct store_sqlite *s, struct str query, struct arena *arena,
				   struct str *out, struct err *err)
{
	char word[MAX_LETTERS];
	size_t at = 0, len = 0, unknown = 0;
	enum err_code code = ERR_OK;
	*out = query;
	for (size_t n = 0;
	     n < MAX_WORDS && unknown < MAX_UNKNOWN && !code && next_word(query, &at, word, &len);
	     n++) {
		struct str near = STR("");
		int64_t sections = 0;
		code = store_sqlite_word_rows(s, (struct str){word, len}, &sections, err);
		if (code || sections)
			continue;
		unknown++;
		code = find_near(s, (struct str){word, len}, arena, &near, err);
		if (code || !near.len)
			continue;
		*out = arena_printf(arena, "%.*s %.*s", STR_ARG(*out), STR_ARG(near));
		if (!out->ptr)
			code = arena_fail(arena, err);
	}
	return code;
}
