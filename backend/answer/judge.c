#include "answer/judge.h"

#include <math.h>

#include "answer/terms.h"
#include "base/utf8.h"

enum {
	TOP = 5, /* sections that are read */
	SECTION_BYTES_MAX = 64 * 1024,
	NAMES_MAX = 16,
};

const char *judge_feature_name(enum judge_feature feature)
{
	static const char *const names[JUDGE_FEATURES] = {
		"cosine",  "margin", "covered", "covered_all",   "together",
		"unknown", "rarest", "names",   "names_unknown", "agreement"};
	return names[feature];
}

/* What is known of the question's words before the sections are read. */
struct subject {
	struct terms terms; /* weighed by the corpus */
	uint64_t unknown;   /* terms that stand nowhere in it */
	struct str names[NAMES_MAX];
	uint64_t name_sections[NAMES_MAX];
	size_t name_count;
};

/* ln((N + 1) / (n + 1)): 0 for a word that stands in each section. */
static double rarity(uint64_t sections, uint64_t total)
{
	double idf = log(((double)total + 1) / ((double)sections + 1));
	return idf > 0 ? idf : 0;
}

static enum err_code weigh_subject(struct store *store, struct str question, struct arena *arena,
				   struct subject *out, struct err *err)
{
	struct str words[TERMS_MAX];
	uint64_t sections[TERMS_MAX], total = 0;
	*out = (struct subject){0};
	enum err_code code = terms_of(question, arena, &out->terms, err);
	for (size_t i = 0; i < out->terms.count; i++)
		words[i] = out->terms.items[i].word;
	out->name_count = terms_names(question, out->names, NAMES_MAX);
	if (!code)
		code = store_word_sections(store, words, out->terms.count, sections, &total, err);
	if (!code)
		code = store_word_sections(store, out->names, out->name_count, out->name_sections,
					   &total, err);
	for (size_t i = 0; i < out->terms.count && !code; i++) {
		out->terms.items[i].weight = rarity(sections[i], total);
		out->unknown |= (uint64_t)(sections[i] == 0) << i;
	}
	return code;
}

static struct str section_of(const struct retrieve_result *result)
{
	return utf8_prefix(result->passage.text, SECTION_BYTES_MAX);
}

static uint64_t found_in_section(const struct subject *subject, const struct retrieve_result *r)
{
	return terms_found(&subject->terms, r->passage.title) |
	       terms_found(&subject->terms, r->passage.section_path) |
	       terms_found(&subject->terms, section_of(r));
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static void measure_words(const struct subject *subject, const struct retrieve_results *results,
			  double *features)
{
	const struct terms *terms = &subject->terms;
	double total = terms_weight(terms, UINT64_MAX), rarest = -1;
	uint64_t all = 0;
	for (size_t i = 0; i < results->count && i < TOP; i++) {
		const struct retrieve_result *r = &results->items[i];
		uint64_t found = found_in_section(subject, r);
		double covered = share(terms_weight(terms, found), total);
		features[JUDGE_COVERED] = fmax(features[JUDGE_COVERED], covered);
		all |= found;
		for (size_t m = 0; m < r->match_count && m < 3; m++) {
			double here = share(
				terms_weight(terms, terms_found(terms, r->matches[m].text)), total);
			features[JUDGE_TOGETHER] = fmax(features[JUDGE_TOGETHER], here);
		}
	}
	features[JUDGE_COVERED_ALL] = share(terms_weight(terms, all), total);
	features[JUDGE_UNKNOWN] = share(terms_weight(terms, subject->unknown), total);
	for (size_t i = 0; i < terms->count; i++)
		if (terms->items[i].weight > rarest) {
			rarest = terms->items[i].weight;
			features[JUDGE_RAREST] = !(all >> i & 1);
		}
}

static void measure_names(const struct subject *subject, const struct retrieve_results *results,
			  double *features)
{
	size_t absent = 0, unknown = 0;
	for (size_t n = 0; n < subject->name_count; n++) {
		bool held = false;
		for (size_t i = 0; i < results->count && i < TOP && !held; i++)
			held = str_find_nocase(section_of(&results->items[i]), subject->names[n],
					       0) != STR_NPOS;
		absent += !held;
		unknown += !held && subject->name_sections[n] == 0;
	}
	features[JUDGE_NAMES] = share((double)absent, (double)subject->name_count);
	features[JUDGE_NAMES_UNKNOWN] = share((double)unknown, (double)subject->name_count);
}

/* Logistic regression; fitted by tests/eval/judge.py. */
static const double bias = -4.0;
static const double weights[JUDGE_FEATURES] = {[JUDGE_COSINE] = 8.0, [JUDGE_COVERED_ALL] = 3.0};
static const double threshold = 0.5;

/*
 * While an index is being embedded a page may have no cosine at all. Then the sections found must
 * hold so much of the question's terms, by weight: with no vectors at all 19 % of the answerable
 * questions of tests/eval are below, and a third of the unanswerable ones.
 */
static const double partial_coverage = 0.35;

enum err_code judge_sources(struct store *store, struct str question,
			    const struct retrieve_results *results, const struct extract *extract,
			    struct arena *arena, struct judgement *out, struct err *err)
{
	struct subject subject;
	*out = (struct judgement){.missing = STR("")};
	/* No word in common, not even a synonym: nearness alone is then chance ("???"). */
	if (extract->count == 0 || extract->coverage <= 0)
		return ERR_OK;
	enum err_code code = weigh_subject(store, question, arena, &subject, err);
	if (code)
		return code;
	double *features = out->features, sum = bias;
	features[JUDGE_COSINE] = retrieve_best_cosine(results);
	features[JUDGE_MARGIN] = features[JUDGE_COSINE] - results->background;
	features[JUDGE_AGREEMENT] = results->items[0].signals.page_score;
	measure_words(&subject, results, features);
	measure_names(&subject, results, features);
	for (size_t i = 0; i < JUDGE_FEATURES; i++)
		sum += weights[i] * features[i];
	out->probability = 1 / (1 + exp(-sum));
	out->sufficient = out->probability >= threshold ||
			  (results->partial && extract->coverage >= partial_coverage);
	return ERR_OK;
}
