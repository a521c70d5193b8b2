#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "index/url.h"

#define SITE "https://www.kubeflow.org"

#define REPO "https://github.com/kubeflow/katib"

static void check_page(const struct url_rules *rules, const struct url_page *page,
		       const char *expected)
{
	struct arena arena;
	struct str url;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(url_for_document(rules, page, &arena, &url, &err), ERR_OK);
	assert_string_equal(url.ptr, expected); /* arena strings end in NUL */
	assert_int_equal(url.len, strlen(expected));
	arena_release(&arena);
}

static void check(const char *base, const char *path, const char *expected)
{
	const struct url_rules rules = {.base_url = str_c(base)};
	const struct url_page page = {.path = str_c(path)};

	check_page(&rules, &page, expected);
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

static void test_front_matter(void **state)
{
	const struct url_rules rules = {.style = URL_HUGO, .base_url = STR(SITE "/")};
	struct url_page page = {.path = STR("content/en/docs/a/Page.md"), .slug = STR("New Page")};

	check_page(&rules, &page, SITE "/docs/a/new-page/");
	page.path = STR("content/en/docs/a/index.md"); /* a bundle's folder is its page */
	check_page(&rules, &page, SITE "/docs/new-page/");
	page.path = STR("content/en/docs/a/_index.md"); /* a section has no slug */
	check_page(&rules, &page, SITE "/docs/a/");
	page.path = STR("content/en/docs/a/my_index.md");
	check_page(&rules, &page, SITE "/docs/a/new-page/");
	page.path = STR("index.md");
	check_page(&rules, &page, SITE "/new-page/");
	page.url = STR("/docs/Elsewhere/x.html");
	check_page(&rules, &page, SITE "/docs/Elsewhere/x.html");
	page.url = STR("https://other.org/a/?b=c");
	check_page(&rules, &page, "https://other.org/a/?b=c");
}

static void test_styles(void **state)
{
	struct url_rules rules = {.style = URL_HUGO, .base_url = STR(SITE)};
	struct url_page page = {.path = STR("docs/A Page.md")};

	/* asked for, a path needs no content/ in front */
	check_page(&rules, &page, SITE "/docs/a-page/");
	rules.style = URL_SITE;
	check_page(&rules, &page, SITE "/docs/A%20Page.md");
	page.own = STR("https://www.kubeflow.org/x?y=1");
	check_page(&rules, &page, "https://www.kubeflow.org/x?y=1");
	rules.style = URL_AUTO;
	check_page(&rules, &page, "https://www.kubeflow.org/x?y=1");
	rules.style = URL_NONE;
	check_page(&rules, &page, "/pages/docs/A%20Page.md");
	/* what the style needs is not there */
	rules = (struct url_rules){.style = URL_HUGO};
	check_page(&rules, &page, "/pages/docs/A%20Page.md");
	rules = (struct url_rules){.style = URL_GITHUB, .base_url = STR(SITE)};
	check_page(&rules, &page, "/pages/docs/A%20Page.md");
}

static void test_github(void **state)
{
	struct url_rules rules = {.style = URL_GITHUB, .web_url = STR(REPO)};
	const struct url_page page = {.path = STR("docs/a b.md")};

	check_page(&rules, &page, REPO "/blob/HEAD/docs/a%20b.md");
	rules.ref = STR("release/v1 x");
	check_page(&rules, &page, REPO "/blob/release/v1%20x/docs/a%20b.md");
	/* by itself where nothing else is known */
	rules = (struct url_rules){.web_url = STR(REPO "/"), .ref = STR("main")};
	check_page(&rules, &page, REPO "/blob/main/docs/a%20b.md");
	rules.base_url = STR(SITE);
	check_page(&rules, &page, SITE "/docs/a%20b.md");
	rules = (struct url_rules){.web_url = STR("git@host:o/r")};
	check_page(&rules, &page, "/pages/docs/a%20b.md");
}

static void test_lines(void **state)
{
	struct arena arena;
	struct str fragment;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), 1 << 16);
	assert_int_equal(url_line_fragment(10, 20, &arena, &fragment, &err), ERR_OK);
	assert_string_equal(fragment.ptr, "L10-L20");
	assert_int_equal(url_line_fragment(7, 7, &arena, &fragment, &err), ERR_OK);
	assert_string_equal(fragment.ptr, "L7");
	assert_int_equal(url_line_fragment(7, 0, &arena, &fragment, &err), ERR_OK);
	assert_string_equal(fragment.ptr, "L7");
	assert_int_equal(url_line_fragment(0, 9, &arena, &fragment, &err), ERR_OK);
	assert_int_equal(fragment.len, 0);
	arena_release(&arena);
}

static void test_style_names(void **state)
{
	enum url_style style = URL_AUTO;

	assert_true(url_style_parse(STR("github"), &style));
	assert_int_equal(style, URL_GITHUB);
	assert_true(url_style_parse(STR("none"), &style));
	assert_int_equal(style, URL_NONE);
	assert_false(url_style_parse(STR("GitHub"), &style));
	assert_false(url_style_parse(STR(""), &style));
	assert_int_equal(style, URL_NONE);
}

static void test_no_memory(void **state)
{
	struct arena arena;
	struct str url;
	struct err err = {ERR_OK, ""};

	arena_init(&arena, alloc_default(), 16);
	const struct url_rules rules = {.base_url = STR(SITE)};
	const struct url_page page = {.path = STR("content/en/docs/long/name.md")};
	assert_int_equal(url_for_document(&rules, &page, &arena, &url, &err), ERR_LIMIT);
	assert_int_equal(url_line_fragment(1000000000, 2000000000, &arena, &url, &err), ERR_LIMIT);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hugo),      cmocka_unit_test(test_other),
		cmocka_unit_test(test_own_pages), cmocka_unit_test(test_front_matter),
		cmocka_unit_test(test_styles),    cmocka_unit_test(test_github),
		cmocka_unit_test(test_lines),     cmocka_unit_test(test_style_names),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
