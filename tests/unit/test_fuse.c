/* answer/fuse: reciprocal rank fusion, checked against sums made by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/fuse.h"
#include "support/fail_alloc.h"

#define HIT(document, first, last, worth)                                                          \
	{                                                                                          \
		.document_id = (document), .first_section = (first), .last_section = (last),       \
		.score = (worth)                                                                   \
	}

static const struct fuse_options options = {
	.k = 5, .page_weight = 1, .section_weight = 1, .max_span = 2};

static struct fused_list fuse(const struct fuse_ranking *rankings, size_t count,
			      const struct fuse_options *how, struct arena *arena)
{
	struct fused_list out = {0};
	struct err err = {ERR_OK, ""};
	arena_init(arena, alloc_default(), 1 << 20);
	if (fuse_rankings(rankings, count, how, arena, &out, &err))
		fail_msg("%s", err.message);
	return out;
}

static void check(const struct fused *got, int64_t document, uint32_t section, double score)
{
	assert_int_equal(got->document_id, document);
	assert_int_equal(got->section, section);
	if (fabs(got->score - score) > 1e-12)
		fail_msg("document %d section %u: score %.12f, want %.12f", (int)document, section,
			 got->score, score);
}

static void one_ranking_keeps_its_order(void **state)
{
	struct store_hit items[] = {HIT(7, 2, 2, 0.9f), HIT(3, 0, 0, 0.8f), HIT(7, 4, 4, 0.7f)};
	struct store_hits hits = {items, 3};
	struct fuse_ranking ranking = {&hits, 1, true};
	struct arena arena;
	struct fused_list out = fuse(&ranking, 1, &options, &arena);
	assert_int_equal(out.count, 3);
	/* page 7 has page rank 1, page 3 has page rank 2; section ranks are 1, 2, 3 */
	check(&out.items[0], 7, 2, 1.0 / 6 + 1.0 / 6);
	check(&out.items[1], 7, 4, 1.0 / 8 + 1.0 / 6);
	check(&out.items[2], 3, 0, 1.0 / 7 + 1.0 / 7);
	assert_true(out.items[0].cosine == 0.9f);
	assert_true(out.items[1].cosine == 0.7f);
	arena_release(&arena);
}

static void rankings_add_up(void **state)
{
	struct store_hit dense[] = {HIT(1, 0, 0, 0.5f), HIT(2, 0, 0, 0.4f)};
	struct store_hit text[] = {HIT(2, 0, 0, 12.0f), HIT(3, 1, 1, 9.0f)};
	struct store_hits a = {dense, 2}, b = {text, 2};
	struct fuse_ranking rankings[] = {{&a, 1, true}, {&b, 2, false}};
	struct arena arena;
	struct fused_list out = fuse(rankings, 2, &options, &arena);
	assert_int_equal(out.count, 3);
	check(&out.items[0], 2, 0, 2 * (1.0 / 7 + 2.0 / 6));
	check(&out.items[1], 3, 1, 2 * (2.0 / 7));
	check(&out.items[2], 1, 0, 2 * (1.0 / 6));
	/* BM25 scores are no cosines */
	assert_true(out.items[0].cosine == 0.4f);
	assert_true(out.items[1].cosine == 0);
	arena_release(&arena);
}

static void a_window_shares_its_worth_among_its_sections(void **state)
{
	struct store_hit items[] = {HIT(1, 4, 5, 0.6f)};
	struct store_hits hits = {items, 1};
	struct fuse_ranking ranking = {&hits, 1, true};
	struct arena arena;
	struct fused_list out = fuse(&ranking, 1, &options, &arena);
	assert_int_equal(out.count, 2);
	check(&out.items[0], 1, 4, 1.0 / 12 + 1.0 / 6);
	check(&out.items[1], 1, 5, 1.0 / 12 + 1.0 / 6);
	assert_true(out.items[0].cosine == 0.6f); /* the page's, for want of one of its own */
	arena_release(&arena);
}

