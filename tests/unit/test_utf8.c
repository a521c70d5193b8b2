/* base/utf8: RFC 3629 at every boundary, and U+FFFD substitution as Unicode recommends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "support/fail_alloc.h"

/* A second opinion, straight from the definition: the only encoding of a scalar value. */
static size_t reference_encode(uint32_t cp, unsigned char out[4])
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; cp >>= 6)
		out[i] = (unsigned char)(0x80 | (cp & 0x3f));
	out[0] = (unsigned char)(lead[n] | cp);
	return n;
}

static void every_code_point_round_trips(void **state)
{
	for (int32_t cp = 0; cp <= 0x10ffff; cp++) {
		unsigned char want[4];
		char got[4];
		int32_t back = -1;
		size_t n = reference_encode((uint32_t)cp, want);
		struct str encoded = {(const char *)want, n};
		bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
		if (utf8_encode(cp, got) != (surrogate ? 0 : n))
			fail_msg("encoding U+%04X", (unsigned)cp);
		if (utf8_decode(encoded, 0, &back) != (surrogate ? 0 : n))
			fail_msg("decoding U+%04X", (unsigned)cp);
		if (surrogate)
			continue;
		if (back != cp || memcmp(got, want, n) != 0)
			fail_msg("U+%04X does not round-trip", (unsigned)cp);
		for (size_t cut = 1; cut < n; cut++)
			if (utf8_decode(str_slice(encoded, 0, cut), 0, &back) != 0)
				fail_msg("U+%04X cut to %zu bytes is taken", (unsigned)cp, cut);
	}
}

static void code_points_out_of_range_are_refused(void **state)
{
	char out[4];
	assert_int_equal(utf8_encode(-1, out), 0);
	assert_int_equal(utf8_encode(0x110000, out), 0);
	assert_int_equal(utf8_encode(INT32_MAX, out), 0);
	assert_int_equal(utf8_encode(INT32_MIN, out), 0);
}

