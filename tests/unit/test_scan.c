/* store/sqlite/scan.h against a plain scan of the f32 vectors: same rows, same scores, same order. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite/scan.h"
#include "support/fail_alloc.h"

static const enum veci8_level levels[] = {VECI8_PLAIN, VECI8_AVX2, VECI8_AVX512, VECI8_VNNI};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

#define ARENA_MAX ((size_t)64 << 20)

struct set {
	size_t count, dimension;
	float *vectors; /* [count][dimension], those with a score */
	int8_t *codes;
	struct scan_row *rows;
	size_t fail_at; /* the fetch of this row fails */
};

static float uniform(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return (float)(*state >> 8) / 8388608.0F - 1.0F;
}

/* Nearly normal: the sum of four. */
static float normal(uint32_t *state)
{
	return uniform(state) + uniform(state) + uniform(state) + uniform(state);
}

static void set_init(struct set *set, size_t count, size_t dimension)
{
	size_t stride = scan_stride(dimension);

	*set = (struct set){.dimension = dimension, .fail_at = SIZE_MAX};
	set->vectors = calloc(count + 1, dimension * sizeof(float));
	assert_int_equal(posix_memalign((void **)&set->codes, VECI8_LINE, (count + 1) * stride), 0);
	set->rows = calloc(count + 1, sizeof(*set->rows));
	assert_non_null(set->vectors);
	assert_non_null(set->rows);
}

static void set_release(struct set *set)
{
	free(set->vectors);
	free(set->codes);
	free(set->rows);
}

static float *set_next(const struct set *set)
{
	return set->vectors + set->count * set->dimension;
}

/* Encodes what was written to set_next(); false when it has no score. */
static bool set_add(struct set *set)
{
	bool ok = scan_encode(set_next(set), set->dimension,
			      set->codes + set->count * scan_stride(set->dimension),
			      &set->rows[set->count]);

	set->count += ok;
	return ok;
}

static enum err_code fetch(void *ctx, size_t row, float *vector, struct err *err)
{
	const struct set *set = ctx;

	assert_true(row < set->count);
	if (row == set->fail_at)
		return err_set(err, ERR_IO, "row %zu cannot be read", row);
	memcpy(vector, set->vectors + row * set->dimension, set->dimension * sizeof(float));
	return ERR_OK;
}

static int best_first(const void *a, const void *b)
{
	const struct scan_hit *x = a, *y = b;

	if (x->score < y->score || y->score < x->score)
		return x->score > y->score ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

/* Rows whose score is finite, best first. */
static size_t oracle(const struct set *set, const struct vec_ops *vec, const float *query,
		     struct scan_hit *out)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		float score = vec->dot(query, set->vectors + i * set->dimension, set->dimension);

		if (isfinite(score))
			out[count++] = (struct scan_hit){score, i};
	}
	qsort(out, count, sizeof(*out), best_first);
	return count;
}

/* Every level and every k against the oracle; the most rows that a scan fetched for the last k. */
static size_t check(struct set *set, const float *query, const size_t *ks, size_t k_count)
{
	const struct vec_ops *vec = vec_ops_best(VEC_AVX512);
	const struct scan_rows rows = {set->count, set->dimension, set->codes, set->rows};
	struct scan_hit *want = calloc(set->count + 1, sizeof(*want));
	size_t all = oracle(set, vec, query, want), fetched = 0;

	for (size_t i = 0; i < k_count * LEVEL_COUNT; i++) {
		struct scan_request request = {.rows = &rows,
					       .codes_ops = veci8_ops_get(levels[i % LEVEL_COUNT]),
					       .vec = vec,
					       .query = query,
					       .k = ks[i / LEVEL_COUNT],
					       .fetch = fetch,
					       .ctx = set};
		size_t count, expected = request.k < all ? request.k : all;
		struct scan_counts counts;
		struct scan_hit *hits;
		struct arena arena;
		struct err err;

		if (!request.codes_ops)
			continue;
		arena_init(&arena, alloc_default(), ARENA_MAX);
		assert_int_equal(scan_top(&request, &arena, &hits, &count, &counts, &err), ERR_OK);
		assert_int_equal(count, expected);
		for (size_t h = 0; h < count; h++) {
			assert_int_equal(hits[h].row, want[h].row);
			assert_memory_equal(&hits[h].score, &want[h].score, sizeof(float));
		}
		assert_true(counts.fetched <= counts.candidates);
		assert_true(counts.candidates <= set->count);
		fetched = counts.fetched;
		arena_release(&arena);
	}
	free(want);
	return fetched;
}

