#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "index/duplicate.h"
#include "support/fail_alloc.h"

/* `count` different words from `from` on. */
static struct str words(struct buf *buf, int from, int count)
{
	buf_clear(buf);
	for (int i = 0; i < count; i++) {
		/* letters alone: numbers are compared apart */
		int n = from + i;
		buf_printf(buf, "%c%c%c ", 'a' + n % 26, 'a' + n / 26 % 26, 'a' + n / 676 % 26);
	}
	assert_false(buf->failed);
	return buf_str(buf);
}

static struct duplicate_print print_of(const char *text, bool exact)
{
	return duplicate_print_of(str_c(text), exact);
}

static bool near(struct str a, struct str b, bool exact)
{
	struct duplicate_print x = duplicate_print_of(a, exact), y = duplicate_print_of(b, exact);
	return duplicate_near(&x, &y);
}

static void prints_tell_texts_apart(void **state)
{
	struct buf a, b;
	buf_init(&a, alloc_default(), 1 << 20);
	buf_init(&b, alloc_default(), 1 << 20);
	assert_true(near(words(&a, 0, 60), words(&b, 0, 60), false));
	assert_false(near(words(&a, 0, 60), words(&b, 300, 60), false));
	/* half of it is another text */
	assert_false(near(words(&a, 0, 60), words(&b, 30, 60), false));
	/* too short to be called the same */
	assert_false(near(words(&a, 0, 30), words(&b, 0, 30), false));
	/* one word of many, but not in code; case and punctuation are nothing */
	words(&a, 0, 600);
	words(&b, 0, 600);
	buf_append(&b, STR("Other"));
	assert_true(near(buf_str(&a), buf_str(&b), false));
	assert_false(near(buf_str(&a), buf_str(&b), true));
	words(&a, 0, 60);
	words(&b, 0, 60);
	for (size_t i = 0; i < b.len; i++)
		b.ptr[i] = b.ptr[i] == ' ' ? '\n' : (char)(b.ptr[i] - 'a' + 'A');
	assert_true(near(buf_str(&a), buf_str(&b), true));
	/* another number is another text, however long it is */
	words(&a, 0, 600);
	words(&b, 0, 600);
	buf_append(&a, STR("version 1.8"));
	buf_append(&b, STR("version 1.9"));
	assert_false(near(buf_str(&a), buf_str(&b), false));
	buf_release(&a);
	buf_release(&b);
}

static void prints_go_through_bytes(void **state)
{
	struct duplicate_print print = {UINT64_C(0x0123456789abcdef), 0xdeadbeef, 0x8000002a};
	unsigned char bytes[DUPLICATE_PRINT_SIZE];
	duplicate_print_write(&print, bytes);
	assert_int_equal(bytes[0], 0xef);
	struct duplicate_print back = duplicate_print_read(bytes);
	assert_true(back.words == print.words && back.numbers == print.numbers &&
		    back.count == print.count);
	print = print_of("", false);
	assert_int_equal(print.count & 0x7fffffff, 0);
}

static void versions_are_compared_as_numbers(void **state)
{
	assert_true(duplicate_compare_versions(STR("1.10"), STR("1.9")) < 0);
	assert_true(duplicate_compare_versions(STR("1.9"), STR("1.10")) > 0);
	assert_true(duplicate_compare_versions(STR("2"), STR("1.9")) < 0);
	assert_true(duplicate_compare_versions(STR("1.9.1"), STR("1.9")) < 0);
	assert_true(duplicate_compare_versions(STR("1.9-rc.1"), STR("1.9")) > 0);
	assert_true(duplicate_compare_versions(STR("1.9"), STR("1.9-rc.1")) < 0);
	assert_int_equal(duplicate_compare_versions(STR("1.9"), STR("1.9")), 0);
	assert_true(duplicate_compare_versions(STR(""), STR("9")) < 0);
	assert_int_equal(duplicate_compare_versions(STR(""), STR("")), 0);
}

/* Documents of one section each; all the same when they share `print`. */
struct page {
	struct duplicate_print print;
	bool hidden;
};

static struct duplicate_document document(const char *path, const char *version, bool archived,
					  struct page *page)
{
	return (struct duplicate_document){.path = str_c(path),
					   .version = str_c(version),
					   .archived = archived,
					   .prints = &page->print,
					   .count = 1,
					   .hidden = &page->hidden};
}

