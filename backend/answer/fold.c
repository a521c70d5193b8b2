#include "answer/fold.h"

#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"

/* A longer word becomes two: no table has one, but scripts without spaces make such. */
enum { WORD_BYTES_MAX = 256, PIECES_MAX = 8 };

struct look_alike {
	int32_t from;
	char to;
};

/* After compatibility folding and lower case; sorted. Cyrillic, Greek, Armenian, phonetic letters. */
static const struct look_alike look_alikes[] = {
	{0x0131, 'i'}, {0x0251, 'a'}, {0x0261, 'g'}, {0x0262, 'g'}, {0x0269, 'i'}, {0x026a, 'i'},
	{0x0274, 'n'}, {0x0280, 'r'}, {0x028f, 'y'}, {0x0299, 'b'}, {0x029c, 'h'}, {0x029f, 'l'},
	{0x03b1, 'a'}, {0x03b5, 'e'}, {0x03b7, 'n'}, {0x03b9, 'i'}, {0x03ba, 'k'}, {0x03bd, 'v'},
	{0x03bf, 'o'}, {0x03c1, 'p'}, {0x03c4, 't'}, {0x03c5, 'u'}, {0x03c7, 'x'}, {0x0430, 'a'},
	{0x0432, 'b'}, {0x0433, 'r'}, {0x0435, 'e'}, {0x043a, 'k'}, {0x043c, 'm'}, {0x043d, 'h'},
	{0x043e, 'o'}, {0x043f, 'n'}, {0x0440, 'p'}, {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'},
	{0x0445, 'x'}, {0x0448, 'w'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0457, 'i'}, {0x0458, 'j'},
	{0x04bb, 'h'}, {0x04cf, 'l'}, {0x0501, 'd'}, {0x051b, 'q'}, {0x051d, 'w'}, {0x0561, 'w'},
	{0x0563, 'q'}, {0x0566, 'q'}, {0x0570, 'h'}, {0x0578, 'n'}, {0x057c, 'n'}, {0x057d, 'u'},
	{0x0581, 'g'}, {0x0584, 'f'}, {0x0585, 'o'}, {0x1d00, 'a'}, {0x1d04, 'c'}, {0x1d05, 'd'},
	{0x1d07, 'e'}, {0x1d0a, 'j'}, {0x1d0b, 'k'}, {0x1d0d, 'm'}, {0x1d0f, 'o'}, {0x1d18, 'p'},
	{0x1d1b, 't'}, {0x1d1c, 'u'}, {0x1d20, 'v'}, {0x1d21, 'w'}, {0x1d22, 'z'}, {0xa730, 'f'},
	{0xa731, 's'},
};

static char look_alike(int32_t cp)
{
	size_t low = 0, high = sizeof(look_alikes) / sizeof(look_alikes[0]);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (look_alikes[middle].from == cp)
			return look_alikes[middle].to;
		if (look_alikes[middle].from < cp)
			low = middle + 1;
		else
			high = middle;
	}
	return '\0';
}

uint32_t fold_hash(struct str word)
{
	uint64_t hash = str_hash(word);
	return (uint32_t)(hash ^ hash >> 32);
}

/* What the fold of one text shares. */
struct folder {
	struct str text; /* the original */
	struct folded *out;
	struct arena *arena;
	char word[WORD_BYTES_MAX];  /* as it is written */
	char ascii[WORD_BYTES_MAX]; /* with every look-alike resolved */
	size_t word_len, ascii_len;
	bool other;        /* a letter that looks like no Latin one */
	size_t begin, end; /* of the word in the original */
	enum fold_break before;
	bool wide;
	char *joined; /* room for all words */
	size_t joined_len, joined_max, words_max;
};

static void begin_word(struct folder *f, size_t at)
{
	f->begin = at;
	f->word_len = f->ascii_len = 0;
	f->other = false;
}