static void normalize_next(struct set *set)
{
	vec_normalize(set_next(set), set->dimension);
	assert_true(set_add(set));
}

static void fill_normal(struct set *set, size_t count, uint32_t *seed)
{
	for (size_t r = 0; r < count; r++) {
		for (size_t i = 0; i < set->dimension; i++)
			set_next(set)[i] = normal(seed);
		normalize_next(set);
	}
}

static void test_every_dimension(void **state)
{
	static const size_t ks[] = {0, 1, 2, 7, 69, 70, 71, SIZE_MAX};
	uint32_t seed = 5;

	(void)state;
	for (size_t dimension = 1; dimension <= 1024; dimension += dimension < 70 ? 1 : 53) {
		float query[1024];
		struct set set;

		set_init(&set, 70, dimension);
		fill_normal(&set, 70, &seed);
		for (size_t i = 0; i < dimension; i++)
			query[i] = normal(&seed);
		vec_normalize(query, dimension);
		check(&set, query, ks, sizeof(ks) / sizeof(ks[0]));
		set_release(&set);
	}
}

static void test_every_count(void **state)
{
	static const size_t ks[] = {0, 1, 5, 64, 65, 300};
	uint32_t seed = 77;
	float query[48];
	struct set set;

	(void)state;
	set_init(&set, 200, 48);
	for (size_t i = 0; i < 48; i++)
		query[i] = normal(&seed);
	check(&set, query, ks, sizeof(ks) / sizeof(ks[0])); /* no row at all */
	for (size_t count = 1; count <= 200; count++) {
		fill_normal(&set, 1, &seed);
		check(&set, query, ks, sizeof(ks) / sizeof(ks[0]));
	}
	set_release(&set);
}

/* Random directions: hardly any row is near the best, and few may be fetched. */
static void test_few_rows_are_fetched(void **state)
{
	static const size_t ks[] = {1, 50};
	uint32_t seed = 9;
	struct set set;

	(void)state;
	set_init(&set, 5000, 384);
	fill_normal(&set, 5000, &seed);
	for (size_t q = 0; q < 10; q++) {
		float query[384];

		for (size_t i = 0; i < 384; i++)
			query[i] = normal(&seed);
		vec_normalize(query, 384);
		assert_true(check(&set, query, ks, 2) <= 250);
	}
	set_release(&set);
}

/*
 * What embeddings of documentation are like: they share a direction, come in topics, some texts
 * stand on many pages word for word, and queries lie among them. Values of a few dimensions are far
 * larger than the others, which makes the steps of the codes coarse.
 */
static void test_topics_and_duplicates(void **state)
{
	enum { TOPICS = 40, ROWS = 4000, DIMENSION = 384 };
	static const size_t ks[] = {1, 10, 100};
	static float center[TOPICS][DIMENSION];
	uint32_t seed = 31;
	float query[DIMENSION];
	struct set set;

	(void)state;
	set_init(&set, ROWS, DIMENSION);
	for (size_t t = 0; t < TOPICS; t++)
		for (size_t i = 0; i < DIMENSION; i++)
			center[t][i] = (i % 97 ? 1.0F : 6.0F) + 1.5F * normal(&seed);
	for (size_t r = 0; r < ROWS; r++) {
		float *next = set_next(&set);

		for (size_t i = 0; i < DIMENSION; i++)
			next[i] = center[r % TOPICS][i] + (r % 7 ? 0.6F : 0.001F) * normal(&seed);
		if (r >= TOPICS && r % 11 == 0)
			memcpy(next, next - TOPICS * DIMENSION, DIMENSION * sizeof(float));
		normalize_next(&set);
	}
	for (size_t q = 0; q < 20; q++) {
		for (size_t i = 0; i < DIMENSION; i++)
			query[i] = center[q][i] + normal(&seed);
		vec_normalize(query, DIMENSION);
		check(&set, query, ks, 3);
		/* One of the rows itself. */
		memcpy(query, set.vectors + q * 131 * DIMENSION, sizeof(query));
		check(&set, query, ks, 3);
	}
	set_release(&set);
}