static uint64_t decide(struct duplicate_document *documents, size_t count)
{
	struct err err = {ERR_OK, ""};
	uint64_t hidden = 0;
	if (duplicate_decide(documents, count, alloc_default(), &hidden, &err))
		fail_msg("%s", err.message);
	return hidden;
}

/* Whatever the order in which they come. */
static void the_best_of_the_same_stays(void **state)
{
	static const char *const best[] = {"b.md", "docs/current.md", "a/v1.9/b.md", "a/v1.8/b.md"};
	for (int skip = 0; skip < 4; skip++) {
		for (int turn = 0; turn < 5; turn++) {
			struct page pages[5];
			struct duplicate_document all[5], given[5];
			size_t count = 0;
			for (int i = 0; i < 5; i++)
				pages[i].print = print_of("one two three four five six seven eight "
							  "nine ten eleven twelve thirteen",
							  false);
			all[0] = document("b.md", "", false, &pages[0]);
			all[1] = document("docs/current.md", "", false, &pages[1]);
			all[2] = document("a/v1.9/b.md", "1.9", false, &pages[2]);
			all[3] = document("a/v1.8/b.md", "1.8", false, &pages[3]);
			all[4] = document("c.md", "", true, &pages[4]);
			for (int i = 0; i < 5; i++)
				if ((i + turn) % 5 >= skip)
					given[count++] = all[(i + turn) % 5];
			assert_int_equal(decide(given, count), count - 1);
			for (size_t i = 0; i < count; i++)
				assert_true(*given[i].hidden !=
					    str_eq(given[i].path, str_c(best[skip])));
		}
	}
}

static void long_sections_are_hidden_in_other_pages(void **state)
{
	struct buf buf;
	buf_init(&buf, alloc_default(), 1 << 20);
	struct duplicate_print same = duplicate_print_of(words(&buf, 0, 80), false);
	struct duplicate_print brief = print_of("a short note", false);
	struct duplicate_print first[] = {same, print_of("the first page", false), brief, same};
	struct duplicate_print second[] = {print_of("the second page", false), same, brief};
	bool hidden_first[4], hidden_second[3];
	struct duplicate_document documents[] = {
		{.path = STR("second.md"), .prints = second, .count = 3, .hidden = hidden_second},
		{.path = STR("first.md"), .prints = first, .count = 4, .hidden = hidden_first}};
	assert_int_equal(decide(documents, 2), 1);
	/* not twice within a page, and short ones nowhere */
	assert_false(hidden_first[0] || hidden_first[1] || hidden_first[2] || hidden_first[3]);
	assert_false(hidden_second[0] || hidden_second[2]);
	assert_true(hidden_second[1]);
	assert_int_equal(decide(documents, 0), 0);
	buf_release(&buf);
}

static void pages_of_a_few_words_are_not_compared(void **state)
{
	struct page pages[2] = {{print_of("Coming soon.", false), true},
				{print_of("Coming soon.", false), true}};
	struct duplicate_document documents[] = {document("a.md", "", false, &pages[0]),
						 document("b.md", "", false, &pages[1])};
	assert_int_equal(decide(documents, 2), 0);
	assert_false(pages[0].hidden || pages[1].hidden);
}

static void memory_may_run_out(void **state)
{
	struct page page = {print_of("one two three", false), false};
	struct duplicate_document one = document("a.md", "", false, &page);
	for (size_t n = 1; n <= 4; n++) {
		struct fail_alloc memory;
		struct err err = {ERR_OK, ""};
		uint64_t hidden = 0;
		fail_alloc_init(&memory, n, false);
		assert_int_equal(duplicate_decide(&one, 1, &memory.alloc, &hidden, &err),
				 ERR_NOMEM);
		assert_int_equal(memory.live, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_tell_texts_apart),
		cmocka_unit_test(prints_go_through_bytes),
		cmocka_unit_test(versions_are_compared_as_numbers),
		cmocka_unit_test(the_best_of_the_same_stays),
		cmocka_unit_test(long_sections_are_hidden_in_other_pages),
		cmocka_unit_test(pages_of_a_few_words_are_not_compared),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
