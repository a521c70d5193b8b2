/* What a crawl reads beside pages: robots.txt, sitemaps, links, charsets, names; and its queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "source/charset.h"
#include "source/page_links.h"
#include "source/site.h"
#include "source/sitemap.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

static int setup(void **state)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	arena_init(arena, alloc_default(), 64 << 20);
	*state = arena;
	return 0;
}

static int teardown(void **state)
{
	arena_release(*state);
	free(*state);
	return 0;
}

static struct robots parse_robots(struct arena *arena, const char *text)
{
	struct robots robots;
	struct err err;

	assert_int_equal(robots_parse(str_c(text), STR("docs-bot"), arena, &robots, &err), ERR_OK);
	return robots;
}

static void check_robots(struct arena *arena, const char *text, const char *allowed,
			 const char *forbidden)
{
	struct robots robots = parse_robots(arena, text);
	struct str rest, part;

	rest = str_c(allowed);
	while (allowed[0] && str_cut(&rest, ' ', &part))
		if (!robots_allows(&robots, part))
			fail_msg("%.*s should be allowed by\n%s", STR_ARG(part), text);
	rest = str_c(forbidden);
	while (forbidden[0] && str_cut(&rest, ' ', &part))
		if (robots_allows(&robots, part))
			fail_msg("%.*s should be forbidden by\n%s", STR_ARG(part), text);
}

static void test_robots_groups(void **state)
{
	/* ours alone, joined from several groups; names without case, with a version */
	check_robots(*state,
		     "User-agent: *\nDisallow: /\n\nuser-agent: DOCS-BOT/2.0\nDisallow: /a\n\n"
		     "User-agent: other\nUser-agent: docs-bot\nDisallow: /b\n"
		     "User-agent: docs-bot-x\nDisallow: /c\n",
		     "/ /c /x", "/a /a/b /b");
	check_robots(*state, "User-agent: other\nDisallow: /\n", "/ /a", "");
	check_robots(*state, "Disallow: /\n", "/a", ""); /* in no group */
	check_robots(*state, "User-agent: *\rDisallow: /a\r\nDisallow: # nothing\nDisallow: /b#c\n",
		     "/ /x", "/a /b");
	check_robots(*state, "\xef\xbb\xbfUser-agent: *\nDisallow: /a", "/b", "/a");
	check_robots(*state, "User-agent *\nnonsense\n: x\nUser-agent:*\n  disallow :/a  \n", "/b",
		     "/a");
	check_robots(*state, "", "/", "");
	/* lists of names are one group also when a sitemap stands between them */
	check_robots(*state,
		     "User-agent: x\nSitemap: http://s/\nUser-agent: docs-bot\nDisallow: /a", "/b",
		     "/a");
}

static void test_robots_rules(void **state)
{
	/* the examples of RFC 9309 5.2 and 2.2.3 */
	check_robots(
		*state,
		"User-agent: *\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n"
		"Disallow: /example/\n",
		"/example/page/x /", "/example/page/disallowed.gif /example/x");
	check_robots(*state, "User-agent: *\nDisallow: /*.php$\nAllow: /a/*.php$\n",
		     "/x.php5 /a/b.php /x.php?y", "/x.php /b/c.php");
	check_robots(*state, "User-agent: *\nDisallow: /a\nAllow: /a\n", "/a", "");
	check_robots(*state, "User-agent: *\nDisallow: *\nAllow: /$\n", "/", "/x");
	check_robots(*state, "User-agent: *\nDisallow: /*/x*y*z\n", "/x/ /xyz /a/xy",
		     "/a/xyz /a/b/x1y2z3");
	/* one spelling of bytes */
	check_robots(*state,
		     "User-agent: *\nDisallow: /\xc3\xbc\nDisallow: /%7Ea\nDisallow: /b%2f\n",
		     "/b/", "/%C3%BC/x /~a /b%2F");
	check_robots(*state, "User-agent: *\nDisallow: /x?\n", "/x /xy", "/x?a=1");
}

