#include "answer/ground_text.h"

#include "answer/passage.h"
#include "base/utf8.h"

enum {
	SOURCE_BYTES_MAX = 32 * 1024, /* of each source */
	UNITS_MAX = 4000,
	WORDS_MAX = 1 << 14,
	FENCE = 3,
	SPAN_MAX = 120, /* a longer span of code is compared by its words */
};

/* ---- the answer ---- */

static size_t fence_of(struct str line)
{
	size_t n = 0;
	while (n < line.len && line.ptr[n] == '`')
		n++;
	return n >= FENCE ? n : 0;
}

/* "- ", "* ", "12. ", "> ", "| " in front of a line. */
static struct str without_marker(struct str line)
{
	size_t at = 0;
	while (at < line.len && ascii_digit((unsigned char)line.ptr[at]))
		at++;
	if (at && at + 1 < line.len && (line.ptr[at] == '.' || line.ptr[at] == ')') &&
	    line.ptr[at + 1] == ' ')
		return str_trim(str_slice(line, at + 2, line.len));
	for (at = 0; at < line.len; at++) {
		char c = line.ptr[at];
		bool marker = c == '>' || c == '|' || c == ' ' ||
			      ((c == '-' || c == '*' || c == '+') && at + 1 < line.len &&
			       line.ptr[at + 1] == ' ');
		if (!marker)
			break;
	}
	return str_trim(str_slice(line, at, line.len));
}

/* Citations "[1]", "[2, 3]" at both ends, and the white space around them. */
static struct str without_citations(struct str text)
{
	for (bool cut = true; cut;) {
		cut = false;
		text = str_trim(text);
		size_t last = text.len && text.ptr[text.len - 1] == '.' ? text.len - 1 : text.len;
		size_t open = last;
		if (last && text.ptr[last - 1] == ']')
			for (open = last - 1; open > 0 && text.ptr[open] != '['; open--)
				;
		if (open < last && text.ptr[open] == '[' && last - open <= 12) {
			text = str_slice(text, 0, open);
			cut = true;
		}
		size_t close = str_find(text, STR("]"), 0);
		if (text.len && text.ptr[0] == '[' && close != STR_NPOS && close < 12 &&
		    ascii_digit((unsigned char)text.ptr[1])) {
			text = str_slice(text, close + 1, text.len);
			cut = true;
		}
	}
	return text;
}

/* Talk about the conversation itself: nothing that a source could support. */
static bool is_courtesy(struct str text)
{
	static const char *const openings[] = {
		"I ",      "I'm ",      "I'd ",   "Sure",        "Sorry",    "Hello",
		"Hi ",     "Hi,",       "Thanks", "Thank",       "Yes.",     "No.",
		"Let me",  "Feel free", "Hope ",  "If you have", "For more", "See ",
		"Here is", "Here are",  "Note:",  "Please note:"};
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++)
		if (str_starts(text, str_c(openings[i])))
			return true;
	return false;
}

static bool has_words(struct str text, size_t least)
{
	struct str word;
	size_t count = 0;
	for (size_t at = 0; count < least && terms_next_word(text, &at, &word);)
		count += !terms_stop_word(word);
	return count >= least;
}

static bool add_sentence(struct answer_sentences *out, struct str text, bool code)
{
	if (!code)
		text = without_citations(text);
	if (!str_trim(text).len)
		return true;
	if (out->count == GROUND_SENTENCES_MAX) {
		out->more = true;
		return false;
	}
	bool lead_in = text.ptr[text.len - 1] == ':' && !has_words(text, 6);
	bool claims = code ? has_words(text, 1)
			   : text.ptr[text.len - 1] != '?' && !lead_in && !is_courtesy(text) &&
				      has_words(text, 2);
	out->items[out->count++] = (struct answer_sentence){text, code, claims};
	return true;
}

