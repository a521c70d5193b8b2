/*
 * Words and identifiers for full-text search. FTS5's unicode61 splits at everything that is not a
 * letter or digit, so "KF_PIPELINES_SA_TOKEN_PATH" is indexed as five words. This file adds what it
 * does not see, on both sides alike: identifiers joined into one word, and the parts of camelCase.
 */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "store/sqlite/internal.h"

#define TERM_MAX_BYTES 256 /* longer runs are data, not names */
#define MAX_PARTS      16  /* of one camelCase word */

enum term_kind {
	TERM_WORD,   /* as the tokenizer sees it too */
	TERM_PART,   /* of a camelCase word, one or two neighbours */
	TERM_JOINED, /* an identifier without its separators */
};

struct term {
	struct str text;
	enum term_kind kind;
	size_t position;
};

/* The distinct terms of a text, in order of appearance. */
struct term_list {
	struct arena *arena;
	bool with_words; /* the index has the plain words already */
	struct term *items;
	size_t count, capacity;
	size_t *slots; /* open addressing: index into items + 1, 0 is free */
	size_t slot_count;
};

/* Sorted for binary search. Words of questions that say nothing about their subject. */
static const char *const stop_words[] = {
	"a",    "about", "am",    "an",     "and",   "any",   "are",    "as",    "at",    "be",
	"been", "but",   "by",    "can",    "could", "d",     "did",    "do",    "does",  "doing",
	"don",  "for",   "from",  "had",    "has",   "have",  "having", "he",    "her",   "here",
	"his",  "how",   "i",     "if",     "in",    "into",  "is",     "it",    "its",   "ll",
	"m",    "may",   "me",    "might",  "my",    "of",    "on",     "or",    "our",   "re",
	"s",    "shall", "she",   "should", "so",    "some",  "such",   "t",     "than",  "that",
	"the",  "their", "them",  "then",   "there", "these", "they",   "this",  "those", "to",
	"us",   "ve",    "was",   "we",     "were",  "what",  "when",   "where", "which", "while",
	"who",  "whom",  "whose", "why",    "will",  "with",  "would",  "you",   "your",
};