/* The words stand in one block, which is as long as the fold of the text can become. */
static void end_word(struct folder *f)
{
	struct folded *out = f->out;
	if (!f->word_len || out->count == f->words_max ||
	    f->joined_max - f->joined_len <= f->word_len)
		return;
	/* A word of look-alikes alone is read as Latin; one with other letters as what it is. */
	const char *from = f->other ? f->word : f->ascii;
	size_t len = f->other ? f->word_len : f->ascii_len;
	if (out->count)
		f->joined[f->joined_len++] = ' ';
	char *to = f->joined + f->joined_len;
	memcpy(to, from, len);
	f->joined_len += len;
	struct str text = {to, len};
	out->words[out->count++] = (struct fold_word){.text = text,
						      .hash = fold_hash(text),
						      .begin = (uint32_t)f->begin,
						      .end = (uint32_t)f->end,
						      .before = f->before,
						      .wide_space = f->wide};
	f->before = FOLD_SPACE;
	f->wide = false;
	f->word_len = 0;
}

static void push(struct folder *f, int32_t cp, size_t at)
{
	char bytes[4];
	char like = cp < 0x80 ? (char)cp : look_alike(cp);
	size_t n = utf8_encode(cp, bytes);
	if (f->word_len + n > WORD_BYTES_MAX) {
		end_word(f);
		begin_word(f, at);
	}
	memcpy(f->word + f->word_len, bytes, n);
	f->word_len += n;
	f->other = f->other || !like;
	if (like)
		f->ascii[f->ascii_len++] = like;
}

static bool is_apostrophe(int32_t cp)
{
	return cp == '\'' || cp == 0x2019 || cp == 0x2018 || cp == 0x02bc || cp == 0x00b4 ||
	       cp == '`';
}

