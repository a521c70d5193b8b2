#include "answer/fuse.h"

#include <stdlib.h>
#include <string.h>

#define PAGE UINT32_MAX /* the section number of entries that stand for a page */

/* What the rankings say about one section, or about one page. */
struct entry {
	int64_t document_id;
	uint32_t section;
	float best[FUSE_MAX_RANKINGS]; /* highest score of each ranking that is in `seen` */
	uint32_t seen;                 /* a bit for each ranking */
	float cosine;
	double score, factor;
	double best_section; /* of a page: the highest score of its sections */
};

/* Open addressing by document and section; at most half full. Grows in the arena. */
struct table {
	struct arena *arena;
	struct entry *items;
	size_t count, capacity;
	uint32_t
		*slots; /* of twice the capacity, a power of two: index into items + 1, 0 is free */
};

static size_t find_slot(const struct table *table, int64_t document_id, uint32_t section)
{
	size_t mask = table->capacity * 2 - 1;
	uint64_t hash = ((uint64_t)document_id * 0x9e3779b97f4a7c15u) ^
			((uint64_t)section * 0xc2b2ae3d27d4eb4fu);
	size_t slot = (size_t)(hash ^ (hash >> 32)) & mask;
	while (table->slots[slot]) {
		const struct entry *entry = &table->items[table->slots[slot] - 1];
		if (entry->document_id == document_id && entry->section == section)
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

/* Doubles both arrays; the old ones stay in the arena, which costs at most as much again. */
static bool grow(struct table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 256;
	if (capacity > UINT32_MAX / 4)
		return false;
	struct entry *items = arena_array(table->arena, capacity, sizeof(*items));
	uint32_t *slots = arena_array(table->arena, capacity * 2, sizeof(*slots));
	if (!items || !slots)
		return false;
	if (table->count)
		memcpy(items, table->items, table->count * sizeof(*items));
	memset(slots, 0, capacity * 2 * sizeof(*slots));
	table->items = items;
	table->slots = slots;
	table->capacity = capacity;
	for (size_t i = 0; i < table->count; i++)
		slots[find_slot(table, items[i].document_id, items[i].section)] = (uint32_t)i + 1;
	return true;
}

/* The entry, made when there is none, which may move the others; NULL without memory. */
static struct entry *find_entry(struct table *table, int64_t document_id, uint32_t section)
{
	if (table->count == table->capacity && !grow(table))
		return NULL;
	size_t slot = find_slot(table, document_id, section);
	if (table->slots[slot])
		return &table->items[table->slots[slot] - 1];
	struct entry *entry = &table->items[table->count++];
	*entry = (struct entry){.document_id = document_id, .section = section, .factor = 1};
	table->slots[slot] = (uint32_t)table->count;
	return entry;
}

/* The page of an entry, which is there. */
static struct entry *page_of(const struct table *table, const struct entry *entry)
{
	return &table->items[table->slots[find_slot(table, entry->document_id, PAGE)] - 1];
}

/* True when this ranking had not named the entry before. Hits come best first. */
static bool note(struct entry *entry, size_t ranking, float score)
{
	if (entry->seen & (1u << ranking))
		return false;
	entry->seen |= 1u << ranking;
	entry->best[ranking] = score;
	return true;
}

/* The score that counts nothing: of the depth-th item, or of the last. */
struct floor {
	size_t left;
	float score;
};

static void lower_floor(struct floor *floor, bool new_item, float score)
{
	if (!new_item || !floor->left)
		return;
	floor->left--;
	floor->score = score;
}

struct scale {
	float top, page_floor, section_floor;
};

static enum err_code collect_sections(struct table *table, const struct fuse_ranking *ranking,
				      size_t number, const struct store_hit *hit, size_t max_span,
				      struct floor *floor, struct err *err)
{
	size_t span = (size_t)hit->last_section - hit->first_section + 1;
	bool wide = hit->last_section < hit->first_section || span > max_span;
	uint32_t last = wide ? hit->first_section : hit->last_section;
	for (uint32_t s = hit->first_section; s <= last; s++) {
		struct entry *section = find_entry(table, hit->document_id, s);
		if (!section)
			return arena_fail(table->arena, err);
		if (wide)
			break;
		lower_floor(floor, note(section, number, hit->score), hit->score);
		if (ranking->cosine && span == 1 && hit->score > section->cosine)
			section->cosine = hit->score;
	}
	return ERR_OK;
}

static enum err_code collect(struct table *table, const struct fuse_ranking *ranking, size_t number,
			     const struct fuse_options *options, struct scale *scale,
			     struct err *err)
{
	struct floor pages = {options->page_depth, 0}, sections = {options->section_depth, 0};
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < ranking->hits->count && !code; i++) {
		const struct store_hit *hit = &ranking->hits->items[i];
		struct entry *page = find_entry(table, hit->document_id, PAGE);
		if (!page)
			return arena_fail(table->arena, err);
		lower_floor(&pages, note(page, number, hit->score), hit->score);
		if (ranking->cosine && hit->score > page->cosine)
			page->cosine = hit->score;
		code = collect_sections(table, ranking, number, hit, options->max_span, &sections,
					err);
	}
	*scale = (struct scale){.top = ranking->hits->count ? ranking->hits->items[0].score : 0};
	if (ranking->cosine) {
		scale->page_floor = pages.score;
		scale->section_floor = sections.score;
	}
	return code;
}

/* A lone hit is the best there is. */
static double scaled(float score, float floor, float top)
{
	if (top <= floor)
		return score >= top ? 1 : 0;
	return score > floor ? ((double)score - floor) / ((double)top - floor) : 0;
}

/* The weighted mean; *shares, when wanted, is what each ranking adds to it. */
static double combine(const struct entry *entry, const struct fuse_ranking *rankings, size_t count,
		      const struct scale *scales, double *shares)
{
	bool page = entry->section == PAGE;
	double sum = 0, weights = 0;
	for (size_t r = 0; r < count; r++)
		if (rankings[r].hits->count)
			weights += page ? rankings[r].page_weight : rankings[r].section_weight;
	for (size_t r = 0; r < count && weights > 0; r++) {
		float floor = page ? scales[r].page_floor : scales[r].section_floor;
		double weight = page ? rankings[r].page_weight : rankings[r].section_weight;
		double share = 0;
		if (entry->seen & (1u << r))
			share = weight * scaled(entry->best[r], floor, scales[r].top) / weights;
		if (shares)
			shares[r] = share;
		sum += share;
	}
	return sum;
}

static int best_first(const void *a, const void *b)
{
	const struct fused *x = a, *y = b;
	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	if (x->document_id != y->document_id)
		return x->document_id > y->document_id ? 1 : -1;
	return (x->section > y->section) - (x->section < y->section);
}

static enum err_code score_entries(struct table *table, const struct fuse_ranking *rankings,
				   size_t count, const struct scale *scales,
				   const struct fuse_pages *pages, struct err *err)
{
	for (size_t i = 0; i < table->count; i++) {
		struct entry *entry = &table->items[i];
		entry->score = combine(entry, rankings, count, scales, NULL);
		if (entry->section != PAGE || !pages)
			continue;
		enum err_code code =
			pages->factor(pages->ctx, entry->document_id, &entry->factor, err);
		if (code)
			return code;
		entry->score *= entry->factor;
	}
	for (size_t i = 0; i < table->count; i++) {
		const struct entry *entry = &table->items[i];
		if (entry->section == PAGE)
			continue;
		struct entry *page = page_of(table, entry);
		if (entry->score > page->best_section)
			page->best_section = entry->score;
	}
	return ERR_OK;
}

enum err_code fuse_rankings(const struct fuse_ranking *rankings, size_t count,
			    const struct fuse_options *options, const struct fuse_pages *pages,
			    struct arena *arena, struct fused_list *out, struct err *err)
{
	struct scale scales[FUSE_MAX_RANKINGS];
	struct table table = {.arena = arena};
	enum err_code code = ERR_OK;
	*out = (struct fused_list){0};
	if (count > FUSE_MAX_RANKINGS)
		return err_set(err, ERR_INVALID, "more than %d rankings", FUSE_MAX_RANKINGS);
	for (size_t r = 0; r < count && !code; r++)
		code = collect(&table, &rankings[r], r, options, &scales[r], err);
	if (!code)
		code = score_entries(&table, rankings, count, scales, pages, err);
	if (code)
		return code;
	out->items = arena_array(arena, table.count ? table.count : 1, sizeof(*out->items));
	if (!out->items)
		return arena_fail(arena, err);
	for (size_t i = 0; i < table.count; i++) {
		const struct entry *section = &table.items[i];
		if (section->section == PAGE)
			continue;
		const struct entry *page = page_of(&table, section);
		if (page->factor <= 0)
			continue;
		struct fused *to = &out->items[out->count++];
		*to = (struct fused){.document_id = section->document_id,
				     .section = section->section,
				     .page_score = page->score,
				     .page_factor = page->factor};
		to->cosine = section->cosine > 0 ? section->cosine : page->cosine;
		to->score = page->score -
			    options->section_weight * (page->best_section - section->score);
		(void)combine(page, rankings, count, scales, to->page_share);
		(void)combine(section, rankings, count, scales, to->section_share);
	}
	qsort(out->items, out->count, sizeof(*out->items), best_first);
	return ERR_OK;
}
