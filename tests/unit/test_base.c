/* base/err, alloc, arena, str, buf, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"
#include "support/fail_alloc.h"

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_c(want)))
		fail_msg("got '%.*s', want '%s'", STR_ARG(got), want);
}

/* --- err --- */

static void err_codes_have_distinct_labels(void **state)
{
	for (int a = ERR_OK; a <= ERR_INTERNAL; a++) {
		assert_true(err_label((enum err_code)a)[0] != '\0');
		for (int b = a + 1; b <= ERR_INTERNAL; b++)
			assert_string_not_equal(err_label((enum err_code)a),
						err_label((enum err_code)b));
	}
	assert_string_equal(err_label((enum err_code)9999), "unknown error");
}

static void err_set_and_context(void **state)
{
	struct err err = {ERR_OK, ""};
	assert_int_equal(err_set(&err, ERR_IO, "cannot read %s", "a.md"), ERR_IO);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "cannot read a.md");
	assert_int_equal(err_context(&err, "source %d", 7), ERR_IO);
	assert_string_equal(err.message, "source 7: cannot read a.md");
	/* a NULL err only loses the message */
	assert_int_equal(err_set(NULL, ERR_LIMIT, "x"), ERR_LIMIT);
	err_context(NULL, "x");
}

static void err_messages_are_cut_at_the_limit(void **state)
{
	struct err err;
	char text[2 * ERR_MESSAGE_MAX];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_IO, "%s", text);
	assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
	/* the context survives, the tail goes */
	err_context(&err, "where");
	assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
	assert_memory_equal(err.message, "where: aaa", 10);
	err_context(&err, "%s", text);
	assert_true(strlen(err.message) < ERR_MESSAGE_MAX);
	assert_int_equal(err.message[0], 'a');
	/* every length around the limit */
	for (size_t n = ERR_MESSAGE_MAX - 8; n < ERR_MESSAGE_MAX + 8; n++) {
		err_set(&err, ERR_IO, "end");
		err_context(&err, "%.*s", (int)n, text);
		assert_true(strlen(err.message) < ERR_MESSAGE_MAX);
	}
}

/* A cut in the middle of a character would make the message useless for JSON. */
static void err_messages_stay_utf8(void **state)
{
	char text[2 * ERR_MESSAGE_MAX + 1];
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof(text) - 1] = '\0';
	for (int shift = 0; shift < 4; shift++) {
		struct err err;
		err_set(&err, ERR_IO, "%.*s%s", shift, "xxxx", text);
		assert_true(utf8_valid(str_c(err.message)));
		assert_true(strlen(err.message) >= ERR_MESSAGE_MAX - 4);
		err_context(&err, "%.*s", shift + 1, "yyyyy");
		assert_true(utf8_valid(str_c(err.message)));
		err_context(&err, "%s", text);
		assert_true(utf8_valid(str_c(err.message)));
	}
}

/* Names and paths may hold anything; terminals and logs get one line of text. */
static void err_messages_are_one_line(void **state)
{
	struct err err;
	err_set(&err, ERR_FORMAT, "tensor %s: missing", "a\n\x1b[2J\x7f\xc2\x85z \xc3\xa9");
	assert_string_equal(err.message, "tensor a  [2J   z \xc3\xa9: missing");
	/* a name cut within a character, and bytes that never were text */
	err_set(&err, ERR_FORMAT, "%.*s|\xff", 2, "x\xc3\xa9");
	assert_string_equal(err.message, "x?|?");
	err_context(&err, "%s", "b\t\xe2\x82");
	assert_string_equal(err.message, "b ??: x?|?");
}

/* --- alloc --- */

static void sizes_are_checked(void **state)
{
	size_t out = 0;
	assert_true(size_mul(6, 7, &out));
	assert_int_equal(out, 42);
	assert_false(size_mul(SIZE_MAX, 2, &out));
	assert_true(size_mul(SIZE_MAX, 1, &out));
	assert_true(size_add(SIZE_MAX - 1, 1, &out));
	assert_int_equal(out, SIZE_MAX);
	assert_false(size_add(SIZE_MAX, 1, &out));
	assert_null(alloc_zero(alloc_default(), SIZE_MAX / 2, 3));
}

