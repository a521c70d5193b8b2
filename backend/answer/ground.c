#include "answer/ground.h"

#include <math.h>

#include "answer/ground_text.h"
#include "base/utf8.h"

enum {
	EMBED_MAX = 6,     /* undecided sentences that are embedded, each with its window */
	EMBED_BYTES = 400, /* of each text: never more tokens than bytes, so it fits any model */
	INVENTED_CODE = 2, /* names in a block of code that no source has: that many are too many */
	CODE_TOKEN_MIN = 3,
};

const char *ground_feature_name(enum ground_feature feature)
{
	static const char *const names[GROUND_FEATURES] = {
		"window", "source", "far", "elsewhere", "invented", "polarity", "cosine"};
	return names[feature];
}

/*
 * Logistic regressions, without and with the cosine. Weights by hand: those that tests/eval/ground.py
 * fits without the cosine order true and changed sentences no better (docs/decisions/0014-grounding.md);
 * those with it are not measured yet.
 */
static const double word_bias = -3.0;
static const double word_weights[GROUND_FEATURES] = {6, 1, -1.5, -3, -6, -1.5, 0};
static const double cosine_bias = -5.0;
static const double cosine_weights[GROUND_FEATURES] = {4, 1, -1.5, -3, -6, -1.5, 4};
static const double threshold = 0.5;
/* Between these the words do not decide. */
static const double undecided_low = 0.15, undecided_high = 0.85;
/* Of the claims, so many may be unsupported in an answer that counts as grounded: of free paraphrases
 * that are true, 30 % are taken for unsupported. */
static const double unsupported_share = 0.34;

/* A sentence on its way. */
struct checked {
	struct ground_sentence *out;
	struct str window; /* the words of the sources that are nearest */
};

static double logistic(double bias, const double *weights, const double *features)
{
	double sum = bias;
	for (size_t i = 0; i < GROUND_FEATURES; i++)
		sum += weights[i] * features[i];
	return 1 / (1 + exp(-sum));
}

/*
 * Which terms each unit holds, and each term's rarity among the units: ln(1 + n / df), of a term that
 * no unit holds ln(1 + n).
 */
static void find_terms(const struct source_index *index, struct terms *terms, uint64_t *found)
{
	size_t df[TERMS_MAX] = {0};
	for (size_t u = 0; u < index->unit_count; u++)
		found[u] = 0;
	for (size_t w = 0; w < index->word_count; w++)
		for (size_t t = 0; t < terms->count; t++)
			if (terms_matches(&terms->items[t], index->words[w].word))
				for (const struct source_posting *p = index->words[w].postings; p;
				     p = p->next)
					found[p->unit] |= (uint64_t)1 << t;
	for (size_t u = 0; u < index->unit_count; u++)
		for (size_t t = 0; t < terms->count; t++)
			df[t] += found[u] >> t & 1;
	for (size_t t = 0; t < terms->count; t++)
		terms->items[t].weight =
			log(1 + (double)(index->unit_count + 1) / (double)(df[t] + 1));
}

/* From the first byte of unit `first` to the last of unit `last`, which are of one source. */
static struct str span(const struct source_index *index, size_t first, size_t last)
{
	struct str a = index->units[first].text, b = index->units[last].text;
	return (struct str){a.ptr, (size_t)(b.ptr + b.len - a.ptr)};
}

static bool in_title(const struct retrieve_result *source, struct str literal)
{
	return ground_holds(source->passage.title, literal) ||
	       ground_holds(source->passage.section_path, literal);
}