static void a_page_hit_counts_for_the_page_only(void **state)
{
	struct store_hit page[] = {HIT(1, 0, 40, 3.0f), HIT(2, 0, UINT32_MAX, 2.0f)};
	struct store_hit section[] = {HIT(1, 7, 7, 0.3f)};
	struct store_hits a = {page, 2}, b = {section, 1};
	struct fuse_ranking rankings[] = {{&a, 1, false}, {&b, 1, true}};
	struct arena arena;
	struct fused_list out = fuse(rankings, 2, &options, &arena);
	assert_int_equal(out.count, 3);
	check(&out.items[0], 1, 7, 1.0 / 6 + 2.0 / 6);
	check(&out.items[1], 1, 0, 2.0 / 6); /* a page without a section hit is still found */
	check(&out.items[2], 2, 0, 1.0 / 7);
	arena_release(&arena);
}

static void a_page_counts_once_per_ranking(void **state)
{
	struct store_hit items[] = {HIT(1, 0, 0, 0.9f), HIT(1, 1, 1, 0.8f), HIT(1, 2, 2, 0.7f),
				    HIT(2, 0, 0, 0.6f)};
	struct store_hits hits = {items, 4};
	struct fuse_ranking ranking = {&hits, 1, true};
	struct fuse_options pages = options;
	struct arena arena;
	pages.section_weight = 0;
	struct fused_list out = fuse(&ranking, 1, &pages, &arena);
	assert_int_equal(out.count, 4);
	for (uint32_t i = 0; i < 3; i++)
		check(&out.items[i], 1, i, 1.0 / 6); /* ties by section */
	check(&out.items[3], 2, 0, 1.0 / 7);         /* second among distinct pages */
	arena_release(&arena);
}

static void nothing_and_nonsense(void **state)
{
	struct store_hits none = {NULL, 0};
	struct store_hit items[] = {HIT(1, 9, 3, 0.5f)}; /* a damaged store */
	struct store_hits odd = {items, 1};
	struct fuse_ranking rankings[] = {{&none, 1, true}, {&odd, 1, true}};
	struct fuse_options zero = options;
	struct arena arena;
	assert_int_equal(fuse(rankings, 1, &options, &arena).count, 0);
	arena_release(&arena);
	assert_int_equal(fuse(NULL, 0, &options, &arena).count, 0);
	arena_release(&arena);
	assert_int_equal(fuse(rankings, 2, &options, &arena).count, 1);
	arena_release(&arena);
	zero.max_span = 0;
	assert_int_equal(fuse(rankings, 2, &zero, &arena).count, 1);
	arena_release(&arena);
}

static void memory_runs_out(void **state)
{
	struct store_hit items[] = {HIT(1, 0, 0, 0.5f)};
	struct store_hits hits = {items, 1};
	struct fuse_ranking ranking = {&hits, 1, true};
	struct fused_list out;
	struct err err = {ERR_OK, ""};
	struct arena arena;
	struct fail_alloc fail;
	fail_alloc_init(&fail, 1, false);
	arena_init(&arena, &fail.alloc, 1 << 20);
	assert_int_equal(fuse_rankings(&ranking, 1, &options, &arena, &out, &err), ERR_NOMEM);
	arena_release(&arena);
	hits.count = SIZE_MAX / 2;
	struct fuse_options wide = options;
	wide.max_span = 8;
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(fuse_rankings(&ranking, 1, &wide, &arena, &out, &err), ERR_LIMIT);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_ranking_keeps_its_order),
		cmocka_unit_test(rankings_add_up),
		cmocka_unit_test(a_window_shares_its_worth_among_its_sections),
		cmocka_unit_test(a_page_hit_counts_for_the_page_only),
		cmocka_unit_test(a_page_counts_once_per_ranking),
		cmocka_unit_test(nothing_and_nonsense),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
