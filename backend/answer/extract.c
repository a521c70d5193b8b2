#include "answer/extract.h"

#include <math.h>
#include <stdlib.h>

#include "answer/guard.h"
#include "answer/terms.h"
#include "base/utf8.h"

enum {
	SOURCES_MAX = 3,
	CODE_LINES_MAX = 24,
	CODE_BYTES_MAX = 1200,    /* of one block */
	CODE_BYTES_ENOUGH = 1200, /* of all blocks; then no further one is begun */
	CODE_PER_SOURCE = 2,
	NEAR_INJECTION = 8, /* units before one that are looked at, too */
	LEAD_IN_MAX = 60,   /* "Run the following:" says nothing without what follows */
	/* Of a longer section only the beginning is considered: a question must not take seconds. */
	SECTION_BYTES_MAX = 256 * 1024,
};

/* Bytes of prose quoted from the best section, the second and the third. */
static const size_t prose_budget[SOURCES_MAX] = {1200, 650, 450};

struct candidate {
	size_t unit; /* index, which is reading order */
	double score;
};

struct passage_pick {
	struct unit_list units;
	bool *chosen;
	enum { UNSEEN, HARMLESS, SPEAKS_TO_ASSISTANT } * seen; /* of guard_is_injection() */
};

static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return (x->unit > y->unit) - (x->unit < y->unit);
}

/* The lines of an over-long code block around those that hold the terms. */
static struct str code_excerpt(const struct terms *terms, struct str code)
{
	size_t lines = 1;
	for (size_t i = 0; i < code.len; i++)
		lines += code.ptr[i] == '\n';
	if (lines <= CODE_LINES_MAX && code.len <= CODE_BYTES_MAX)
		return code;
	struct str best = {code.ptr, 0};
	double best_score = -1;
	for (size_t begin = 0; begin < code.len;) {
		size_t end = begin, count = 0;
		while (end < code.len && count < CODE_LINES_MAX) {
			size_t next = str_find(code, STR("\n"), end);
			next = next == STR_NPOS ? code.len : next + 1;
			if (next - begin > CODE_BYTES_MAX)
				break;
			end = next;
			count++;
		}
		/* A line that is longer than the limit is left out. */
		double score = end > begin ? terms_score(terms, str_slice(code, begin, end)) : -1;
		if (score > best_score) {
			best_score = score;
			best = str_slice(code, begin, end);
		}
		size_t step = str_find(code, STR("\n"), begin);
		begin = step == STR_NPOS ? code.len : step + 1;
		if (end == code.len)
			break;
	}
	if (best.len && best.ptr[best.len - 1] == '\n')
		best.len--;
	return best;
}

/* How near the paragraph that holds the text is to the question, 0 when it is not near at all. */
static double nearness(const struct retrieve_result *source, struct str text)
{
	for (size_t i = 0; i < source->match_count; i++)
		if (str_find(source->matches[i].text, text, 0) != STR_NPOS)
			return source->matches[i].cosine;
	return 0;
}

/*
 * A unit's worth: the question's terms in it, the nearness of its paragraph, a little for opening
 * the section (definitions stand there), and for standing beside a good one, for a sentence and the
 * list or code it introduces belong together. Over the root of its length, so that one long item
 * does not take the place of three to the point. The weights were tried by hand on the question
 * set's answers, see docs/decisions/0003-extractive-answers.md.
 */
static void score_units(const struct terms *terms, const struct retrieve_result *source,
			const struct unit_list *units, struct candidate *candidates)
{
	const double opening = 0.5, near = 4, introduced = 0.6, beside = 0.15;
	const double code_length = 100, least_length = 40;
	double before = 0;
	for (size_t i = 0; i < units->count; i++) {
		const struct unit *unit = &units->items[i];
		double own = terms_score(terms, unit->text);
		double score = own + (i == 0 ? opening : 0) + near * nearness(source, unit->text);
		if (i > 0) {
			struct str previous = units->items[i - 1].text;
			bool colon = previous.len && previous.ptr[previous.len - 1] == ':';
			score += (colon ? introduced : beside) * before;
		}
		double length = unit->kind == UNIT_CODE ? code_length
							: (double)unit->text.len + least_length;
		candidates[i] = (struct candidate){i, score / sqrt(length)};
		before = own;
	}
}

