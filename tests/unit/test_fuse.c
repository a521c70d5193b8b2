/* answer/fuse: the weighted mean of scaled scores, checked against sums made by hand. */
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
	.section_weight = 1, .page_depth = 50, .section_depth = 100, .max_span = 2};

static struct fused_list fuse_with(const struct fuse_ranking *rankings, size_t count,
				   const struct fuse_options *how, const struct fuse_pages *pages,
				   struct arena *arena)
{
	struct fused_list out = {0};
	struct err err = {ERR_OK, ""};
	arena_init(arena, alloc_default(), 16 << 20);
	if (fuse_rankings(rankings, count, how, pages, arena, &out, &err))
		fail_msg("%s", err.message);
	return out;
}

static struct fused_list fuse(const struct fuse_ranking *rankings, size_t count,
			      const struct fuse_options *how, struct arena *arena)
{
	return fuse_with(rankings, count, how, NULL, arena);
}

static void check(const struct fused *got, int64_t document, uint32_t section, double score)
{
	assert_int_equal(got->document_id, document);
	assert_int_equal(got->section, section);
	if (fabs(got->score - score) > 1e-6)
		fail_msg("document %d section %u: score %.9f, want %.9f", (int)document, section,
			 got->score, score);
}

/* Powers of two, so that the sums are exact. */
static void text_scores_are_shares_of_the_best(void **state)
{
	struct store_hit items[] = {HIT(7, 2, 2, 8), HIT(3, 0, 0, 4), HIT(7, 4, 4, 2)};
	struct store_hits hits = {items, 3, false};
	struct fuse_ranking ranking = {&hits, 1, 1, false};
	struct arena arena;
	struct fused_list out = fuse(&ranking, 1, &options, &arena);
	assert_int_equal(out.count, 3);
	check(&out.items[0], 7, 2, 1);
	check(&out.items[1], 3, 0, 0.5);         /* the best of its page, which is worth half */
	check(&out.items[2], 7, 4, 1 - 1 + .25); /* the page's 1, less 1 - 0.25 for the section */
	assert_true(out.items[0].cosine == 0);   /* BM25 scores are no cosines */
	arena_release(&arena);
}

static void cosines_count_from_the_last_in_depth(void **state)
{
	struct store_hit items[] = {HIT(1, 0, 0, 0.75f), HIT(1, 1, 1, 0.625f), HIT(2, 0, 0, 0.5f),
				    HIT(3, 0, 0, 0.25f), HIT(4, 0, 0, 0.125f)};
	struct store_hits hits = {items, 5, false};
	struct fuse_ranking ranking = {&hits, 1, 0, true};
	struct fuse_options three = options;
	struct arena arena;
	three.page_depth = 3; /* the third page is document 3 */
	struct fused_list out = fuse(&ranking, 1, &three, &arena);
	assert_int_equal(out.count, 5);
	check(&out.items[0], 1, 0, 1);
	check(&out.items[1], 1, 1, 1); /* ties by section; sections have no weight here */
	check(&out.items[2], 2, 0, 0.5);
	check(&out.items[3], 3, 0, 0);
	check(&out.items[4], 4, 0, 0); /* never below nothing */
	assert_true(out.items[1].cosine == 0.625f);
	assert_true(out.items[4].cosine == 0.125f);
	arena_release(&arena);
}

static void rankings_are_weighed(void **state)
{
	struct store_hit dense[] = {HIT(1, 0, 0, 0.5f), HIT(2, 0, 0, 0.25f)};
	struct store_hit text[] = {HIT(2, 0, 0, 8), HIT(1, 0, 0, 4)};
	struct store_hits a = {dense, 2, false}, b = {text, 2, false}, none = {NULL, 0, false};
	struct fuse_ranking rankings[] = {{&a, 1, 1, true}, {&b, 3, 1, false}, {&none, 9, 9, true}};
	struct arena arena;
	struct fused_list out = fuse(rankings, 3, &options, &arena);
	assert_int_equal(out.count, 2);
	/* page 1: (1 * 1 + 3 * .5) / 4; page 2: (0 + 3) / 4; the empty ranking has no part in it */
	check(&out.items[0], 2, 0, 0.75);
	check(&out.items[1], 1, 0, 0.625);
	assert_true(fabs(out.items[1].page_share[0] - 0.25) < 1e-9);
	assert_true(fabs(out.items[1].page_share[1] - 0.375) < 1e-9);
	assert_true(fabs(out.items[1].section_share[0] - 0.5) < 1e-9);
	assert_true(fabs(out.items[1].section_share[1] - 0.25) < 1e-9);
	assert_true(out.items[1].page_share[2] == 0);
	arena_release(&arena);
}