static void test_robots_rest(void **state)
{
	struct robots robots = parse_robots(
		*state, "Sitemap: https://a/s.xml\nUser-agent: x\nCrawl-delay: 50\nUser-agent: *\n"
			"Crawl-delay: 2.5\nSITEMAP:https://a/t.xml\nCrawl-delay: soon\n");
	struct buf text;

	assert_true(robots.crawl_delay > 2.4 && robots.crawl_delay < 2.6);
	assert_int_equal(robots.sitemap_count, 2);
	assert_string_equal(robots.sitemaps[1].ptr, "https://a/t.xml");
	/* more than is read, and more rules than are kept */
	buf_init(&text, alloc_default(), 4 << 20);
	buf_append(&text, STR("User-agent: *\nDisallow: /a\n"));
	while (text.len < ROBOTS_BYTES + 100000)
		buf_append(&text, STR("Disallow: /x*x*x*x*x\n"));
	buf_append(&text, STR("Disallow: /b\n"));
	robots = parse_robots(*state, text.ptr);
	assert_false(robots_allows(&robots, STR("/a")));
	assert_true(robots_allows(&robots, STR("/b")));
	buf_release(&text);
}

static enum err_code parse_map(struct arena *arena, const char *xml, struct sitemap *out,
			       struct err *err)
{
	return sitemap_parse(str_c(xml), arena, out, err);
}

static void test_sitemaps(void **state)
{
	struct sitemap map;
	struct err err = {ERR_OK, ""};

	assert_int_equal(
		parse_map(*state,
			  "<?xml version='1.0'?><s:urlset xmlns:s='x' xmlns:i='y'><s:url><s:loc>"
			  "\n http://a/?b&amp;c </s:loc><i:image><i:loc>http://i/</i:loc></i:image>"
			  "</s:url><s:url><s:loc><![CDATA[http://d/]]></s:loc></s:url>"
			  "<s:url><s:loc> </s:loc></s:url></s:urlset>",
			  &map, &err),
		ERR_OK);
	assert_int_equal(map.count, 2);
	assert_false(map.is_index);
	assert_string_equal(map.locs[0].ptr, "http://a/?b&c");
	assert_string_equal(map.locs[1].ptr, "http://d/");
	assert_int_equal(parse_map(*state,
				   "<sitemapindex><sitemap><loc>http://a</loc></sitemap>"
				   "</sitemapindex>",
				   &map, &err),
			 ERR_OK);
	assert_true(map.is_index && map.count == 1);
	/* what came before the damage stays */
	assert_int_equal(parse_map(*state,
				   "<urlset>\n<url><loc>http://a</loc></url>\n<url></urlset>", &map,
				   &err),
			 ERR_FORMAT);
	assert_int_equal(map.count, 1);
	assert_non_null(strstr(err.message, "line 3"));
	assert_int_equal(parse_map(*state, "<html><a/></html>", &map, &err), ERR_FORMAT);
	assert_int_equal(parse_map(*state, "", &map, &err), ERR_FORMAT);
	assert_int_equal(
		parse_map(*state,
			  "<!DOCTYPE urlset><urlset><url><loc>http://a</loc></url></urlset>", &map,
			  &err),
		ERR_FORMAT);
	assert_int_equal(map.count, 0);
	assert_non_null(strstr(err.message, "document type"));
}

static void test_gzip(void **state)
{
	/* "hello", packed by gzip */
	static const char packed[] =
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07"
		"\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
	struct err err = {ERR_OK, ""};
	struct buf out;

	(void)state;
	buf_init(&out, alloc_default(), 100);
	assert_true(sitemap_is_gzip(STR(packed)));
	assert_int_equal(sitemap_unpack(STR(packed), &out, &err), ERR_OK);
	assert_true(str_eq(buf_str(&out), STR("hello")));
	buf_clear(&out);
	assert_int_equal(sitemap_unpack(str_slice(STR(packed), 0, 18), &out, &err), ERR_FORMAT);
	assert_int_equal(sitemap_unpack(STR("\x1f\x8b"), &out, &err), ERR_FORMAT);
	buf_release(&out);
	buf_init(&out, alloc_default(), 4);
	assert_int_equal(sitemap_unpack(STR(packed), &out, &err), ERR_LIMIT);
	buf_release(&out);
}

