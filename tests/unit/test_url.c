#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "index/url.h"

#define SITE "https://www.kubeflow.org"

static void check(const char *base, const char *path, const char *expected)
{
	struct arena arena;
	struct str url;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(url_for_document(str_c(base), str_c(path), &arena, &url, &err), ERR_OK);
	assert_string_equal(url.ptr, expected); /* arena strings end in NUL */
	assert_int_equal(url.len, strlen(expected));
	arena_release(&arena);
}

static void test_hugo(void **state)
{
	check(SITE, "content/en/docs/components/katib/overview.md",
	      SITE "/docs/components/katib/overview/");
	check(SITE "/", "content/en/docs/components/katib/_index.md",
	      SITE "/docs/components/katib/");
	check(SITE, "content/en/docs/x/index.md", SITE "/docs/x/");
	check(SITE, "content/en/_index.md", SITE "/");
	check(SITE, "content/blog/My First Post.markdown", SITE "/blog/my-first-post/");
	check(SITE, "content/en/docs/kubeflow-1.9.md", SITE "/docs/kubeflow-1.9/");
	check(SITE, "content/en/docs/a_b (c), d!.md", SITE "/docs/a_b-c-d/");
	check(SITE, "content/en/docs/\xC3\x89t\xC3\xA9.md", SITE "/docs/%C3%A9t%C3%A9/");
	check(SITE, "content/en/docs/c#.md", SITE "/docs/c%23/");
	check(SITE, "content/en/README", SITE "/readme/");
	check(SITE, "content/en/docs/.md", SITE "/docs/.md/");
}

static void test_other(void **state)
{
	check("https://x.org/repo//", "docs/My Page.md", "https://x.org/repo/docs/My%20Page.md");
	check("https://x.org", "a?b#c%d.md", "https://x.org/a%3Fb%23c%25d.md");
	check("https://x.org", "contents/en/a.md", "https://x.org/contents/en/a.md");
}

static void test_own_pages(void **state)
{
	check("", "content/en/docs/a.md", "/pages/content/en/docs/a.md");
	check("", "a \"b\"<c>.md", "/pages/a%20%22b%22%3Cc%3E.md");
	check("///", "a.md", "/pages/a.md");
}

static void test_no_memory(void **state)
{
	struct arena arena;
	struct str url;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), 16);
	assert_int_equal(url_for_document(STR(SITE), STR("content/en/docs/long/name.md"), &arena,
					  &url, &err),
			 ERR_LIMIT);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hugo),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_own_pages),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