enum err_code ground_split(struct str answer, struct arena *arena, struct answer_sentences *out,
			   struct err *err)
{
	struct str rest = answer, line;
	*out = (struct answer_sentences){
		.items = arena_array(arena, GROUND_SENTENCES_MAX, sizeof(*out->items))};
	if (!out->items)
		return arena_fail(arena, err);
	bool room = true;
	while (room && str_cut(&rest, '\n', &line)) {
		struct str trimmed = str_trim(line);
		size_t fence = fence_of(trimmed);
		if (fence && rest.ptr) {
			const char *begin = rest.ptr, *end = begin;
			while (str_cut(&rest, '\n', &line) && fence_of(str_trim(line)) < fence)
				end = line.ptr + line.len;
			room = add_sentence(out, (struct str){begin, (size_t)(end - begin)}, true);
			continue;
		}
		if (fence || str_starts(trimmed, STR("#")))
			continue;
		trimmed = without_marker(trimmed);
		while (room && trimmed.len) {
			size_t n = passage_sentence(trimmed);
			room = add_sentence(out, str_slice(trimmed, 0, n), false);
			trimmed = str_trim(str_slice(trimmed, n, trimmed.len));
		}
	}
	return ERR_OK;
}

/* ---- literals ---- */

static bool word_byte(char c)
{
	return ascii_alnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

bool ground_holds(struct str text, struct str literal)
{
	if (!literal.len)
		return true;
	bool opens = word_byte(literal.ptr[0]), closes = word_byte(literal.ptr[literal.len - 1]);
	for (size_t at = str_find_nocase(text, literal, 0); at != STR_NPOS;
	     at = str_find_nocase(text, literal, at + 1)) {
		size_t end = at + literal.len;
		bool before = !opens || at == 0 || !word_byte(text.ptr[at - 1]);
		bool after = !closes || end == text.len || !word_byte(text.ptr[end]);
		/* "1.8" is not held by "1.8.22" or "11.8" */
		if (after && end + 1 < text.len && text.ptr[end] == '.' &&
		    ascii_digit((unsigned char)text.ptr[end - 1]))
			after = !ascii_digit((unsigned char)text.ptr[end + 1]);
		if (before && at > 1 && text.ptr[at - 1] == '.' &&
		    ascii_digit((unsigned char)literal.ptr[0]))
			before = !ascii_digit((unsigned char)text.ptr[at - 2]);
		/* the plural of a name is the name */
		if (!after && text.ptr[end] == 's')
			after = end + 1 == text.len || !word_byte(text.ptr[end + 1]);
		if (before && after)
			return true;
	}
	return false;
}

static void add_literal(struct str literal, struct str *out, size_t *count)
{
	bool known = !literal.len || *count == GROUND_LITERALS_MAX;
	for (size_t i = 0; i < *count && !known; i++)
		known = str_eq(out[i], literal);
	if (!known)
		out[(*count)++] = literal;
}

/* The text of `code`, without the backticks. */
static void add_spans(struct str text, struct str *out, size_t *count)
{
	for (size_t at = 0; at < text.len;) {
		size_t open = str_find(text, STR("`"), at);
		size_t close = open == STR_NPOS ? STR_NPOS : str_find(text, STR("`"), open + 1);
		if (close == STR_NPOS)
			return;
		struct str span = str_trim(str_slice(text, open + 1, close));
		if (span.len <= SPAN_MAX)
			add_literal(span, out, count);
		at = close + 1;
	}
}

static bool run_byte(char c)
{
	return word_byte(c) || c == '.' || c == '-' || c == '/' || c == ':' || c == '@' ||
	       c == '%' || c == '=' || c == '~' || c == '#';
}

static bool upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* Of a run without white space: whether a wrong letter in it would make it wrong. */
static bool is_literal(struct str run, bool first)
{
	bool digit = false, capital = false, address = false;
	for (size_t i = 0; i < run.len; i++) {
		digit = digit || ascii_digit((unsigned char)run.ptr[i]);
		/* the capital of a sentence's first word means nothing */
		capital = capital || (upper(run.ptr[i]) && !(first && i == 0));
		address = address || run.ptr[i] == '@';
	}
	return digit || capital || address || str_find(run, STR("://"), 0) != STR_NPOS ||
	       str_starts(run, STR("--")) || str_find(run, STR("_"), 0) != STR_NPOS ||
	       (str_find(run, STR("/"), 0) != STR_NPOS && run.len > 3);
}

size_t ground_literals(struct str sentence, struct str out[GROUND_LITERALS_MAX])
{
	size_t count = 0;
	bool first = true;
	add_spans(sentence, out, &count);
	for (size_t at = 0; at < sentence.len;) {
		while (at < sentence.len && !run_byte(sentence.ptr[at]))
			at++;
		size_t begin = at, end;
		while (at < sentence.len && run_byte(sentence.ptr[at]))
			at++;
		for (end = at; end > begin && !word_byte(sentence.ptr[end - 1]); end--)
			;
		while (begin < end && !word_byte(sentence.ptr[begin]) && sentence.ptr[begin] != '-')
			begin++;
		struct str run = str_slice(sentence, begin, end);
		if (run.len && is_literal(run, first) && !terms_stop_word(run))
			add_literal(run, out, &count);
		first = first && !run.len;
	}
	return count;
}

bool ground_negates(struct str sentence)
{
	static const char *const words[] = {"not",     "no",  "never", "cannot", "without",
					    "neither", "nor", "none",  "nothing"};
	struct str word;
	char before = ' ';
	for (size_t at = 0; terms_next_word(sentence, &at, &word);) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (str_eq_nocase(word, str_c(words[i])))
				return true;
		/* "isn't" is cut at its apostrophe */
		if (str_eq(word, STR("t")) && before == 'n')
			return true;
		before = word.ptr[word.len - 1];
	}
	return false;
}