/* Where the literals stand: in the window, in its source, in another source, or nowhere. */
static void place_literals(const struct source_index *index, struct str sentence, struct str window,
			   size_t source, struct ground_sentence *out)
{
	struct str literals[GROUND_LITERALS_MAX];
	size_t count = ground_literals(sentence, literals);
	double far = 0, elsewhere = 0, invented = 0;
	for (size_t i = 0; i < count; i++) {
		const struct retrieve_results *sources = index->sources;
		if (ground_holds(window, literals[i]) ||
		    in_title(&sources->items[source], literals[i]))
			continue;
		bool here = false, anywhere = false;
		for (size_t s = 0; s < sources->count && !here; s++) {
			const struct retrieve_result *r = &sources->items[s];
			bool held = ground_holds(r->text.len ? r->text : r->passage.text,
						 literals[i]) ||
				    in_title(r, literals[i]);
			anywhere = anywhere || held;
			here = held && s == source;
		}
		far += here;
		elsewhere += anywhere && !here;
		invented += !anywhere;
	}
	if (!count)
		return;
	out->features[GROUND_FAR] = far / (double)count;
	out->features[GROUND_ELSEWHERE] = elsewhere / (double)count;
	out->features[GROUND_INVENTED] = invented > 0;
	out->invented = invented > 0;
}

static double share(const struct terms *terms, uint64_t found, double total)
{
	return total > 0 ? terms_weight(terms, found) / total : 0;
}

/* Terms in the heading above the unit: a window need not repeat what its page is about. */
static void find_context(const struct source_index *index, const struct terms *terms,
			 uint64_t *context)
{
	for (size_t s = 0; s < index->sources->count; s++) {
		const struct store_passage *p = &index->sources->items[s].passage;
		context[s] = terms_found(terms, p->title) | terms_found(terms, p->section_path);
	}
}

static enum err_code check_prose(const struct source_index *index, struct str sentence,
				 uint64_t *found, struct arena *arena, struct checked *checked,
				 struct err *err)
{
	struct terms terms;
	struct ground_sentence *out = checked->out;
	uint64_t *context = arena_array(arena, index->sources->count + 1, sizeof(*context));
	if (!context)
		return arena_fail(arena, err);
	enum err_code code = terms_of(sentence, arena, &terms, err);
	if (code || !index->unit_count)
		return code;
	find_terms(index, &terms, found);
	find_context(index, &terms, context);
	double total = terms_weight(&terms, UINT64_MAX), best = -1;
	size_t first = 0, last = 0, middle = 0;
	for (size_t u = 0; u < index->unit_count; u++) {
		size_t source = index->units[u].source;
		bool before = u > 0 && index->units[u - 1].source == source;
		bool after = u + 1 < index->unit_count && index->units[u + 1].source == source;
		uint64_t held = found[u] | context[source];
		held |= (before ? found[u - 1] : 0) | (after ? found[u + 1] : 0);
		/* Of windows alike the one whose own sentence holds more. */
		double score = share(&terms, held, total) + 0.1 * share(&terms, found[u], total);
		if (score > best) {
			best = score;
			first = before ? u - 1 : u;
			last = after ? u + 1 : u;
			middle = u;
			out->features[GROUND_WINDOW] = share(&terms, held, total);
		}
	}
	size_t source = index->units[middle].source;
	uint64_t all = context[source];
	for (size_t u = 0; u < index->unit_count; u++)
		all |= index->units[u].source == source ? found[u] : 0;
	out->features[GROUND_SOURCE] = share(&terms, all, total);
	out->features[GROUND_POLARITY] =
		ground_negates(sentence) != ground_negates(index->units[middle].text);
	checked->window = span(index, first, last);
	place_literals(index, sentence, checked->window, source, out);
	out->support = logistic(word_bias, word_weights, out->features);
	return ERR_OK;
}

static bool in_any_source(const struct source_index *index, struct str text)
{
	for (size_t s = 0; s < index->sources->count; s++) {
		const struct retrieve_result *r = &index->sources->items[s];
		if (ground_holds(r->text.len ? r->text : r->passage.text, text))
			return true;
	}
	return false;
}

/*
 * Code is supported line by line: one that stands in a source, else by the share of its words that do.
 * Words that stand nowhere are what a reader would type in vain.
 */