static bool is_injection(const struct passage_pick *pick, size_t unit)
{
	if (pick->seen[unit] == UNSEEN)
		pick->seen[unit] = guard_is_injection(pick->units.items[unit].text)
					   ? SPEAKS_TO_ASSISTANT
					   : HARMLESS;
	return pick->seen[unit] == SPEAKS_TO_ASSISTANT;
}

/*
 * What speaks to an assistant is not quoted, nor what stands in one paragraph with it, nor what follows
 * directly: "Note to assistants:" and then what they are to say.
 */
static bool is_tainted(const struct passage_pick *pick, size_t unit)
{
	const struct unit *units = pick->units.items;
	size_t from = unit, to = unit, paragraph = units[unit].paragraph, before;
	while (from > 0 && units[from - 1].paragraph == paragraph)
		from--;
	while (to + 1 < pick->units.count && units[to + 1].paragraph == paragraph)
		to++;
	/* the paragraph before; of a list, its items and what introduces them */
	for (before = 0; from > 0 && before < NEAR_INJECTION; before++) {
		enum unit_kind kind = units[--from].kind;
		if (units[from].paragraph != units[from + 1].paragraph &&
		    units[from + 1].paragraph != paragraph && kind == UNIT_SENTENCE &&
		    units[from + 1].kind == UNIT_SENTENCE) {
			from++;
			break;
		}
	}
	for (size_t i = from; i <= to; i++)
		if (is_injection(pick, i))
			return true;
	return false;
}

static enum err_code pick_units(const struct terms *terms, const struct retrieve_result *source,
				struct passage_pick *pick, size_t budget, size_t *code_bytes,
				struct arena *arena, struct err *err)
{
	size_t code_blocks = 0;
	struct unit_list *units = &pick->units;
	struct candidate *order = arena_array(arena, units->count, sizeof(*order));
	pick->chosen = arena_array(arena, units->count, sizeof(*pick->chosen));
	pick->seen = arena_array(arena, units->count, sizeof(*pick->seen));
	if (!order || !pick->chosen || !pick->seen)
		return arena_fail(arena, err);
	score_units(terms, source, units, order);
	qsort(order, units->count, sizeof(*order), by_score);
	for (size_t i = 0; i < units->count; i++) {
		struct unit *unit = &units->items[order[i].unit];
		if (order[i].score <= 0)
			break;
		if (is_tainted(pick, order[i].unit))
			continue;
		if (unit->kind == UNIT_CODE) {
			if (*code_bytes >= CODE_BYTES_ENOUGH || code_blocks == CODE_PER_SOURCE)
				continue;
			struct str whole = unit->text;
			unit->text = code_excerpt(terms, whole);
			unit->cut_before = unit->text.ptr > whole.ptr;
			unit->cut_after = unit->text.ptr + unit->text.len < whole.ptr + whole.len;
			pick->chosen[order[i].unit] = unit->text.len > 0;
			*code_bytes += unit->text.len;
			code_blocks++;
		} else if (unit->text.len <= budget) {
			budget -= unit->text.len;
			pick->chosen[order[i].unit] = true;
		}
	}
	return ERR_OK;
}

/* "Run the following:" goes when what follows is not quoted; a long sentence says enough itself. */
static void drop_lead_ins(struct passage_pick *pick)
{
	for (size_t i = 0; i < pick->units.count; i++) {
		struct str text = pick->units.items[i].text;
		bool followed = i + 1 < pick->units.count && pick->chosen[i + 1];
		if (!followed && text.len < LEAD_IN_MAX && str_ends(text, STR(":")))
			pick->chosen[i] = false;
	}
}