static void alloc_serves_zero_and_keeps_content(void **state)
{
	const struct alloc *alloc = alloc_default();
	void *none = alloc_get(alloc, 0);
	assert_non_null(none);
	alloc_free(alloc, none);
	alloc_free(alloc, NULL);
	unsigned char *p = alloc_zero(alloc, 16, 4);
	assert_non_null(p);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(p[i], 0);
	p[0] = 7;
	p = alloc_resize(alloc, p, 4096);
	assert_non_null(p);
	assert_int_equal(p[0], 7);
	alloc_free(alloc, p);
}

static void fail_alloc_fails_the_chosen_call(void **state)
{
	struct fail_alloc fail;
	fail_alloc_init(&fail, 2, false);
	void *a = alloc_get(&fail.alloc, 8);
	assert_non_null(a);
	assert_null(alloc_get(&fail.alloc, 8));
	void *b = alloc_get(&fail.alloc, 8);
	assert_non_null(b);
	assert_int_equal(atomic_load(&fail.live), 2);
	alloc_free(&fail.alloc, a);
	alloc_free(&fail.alloc, b);
	assert_int_equal(atomic_load(&fail.live), 0);
	fail_alloc_init(&fail, 1, true);
	assert_null(alloc_get(&fail.alloc, 8));
	assert_null(alloc_get(&fail.alloc, 8));
	assert_int_equal(atomic_load(&fail.failures), 2);
}

/* --- arena --- */

static void arena_memory_is_zeroed_and_aligned(void **state)
{
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 20);
	for (size_t size = 0; size < 200; size++) {
		unsigned char *p = arena_get(&arena, size);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	/* also memory that was used before */
	arena_reset(&arena);
	unsigned char *p = arena_get(&arena, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	arena_release(&arena);
	arena_release(&arena);
}

static void arena_has_a_limit(void **state)
{
	struct arena arena;
	struct err err = {ERR_OK, ""};
	arena_init(&arena, alloc_default(), 1024);
	assert_non_null(arena_get(&arena, 512));
	assert_non_null(arena_get(&arena, 512));
	assert_int_equal(arena.used, 1024);
	assert_null(arena_get(&arena, 1));
	assert_int_equal(arena_fail(&arena, &err), ERR_LIMIT);
	assert_null(arena_get(&arena, SIZE_MAX));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
	arena_reset(&arena);
	assert_non_null(arena_get(&arena, 1024));
	arena_release(&arena);
	assert_non_null(arena_get(&arena, 1024));
	arena_release(&arena);
}

/* The limit is a property of the input (skip it), lack of memory is not (end the run). */
static void arena_fail_tells_limit_from_memory(void **state)
{
	struct arena arena;
	struct err err = {ERR_OK, ""};
	struct fail_alloc fail;

	/* one large request over a large limit of which much is left */
	arena_init(&arena, alloc_default(), 64 << 20);
	assert_non_null(arena_get(&arena, 1 << 20));
	assert_null(arena_get(&arena, 64 << 20));
	assert_int_equal(arena_fail(&arena, &err), ERR_LIMIT);
	assert_non_null(strstr(err.message, "64 MB"));
	arena_release(&arena);

	/* several requests may be checked together */
	arena_init(&arena, alloc_default(), 1024);
	assert_null(arena_get(&arena, 2000));
	assert_non_null(arena_get(&arena, 16));
	assert_int_equal(arena_fail(&arena, &err), ERR_LIMIT);
	arena_release(&arena);

	/* an array whose size overflows is over any limit */
	arena_init(&arena, alloc_default(), 64 << 20);
	assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
	assert_int_equal(arena_fail(&arena, &err), ERR_LIMIT);
	arena_release(&arena);

	/* no memory, although the arena is a small one */
	fail_alloc_init(&fail, 1, false);
	arena_init(&arena, &fail.alloc, 4096);
	assert_null(arena_get(&arena, 16));
	assert_int_equal(arena_fail(&arena, &err), ERR_NOMEM);
	arena_release(&arena);
	assert_int_equal(atomic_load(&fail.live), 0);
}

static void arena_serves_blocks_of_any_size(void **state)
{
	struct arena arena;
	struct fail_alloc count;
	fail_alloc_init(&count, 0, false);
	arena_init(&arena, &count.alloc, SIZE_MAX);
	char *small = arena_get(&arena, 10);
	char *large = arena_get(&arena, 1 << 20);
	assert_non_null(small);
	assert_non_null(large);
	memset(large, 1, 1 << 20);
	memset(small, 2, 10);
	assert_int_equal(large[0], 1);
	assert_int_equal(atomic_load(&count.live), 2);
	arena_reset(&arena); /* keeps the newest block */
	assert_int_equal(atomic_load(&count.live), 1);
	arena_release(&arena);
	assert_int_equal(atomic_load(&count.live), 0);
}

static void arena_copies_and_prints(void **state)
{
	struct arena arena;
	arena_init(&arena, alloc_default(), 4096);
	struct str copy = arena_str(&arena, str_slice(STR("abcdef"), 1, 3));
	assert_str(copy, "bc");
	assert_int_equal(copy.ptr[2], '\0');
	copy = arena_str(&arena, (struct str){NULL, 0});
	assert_non_null(copy.ptr);
	assert_int_equal(copy.len, 0);
	assert_str(arena_printf(&arena, "%d-%s", 12, "x"), "12-x");
	assert_str(arena_printf(&arena, "%s", ""), "");
	assert_null(arena_printf(&arena, "%5000d", 1).ptr);
	assert_null(arena_str(&arena, (struct str){"", SIZE_MAX}).ptr);
	arena_release(&arena);
}

/* --- str --- */

static void str_slices_are_clamped(void **state)
{
	struct str s = STR("hello");
	assert_str(str_slice(s, 1, 3), "el");
	assert_str(str_slice(s, 3, 99), "lo");
	assert_str(str_slice(s, 99, 100), "");
	assert_str(str_slice(s, 4, 2), "");
	assert_int_equal(str_slice((struct str){NULL, 0}, 1, 2).len, 0);
	assert_int_equal(str_c(NULL).len, 0);
}

static void str_comparisons(void **state)
{
	struct str none = {NULL, 0};
	assert_true(str_eq(none, STR("")));
	assert_false(str_eq(STR("a"), STR("b")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_eq_nocase(STR("KaTib"), STR("kAtIB")));
	assert_false(str_eq_nocase(STR("katib"), STR("katic")));
	assert_false(str_eq_nocase(STR("["), STR("{"))); /* not letters, 0x20 apart */
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR("\xc3"), STR("a")) > 0); /* bytes are unsigned */
	assert_int_equal(str_cmp(none, none), 0);
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_true(str_ends(none, STR("")));
}