/* Rows that differ by less than a step of the codes must still come in the order of f32. */
static void test_near_ties(void **state)
{
	static const size_t ks[] = {1, 3, 50, 299};
	uint32_t seed = 4;
	float query[33], base[33];
	struct set set;

	(void)state;
	set_init(&set, 300, 33);
	for (size_t i = 0; i < 33; i++) {
		base[i] = normal(&seed);
		query[i] = base[i] + 0.1F * normal(&seed);
	}
	for (size_t r = 0; r < 300; r++) {
		memcpy(set_next(&set), base, sizeof(base));
		set_next(&set)[r % 33] += (float)(r % 50) * 1e-7F;
		assert_true(set_add(&set));
	}
	check(&set, query, ks, 4);
	set_release(&set);
}

/* The query's small values vanish in its first codes: only the bound can keep the row they lead to. */
static void test_query_between_the_steps(void **state)
{
	enum { DIMENSION = 400 };
	static const size_t ks[] = {1, 2};
	float query[DIMENSION];
	struct set set;

	(void)state;
	set_init(&set, 20, DIMENSION);
	for (size_t i = 0; i < DIMENSION; i++)
		query[i] = i ? 0.49F : 127.0F;
	for (size_t r = 0; r < 20; r++) {
		for (size_t i = 0; i < DIMENSION; i++)
			set_next(&set)[i] = r == 13 ? i > 0 : i == 0;
		assert_true(set_add(&set));
	}
	check(&set, query, ks, 2);
	set_release(&set);
}

/* Some scores overflow and are no hits; they must not push out those that are. */
static void test_overflowing_scores(void **state)
{
	static const size_t ks[] = {1, 2, 5};
	/* Codes without a residual, which would be infinite too. */
	float query[3] = {127 * 0x1p93F, 127 * 0x1p93F, 0};
	struct set set;

	(void)state;
	set_init(&set, 12, 3);
	for (size_t r = 0; r < 12; r++) {
		for (size_t i = 0; i < 3; i++)
			set_next(&set)[i] = r % 2 ? 1e15F : 1e-3F * (float)(r + 1);
		assert_true(set_add(&set));
	}
	check(&set, query, ks, 3);
	set_release(&set);
}

static void test_extreme_values(void **state)
{
	static const float scales[] = {0,     1e-45F, 1e-40F, 1e-30F, 1e-20F,  1,
				       1e15F, 1e19F,  1e30F,  3e38F,  -1e-30F, -3e38F};
	enum { SCALES = sizeof(scales) / sizeof(scales[0]), DIMENSION = 17 };
	static const size_t ks[] = {1, 4, 20, 200};
	uint32_t seed = 8;
	float query[DIMENSION];
	struct set set;

	(void)state;
	set_init(&set, 8 * SCALES, DIMENSION);
	for (size_t r = 0; r < 8 * SCALES; r++) {
		/* One value alone, two, or all of them. */
		for (size_t i = 0; i < DIMENSION; i++)
			set_next(&set)[i] =
				r % 3 == 2 || i <= r % 3 ? scales[r % SCALES] * uniform(&seed) : 0;
		assert_true(set_add(&set));
	}
	for (size_t q = 0; q < 2 * SCALES; q++) {
		for (size_t i = 0; i < DIMENSION; i++)
			query[i] = q % 2 && i ? 0 : scales[q / 2] * uniform(&seed);
		check(&set, query, ks, 4);
	}
	set_release(&set);
}