static void check_links(struct arena *arena, const char *html, const char *expected)
{
	struct page_links links;
	struct err err;
	struct buf out;

	buf_init(&out, alloc_default(), 1 << 20);
	assert_int_equal(page_links_scan(str_c(html), arena, &links, &err), ERR_OK);
	for (size_t i = 0; i < links.count; i++)
		buf_printf(&out, "%.*s ", STR_ARG(links.hrefs[i]));
	if (links.base.len)
		buf_printf(&out, "base=%.*s ", STR_ARG(links.base));
	buf_printf(&out, "%s%s", links.noindex ? "noindex " : "",
		   links.nofollow ? "nofollow " : "");
	assert_string_equal(out.ptr ? out.ptr : "", expected);
	buf_release(&out);
}

static void test_links(void **state)
{
	check_links(*state,
		    "<a href=a><A class='x>y' HREF = \"b?x=1&amp;y=2\">t</A><area href='c'/>"
		    "<a name=n><a href=''><a href=#top><link href=l><a href=d rel='me NoFollow'>"
		    "<abbr href=e><base href=/x/ ><base href=/y/>",
		    "a b?x=1&y=2 c base=/x/ ");
	check_links(
		*state,
		"<!-- <a href=a> --><script>'<a href=b>'</scr</script ><a href=c><style><a href=d>"
		"</style><title><a href=e></title><a href=f><textarea><a href=g>",
		"c f ");
	check_links(*state, "<a href='unclosed><a href=x>", "unclosed><a href=x> ");
	check_links(*state, "<a href=\"&#x41;&#66;&#0;&#x110000;&bogus;&\">",
		    "AB&#0;&#x110000;&bogus;& ");
	check_links(*state, "< a href=x><1 href=y></a href=z><?a href=p><!a href=q><a", "");
	check_links(*state, "<meta name=robots content='NoIndex,nofollow'>", "noindex nofollow ");
	check_links(*state, "<meta name=ROBOTS content=none>", "noindex nofollow ");
	check_links(*state, "<meta name=otherbot content=noindex><meta name=robots content=index>",
		    "");
	check_links(*state, "<meta name=docs-bot content=noindex>", "noindex ");
}

static void test_deep_nesting(void **state)
{
	struct page_links links;
	struct err err;
	struct buf html;

	buf_init(&html, alloc_default(), 8 << 20);
	for (int i = 0; i < 200000; i++)
		buf_append(&html, STR("<div><a href=x>"));
	assert_int_equal(page_links_scan(buf_str(&html), *state, &links, &err), ERR_OK);
	assert_int_equal(links.count, PAGE_LINKS_MAX);
	buf_release(&html);
}

static void check_charset(const char *type, struct str bytes, enum err_code expected,
			  const char *text)
{
	struct err err = {ERR_OK, ""};
	struct buf out;
	enum err_code code;

	buf_init(&out, alloc_default(), 1000);
	code = charset_to_utf8(bytes, str_c(type), true, &out, &err);
	assert_int_equal(code, expected);
	assert_string_equal(expected == ERR_OK ? (out.ptr ? out.ptr : "") : err.message, text);
	buf_release(&out);
}

static void test_charsets(void **state)
{
	struct buf large, out;
	struct err err = {ERR_OK, ""};

	(void)state;
	check_charset("text/html; Charset=\"UTF-8\"", STR("\xc3\xbc"), ERR_OK, "\xc3\xbc");
	check_charset("text/html", STR("\xef\xbb\xbfx"), ERR_OK, "x");
	check_charset("text/html;charset=ISO-8859-1;x=y", STR("\xfc\x93"), ERR_OK,
		      "\xc3\xbc\xe2\x80\x9c");
	check_charset("", STR("\xff\xfe\xfc\x00"), ERR_OK, "\xc3\xbc");
	check_charset("", STR(""), ERR_OK, "");
	check_charset("text/html; charset=utf-16le", STR("x\0\xd8"), ERR_FORMAT,
		      "is not utf-16le, as it declares (byte 3)");
	check_charset("text/html; charset=utf-8", STR("abc\xff"), ERR_FORMAT,
		      "is not UTF-8, as it declares (byte 4)");
	check_charset("", STR("\xfc"), ERR_FORMAT, "is not UTF-8 (byte 1) and declares no charset");
	check_charset("text/html; charset=UTF-8//IGNORE", STR("x"), ERR_FORMAT,
		      "declares a charset of no known name");
	/* longer in UTF-8 than the limit, and conversion over several pieces */
	buf_init(&large, alloc_default(), 1 << 20);
	while (large.len < 100000)
		buf_append_byte(&large, '\xfc');
	buf_init(&out, alloc_default(), 150000);
	assert_int_equal(
		charset_to_utf8(buf_str(&large), STR("x; charset=latin1"), false, &out, &err),
		ERR_LIMIT);
	buf_release(&out);
	buf_init(&out, alloc_default(), 300000);
	assert_int_equal(
		charset_to_utf8(buf_str(&large), STR("x; charset=latin1"), false, &out, &err),
		ERR_OK);
	assert_int_equal(out.len, 200000);
	buf_release(&out);
	buf_release(&large);
}