static bool is_letter(utf8proc_category_t category)
{
	return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
	       (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

/* Whether the mark at `at` ends a sentence: at the end, or before white space, quotes and brackets. */
static bool ends_sentence(struct str text, size_t at, size_t next, int32_t cp)
{
	if (cp == '\n' || cp == '!' || cp == '?' || cp == ';' || cp >= 0x2010)
		return true;
	if (cp != '.' && cp != ':')
		return false;
	return next >= text.len ||
	       !(ascii_alnum((unsigned char)text.ptr[next]) || memchr("/._-=", text.ptr[next], 5));
}

/* A character that is part of no word. */
static void separate(struct folder *f, int32_t cp, size_t at, size_t next)
{
	end_word(f);
	if (cp == '?' || cp == 0xff1f || cp == 0x061f)
		f->out->question = true;
	if (cp == ' ') {
		f->wide = f->wide || (next < f->text.len && f->text.ptr[next] == ' ');
		return;
	}
	f->wide = true;
	bool full_stop = cp == 0x3002 || cp == 0xff01 || cp == 0xff1f || cp == 0xff1b ||
			 cp == 0x2026 || cp == 0x2014 || cp == 0x2013;
	bool ascii_mark =
		cp == '\n' || cp == '!' || cp == '?' || cp == ';' || cp == '.' || cp == ':';
	if (full_stop || (ascii_mark && ends_sentence(f->text, at, next, cp)))
		f->before = FOLD_SENTENCE;
	else if ((cp == ',' || cp == 0xff0c || cp == '(' || cp == ')' || cp == '"') &&
		 f->before == FOLD_SPACE)
		f->before = FOLD_COMMA;
}

static void take(struct folder *f, int32_t cp, size_t at, size_t next)
{
	utf8proc_int32_t pieces[PIECES_MAX];
	int boundary = 0;
	if (cp >= 0x1f1e6 && cp <= 0x1f1ff) /* flags, which are made of letters */
		cp = 'a' + (cp - 0x1f1e6);
	if (is_apostrophe(cp) && f->word_len)
		return;
	utf8proc_ssize_t n =
		utf8proc_decompose_char(cp, pieces, PIECES_MAX,
					UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD |
						UTF8PROC_IGNORE | UTF8PROC_STRIPMARK,
					&boundary);
	if (n == 0) /* invisible, or a mark on the letter before */
		return;
	bool letter = false;
	for (utf8proc_ssize_t i = 0; i < n && i < PIECES_MAX; i++) {
		if (!is_letter(utf8proc_category(pieces[i])))
			continue;
		if (!letter && !f->word_len)
			begin_word(f, at);
		letter = true;
		push(f, pieces[i], at);
		f->end = next;
	}
	if (!letter)
		separate(f, cp, at, next);
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* A token between white space that is no prose: a_b, camelCase, --flag, a.b, /path, v1.2, f(). */
static bool is_identifier(struct str token)
{
	bool digit = false, letter = false, inner = false;
	while (token.len && memchr(".,;:!?)\"'", token.ptr[token.len - 1], 9) &&
	       !str_ends(token, STR("()")))
		token.len--;
	while (token.len && memchr("(\"'", token.ptr[0], 3))
		token = str_slice(token, 1, token.len);
	for (size_t i = 0; i < token.len; i++) {
		char c = token.ptr[i], before = i ? token.ptr[i - 1] : '\0';
		char after = i + 1 < token.len ? token.ptr[i + 1] : '\0';
		bool between =
			ascii_alnum((unsigned char)before) && ascii_alnum((unsigned char)after);
		digit = digit || ascii_digit((unsigned char)c);
		letter = letter || ascii_alpha((unsigned char)c);
		inner = inner || c == '_' || c == '`' || c == '{' || c == '<' || c == '\\' ||
			(c == '.' && between && !ascii_digit((unsigned char)before)) ||
			(c == '=' && (between || before)) || (c == '/' && (!i || c == before)) ||
			(c == '-' && !i && after == '-') || (c == '(' && after == ')') ||
			(is_upper(c) && is_lower(before)) || (c == ':' && before == ':');
	}
	/* "v1.2" and "k8s" are, "2nd" and "10kg" are not */
	bool version = digit && letter && !ascii_digit((unsigned char)token.ptr[0]);
	return letter && (inner || version);
}

/* Marks the words of tokens that are no prose; words and tokens stand in the same order. */
static void mark_identifiers(struct str text, struct folded *out)
{
	size_t w = 0;
	for (size_t at = 0; at < text.len && w < out->count;) {
		while (at < text.len && ascii_space((unsigned char)text.ptr[at]))
			at++;
		size_t begin = at;
		while (at < text.len && !ascii_space((unsigned char)text.ptr[at]))
			at++;
		if (begin == at)
			break;
		bool identifier = is_identifier(str_slice(text, begin, at));
		while (w < out->count && out->words[w].begin < at)
			out->words[w++].identifier = identifier;
	}
}

enum err_code fold_text(struct str text, struct arena *arena, struct folded *out, struct err *err)
{
	*out = (struct folded){.words = NULL};
	/* A word has a byte at least, and compatibility folding makes up to PIECES_MAX * 4 of three. */
	size_t words = 1 + text.len / WORD_BYTES_MAX;
	for (size_t i = 0; i < text.len; i++)
		words += i == 0 || (unsigned char)text.ptr[i] >= 0x80 ||
			 (ascii_alnum((unsigned char)text.ptr[i]) &&
			  !ascii_alnum((unsigned char)text.ptr[i - 1]));
	if (text.len > SIZE_MAX / 64 || text.len > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "a text of %zu bytes is too long", text.len);
	struct folder f = {.text = text, .out = out, .arena = arena, .before = FOLD_SENTENCE};
	out->words = arena_array(arena, words, sizeof(*out->words));
	size_t wide = 0;
	for (size_t i = 0; i < text.len; i++)
		wide += (unsigned char)text.ptr[i] >= 0x80;
	f.words_max = words;
	f.joined_max = text.len + wide * 4 * PIECES_MAX + words + 1;
	f.joined = arena_get(arena, f.joined_max);
	if (!out->words || !f.joined)
		return arena_fail(arena, err);
	for (size_t at = 0; at < text.len;) {
		int32_t cp = 0;
		size_t n = utf8_decode(text, at, &cp);
		n = n ? n : 1;
		take(&f, cp, at, at + n);
		at += n;
	}
	end_word(&f);
	out->text = (struct str){f.joined, f.joined_len};
	mark_identifiers(text, out);
	return ERR_OK;
}