static void the_order_of_rankings_does_not_matter(void **state)
{
	struct store_hit x[] = {HIT(1, 0, 0, 0.9f), HIT(2, 1, 2, 0.8f), HIT(3, 0, 0, 0.3f)};
	struct store_hit y[] = {HIT(3, 0, 0, 7), HIT(2, 1, 1, 5), HIT(4, 2, 2, 1)};
	struct store_hit z[] = {HIT(2, 0, 9, 3), HIT(1, 0, 4, 2)};
	struct store_hits a = {x, 3, false}, b = {y, 3, false}, c = {z, 2, false};
	struct fuse_ranking one[] = {{&a, 1, 2, true}, {&b, 2, 1, false}, {&c, 3, 0, false}};
	struct fuse_ranking two[] = {one[2], one[0], one[1]};
	struct arena first_arena, second_arena;
	struct fused_list first = fuse(one, 3, &options, &first_arena);
	struct fused_list second = fuse(two, 3, &options, &second_arena);
	assert_int_equal(first.count, second.count);
	for (size_t i = 0; i < first.count; i++)
		check(&second.items[i], first.items[i].document_id, first.items[i].section,
		      first.items[i].score);
	arena_release(&first_arena);
	arena_release(&second_arena);
}

static void a_window_counts_for_each_of_its_sections(void **state)
{
	struct store_hit items[] = {HIT(1, 4, 5, 0.5f), HIT(2, 0, 0, 0.25f)};
	struct store_hits hits = {items, 2, false};
	struct fuse_ranking ranking = {&hits, 1, 1, true};
	struct arena arena;
	struct fused_list out = fuse(&ranking, 1, &options, &arena);
	assert_int_equal(out.count, 3);
	check(&out.items[0], 1, 4, 1);
	check(&out.items[1], 1, 5, 1);
	assert_true(out.items[0].cosine == 0.5f); /* the page's, for want of one of its own */
	arena_release(&arena);
}

static void a_page_hit_counts_for_the_page_only(void **state)
{
	struct store_hit page[] = {HIT(1, 0, 40, 4), HIT(2, 0, UINT32_MAX, 2)};
	struct store_hit section[] = {HIT(1, 7, 7, 0.5f)};
	struct store_hits a = {page, 2, false}, b = {section, 1, false};
	struct fuse_ranking rankings[] = {{&a, 1, 0, false}, {&b, 1, 1, true}};
	struct arena arena;
	struct fused_list out = fuse(rankings, 2, &options, &arena);
	assert_int_equal(out.count, 3);
	check(&out.items[0], 1, 7, 1); /* a lone hit is the best there is */
	check(&out.items[1], 2, 0, 0.25);
	check(&out.items[2], 1, 0, 1 - 1); /* a page without a section hit is still found */
	arena_release(&arena);
}

struct halved {
	int64_t half, none;
	size_t asked;
};

static enum err_code halve(void *ctx, int64_t document_id, double *factor, struct err *err)
{
	struct halved *h = ctx;
	h->asked++;
	if (document_id == 99)
		return err_set(err, ERR_IO, "no such page");
	*factor = document_id == h->half ? 0.5 : document_id == h->none ? 0 : 1;
	return ERR_OK;
}

