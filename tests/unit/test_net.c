/* Addresses and waiting: net/url.h, net/retry.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/retry.h"
#include "net/url.h"
#include "support/fail_alloc.h"

static const char base[] = "http://a/b/c/d;p?q";

/* `expected` NULL: refused. */
static void check_join(const char *from, const char *ref, const char *expected)
{
	struct arena arena;
	struct str out = {NULL, 0}, again;
	struct err err = {ERR_OK, ""};
	enum err_code code;

	arena_init(&arena, alloc_default(), 1 << 20);
	code = url_join(str_c(from), str_c(ref), &arena, &out, &err);
	if (!expected) {
		assert_int_equal(code, ERR_INVALID);
	} else {
		if (code != ERR_OK)
			fail_msg("%s: %s", ref, err.message);
		assert_string_equal(out.ptr, expected);
		assert_int_equal(url_join(STR(""), out, &arena, &again, &err), ERR_OK);
		assert_string_equal(again.ptr, expected);
	}
	arena_release(&arena);
}

/* The examples of RFC 3986 5.4, without fragments; "q" etc. stand in the query. */
static void test_resolution(void **state)
{
	static const struct {
		const char *ref, *expected;
	} cases[] = {
		{"g", "http://a/b/c/g"},
		{"./g", "http://a/b/c/g"},
		{"g/", "http://a/b/c/g/"},
		{"/g", "http://a/g"},
		{"//g", "http://g/"},
		{"?y", "http://a/b/c/d;p?y"},
		{"g?y", "http://a/b/c/g?y"},
		{"#s", "http://a/b/c/d;p?q"},
		{"g#s", "http://a/b/c/g"},
		{";x", "http://a/b/c/;x"},
		{"g;x=1/../y", "http://a/b/c/y"},
		{"", "http://a/b/c/d;p?q"},
		{".", "http://a/b/c/"},
		{"./", "http://a/b/c/"},
		{"..", "http://a/b/"},
		{"../g", "http://a/b/g"},
		{"../..", "http://a/"},
		{"../../g", "http://a/g"},
		{"../../../g", "http://a/g"},
		{"/./g", "http://a/g"},
		{"/../g", "http://a/g"},
		{"g.", "http://a/b/c/g."},
		{"..g", "http://a/b/c/..g"},
		{"./../g", "http://a/b/g"},
		{"g/./h", "http://a/b/c/g/h"},
		{"g/../h", "http://a/b/c/h"},
		{"g?y/../x", "http://a/b/c/g?y/../x"},
		{"https:g", NULL},
		{"ftp://x/y", NULL},
		{"mailto:x@y", NULL},
		{"javascript:void(0)", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_join(base, cases[i].ref, cases[i].expected);
	check_join("", "g", NULL);
	check_join("http://a", "b", "http://a/b");
}

static void test_one_form(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{" HTTP://ExAmPle.ORG:80 ", "http://example.org/"},
		{"https://example.org:443/a", "https://example.org/a"},
		{"https://example.org:80/a", "https://example.org:80/a"},
		{"http://example.org/%7euser/%e4%b8%ad", "http://example.org/~user/%E4%B8%AD"},
		{"http://example.org/\xc3\xbc x", "http://example.org/%C3%BC%20x"},
		{"http://example.org/a%2fb%zz%4", "http://example.org/a%2Fb%25zz%254"},
		{"http://example.org/%2e%2E/a/%2e/b", "http://example.org/a/b"},
		{"http://example.org/a\nb\tc", "http://example.org/abc"},
		{"http://example.org/?b=2&a=1&&utm_source=x&gclid=1",
		 "http://example.org/?a=1&b=2"},
		{"http://example.org/?utm_campaign=a", "http://example.org/"},
		{"http://example.org/?", "http://example.org/"},
		{"http://example.org/a\"<>|", "http://example.org/a%22%3C%3E%7C"},
		{"http://[::1]:8080/a", "http://[::1]:8080/a"},
		{"http://127.0.0.1:80/", "http://127.0.0.1/"},
		{"http://example.org//a//b", "http://example.org//a//b"},
		{"http://user:pass@example.org/", NULL},
		{"http://example.org:99999/", NULL},
		{"http://example.org:x/", NULL},
		{"http://exa mple.org/", NULL},
		{"http://", NULL},
		{"http:///a", NULL},
		{"http://[::1/", NULL},
		{"http://\xc3\xbc.org/", NULL},
		{"//example.org/", NULL},
	};
	char longer[URL_MAX + 100] = "http://example.org/";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_join("", cases[i].text, cases[i].expected);
	memset(longer + strlen(longer), 'x', sizeof(longer) - strlen(longer) - 1);
	check_join("", longer, NULL);
}

static void test_hosts(void **state)
{
	struct url a, b;

	(void)state;
	assert_true(url_parse(STR("http://Example.org/x"), &a));
	assert_true(url_parse(STR("http://example.org:80/y?z#f"), &b));
	assert_true(url_same_origin(&a, &b));
	assert_int_equal(b.port, 80);
	assert_true(str_eq(b.path, STR("/y")) && str_eq(b.query, STR("z")) &&
		    str_eq(b.fragment, STR("f")));
	assert_true(url_parse(STR("https://example.org/"), &b));
	assert_false(url_same_origin(&a, &b));
	assert_true(url_same_host(&a, &b));
	assert_false(url_same_host(&b, &a)); /* never back to what is not encrypted */
	assert_true(url_parse(STR("https://example.org:8443/"), &b));
	assert_false(url_same_host(&a, &b));
	assert_true(url_parse(STR("http://example.org@evil.example/"), &b));
	assert_true(b.has_userinfo && str_eq(b.host, STR("evil.example")));
	assert_false(url_parse(STR("example.org/x"), &b));
	assert_true(url_parse(STR("file:///srv/a"), &b));
	assert_true(b.host.len == 0 && str_eq(b.path, STR("/srv/a")));
}

static void test_decode(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_string_equal(url_decode(STR("a%20b%C3%BC%"), &arena).ptr, "a b\xc3\xbc%");
	assert_int_equal(url_decode(STR("%00x"), &arena).len, 2);
	arena_release(&arena);
}

static void test_failing_allocations(void **state)
{
	bool done = false;

	(void)state;
	for (size_t n = 1; !done; n++) {
		struct fail_alloc fail;
		struct arena arena;
		struct str out;
		struct err err = {ERR_OK, ""};
		enum err_code code;

		assert_true(n < 100);
		fail_alloc_init(&fail, n, true);
		arena_init(&arena, &fail.alloc, 1 << 20);
		code = url_join(str_c(base), STR("../x?b=1&a=2"), &arena, &out, &err);
		done = atomic_load(&fail.failures) == 0;
		assert_int_equal(code, done ? ERR_OK : ERR_NOMEM);
		arena_release(&arena);
		assert_int_equal(atomic_load(&fail.live), 0);
	}
}

static void test_delays(void **state)
{
	const struct retry_policy policy = {.attempts = 5, .base_ms = 100, .cap_ms = 1000};

	(void)state;
	for (uint64_t random = 0; random < 1000; random += 7) {
		assert_in_range(retry_delay_ms(&policy, 0, -1, random), 50, 100);
		assert_in_range(retry_delay_ms(&policy, 2, -1, random), 200, 400);
		assert_in_range(retry_delay_ms(&policy, 60, -1, random), 500, 1000);
		assert_int_equal(retry_delay_ms(&policy, 0, 700, random), 700);
		assert_int_equal(retry_delay_ms(&policy, 0, 5000, random), 1000);
		assert_in_range(retry_delay_ms(&policy, 1, 0, random), 100, 200);
	}
}

static void test_retry_after(void **state)
{
	const int64_t now = 1445412480; /* Wed, 21 Oct 2015 07:28:00 GMT */

	(void)state;
	assert_int_equal(retry_after_ms(STR(" 3 "), now), 3000);
	assert_int_equal(retry_after_ms(STR("0"), now), 0);
	assert_int_equal(retry_after_ms(STR("99999999999"), now), 86400000);
	assert_int_equal(retry_after_ms(STR("Wed, 21 Oct 2015 07:28:30 GMT"), now), 30000);
	assert_int_equal(retry_after_ms(STR("Wed, 21 Oct 2015 07:27:00 GMT"), now), 0);
	assert_int_equal(retry_after_ms(STR("soon"), now), -1);
	assert_int_equal(retry_after_ms(STR("-1"), now), -1);
	assert_int_equal(retry_after_ms(STR(""), now), -1);
}

static void test_stop(void **state)
{
	atomic_bool stop = true;
	struct err err = {ERR_OK, ""};

	(void)state;
	assert_int_equal(retry_wait(60000, &stop, &err), ERR_CANCELLED);
	assert_int_equal(retry_wait(1, NULL, &err), ERR_OK);
	assert_false(retry_stopped(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolution),
		cmocka_unit_test(test_one_form),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_failing_allocations),
		cmocka_unit_test(test_delays),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