static void check_path(struct arena *arena, const char *url, const char *kind, const char *expected)
{
	struct str path;
	struct err err;

	assert_int_equal(site_item_path(str_c(url), str_c(kind), arena, &path, &err), ERR_OK);
	assert_string_equal(path.ptr, expected);
	assert_true(source_inner_path(path));
}

static void test_item_paths(void **state)
{
	check_path(*state, "https://a/", "html", "index.html");
	check_path(*state, "https://a", "html", "index.html");
	check_path(*state, "https://a/b/", "html", "b/index.html");
	check_path(*state, "https://a/b", "html", "b.html");
	check_path(*state, "https://a/b.htm", "html", "b.htm");
	check_path(*state, "https://a/b.md", "md", "b.md");
	check_path(*state, "https://a/b.md", "html", "b.md.html");
	check_path(*state, "https://a/b", "txt", "b.txt");
	check_path(*state, "https://a//b//c", "html", "b/c.html");
	check_path(*state, "https://a/b?c=/d", "html", "b~c=_d.html");
	check_path(*state, "https://a/%E4%BD%A0%20", "html", "\xe4\xbd\xa0 .html");
	check_path(*state, "https://a/%FF/%2F/%01", "html", "%FF/%2F/%01.html");
}

static void test_queue(void **state)
{
	struct site_queue queue = {.alloc = alloc_default(), .arena = *state, .max = 1000};
	struct site_address address;
	struct err err;
	bool is_new;
	char url[32];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 900; i++) {
			snprintf(url, sizeof(url), "http://a/%d", i);
			assert_int_equal(site_queue_add(&queue, str_c(url), 1, &is_new, &err),
					 ERR_OK);
			assert_int_equal(is_new, round == 0);
		}
	assert_int_equal(site_queue_mark(&queue, STR("http://a/5"), &is_new, &err), ERR_OK);
	assert_true(is_new); /* it waits: whoever marked it visits it now */
	assert_true(site_queue_take(&queue, &address));
	assert_string_equal(address.url.ptr, "http://a/0");
	assert_int_equal(site_queue_mark(&queue, STR("http://a/0"), &is_new, &err), ERR_OK);
	assert_false(is_new);
	for (int i = 1; i < 899; i++)
		assert_true(site_queue_take(&queue, &address));
	assert_string_equal(address.url.ptr, "http://a/899");
	assert_false(site_queue_take(&queue, &address));
	for (int i = 900; i < 1001; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		assert_int_equal(site_queue_add(&queue, str_c(url), 1, NULL, &err), ERR_OK);
	}
	assert_true(queue.overflowed && queue.count == 1000);
	site_queue_release(&queue);
}