static void str_trim_and_find(void **state)
{
	assert_str(str_trim(STR(" \t\r\n a b \f\v")), "a b");
	assert_str(str_trim(STR("   ")), "");
	assert_str(str_trim(STR("\xc2\xa0x")), "\xc2\xa0x"); /* ASCII only */
	assert_int_equal(str_find(STR("abcabc"), STR("bc"), 0), 1);
	assert_int_equal(str_find(STR("abcabc"), STR("bc"), 2), 4);
	assert_int_equal(str_find(STR("abcabc"), STR("bc"), 5), STR_NPOS);
	assert_int_equal(str_find(STR("abc"), STR(""), 3), 3);
	assert_int_equal(str_find(STR("abc"), STR(""), 4), STR_NPOS);
	assert_int_equal(str_find(STR("a\0b"), STR("b"), 0), 2);
	assert_int_equal(str_find((struct str){NULL, 0}, STR("a"), 0), STR_NPOS);
	assert_int_equal(str_find_nocase(STR("Set KATIB now"), STR("katib"), 0), 4);
	assert_int_equal(str_find_nocase(STR("kat"), STR("katib"), 0), STR_NPOS);
	assert_int_equal(str_find_nocase(STR("xkatib"), STR("KATIB"), 1), 1);
}

static void str_cut_gives_every_part(void **state)
{
	struct str rest = STR("a,,b,"), part;
	static const char *const want[] = {"a", "", "b", ""};
	for (size_t i = 0; i < 4; i++) {
		assert_true(str_cut(&rest, ',', &part));
		assert_str(part, want[i]);
	}
	assert_false(str_cut(&rest, ',', &part));
	rest = STR("");
	assert_true(str_cut(&rest, ',', &part));
	assert_int_equal(part.len, 0);
	assert_false(str_cut(&rest, ',', &part));
	rest = (struct str){NULL, 0};
	assert_false(str_cut(&rest, ',', &part));
}