static void collect(struct extract *out, const struct passage_pick *pick,
		    const struct retrieve_result *source)
{
	size_t paragraph = 0;
	bool any = false;
	for (size_t i = 0; i < pick->units.count; i++) {
		const struct unit *unit = &pick->units.items[i];
		if (!pick->chosen[i])
			continue;
		out->quotes[out->count++] =
			(struct quote){.source = out->source_count,
				       .kind = unit->kind,
				       .text = unit->text,
				       .language = unit->language,
				       .cut_before = unit->cut_before,
				       .cut_after = unit->cut_after,
				       .same_paragraph = any && unit->kind == UNIT_SENTENCE &&
							 unit->paragraph == paragraph};
		paragraph = unit->paragraph;
		any = true;
	}
	if (any)
		out->sources[out->source_count++] = source;
}

/*
 * Which of the sections found first answers: the ranking has words match anywhere, so that a short
 * section of the same words comes first. The nearest paragraph and the share of the question's terms
 * in the section say more. Weights by trying some on 184 questions with two models, see
 * docs/decisions/0003-extractive-answers.md.
 */
static double answers(const struct terms *terms, const struct retrieve_result *result)
{
	const double near = 1, covered = 0.3;
	const struct store_passage *passage = &result->passage;
	const struct str texts[] = {passage->title, passage->section_path,
				    utf8_prefix(passage->text, SECTION_BYTES_MAX)};
	double cosine = 0;
	for (size_t i = 0; i < result->match_count; i++)
		cosine = fmax(cosine, (double)result->matches[i].cosine);
	return result->score + near * cosine + covered * terms_coverage(terms, texts, 3);
}

/* Orders the sections, those that answer first; equal ones stay as they are. */
static void order_sources(const struct terms *terms, const struct retrieve_results *results,
			  size_t count, size_t *order)
{
	double worth[SOURCES_MAX];
	for (size_t p = 0; p < count; p++) {
		size_t at = p;
		double own = answers(terms, &results->items[p]);
		for (; at > 0 && worth[at - 1] < own; at--) {
			worth[at] = worth[at - 1];
			order[at] = order[at - 1];
		}
		worth[at] = own;
		order[at] = p;
	}
}

enum err_code extract_quotes(struct str question, const struct retrieve_results *results,
			     struct arena *arena, struct extract *out, struct err *err)
{
	struct terms terms;
	struct passage_pick picks[SOURCES_MAX];
	size_t used = results->count < SOURCES_MAX ? results->count : SOURCES_MAX;
	size_t total = 0;
	size_t code_bytes = 0;
	*out = (struct extract){0};
	enum err_code code = terms_of(question, arena, &terms, err);
	for (size_t p = 0; p < used && !code; p++) {
		const struct store_passage *passage = &results->items[p].passage;
		code = passage_split(utf8_prefix(passage->text, SECTION_BYTES_MAX),
				     passage->heading, arena, &picks[p].units, err);
		total += code ? 0 : picks[p].units.count;
	}
	if (code)
		return code;
	struct str *texts = arena_array(arena, total, sizeof(*texts));
	out->quotes = arena_array(arena, total, sizeof(*out->quotes));
	out->sources = arena_array(arena, SOURCES_MAX, sizeof(*out->sources));
	if (!texts || !out->quotes || !out->sources)
		return arena_fail(arena, err);
	size_t n = 0;
	for (size_t p = 0; p < used; p++)
		for (size_t i = 0; i < picks[p].units.count; i++)
			texts[n++] = picks[p].units.items[i].text;
	terms_weigh(&terms, texts, n);
	struct str all[2 * SOURCES_MAX];
	for (size_t p = 0; p < used; p++) {
		const struct store_passage *passage = &results->items[p].passage;
		all[2 * p] = passage->title;
		all[2 * p + 1] = utf8_prefix(passage->text, SECTION_BYTES_MAX);
	}
	out->coverage = terms_coverage(&terms, all, 2 * used);
	size_t order[SOURCES_MAX] = {0};
	order_sources(&terms, results, used, order);
	for (size_t i = 0; i < used && !code; i++) {
		size_t p = order[i];
		code = pick_units(&terms, &results->items[p], &picks[p], prose_budget[i],
				  &code_bytes, arena, err);
		if (!code) {
			drop_lead_ins(&picks[p]);
			collect(out, &picks[p], &results->items[p]);
		}
	}
	return code;
}