static bool is_stop_word(struct str word)
{
	size_t low = 0, high = sizeof(stop_words) / sizeof(stop_words[0]);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(word, str_c(stop_words[middle]));

		if (!order)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static size_t find_slot(const struct term_list *list, struct str text)
{
	size_t mask = list->slot_count - 1;
	size_t slot = (size_t)str_hash(text) & mask;

	while (list->slots[slot] && !str_eq(list->items[list->slots[slot] - 1].text, text))
		slot = (slot + 1) & mask;
	return slot;
}

/* Doubles both arrays; the old ones stay in the arena, which costs at most as much again. */
static bool grow(struct term_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 32;
	struct term *items = arena_array(list->arena, capacity, sizeof(*items));
	size_t *slots = arena_array(list->arena, capacity * 2, sizeof(*slots));

	if (!items || !slots)
		return false;
	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	list->items = items;
	list->capacity = capacity;
	list->slots = slots;
	list->slot_count = capacity * 2;
	for (size_t i = 0; i < list->count; i++)
		slots[find_slot(list, items[i].text)] = i + 1;
	return true;
}

static bool add_term(struct term_list *list, struct str text, enum term_kind kind)
{
	size_t slot;
	struct str copy;

	if (!text.len || (kind == TERM_WORD && !list->with_words))
		return true;
	if (list->count == list->capacity && !grow(list))
		return false;
	slot = find_slot(list, text);
	if (list->slots[slot])
		return true;
	copy = arena_str(list->arena, text);
	if (!copy.ptr)
		return false;
	list->items[list->count] = (struct term){copy, kind, list->count};
	list->slots[slot] = ++list->count;
	return true;
}

static bool is_joiner(char c)
{
	return c == '_' || c == '.' || c == '-' || c == '/' || c == ':';
}

/* Adds `text` in lower case and without joiners. Over-long ones are left out. */
static bool add_folded(struct term_list *list, struct str text, enum term_kind kind)
{
	char folded[TERM_MAX_BYTES];
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (is_joiner(text.ptr[i]))
			continue;
		if (len == sizeof(folded))
			return true;
		folded[len++] = ascii_lower(text.ptr[i]);
	}
	return add_term(list, (struct str){folded, len}, kind);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/*
 * A part begins at i: "earlyStopping" before S, "HTTPServer" before S, "v2Beta" before B; but the
 * plural of an acronym ("CRDs") is one part.
 */
static bool part_begins(struct str word, size_t i)
{
	char before = word.ptr[i - 1];
	bool lower_next = i + 1 < word.len && is_lower(word.ptr[i + 1]);

	if (!is_upper(word.ptr[i]))
		return false;
	if (is_lower(before))
		return true;
	if (!lower_next || !ascii_alnum((unsigned char)before))
		return false;
	return !(word.ptr[i + 1] == 's' && i + 2 == word.len);
}

/* One word between separators: itself, its camelCase parts, and neighbouring parts as pairs. */
static bool add_word(struct term_list *list, struct str word)
{
	size_t begins[MAX_PARTS + 1];
	size_t count = 0;

	if (!add_folded(list, word, TERM_WORD))
		return false;
	begins[count++] = 0;
	for (size_t i = 1; i < word.len && count < MAX_PARTS; i++) {
		if (part_begins(word, i))
			begins[count++] = i;
	}
	begins[count] = word.len;
	if (count == 1 || word.len > TERM_MAX_BYTES)
		return true;
	for (size_t i = 0; i < count; i++) {
		struct str part = str_slice(word, begins[i], begins[i + 1]);

		if (part.len > 1 && !add_folded(list, part, TERM_PART))
			return false;
		if (count > 2 && i + 1 < count &&
		    !add_folded(list, str_slice(word, begins[i], begins[i + 2]), TERM_PART))
			return false;
	}
	return true;
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* The next non-empty piece between characters of `separators`. */
static bool next_piece(struct str *rest, const char *separators, struct str *piece)
{
	size_t begin = 0, end;

	while (begin < rest->len && is_one_of(rest->ptr[begin], separators))
		begin++;
	for (end = begin; end < rest->len && !is_one_of(rest->ptr[end], separators); end++)
		;
	*piece = str_slice(*rest, begin, end);
	*rest = str_slice(*rest, end, rest->len);
	return piece->len > 0;
}

/* `text` joined, when it has a joiner between other characters. */
static bool add_joined(struct term_list *list, struct str text)
{
	size_t begin = 0, end = text.len;

	while (begin < end && is_joiner(text.ptr[begin]))
		begin++;
	while (end > begin && is_joiner(text.ptr[end - 1]))
		end--;
	for (size_t i = begin; i < end; i++) {
		if (is_joiner(text.ptr[i]))
			return add_folded(list, str_slice(text, begin, end), TERM_JOINED);
	}
	return true;
}

/*
 * One run of word characters and joiners. The joiners bind in three levels, and every level is a
 * name that people write: "kubeflow.org/v2beta1" also gives "kubefloworg" and "v2beta1".
 */
static bool add_run(struct term_list *list, struct str run)
{
	struct str segment, name, word;

	if (!add_joined(list, run))
		return false;
	while (next_piece(&run, "/:", &segment)) {
		if (!add_joined(list, segment))
			return false;
		while (next_piece(&segment, ".", &name)) {
			if (!add_joined(list, name))
				return false;
			while (next_piece(&name, "-_", &word)) {
				if (!add_word(list, word))
					return false;
			}
		}
	}
	return true;
}

/* Letters, digits, marks and private use, as unicode61 has them; 0 bytes for anything else. */
static size_t word_char(struct str text, size_t at)
{
	int32_t cp;
	size_t len;

	if ((unsigned char)text.ptr[at] < 0x80)
		return ascii_alnum((unsigned char)text.ptr[at]) ? 1 : 0;
	len = utf8_decode(text, at, &cp);
	if (!len)
		return 0;
	switch ((int)utf8proc_category(cp)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
	case UTF8PROC_CATEGORY_CO:
		return len;
	default:
		return 0;
	}
}

static enum err_code collect(struct term_list *list, struct str text, struct err *err)
{
	size_t begin = 0, at = 0;

	while (at <= text.len) {
		size_t len = 0;

		if (at < text.len)
			len = is_joiner(text.ptr[at]) ? 1 : word_char(text, at);
		if (len) {
			at += len;
			continue;
		}
		if (at > begin && !add_run(list, str_slice(text, begin, at)))
			return arena_fail(list->arena, err);
		begin = ++at;
	}
	return ERR_OK;
}

static size_t worth(const struct term *term)
{
	return term->text.len + (term->kind == TERM_JOINED ? TERM_MAX_BYTES : 0);
}

static int by_worth(const void *a, const void *b)
{
	const struct term *x = a, *y = b;

	if (worth(x) != worth(y))
		return worth(x) > worth(y) ? -1 : 1;
	return x->position < y->position ? -1 : 1;
}

static int by_position(const void *a, const void *b)
{
	const struct term *x = a, *y = b;

	return x->position < y->position ? -1 : 1;
}

static void drop_stop_words(struct term_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		kept += !is_stop_word(list->items[i].text);
	if (!kept)
		return;
	kept = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (!is_stop_word(list->items[i].text))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

enum err_code store_text_query(struct str query, struct arena *arena, struct str *match,
			       struct err *err)
{
	struct term_list list = {.arena = arena, .with_words = true};
	size_t size = 1, used = 0;
	char *out;
	enum err_code code = collect(&list, query, err);

	*match = (struct str){"", 0};
	if (code)
		return code;
	drop_stop_words(&list);
	if (list.count > STORE_TEXT_MAX_TERMS) {
		qsort(list.items, list.count, sizeof(*list.items), by_worth);
		list.count = STORE_TEXT_MAX_TERMS;
		qsort(list.items, list.count, sizeof(*list.items), by_position);
	}
	if (!list.count)
		return ERR_OK;
	for (size_t i = 0; i < list.count; i++)
		size += list.items[i].text.len + sizeof("\"\" OR ");
	out = arena_get(arena, size);
	if (!out)
		return arena_fail(arena, err);
	for (size_t i = 0; i < list.count; i++) {
		struct str text = list.items[i].text;

		if (i) {
			memcpy(out + used, " OR ", 4);
			used += 4;
		}
		/* A term holds word characters only, so there is no quote in it to escape. */
		out[used++] = '"';
		memcpy(out + used, text.ptr, text.len);
		used += text.len;
		out[used++] = '"';
	}
	*match = (struct str){out, used};
	return ERR_OK;
}

enum err_code store_text_identifiers(struct str text, struct arena *arena, struct str *out,
				     struct err *err)
{
	struct term_list list = {.arena = arena, .with_words = false};
	size_t size = 1, used = 0;
	char *joined;
	enum err_code code = collect(&list, text, err);

	*out = (struct str){"", 0};
	if (code || !list.count)
		return code;
	for (size_t i = 0; i < list.count; i++)
		size += list.items[i].text.len + 1;
	joined = arena_get(arena, size);
	if (!joined)
		return arena_fail(arena, err);
	for (size_t i = 0; i < list.count; i++) {
		if (i)
			joined[used++] = ' ';
		memcpy(joined + used, list.items[i].text.ptr, list.items[i].text.len);
		used += list.items[i].text.len;
	}
	*out = (struct str){joined, used};
	return ERR_OK;
}
