#include "answer/fuse.h"

#include <stdlib.h>

struct page {
	int64_t document_id;
	double score;
	float cosine;
	size_t last_ranking; /* 1 + index of the ranking that counted this page last */
};

struct table {
	struct page *pages;
	size_t page_count;
	struct fused *sections;
	size_t section_count;
};

static struct page *find_page(struct table *table, int64_t document_id)
{
	for (size_t i = 0; i < table->page_count; i++)
		if (table->pages[i].document_id == document_id)
			return &table->pages[i];
	struct page *page = &table->pages[table->page_count++];
	*page = (struct page){.document_id = document_id};
	return page;
}

static struct fused *find_section(struct table *table, int64_t document_id, uint32_t section)
{
	for (size_t i = 0; i < table->section_count; i++)
		if (table->sections[i].document_id == document_id &&
		    table->sections[i].section == section)
			return &table->sections[i];
	struct fused *entry = &table->sections[table->section_count++];
	*entry = (struct fused){.document_id = document_id, .section = section};
	return entry;
}

/* A page counts once in a ranking, at its best rank among distinct pages. */
static void add_ranking(struct table *table, const struct fuse_ranking *ranking, size_t number,
			const struct fuse_options *options)
{
	size_t page_rank = 0;
	for (size_t i = 0; i < ranking->hits->count; i++) {
		const struct store_hit *hit = &ranking->hits->items[i];
		struct page *page = find_page(table, hit->document_id);
		if (page->last_ranking != number) {
			page->last_ranking = number;
			page->score += ranking->weight / (options->k + (double)++page_rank);
		}
		if (ranking->cosine && hit->score > page->cosine)
			page->cosine = hit->score;
		size_t span = (size_t)hit->last_section - hit->first_section + 1;
		if (hit->last_section < hit->first_section || span > options->max_span) {
			find_section(table, hit->document_id, hit->first_section);
			continue;
		}
		for (uint32_t s = hit->first_section; s <= hit->last_section; s++) {
			struct fused *section = find_section(table, hit->document_id, s);
			section->score +=
				ranking->weight / (options->k + (double)(i + 1)) / (double)span;
			if (ranking->cosine && span == 1 && hit->score > section->cosine)
				section->cosine = hit->score;
		}
	}
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

enum err_code fuse_rankings(const struct fuse_ranking *rankings, size_t count,
			    const struct fuse_options *options, struct arena *arena,
			    struct fused_list *out, struct err *err)
{
	size_t hits = 0, sections;
	for (size_t r = 0; r < count; r++)
		hits += rankings[r].hits->count;
	struct table table = {0};
	if (!size_mul(hits, options->max_span ? options->max_span : 1, &sections))
		return err_set(err, ERR_LIMIT, "too many hits to fuse");
	table.pages = arena_array(arena, hits, sizeof(*table.pages));
	table.sections = arena_array(arena, sections, sizeof(*table.sections));
	if (!table.pages || !table.sections)
		return arena_fail(arena, err);
	for (size_t r = 0; r < count; r++)
		add_ranking(&table, &rankings[r], r + 1, options);
	for (size_t i = 0; i < table.section_count; i++) {
		struct fused *section = &table.sections[i];
		const struct page *page = find_page(&table, section->document_id);
		section->score = options->section_weight * section->score +
				 options->page_weight * page->score;
		if (section->cosine <= 0)
			section->cosine = page->cosine;
	}
	qsort(table.sections, table.section_count, sizeof(*table.sections), best_first);
	*out = (struct fused_list){table.sections, table.section_count};
	return ERR_OK;
}
