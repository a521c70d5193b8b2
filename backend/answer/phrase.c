#include "answer/phrase.h"

#include <string.h>

enum { GAP_MAX = 12 };

/* The parts of a text with `mark` between them. */
static size_t count_parts(struct str text, char mark)
{
	size_t parts = 1;
	for (size_t i = 0; i < text.len; i++)
		parts += text.ptr[i] == mark;
	return parts;
}

struct entry {
	struct str word;
	uint64_t classes;
};

struct lexicon {
	const struct phrase_words *rows;
	size_t row_count;
	struct entry *slots; /* open addressing; an empty one has no word */
	size_t mask;
};

static struct entry *find_slot(const struct lexicon *lexicon, struct str word)
{
	size_t at = fold_hash(word) & lexicon->mask;
	while (lexicon->slots[at].word.len && !str_eq(lexicon->slots[at].word, word))
		at = (at + 1) & lexicon->mask;
	return &lexicon->slots[at];
}

enum err_code lexicon_compile(const struct phrase_words *rows, size_t count, struct arena *arena,
			      struct lexicon **out, struct err *err)
{
	size_t words = 0, slots = 16;
	struct lexicon *lexicon = arena_get(arena, sizeof(*lexicon));
	for (size_t i = 0; i < count; i++)
		words += count_parts(str_c(rows[i].words), ' ');
	while (slots < words * 2)
		slots *= 2;
	if (!lexicon || !(lexicon->slots = arena_array(arena, slots, sizeof(*lexicon->slots))))
		return arena_fail(arena, err);
	lexicon->mask = slots - 1;
	lexicon->rows = rows;
	lexicon->row_count = count;
	for (size_t i = 0; i < count; i++) {
		struct str rest = str_c(rows[i].words), word;
		while (str_cut(&rest, ' ', &word)) {
			if (!word.len)
				continue;
			struct entry *slot = find_slot(lexicon, word);
			slot->word = word;
			slot->classes |= (uint64_t)1 << rows[i].word_class;
		}
	}
	*out = lexicon;
	return ERR_OK;
}

/* The word without `ending`, with `added` in its place. */
static uint64_t without_ending(const struct lexicon *lexicon, struct str word, struct str ending,
			       struct str added)
{
	char stem[64];
	size_t len = word.len - ending.len;
	if (!str_ends(word, ending) || len < 3 || len + added.len > sizeof(stem))
		return 0;
	memcpy(stem, word.ptr, len);
	memcpy(stem + len, added.ptr, added.len);
	uint64_t classes = find_slot(lexicon, (struct str){stem, len + added.len})->classes;
	/* "stopping" */
	if (!classes && !added.len && ending.len > 1 && stem[len - 1] == stem[len - 2])
		classes = find_slot(lexicon, (struct str){stem, len - 1})->classes;
	return classes;
}

uint64_t lexicon_classes(const struct lexicon *lexicon, struct str word)
{
	static const struct {
		const char *ending, *added;
	} endings[] = {{"s", ""}, {"es", ""},  {"ies", "y"}, {"ed", ""},
		       {"d", ""}, {"ing", ""}, {"ing", "e"}};
	uint64_t classes = find_slot(lexicon, word)->classes;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		classes |= without_ending(lexicon, word, str_c(endings[i].ending),
					  str_c(endings[i].added));
	return classes;
}

enum err_code reading_make(const struct lexicon *lexicon, struct str text, struct arena *arena,
			   struct reading *out, struct err *err)
{
	enum err_code code = fold_text(text, arena, &out->text, err);
	if (code)
		return code;
	out->classes = arena_array(arena, out->text.count, sizeof(*out->classes));
	if (!out->classes)
		return arena_fail(arena, err);
	for (size_t i = 0; i < out->text.count; i++)
		out->classes[i] = lexicon_classes(lexicon, out->text.words[i].text);
	return ERR_OK;
}

enum element_kind { ELEMENT_WORD, ELEMENT_GAP, ELEMENT_BEGIN, ELEMENT_END };

struct element {
	enum element_kind kind;
	bool optional;
	uint8_t gap;
	uint8_t literal_count;
	uint64_t classes;
	uint64_t filter; /* of the literals' hashes, one bit of 64 each */
	struct str *literals;
};

struct compiled {
	const struct phrase *phrase;
	struct element *elements;
	size_t count;
	/* What its first word may be, so that most phrases are passed over at a glance. */
	bool at_clause; /* begins with ^ */
	bool any_word;  /* begins with a gap */
	uint64_t first_classes, first_filter;
};

struct phrase_set {
	struct compiled *items;
	size_t count;
};

static bool class_of(const struct lexicon *lexicon, struct str name, uint64_t *out)
{
	for (size_t i = 0; i < lexicon->row_count; i++)
		if (lexicon->rows[i].name && str_eq(name, str_c(lexicon->rows[i].name))) {
			*out |= (uint64_t)1 << lexicon->rows[i].word_class;
			return true;
		}
	return false;
}

static enum err_code bad_pattern(const struct phrase *phrase, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "the pattern '%s' cannot be read", phrase->pattern);
}