static void pages_are_worth_less_or_nothing(void **state)
{
	struct store_hit items[] = {HIT(1, 0, 0, 8), HIT(1, 1, 1, 8), HIT(2, 0, 0, 6),
				    HIT(3, 0, 0, 5)};
	struct store_hits hits = {items, 4, false};
	struct fuse_ranking ranking = {&hits, 1, 1, false};
	struct halved h = {.half = 1, .none = 3};
	const struct fuse_pages pages = {halve, &h};
	struct arena arena;
	struct fused_list out = fuse_with(&ranking, 1, &options, &pages, &arena);
	assert_int_equal(h.asked, 3); /* once for each page */
	assert_int_equal(out.count, 3);
	check(&out.items[0], 2, 0, 0.75);
	check(&out.items[1], 1, 0, 0.5);
	check(&out.items[2], 1, 1, 0.5);
	assert_true(out.items[1].page_factor == 0.5);
	arena_release(&arena);
	items[3].document_id = 99;
	struct err err = {ERR_OK, ""};
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(fuse_rankings(&ranking, 1, &options, &pages, &arena, &out, &err), ERR_IO);
	arena_release(&arena);
}

static void nothing_and_nonsense(void **state)
{
	struct store_hits none = {NULL, 0, false};
	struct store_hit items[] = {HIT(1, 9, 3, 0.5f)}; /* a damaged store */
	struct store_hits odd = {items, 1, false};
	struct fuse_ranking rankings[] = {{&none, 1, 1, true}, {&odd, 1, 1, true}};
	struct fuse_options zero = options;
	struct fused_list out;
	struct err err = {ERR_OK, ""};
	struct arena arena;
	assert_int_equal(fuse(rankings, 1, &options, &arena).count, 0);
	arena_release(&arena);
	assert_int_equal(fuse(NULL, 0, &options, &arena).count, 0);
	arena_release(&arena);
	assert_int_equal(fuse(rankings, 2, &options, &arena).count, 1);
	arena_release(&arena);
	zero.max_span = 0;
	zero.page_depth = 0;
	assert_int_equal(fuse(rankings, 2, &zero, &arena).count, 1);
	arena_release(&arena);
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(
		fuse_rankings(rankings, FUSE_MAX_RANKINGS + 1, &options, NULL, &arena, &out, &err),
		ERR_INVALID);
	arena_release(&arena);
}

/* More sections than the first table has room for. */
static void many_hits_are_all_kept(void **state)
{
	enum { MANY = 5000 };
	static struct store_hit items[MANY];
	for (int i = 0; i < MANY; i++)
		items[i] = (struct store_hit)HIT(i / 10, (uint32_t)(i % 10), (uint32_t)(i % 10),
						 (float)(MANY - i));
	struct store_hits hits = {items, MANY, false};
	struct fuse_ranking ranking = {&hits, 1, 1, false};
	struct arena arena;
	struct fused_list out = fuse(&ranking, 1, &options, &arena);
	assert_int_equal(out.count, MANY);
	for (size_t i = 0; i < out.count; i++) {
		assert_true(out.items[i].page_share[0] > 0);
		assert_true(out.items[i].section_share[0] > 0);
		assert_true(!i || out.items[i - 1].score >= out.items[i].score);
	}
	arena_release(&arena);
}

static void memory_runs_out(void **state)
{
	struct store_hit items[] = {HIT(1, 0, 0, 0.5f)};
	struct store_hits hits = {items, 1, false};
	struct fuse_ranking ranking = {&hits, 1, 1, true};
	struct fused_list out;
	struct err err = {ERR_OK, ""};
	struct arena arena;
	struct fail_alloc fail;
	fail_alloc_init(&fail, 1, false);
	arena_init(&arena, &fail.alloc, 1 << 20);
	assert_int_equal(fuse_rankings(&ranking, 1, &options, NULL, &arena, &out, &err), ERR_NOMEM);
	arena_release(&arena);
	arena_init(&arena, alloc_default(), 1 << 10); /* too small for the table */
	assert_int_equal(fuse_rankings(&ranking, 1, &options, NULL, &arena, &out, &err), ERR_LIMIT);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_scores_are_shares_of_the_best),
		cmocka_unit_test(cosines_count_from_the_last_in_depth),
		cmocka_unit_test(rankings_are_weighed),
		cmocka_unit_test(the_order_of_rankings_does_not_matter),
		cmocka_unit_test(a_window_counts_for_each_of_its_sections),
		cmocka_unit_test(a_page_hit_counts_for_the_page_only),
		cmocka_unit_test(pages_are_worth_less_or_nothing),
		cmocka_unit_test(nothing_and_nonsense),
		cmocka_unit_test(many_hits_are_all_kept),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