static void check_code(const struct source_index *index, struct str code,
		       struct ground_sentence *out)
{
	struct str rest = code, line, word;
	double lines = 0, held = 0;
	size_t unknown = 0;
	while (str_cut(&rest, '\n', &line)) {
		size_t words = 0, known = 0;
		line = str_trim(line);
		bool comment = str_starts(line, STR("#")) || str_starts(line, STR("//"));
		if (!line.len || comment)
			continue;
		if (in_any_source(index, line)) {
			lines++;
			held++;
			continue;
		}
		for (size_t at = 0; terms_next_word(line, &at, &word);) {
			if (word.len < CODE_TOKEN_MIN)
				continue;
			words++;
			bool here = in_any_source(index, word);
			known += here;
			unknown += !here;
		}
		if (!words)
			continue;
		lines++;
		held += (double)known / (double)words;
	}
	out->features[GROUND_WINDOW] = lines > 0 ? held / lines : 1;
	out->invented = unknown >= INVENTED_CODE;
	out->support = out->features[GROUND_WINDOW] * (out->invented ? threshold : 1);
	if (out->invented && out->support >= threshold)
		out->support = threshold / 2;
}

/* The cosines of what the words leave open, in one call. */
static enum err_code embed_undecided(struct embedder *embedder, struct checked *checked,
				     size_t count, struct arena *arena, struct err *err)
{
	struct str texts[2 * EMBED_MAX];
	struct ground_sentence *open[EMBED_MAX];
	size_t n = 0, dimension = embedder->dimension;
	for (size_t i = 0; i < count && n < EMBED_MAX; i++) {
		struct ground_sentence *s = checked[i].out;
		if (!s->claims || !checked[i].window.len || s->support < undecided_low ||
		    s->support > undecided_high)
			continue;
		texts[2 * n] = utf8_prefix(s->text, EMBED_BYTES);
		texts[2 * n + 1] = utf8_prefix(checked[i].window, EMBED_BYTES);
		open[n++] = s;
	}
	if (!n)
		return ERR_OK;
	float *vectors = arena_array(arena, 2 * n * dimension, sizeof(*vectors));
	if (!vectors)
		return arena_fail(arena, err);
	enum err_code code = embed_texts(embedder, texts, 2 * n, vectors, err);
	for (size_t i = 0; i < n && !code; i++) {
		const float *a = vectors + 2 * i * dimension, *b = a + dimension;
		double dot = 0;
		for (size_t j = 0; j < dimension; j++)
			dot += (double)a[j] * (double)b[j];
		open[i]->features[GROUND_COSINE] = dot;
		open[i]->support = logistic(cosine_bias, cosine_weights, open[i]->features);
	}
	return code;
}

static void conclude(struct ground *out, bool more)
{
	bool invented = false;
	for (size_t i = 0; i < out->count; i++) {
		struct ground_sentence *s = &out->sentences[i];
		s->supported = !s->claims || s->support >= threshold;
		out->claims += s->claims;
		out->unsupported += !s->supported;
		invented = invented || (s->claims && s->invented && !s->supported);
	}
	out->grounded = out->claims > 0 && !more && !invented &&
			(double)out->unsupported <= unsupported_share * (double)out->claims;
}

enum err_code ground_check(struct embedder *embedder, struct str answer,
			   const struct retrieve_results *sources, struct arena *arena,
			   struct ground *out, struct err *err)
{
	struct answer_sentences sentences;
	struct source_index index;
	*out = (struct ground){0};
	enum err_code code = ground_split(answer, arena, &sentences, err);
	if (!code)
		code = ground_index(sources, arena, &index, err);
	if (code)
		return code;
	struct checked *checked = arena_array(arena, sentences.count, sizeof(*checked));
	uint64_t *found = arena_array(arena, index.unit_count, sizeof(*found));
	out->sentences = arena_array(arena, sentences.count, sizeof(*out->sentences));
	if (!checked || !found || !out->sentences)
		return arena_fail(arena, err);
	out->count = sentences.count;
	for (size_t i = 0; i < sentences.count && !code; i++) {
		const struct answer_sentence *sentence = &sentences.items[i];
		checked[i].out = &out->sentences[i];
		checked[i].out->text = sentence->text;
		checked[i].out->claims = sentence->claims;
		if (!sentence->claims)
			continue;
		if (sentence->code)
			check_code(&index, sentence->text, checked[i].out);
		else
			code = check_prose(&index, sentence->text, found, arena, &checked[i], err);
	}
	if (!code && embedder)
		code = embed_undecided(embedder, checked, sentences.count, arena, err);
	if (!code)
		conclude(out, sentences.more);
	return code;
}