static enum err_code compile_element(const struct phrase *phrase, struct str text,
				     const struct lexicon *lexicon, struct arena *arena,
				     struct element *out, struct err *err)
{
	uint64_t gap;
	if (str_eq(text, STR("^")) || str_eq(text, STR("$"))) {
		out->kind = text.ptr[0] == '^' ? ELEMENT_BEGIN : ELEMENT_END;
		return ERR_OK;
	}
	if (text.ptr[0] == '~') {
		out->kind = ELEMENT_GAP;
		if (!str_to_u64(str_slice(text, 1, text.len), &gap) || gap > GAP_MAX)
			return bad_pattern(phrase, err);
		out->gap = (uint8_t)gap;
		return ERR_OK;
	}
	out->optional = text.ptr[0] == '?';
	text = str_slice(text, out->optional, text.len);
	out->literals = arena_array(arena, count_parts(text, '|'), sizeof(*out->literals));
	if (!out->literals)
		return arena_fail(arena, err);
	struct str word;
	while (str_cut(&text, '|', &word)) {
		if (!word.len || out->literal_count == UINT8_MAX)
			return bad_pattern(phrase, err);
		if (word.ptr[0] == '@') {
			if (!class_of(lexicon, str_slice(word, 1, word.len), &out->classes))
				return bad_pattern(phrase, err);
			continue;
		}
		out->filter |= (uint64_t)1 << (fold_hash(word) & 63);
		out->literals[out->literal_count++] = word;
	}
	return ERR_OK;
}

/* The union of the elements that the first word may match: optional ones, and the next. */
static void find_first(struct compiled *item)
{
	size_t i = 0;
	item->at_clause = item->count && item->elements[0].kind == ELEMENT_BEGIN;
	for (i = item->at_clause; i < item->count; i++) {
		const struct element *e = &item->elements[i];
		item->any_word = item->any_word || e->kind != ELEMENT_WORD;
		item->first_classes |= e->classes;
		item->first_filter |= e->filter;
		if (!e->optional)
			return;
	}
	item->any_word = true;
}

enum err_code phrases_compile(const struct phrase *phrases, size_t count,
			      const struct lexicon *lexicon, struct arena *arena,
			      struct phrase_set **out, struct err *err)
{
	struct phrase_set *set = arena_get(arena, sizeof(*set));
	if (!set || !(set->items = arena_array(arena, count, sizeof(*set->items))))
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++) {
		struct compiled *item = &set->items[set->count++];
		struct str rest = str_c(phrases[i].pattern), text;
		item->phrase = &phrases[i];
		item->elements =
			arena_array(arena, count_parts(rest, ' '), sizeof(*item->elements));
		if (!item->elements)
			return arena_fail(arena, err);
		while (str_cut(&rest, ' ', &text)) {
			if (!text.len)
				return bad_pattern(&phrases[i], err);
			enum err_code code = compile_element(&phrases[i], text, lexicon, arena,
							     &item->elements[item->count++], err);
			if (code)
				return code;
		}
		find_first(item);
	}
	*out = set;
	return ERR_OK;
}

static bool may_begin(const struct compiled *item, const struct reading *reading, size_t at)
{
	const struct fold_word *word = &reading->text.words[at];
	if (item->at_clause && at > 0 && word->before < FOLD_COMMA)
		return false;
	return item->any_word || (item->first_classes & reading->classes[at]) ||
	       (item->first_filter >> (word->hash & 63) & 1);
}

static bool is_word(const struct element *element, const struct reading *reading, size_t at)
{
	const struct fold_word *word = &reading->text.words[at];
	if (element->classes & reading->classes[at])
		return true;
	if (!(element->filter >> (word->hash & 63) & 1))
		return false;
	for (size_t i = 0; i < element->literal_count; i++)
		if (str_eq(element->literals[i], word->text))
			return true;
	return false;
}

/* What one attempt shares; `to` is the end of the text or of the part that is read. */
struct attempt {
	const struct reading *reading;
	const struct compiled *phrase;
	size_t begin, to;
};

static bool begins_clause(const struct reading *reading, size_t at)
{
	return at == 0 || reading->text.words[at].before >= FOLD_COMMA;
}

/* Elements have two ways to go on at most GAP_MAX places, and patterns few gaps: bounded, not deep. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static bool matches(const struct attempt *a, size_t element, size_t at, size_t *end)
{
	if (element == a->phrase->count) {
		*end = at;
		return true;
	}
	const struct element *e = &a->phrase->elements[element];
	const struct fold_word *words = a->reading->text.words;
	switch (e->kind) {
	case ELEMENT_BEGIN:
		return at < a->to && begins_clause(a->reading, at) &&
		       matches(a, element + 1, at, end);
	case ELEMENT_END:
		return (at == a->to || begins_clause(a->reading, at)) &&
		       matches(a, element + 1, at, end);
	case ELEMENT_WORD:
		if (e->optional && matches(a, element + 1, at, end))
			return true;
		return at < a->to && (at == a->begin || words[at].before != FOLD_SENTENCE) &&
		       is_word(e, a->reading, at) && matches(a, element + 1, at + 1, end);
	case ELEMENT_GAP:
		for (size_t skip = 0; skip <= e->gap && at + skip <= a->to; skip++) {
			if (skip && at + skip - 1 > a->begin &&
			    words[at + skip - 1].before == FOLD_SENTENCE)
				return false;
			if (matches(a, element + 1, at + skip, end))
				return true;
		}
		return false;
	}
	return false;
}

bool phrases_find(const struct phrase_set *set, const struct reading *reading, size_t from,
		  size_t to, struct phrase_match *out)
{
	for (size_t at = from; at < to; at++)
		for (size_t i = 0; i < set->count; i++) {
			const struct attempt attempt = {reading, &set->items[i], at, to};
			size_t end;
			if (may_begin(&set->items[i], reading, at) &&
			    matches(&attempt, 0, at, &end)) {
				*out = (struct phrase_match){set->items[i].phrase, at, end};
				return true;
			}
		}
	return false;
}