static void test_cache(void **state)
{
	struct temp_dir dir;
	struct site_page page = {.url = STR("http://a/\"b"),
				 .kind = STR("html"),
				 .etag = STR("\"1\""),
				 .modified = STR(""),
				 .noindex = true},
			 loaded;
	struct str keep[1];
	struct err err = {ERR_OK, ""};
	struct buf text;
	bool found;

	temp_dir_make(&dir);
	const struct site_cache cache = {
		.dir = dir.path, .alloc = alloc_default(), .max_bytes = 1000};
	site_cache_key(page.url, page.key);
	sha256_hex("text\n", 5, page.hash);
	buf_init(&text, alloc_default(), 1000);
	assert_int_equal(site_cache_load(&cache, page.key, *state, &loaded, &text, &found, &err),
			 ERR_OK);
	assert_false(found);
	assert_int_equal(site_cache_save(&cache, &page, STR("text\n"), &err), ERR_OK);
	assert_int_equal(site_cache_load(&cache, page.key, *state, &loaded, &text, &found, &err),
			 ERR_OK);
	assert_true(found && loaded.noindex && !loaded.nofollow);
	assert_true(str_eq(loaded.url, page.url) && str_eq(loaded.etag, page.etag));
	assert_true(str_eq(buf_str(&text), STR("text\n")));
	/* every cut, and every changed byte, is noticed */
	struct buf file;
	char path[512];
	buf_init(&file, alloc_default(), 10000);
	temp_dir_path(&dir, page.key, path);
	assert_int_equal(file_read(path, 10000, &file, &err), ERR_OK);
	for (size_t len = 0; len < file.len; len++) {
		temp_dir_write(&dir, page.key, str_slice(buf_str(&file), 0, len));
		buf_clear(&text);
		assert_int_equal(
			site_cache_load(&cache, page.key, *state, &loaded, &text, &found, &err),
			ERR_OK);
		assert_false(found);
	}
	buf_release(&file);
	keep[0] = str_c(page.key);
	temp_dir_write(&dir, "other", STR("x"));
	site_cache_prune(&cache, keep, 1);
	assert_true(temp_dir_exists(&dir, page.key));
	site_cache_prune(&cache, keep, 0);
	assert_false(temp_dir_exists(&dir, page.key));
	assert_true(temp_dir_exists(&dir, "other"));
	buf_release(&text);
	temp_dir_remove(&dir);
}

/* Everything that parses, with memory that runs out at each place. */
static enum err_code parse_all(const struct alloc *alloc, struct arena *arena, struct err *err)
{
	struct robots robots;
	struct sitemap map;
	struct page_links links;
	struct buf out;
	struct str path;
	enum err_code code = robots_parse(STR("User-agent: *\nDisallow: /a\nSitemap: x\n"),
					  STR("docs-bot"), arena, &robots, err);

	if (code == ERR_OK)
		code = sitemap_parse(STR("<urlset><url><loc>http://a/b</loc></url></urlset>"),
				     arena, &map, err);
	if (code == ERR_OK)
		code = page_links_scan(STR("<base href=x><a href=y>"), arena, &links, err);
	buf_init(&out, alloc, 100000);
	if (code == ERR_OK)
		code = charset_to_utf8(STR("\xfc"), STR("x; charset=latin1"), true, &out, err);
	buf_release(&out);
	if (code == ERR_OK)
		code = site_item_path(STR("http://a/b/%41?c"), STR("html"), arena, &path, err);
	return code;
}

static enum err_code open_all(const struct alloc *alloc, struct err *err)
{
	struct str globs[] = {STR("a"), STR("b/**")};
	const struct source_git_options git = {.url = "https://github.com/a/b.git/",
					       .cache_dir = "/nowhere",
					       .paths = globs,
					       .path_count = 2,
					       .include = globs,
					       .include_count = 2};
	const struct source_site_options site = {.url = "https://a/b/",
						 .cache_dir = "/nowhere",
						 .exclude = globs,
						 .exclude_count = 2};
	struct source *a = NULL, *b = NULL;
	enum err_code code = source_git_open(&git, alloc, &a, err);

	if (code == ERR_OK) {
		assert_string_equal(a->name, "a/b");
		assert_string_equal(a->repo, "a/b");
		assert_string_equal(a->web_url, "https://github.com/a/b");
		code = source_site_open(&site, alloc, &b, err);
	}
	if (code == ERR_OK)
		assert_string_equal(b->name, "a/b");
	source_close(a);
	source_close(b);
	return code;
}

static void test_failing_allocations(void **state)
{
	(void)state;
	for (int what = 0; what < 2; what++) {
		bool done = false;

		for (size_t n = 1; !done; n++) {
			struct fail_alloc fail;
			struct arena arena;
			struct err err = {ERR_OK, ""};
			enum err_code code;

			assert_true(n < 1000);
			fail_alloc_init(&fail, n, true);
			arena_init(&arena, &fail.alloc, 16 << 20);
			code = what ? open_all(&fail.alloc, &err)
				    : parse_all(&fail.alloc, &arena, &err);
			done = atomic_load(&fail.failures) == 0;
			assert_int_equal(code, done ? ERR_OK : ERR_NOMEM);
			arena_release(&arena);
			assert_int_equal(atomic_load(&fail.live), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_robots_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_robots_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_robots_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sitemaps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gzip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep_nesting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_charsets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_item_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_allocations, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