static void test_values_that_are_no_numbers(void **state)
{
	static const float bad[] = {NAN, INFINITY, -INFINITY};
	struct set set;

	(void)state;
	set_init(&set, 4, 5);
	for (size_t i = 0; i < 3; i++) {
		for (size_t at = 0; at < 5; at++) {
			memset(set_next(&set), 0, 5 * sizeof(float));
			set_next(&set)[at] = bad[i];
			assert_false(set_add(&set));
		}
	}
	set_next(&set)[4] = FLT_MAX;
	assert_true(set_add(&set));
	set_release(&set);
}

static void test_codes_of_a_row(void **state)
{
	const float vector[5] = {0.5F, -1.0F, 0.25F, 0.0F, 1.0F};
	int8_t codes[VECI8_LINE];
	struct scan_row row;

	(void)state;
	memset(codes, 99, sizeof(codes));
	assert_int_equal(scan_stride(5), VECI8_LINE);
	assert_int_equal(scan_stride(64), 64);
	assert_int_equal(scan_stride(65), 128);
	assert_true(scan_encode(vector, 5, codes, &row));
	assert_int_equal(codes[0], 64); /* 63.5 to even */
	assert_int_equal(codes[1], -127);
	assert_int_equal(codes[2], 32);
	assert_int_equal(codes[3], 0);
	assert_int_equal(codes[4], 127);
	for (size_t i = 5; i < VECI8_LINE; i++)
		assert_int_equal(codes[i], 0);
	assert_true(fabsf(row.scale - 1.0F / 127.0F) < 1e-9F);
	assert_true(row.norm >= row.scale * sqrtf(64 * 64 + 127 * 127 + 32 * 32 + 127 * 127));
	assert_true(row.residual >= 0.5F / 127.0F && row.residual < 1.0F / 127.0F);
}

static void test_failures_are_passed_on(void **state)
{
	uint32_t seed = 3;
	size_t count;
	struct set set;
	struct scan_hit *hits;
	struct arena arena;
	struct err err = {ERR_OK, ""};

	(void)state;
	set_init(&set, 3000, 16);
	fill_normal(&set, 3000, &seed);
	const struct scan_rows rows = {set.count, set.dimension, set.codes, set.rows};
	const struct scan_request request = {
		.rows = &rows,
		.codes_ops = veci8_ops_best(VEC_AVX512),
		.vec = vec_ops_best(VEC_PLAIN),
		.query = set.vectors + 16 * 7,
		.k = 2500, /* so many that the list of candidates grows */
		.fetch = fetch,
		.ctx = &set};
	set.fail_at = 7;
	arena_init(&arena, alloc_default(), ARENA_MAX);
	assert_int_equal(scan_top(&request, &arena, &hits, &count, NULL, &err), ERR_IO);
	assert_string_equal(err.message, "row 7 cannot be read");
	arena_release(&arena);
	set.fail_at = SIZE_MAX;
	for (size_t n = 1;; n++) {
		struct fail_alloc failing;
		enum err_code code;

		fail_alloc_init(&failing, n, false);
		arena_init(&arena, &failing.alloc, ARENA_MAX);
		code = scan_top(&request, &arena, &hits, &count, NULL, &err);
		arena_release(&arena);
		if (!code)
			break;
		assert_int_equal(code, ERR_NOMEM);
		assert_true(n < 100);
	}
	assert_int_equal(count, 2500);
	const struct scan_rows too_many = {SCAN_MAX_ROWS + 1, 16, set.codes, set.rows};
	struct scan_request large = request;
	large.rows = &too_many;
	assert_int_equal(scan_top(&large, &arena, &hits, &count, NULL, &err), ERR_LIMIT);
	arena_release(&arena);
	set_release(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_dimension),
		cmocka_unit_test(test_every_count),
		cmocka_unit_test(test_few_rows_are_fetched),
		cmocka_unit_test(test_topics_and_duplicates),
		cmocka_unit_test(test_near_ties),
		cmocka_unit_test(test_query_between_the_steps),
		cmocka_unit_test(test_overflowing_scores),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_values_that_are_no_numbers),
		cmocka_unit_test(test_codes_of_a_row),
		cmocka_unit_test(test_failures_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