/* ---- the sources ---- */

struct indexer {
	struct arena *arena;
	struct source_index *out;
	size_t *slots; /* open addressing: index into words + 1 */
};

enum { SLOTS = 2 * WORDS_MAX };

static bool add_word(struct indexer *x, struct str word, size_t unit)
{
	struct source_index *out = x->out;
	size_t slot = (size_t)str_hash(word) & (SLOTS - 1);
	while (x->slots[slot] && !str_eq(out->words[x->slots[slot] - 1].word, word))
		slot = (slot + 1) & (SLOTS - 1);
	if (!x->slots[slot]) {
		if (out->word_count == WORDS_MAX)
			return true;
		out->words[out->word_count] = (struct source_word){word, NULL};
		x->slots[slot] = ++out->word_count;
	}
	struct source_word *entry = &out->words[x->slots[slot] - 1];
	if (entry->postings && entry->postings->unit == unit)
		return true;
	struct source_posting *posting = arena_get(x->arena, sizeof(*posting));
	if (!posting)
		return false;
	*posting = (struct source_posting){unit, entry->postings};
	entry->postings = posting;
	return true;
}

static enum err_code add_source(struct indexer *x, size_t source, struct err *err)
{
	const struct retrieve_result *result = &x->out->sources->items[source];
	struct str text = result->text.len ? result->text : result->passage.text;
	struct unit_list units;
	enum err_code code =
		passage_split(utf8_prefix(text, SOURCE_BYTES_MAX), STR(""), x->arena, &units, err);
	for (size_t i = 0; i < units.count && x->out->unit_count < UNITS_MAX && !code; i++) {
		size_t unit = x->out->unit_count++;
		struct str word;
		x->out->units[unit] = (struct source_unit){units.items[i].text, source};
		for (size_t at = 0; terms_next_word(units.items[i].text, &at, &word);)
			if (!add_word(x, word, unit))
				return arena_fail(x->arena, err);
	}
	return code;
}

enum err_code ground_index(const struct retrieve_results *sources, struct arena *arena,
			   struct source_index *out, struct err *err)
{
	*out = (struct source_index){
		.sources = sources,
		.units = arena_array(arena, UNITS_MAX, sizeof(*out->units)),
		.words = arena_array(arena, WORDS_MAX, sizeof(*out->words)),
	};
	struct indexer x = {arena, out, arena_array(arena, SLOTS, sizeof(*x.slots))};
	if (!out->units || !out->words || !x.slots)
		return arena_fail(arena, err);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < sources->count && !code; i++)
		code = add_source(&x, i, err);
	return code;
}
