#include "answer/terms.h"

#include <math.h>

enum { SYNONYM_WIDTH = 5 };

/* Words that say nothing about the topic, among them those of asking for help. */
static const char *const stop_words[] = {
	"a",      "about", "after",  "all",  "also",    "am",    "an",   "and",   "any",
	"are",    "as",    "at",     "be",   "because", "been",  "but",  "by",    "can",
	"could",  "did",   "do",     "does", "doesn",   "don",   "for",  "from",  "get",
	"gets",   "got",   "had",    "has",  "have",    "hello", "help", "here",  "hey",
	"hi",     "how",   "i",      "if",   "in",      "into",  "is",   "isn",   "it",
	"its",    "just",  "like",   "ll",   "me",      "my",    "need", "no",    "not",
	"now",    "of",    "on",     "one",  "only",    "or",    "our",  "out",   "please",
	"really", "s",     "say",    "says", "should",  "so",    "some", "still", "such",
	"t",      "than",  "thanks", "that", "the",     "their", "them", "then",  "there",
	"these",  "they",  "this",   "to",   "too",     "try",   "up",   "use",   "using",
	"ve",     "very",  "want",   "was",  "way",     "we",    "were", "what",  "when",
	"where",  "which", "while",  "who",  "why",     "will",  "with", "would", "you",
	"your"};

bool terms_stop_word(struct str word)
{
	for (size_t i = 0; i < sizeof(stop_words) / sizeof(stop_words[0]); i++)
		if (str_eq_nocase(word, str_c(stop_words[i])))
			return true;
	return false;
}

/*
 * Cuts English inflections that change the end of a word only ("pods", "retaining", "finished").
 * Much less than Porter's algorithm: what it leaves is matched as a prefix.
 */
static struct str light_stem(struct str word)
{
	static const char *const endings[] = {"ations", "ation", "ings", "ing", "ies",
					      "ed",     "es",    "s",    "e"};
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct str ending = str_c(endings[i]);
		if (word.len >= ending.len + 4 && str_ends(word, ending))
			return str_slice(word, 0, word.len - ending.len);
	}
	if (word.len >= 4 && word.ptr[word.len - 1] == 's')
		return str_slice(word, 0, word.len - 1);
	return word;
}