static void str_numbers(void **state)
{
	uint64_t n = 0;
	double d = 0;
	assert_true(str_to_u64(STR("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
	assert_true(str_to_u64(STR("007"), &n) && n == 7);
	static const char *const not_u64[] = {"",
					      "-1",
					      "+1",
					      " 1",
					      "1 ",
					      "1a",
					      "0x1",
					      "1.0",
					      "18446744073709551616",
					      "99999999999999999999999"};
	for (size_t i = 0; i < sizeof(not_u64) / sizeof(not_u64[0]); i++)
		assert_false(str_to_u64(str_c(not_u64[i]), &n));
	assert_true(str_to_double(STR("0.5"), &d) && d == 0.5);
	assert_true(str_to_double(STR("12"), &d) && d == 12);
	assert_true(str_to_double(STR("-3.25"), &d) && d == -3.25);
	assert_true(str_to_double(STR(".5"), &d) && d == 0.5);
	static const char *const not_double[] = {
		"",    "-",   ".",   "-.",  "1e3", "1.2.3",
		"0,5", "inf", "nan", "--1", " 1",  "11111111111111111111111111111111111111111"};
	for (size_t i = 0; i < sizeof(not_double) / sizeof(not_double[0]); i++)
		assert_false(str_to_double(str_c(not_double[i]), &d));
}

static void str_classes_and_hash(void **state)
{
	size_t letters = 0, digits = 0, spaces = 0;
	for (int c = -1; c < 256; c++) {
		letters += ascii_alpha(c);
		digits += ascii_digit(c);
		spaces += ascii_space(c);
		assert_int_equal(ascii_alnum(c), ascii_alpha(c) || ascii_digit(c));
	}
	assert_int_equal(letters, 52);
	assert_int_equal(digits, 10);
	assert_int_equal(spaces, 6);
	assert_int_equal(ascii_lower('Z'), 'z');
	assert_int_equal(ascii_lower('['), '[');
	/* published FNV-1a test vectors */
	assert_true(str_hash(STR("")) == 0xcbf29ce484222325u);
	assert_true(str_hash(STR("a")) == 0xaf63dc4c8601ec8cu);
	assert_true(str_hash(STR("foobar")) == 0x85944171f73967e8u);
}

/* --- buf --- */

static void buf_grows_up_to_its_maximum(void **state)
{
	struct buf buf;
	struct err err = {ERR_OK, ""};
	buf_init(&buf, alloc_default(), 100);
	assert_str(buf_str(&buf), "");
	for (size_t i = 0; i < 100; i++)
		assert_true(buf_append_byte(&buf, (char)('a' + i % 26)));
	assert_int_equal(buf.len, 100);
	assert_int_equal(buf.ptr[100], '\0');
	assert_int_equal(buf_ok(&buf, "it", &err), ERR_OK);
	assert_false(buf_append_byte(&buf, 'x'));
	assert_int_equal(buf.len, 100);
	assert_int_equal(buf_ok(&buf, "the thing", &err), ERR_LIMIT);
	assert_string_equal(err.message, "the thing is longer than 100 bytes");
	assert_false(buf_append(&buf, STR(""))); /* remembers */
	buf_clear(&buf);
	assert_true(buf_append(&buf, STR("ok")));
	assert_str(buf_str(&buf), "ok");
	buf_release(&buf);
	assert_int_equal(buf.len, 0);
	assert_true(buf_append(&buf, STR("again")));
	buf_release(&buf);
}

static void buf_ok_tells_limit_from_memory(void **state)
{
	struct buf buf;
	struct err err = {ERR_OK, ""};
	struct fail_alloc fail;
	static const char big[5000];

	/* one append that is larger than all the buffer may hold */
	buf_init(&buf, alloc_default(), 4096);
	assert_true(buf_append(&buf, STR("little")));
	assert_false(buf_append(&buf, (struct str){big, sizeof(big)}));
	assert_int_equal(buf_ok(&buf, "it", &err), ERR_LIMIT);
	buf_clear(&buf);
	assert_false(buf_printf(&buf, "%4097d", 1));
	assert_int_equal(buf_ok(&buf, "it", &err), ERR_LIMIT);
	buf_release(&buf);

	/* no memory, although the buffer is small or nearly full */
	fail_alloc_init(&fail, 1, false);
	buf_init(&buf, &fail.alloc, 64);
	assert_false(buf_append(&buf, STR("x")));
	assert_int_equal(buf_ok(&buf, "it", &err), ERR_NOMEM);
	assert_string_equal(err.message, "out of memory for it");
	buf_release(&buf);
	fail_alloc_init(&fail, 2, false);
	buf_init(&buf, &fail.alloc, 100);
	assert_true(buf_append(&buf, (struct str){big, 60}));
	assert_false(buf_append(&buf, (struct str){big, 30}));
	assert_int_equal(buf_ok(&buf, "it", &err), ERR_NOMEM);
	assert_int_equal(buf.len, 60); /* what was there stays */
	buf_release(&buf);
	assert_int_equal(atomic_load(&fail.live), 0);
}

static void buf_without_a_limit(void **state)
{
	struct buf buf;
	buf_init(&buf, alloc_default(), SIZE_MAX);
	for (int i = 0; i < 1000; i++)
		assert_true(buf_append(&buf, STR("0123456789")));
	assert_int_equal(buf.len, 10000);
	assert_false(buf_reserve(&buf, SIZE_MAX - 5000));
	buf_release(&buf);
}

static void buf_formats_encodes_and_consumes(void **state)
{
	struct buf buf;
	buf_init(&buf, alloc_default(), 1000);
	assert_true(buf_printf(&buf, "%s=%d", "n", 42));
	assert_true(buf_append_codepoint(&buf, 0x20ac));
	assert_str(buf_str(&buf), "n=42\xe2\x82\xac");
	buf_consume(&buf, 2);
	assert_str(buf_str(&buf), "42\xe2\x82\xac");
	assert_int_equal(buf.ptr[buf.len], '\0');
	buf_consume(&buf, 0);
	buf_consume(&buf, 1000);
	assert_int_equal(buf.len, 0);
	assert_true(buf_reserve(&buf, 900));
	assert_true(buf.cap >= 901);
	assert_true(buf_append(&buf, (struct str){NULL, 0}));
	assert_true(buf_append(&buf, STR("a\0b")));
	assert_int_equal(buf.len, 3);
	buf_release(&buf);
	buf_consume(&buf, 5); /* of nothing */
}

/* --- clock --- */

static void clock_formats_rfc3339(void **state)
{
	char out[32];
	clock_format(0, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000Z");
	clock_format(1709210096789, out);
	assert_string_equal(out, "2024-02-29T12:34:56.789Z");
	clock_format(-1, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999Z");
	/* whatever the clock says, it is text */
	clock_format(INT64_MAX, out);
	assert_true(memchr(out, '\0', sizeof(out)) != NULL);
	clock_format(INT64_MIN, out);
	assert_true(memchr(out, '\0', sizeof(out)) != NULL);
	int64_t a = clock_monotonic_us(clock_system()), b = clock_monotonic_us(clock_system());
	assert_true(b >= a);
	assert_true(clock_wall_ms(clock_system()) > 1600000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_codes_have_distinct_labels),
		cmocka_unit_test(err_set_and_context),
		cmocka_unit_test(err_messages_are_cut_at_the_limit),
		cmocka_unit_test(err_messages_stay_utf8),
		cmocka_unit_test(err_messages_are_one_line),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(alloc_serves_zero_and_keeps_content),
		cmocka_unit_test(fail_alloc_fails_the_chosen_call),
		cmocka_unit_test(arena_memory_is_zeroed_and_aligned),
		cmocka_unit_test(arena_has_a_limit),
		cmocka_unit_test(arena_fail_tells_limit_from_memory),
		cmocka_unit_test(arena_serves_blocks_of_any_size),
		cmocka_unit_test(arena_copies_and_prints),
		cmocka_unit_test(str_slices_are_clamped),
		cmocka_unit_test(str_comparisons),
		cmocka_unit_test(str_trim_and_find),
		cmocka_unit_test(str_cut_gives_every_part),
		cmocka_unit_test(str_numbers),
		cmocka_unit_test(str_classes_and_hash),
		cmocka_unit_test(buf_grows_up_to_its_maximum),
		cmocka_unit_test(buf_ok_tells_limit_from_memory),
		cmocka_unit_test(buf_without_a_limit),
		cmocka_unit_test(buf_formats_encodes_and_consumes),
		cmocka_unit_test(clock_formats_rfc3339),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
