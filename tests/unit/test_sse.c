/* Server-sent events: net/sse.h, with the examples of the HTML standard (9.2.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/sse.h"
#include "support/fail_alloc.h"

/* Events as "type|data|id;", from pieces of `step` bytes. */
static void render(struct str stream, size_t step, struct buf *out)
{
	struct sse sse;
	struct err err = {ERR_OK, ""};
	buf_init(out, alloc_default(), 1 << 16);
	sse_init(&sse, alloc_default(), 1 << 16);
	for (size_t at = 0; at < stream.len; at += step) {
		struct str rest = str_slice(stream, at, at + step);
		struct sse_event event;
		for (bool whole = true; whole;) {
			assert_int_equal(sse_next(&sse, &rest, &event, &whole, &err), ERR_OK);
			if (whole)
				buf_printf(out, "%.*s|%.*s|%.*s;", STR_ARG(event.type),
					   STR_ARG(event.data), STR_ARG(event.id));
		}
		assert_int_equal(rest.len, 0);
	}
	sse_release(&sse);
}

static void check(struct str stream, const char *expected)
{
	for (size_t step = 1; step <= stream.len; step++) {
		struct buf out;
		render(stream, step, &out);
		if (!str_eq(buf_str(&out), str_c(expected)))
			fail_msg("in pieces of %zu: %s, expected %s", step, out.ptr, expected);
		buf_release(&out);
	}
}

static void test_standard(void **state)
{
	check(STR("data: YHOO\ndata: +2\ndata: 10\n\n"), "message|YHOO\n+2\n10|;");
	check(STR(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
		  "data:  third event\n\n"),
	      "message|first event|1;message|second event|;message| third event|;");
	/* The last block has no blank line behind it. */
	check(STR("data\n\ndata\ndata\n\ndata:"), "message||;message|\n|;");
	check(STR("data:test\n\ndata: test\n\n"), "message|test|;message|test|;");
	check(STR("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\ndata: x\n\n"),
	      "add|73857293|;remove|2153|;message|x|;");
}

static void test_lines(void **state)
{
	check(STR("data: a\r\n\r\ndata: b\r\rdata: c\n\r\n"), "message|a|;message|b|;message|c|;");
	check(STR("\xef\xbb\xbf"
		  "data: a\n\n\xef\xbb\xbf"
		  "data: b\n\n"),
	      "message|a|;");
	check(STR("event: lost\n\ndata: a\n\n"), "message|a|;"); /* no data: no event */
	check(STR("DATA: a\nretry: 10\nfoo: b\nfoo\n:\ndata: c: d\n\n"), "message|c: d|;");
	check(STR("id: 7\n\ndata: a\n\nid: 8\0\ndata: b\n\n"), "message|a|7;message|b|7;");
	check(STR("\n\n\n\r\r\n"), "");
}

static void test_limits(void **state)
{
	static const char *const streams[] = {"data: 0123456789abcdef\n\n",
					      "data: 0123456\ndata: 89abcdef\n\n",
					      "0123456789abcdefg"};
	for (size_t i = 0; i < 3; i++) {
		struct sse sse;
		struct sse_event event;
		struct err err = {ERR_OK, ""};
		bool whole;
		struct str rest = str_c(streams[i]);
		sse_init(&sse, alloc_default(), 16);
		assert_int_equal(sse_next(&sse, &rest, &event, &whole, &err), ERR_LIMIT);
		assert_false(whole);
		sse_release(&sse);
	}
}

static void test_failing_memory(void **state)
{
	size_t n = 1;
	for (;; n++) {
		struct fail_alloc fail;
		struct sse sse;
		struct sse_event event;
		bool whole = true;
		struct str rest = STR("event: e\nid: 1\ndata: a\n\n");
		fail_alloc_init(&fail, n, false);
		sse_init(&sse, &fail.alloc, 1 << 16);
		enum err_code code = sse_next(&sse, &rest, &event, &whole, NULL);
		sse_release(&sse);
		assert_int_equal(atomic_load(&fail.live), 0);
		assert_int_equal(code, atomic_load(&fail.failures) ? ERR_NOMEM : ERR_OK);
		if (code == ERR_OK)
			break;
	}
	assert_int_equal(n, 5); /* line, name, id, data */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failing_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