static bool word_byte(char c)
{
	return ascii_alnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/*
 * Stems that readers and documentation use for the same thing: words of computing in general, of no
 * single product. Measured on the answers to the 74 questions: no gain or loss in facts, but the
 * sentence that says it in other words is found.
 */
static const char *const synonyms[][SYNONYM_WIDTH] = {
	{"delet", "remov", "clean", "cleanup", "purg"},
	{"finish", "complet", "succeed", "success", "done"},
	{"retain", "keep", "preserv", "persist"},
	{"start", "launch", "begin", "trigger", "execut"},
	{"stop", "terminat", "kill", "abort", "cancel"},
	{"disabl", "deactivat", "skip"},
	{"enabl", "activat", "allow", "permit"},
	{"error", "fail", "failur", "exception", "crash"},
	{"chang", "modif", "updat", "edit"},
	{"choos", "select", "pick", "specif"},
	{"show", "display", "view"},
	{"stor", "sav", "storag"},
	{"limit", "restrict", "maximum", "max"},
	{"secret", "credential", "password"},
	{"folder", "director"},
	{"parallel", "concurrent", "simultaneous"},
	{"upgrad", "migrat"},
	{"setting", "option", "parameter", "field", "flag"},
};

#define SYNONYM_GROUPS (sizeof(synonyms) / sizeof(synonyms[0]))

/* The group of a stem, SYNONYM_GROUPS when it is in none. */
static size_t synonym_group(struct str stem)
{
	for (size_t g = 0; g < SYNONYM_GROUPS; g++)
		for (size_t i = 0; i < SYNONYM_WIDTH && synonyms[g][i]; i++)
			if (str_eq(stem, str_c(synonyms[g][i])))
				return g;
	return SYNONYM_GROUPS;
}

bool terms_next_word(struct str text, size_t *at, struct str *word)
{
	while (*at < text.len && !word_byte(text.ptr[*at]))
		++*at;
	size_t begin = *at;
	while (*at < text.len && word_byte(text.ptr[*at]))
		++*at;
	*word = str_slice(text, begin, *at);
	return word->len > 0;
}

enum err_code terms_of(struct str question, struct arena *arena, struct terms *out, struct err *err)
{
	struct str word;
	size_t at = 0;
	out->count = 0;
	while (out->count < TERMS_MAX && terms_next_word(question, &at, &word)) {
		if (terms_stop_word(word) ||
		    (word.len == 1 && !ascii_digit((unsigned char)*word.ptr)))
			continue;
		char *lower = arena_get(arena, word.len);
		if (!lower)
			return arena_fail(arena, err);
		for (size_t i = 0; i < word.len; i++)
			lower[i] = ascii_lower(word.ptr[i]);
		struct str stem = light_stem((struct str){lower, word.len});
		bool known = false;
		for (size_t i = 0; i < out->count; i++)
			known = known || str_eq(out->items[i].stem, stem);
		if (!known)
			out->items[out->count++] =
				(struct term){{lower, word.len}, stem, 1, synonym_group(stem)};
	}
	return ERR_OK;
}

/* Whether the word begins with the stem and goes on for at most an inflection. */
static bool matches(struct str stem, struct str word)
{
	return word.len >= stem.len && word.len <= stem.len + 5 && stem.len &&
	       ascii_lower(*word.ptr) == *stem.ptr && (word.len == stem.len || stem.len >= 3) &&
	       str_eq_nocase(str_slice(word, 0, stem.len), stem);
}

/* Also the parts of camelCase words: "trialTemplate" holds "template". */
static bool matches_part(struct str stem, struct str word)
{
	for (size_t i = 1; i < word.len; i++)
		if (word.ptr[i] >= 'A' && word.ptr[i] <= 'Z' && word.ptr[i - 1] >= 'a' &&
		    word.ptr[i - 1] <= 'z') {
			size_t end = i + 1;
			while (end < word.len && !(word.ptr[end] >= 'A' && word.ptr[end] <= 'Z'))
				end++;
			if (matches(stem, str_slice(word, i, end)))
				return true;
		}
	return matches(stem, word);
}

static bool matches_synonym(size_t group, struct str word)
{
	if (group == SYNONYM_GROUPS)
		return false;
	for (size_t i = 0; i < SYNONYM_WIDTH && synonyms[group][i]; i++)
		if (matches(str_c(synonyms[group][i]), word))
			return true;
	return false;
}

bool terms_matches(const struct term *term, struct str word)
{
	if (ascii_digit((unsigned char)*term->stem.ptr))
		return str_eq(term->stem, word);
	return matches_part(term->stem, word) || matches_synonym(term->synonyms, word);
}

uint64_t terms_found(const struct terms *terms, struct str text)
{
	uint64_t found = 0;
	struct str word;
	for (size_t at = 0; terms_next_word(text, &at, &word);)
		for (size_t i = 0; i < terms->count; i++)
			if (!(found >> i & 1) && terms_matches(&terms->items[i], word))
				found |= (uint64_t)1 << i;
	return found;
}

_Static_assert(TERMS_MAX <= 64, "terms_found() keeps one bit per term");

void terms_weigh(struct terms *terms, const struct str *texts, size_t count)
{
	size_t df[TERMS_MAX] = {0};
	for (size_t t = 0; t < count; t++) {
		uint64_t found = terms_found(terms, texts[t]);
		for (size_t i = 0; i < terms->count; i++)
			df[i] += found >> i & 1;
	}
	for (size_t i = 0; i < terms->count; i++)
		terms->items[i].weight = log(1 + (double)(count + 1) / (double)(df[i] + 1));
}

double terms_weight(const struct terms *terms, uint64_t found)
{
	double score = 0;
	for (size_t i = 0; i < terms->count; i++)
		score += found >> i & 1 ? terms->items[i].weight : 0;
	return score;
}

double terms_score(const struct terms *terms, struct str text)
{
	return terms_weight(terms, terms_found(terms, text));
}

double terms_coverage(const struct terms *terms, const struct str *texts, size_t count)
{
	double total = terms_weight(terms, UINT64_MAX);
	uint64_t found = 0;
	for (size_t i = 0; i < count; i++)
		found |= terms_found(terms, texts[i]);
	return total > 0 ? terms_weight(terms, found) / total : 0;
}

static bool name_byte(char c)
{
	return word_byte(c) || c == '_' || c == '.' || c == '-' || c == '/' || c == ':';
}

/* "train.py", "config.yaml:12": a file of the reader's own says nothing about the subject. */
static bool is_file(struct str run)
{
	static const char *const endings[] = {".py",  ".yaml", ".yml", ".json", ".go",   ".sh",
					      ".txt", ".md",   ".log", ".conf", ".ipynb"};
	size_t colon = str_find(run, STR(":"), 0);
	struct str name = colon == STR_NPOS ? run : str_slice(run, 0, colon);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (str_ends(name, str_c(endings[i])))
			return true;
	return false;
}

/*
 * Whether it is written as a name in code is, see terms_names(). `run` begins and ends with a word. Hosts,
 * paths, files and exceptions are what a reader quotes, not what is asked for.
 */
static bool is_name(struct str run, bool dashed)
{
	bool joined = dashed, camel = false;
	size_t slashes = 0, dots = 0;
	if (ascii_digit((unsigned char)run.ptr[0]) || is_file(run) || str_ends(run, STR("Error")) ||
	    str_ends(run, STR("Exception")))
		return false;
	for (size_t i = 0; i < run.len; i++) {
		char c = run.ptr[i], before = i ? run.ptr[i - 1] : ' ';
		if (c == ':' || c == '@')
			return false;
		slashes += c == '/';
		dots += c == '.' && !slashes;
		joined = joined || c == '_';
		camel = camel || (c >= 'A' && c <= 'Z' && before >= 'a' && before <= 'z');
	}
	/* "kubeflow.org/name": the key of a label */
	if (slashes)
		return slashes == 1 && dots > 0 && str_find(run, STR("-"), 0) != STR_NPOS;
	return joined || camel;
}

size_t terms_names(struct str question, struct str *out, size_t max)
{
	size_t count = 0;
	for (size_t at = 0; at < question.len && count < max;) {
		while (at < question.len && !name_byte(question.ptr[at]))
			at++;
		size_t begin = at;
		while (at < question.len && name_byte(question.ptr[at]))
			at++;
		size_t end = at;
		while (begin < end && !word_byte(question.ptr[begin]) && question.ptr[begin] != '_')
			begin++;
		while (end > begin && !word_byte(question.ptr[end - 1]) &&
		       question.ptr[end - 1] != '_')
			end--;
		struct str run = str_slice(question, begin, end);
		bool dashed = begin >= 2 && question.ptr[begin - 1] == '-' &&
			      question.ptr[begin - 2] == '-';
		bool known = run.len < 3 || !is_name(run, dashed);
		for (size_t i = 0; i < count && !known; i++)
			known = str_eq_nocase(out[i], run);
		if (!known)
			out[count++] = run;
	}
	return count;
}
