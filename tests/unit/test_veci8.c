/* Every level of base/veci8.h against sums made one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/veci8.h"

#define MAX_N    1024
#define MAX_ROWS 11
#define GUARD    0x5A5A5A5A

static const enum veci8_level levels[] = {VECI8_PLAIN, VECI8_AVX2, VECI8_AVX512, VECI8_VNNI};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

struct arrays {
	_Alignas(VECI8_LINE) int8_t query[MAX_N];
	_Alignas(VECI8_LINE) int8_t rows[MAX_ROWS * MAX_N];
};

static int setup(void **state)
{
	return posix_memalign(state, VECI8_LINE, sizeof(struct arrays));
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void check(const struct arrays *a, size_t count, size_t n)
{
	for (size_t l = 0; l < LEVEL_COUNT; l++) {
		const struct veci8_ops *ops = veci8_ops_get(levels[l]);
		int32_t got[MAX_ROWS + 1];

		if (!ops)
			continue;
		assert_int_equal(ops->level, levels[l]);
		got[count] = GUARD;
		ops->dots(a->query, a->rows, count, n, got);
		for (size_t r = 0; r < count; r++) {
			int64_t want = 0;

			for (size_t i = 0; i < n; i++)
				want += a->query[i] * a->rows[r * n + i];
			assert_int_equal(got[r], want);
		}
		assert_int_equal(got[count], GUARD); /* nothing behind the end */
	}
}

static void fill(int8_t *codes, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525U + 1013904223U;
		codes[i] = (int8_t)((int)(seed >> 16) % 255 - 127);
	}
}

static void test_every_count_and_length(void **state)
{
	struct arrays *a = *state;

	for (size_t n = 0; n <= MAX_N; n += VECI8_LINE) {
		fill(a->query, n, (uint32_t)n + 1);
		for (size_t count = 0; count <= MAX_ROWS; count++) {
			fill(a->rows, count * n, (uint32_t)(n + count));
			check(a, count, n);
		}
	}
}

/* The pairs whose sums come nearest to the limits of 16 bits, with every sign. */
static void test_largest_codes(void **state)
{
	struct arrays *a = *state;

	for (unsigned signs = 0; signs < 16; signs++) {
		for (size_t i = 0; i < MAX_N; i++)
			a->query[i] = signs >> i % 2 & 1 ? -127 : 127;
		for (size_t i = 0; i < MAX_ROWS * (size_t)MAX_N; i++)
			a->rows[i] = signs >> (2 + i % 2) & 1 ? -127 : 127;
		check(a, MAX_ROWS, MAX_N);
	}
	memset(a->rows, 0, sizeof(a->rows));
	check(a, MAX_ROWS, MAX_N);
}

static void test_limit_is_kept(void **state)
{
	(void)state;
	assert_int_equal(veci8_ops_best(VEC_PLAIN)->level, VECI8_PLAIN);
	assert_true(veci8_ops_best(VEC_AVX2)->level <= VECI8_AVX2);
	for (size_t l = 0; l < LEVEL_COUNT; l++) {
		const struct veci8_ops *ops = veci8_ops_get(levels[l]);

		if (ops)
			assert_true(veci8_ops_best(VEC_AVX512)->level >= ops->level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_count_and_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_largest_codes, setup, teardown),
		cmocka_unit_test(test_limit_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