/* Every first byte with second bytes on both sides of each boundary: table 3-7 of Unicode. */
static void every_two_byte_start_is_judged_right(void **state)
{
	static const unsigned char seconds[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
						0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	for (unsigned first = 0; first < 256; first++)
		for (size_t i = 0; i < sizeof(seconds); i++) {
			unsigned second = seconds[i];
			unsigned char bytes[4] = {(unsigned char)first, (unsigned char)second, 0x80,
						  0x80};
			size_t want;
			int32_t cp;
			if (first < 0x80)
				want = 1;
			else if (first >= 0xc2 && first <= 0xdf)
				want = second >= 0x80 && second <= 0xbf ? 2 : 0;
			else if (first == 0xe0)
				want = second >= 0xa0 && second <= 0xbf ? 3 : 0;
			else if (first == 0xed)
				want = second >= 0x80 && second <= 0x9f ? 3 : 0;
			else if (first >= 0xe1 && first <= 0xef)
				want = second >= 0x80 && second <= 0xbf ? 3 : 0;
			else if (first == 0xf0)
				want = second >= 0x90 && second <= 0xbf ? 4 : 0;
			else if (first >= 0xf1 && first <= 0xf3)
				want = second >= 0x80 && second <= 0xbf ? 4 : 0;
			else if (first == 0xf4)
				want = second >= 0x80 && second <= 0x8f ? 4 : 0;
			else
				want = 0;
			size_t got = utf8_decode((struct str){(const char *)bytes, 4}, 0, &cp);
			if (got != want)
				fail_msg("%02X %02X 80 80: got %zu, want %zu", first, second, got,
					 want);
		}
}

static void validity(void **state)
{
	assert_true(utf8_valid(STR("")));
	assert_true(utf8_valid((struct str){NULL, 0}));
	assert_true(utf8_valid(STR("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")));
	assert_true(utf8_valid(STR("nul \0 is a code point")));
	assert_false(utf8_valid(STR("\xc0\x80")));         /* overlong NUL */
	assert_false(utf8_valid(STR("\xe0\x80\xaf")));     /* overlong / */
	assert_false(utf8_valid(STR("\xf0\x80\x80\xaf"))); /* overlong / */
	assert_false(utf8_valid(STR("\xed\xa0\x80")));     /* surrogate */
	assert_false(utf8_valid(STR("\xf4\x90\x80\x80"))); /* above 10FFFF */
	assert_false(utf8_valid(STR("\xf8\x88\x80\x80\x80")));
	assert_false(utf8_valid(STR("\xff")));
	assert_false(utf8_valid(STR("\x80")));
	assert_false(utf8_valid(STR("a\xc3")));
	assert_false(utf8_valid(STR("\xe2\x82")));
	int32_t cp = 7;
	assert_int_equal(utf8_decode(STR("a"), 1, &cp), 0);
	assert_int_equal(utf8_decode(STR("a"), 99, &cp), 0);
	assert_int_equal(cp, 7);
}

#define FFFD "\xef\xbf\xbd"

struct repair_case {
	const char *in, *want;
	size_t replaced;
};

static void repair_replaces_maximal_parts(void **state)
{
	/* The first cases are tables 3-8 to 3-11 of the Unicode Standard (chapter 3.9). */
	static const struct repair_case cases[] = {
		{"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
		 FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A", 8},
		{"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
		 FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A", 8},
		{"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B",
		 7},
		{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", FFFD FFFD FFFD FFFD "A", 4},
		{"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64",
		 "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d", 6},
		{"ok", "ok", 0},
		{"\xc3", FFFD, 1},
		{"x\xe2\x82", "x" FFFD, 1},
		{"x\xf0\x9f\x98", "x" FFFD, 1},
		{"\xf0\x9f\x98y", FFFD "y", 1},
		{"\x80\x80", FFFD FFFD, 2},
	};
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 16);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t replaced = 99;
		struct str got = utf8_repair(&arena, str_c(cases[i].in), &replaced);
		if (!str_eq(got, str_c(cases[i].want)) || replaced != cases[i].replaced)
			fail_msg("case %zu: '%.*s', %zu replaced", i, STR_ARG(got), replaced);
		assert_true(utf8_valid(got));
	}
	arena_release(&arena);
}

static void repair_of_valid_text_is_the_text(void **state)
{
	struct arena arena;
	struct str text = STR("caf\xc3\xa9");
	arena_init(&arena, alloc_default(), 1 << 16);
	struct str got = utf8_repair(&arena, text, NULL);
	assert_ptr_equal(got.ptr, text.ptr);
	assert_int_equal(arena.used, 0);
	/* NULL means failure, so the empty view must not come back as NULL */
	got = utf8_repair(&arena, (struct str){NULL, 0}, NULL);
	assert_non_null(got.ptr);
	assert_int_equal(got.len, 0);
	arena_release(&arena);
	struct fail_alloc fail;
	fail_alloc_init(&fail, 1, false);
	arena_init(&arena, &fail.alloc, 1 << 16);
	assert_null(utf8_repair(&arena, STR("\xff"), NULL).ptr);
	arena_release(&arena);
}

/* Random bytes: the result is valid, and as long as the parts that were fine. */
static void repair_of_noise_is_valid(void **state)
{
	uint32_t seed = 12345;
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 16);
	for (int round = 0; round < 2000; round++) {
		char bytes[64];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525U + 1013904223U;
			bytes[i] = (char)(seed >> 24 | (round % 2 ? 0x80 : 0));
		}
		struct str got = utf8_repair(&arena, (struct str){bytes, sizeof(bytes)}, NULL);
		assert_true(utf8_valid(got));
		assert_true(got.len >= 16);
		arena_reset(&arena);
	}
	arena_release(&arena);
}

static void prefix_ends_at_a_boundary(void **state)
{
	struct str text = STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
	for (size_t max = 0; max < sizeof(want) / sizeof(want[0]); max++) {
		struct str got = utf8_prefix(text, max);
		assert_int_equal(got.len, want[max]);
		assert_true(utf8_valid(got));
	}
	assert_int_equal(utf8_prefix((struct str){NULL, 0}, 3).len, 0);
	assert_int_equal(utf8_length(text), 5);
	assert_int_equal(utf8_length(STR("\xff\xfe"
					 "a")),
			 3);
	assert_int_equal(utf8_length(STR("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_round_trips),
		cmocka_unit_test(code_points_out_of_range_are_refused),
		cmocka_unit_test(every_two_byte_start_is_judged_right),
		cmocka_unit_test(validity),
		cmocka_unit_test(repair_replaces_maximal_parts),
		cmocka_unit_test(repair_of_valid_text_is_the_text),
		cmocka_unit_test(repair_of_noise_is_valid),
		cmocka_unit_test(prefix_ends_at_a_boundary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
