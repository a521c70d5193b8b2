"""Websites on loopback: sound ones, and all that goes wrong on the way to a page."""

import gzip
import time

import pytest

from source_servers import list_source, site_server

PAGE = '<!doctype html><title>{0}</title><main><h1>{0}</h1>{1}</main>'


def page(title, *links, **more):
    return {"body": PAGE.format(title, "".join(f'<a href="{li}">x</a>' for li in links)), **more}


def urlset(*urls):
    return ('<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
            + "".join(f"<url><loc> {u} </loc></url>" for u in urls) + "</urlset>")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def serve():
    running = []

    def start(pages):
        server = site_server(pages)
        running.append(server)
        server.__enter__()
        return server
    yield start
    for server in running:
        server.release.set()
        server.__exit__()


def crawl(server, cache, *keys, start="/docs/", **more):
    return list_source("site", server.url + start, cache, *keys, **more)


def asked(server):
    return [r[0] for r in server.requests]


def test_crawl_by_links(serve, cache):
    server = serve({
        "/docs/": page("Home", "a", "sub/", "/docs/b.html?utm_source=x#top", "/other/",
                       "https://example.org/docs/", "mailto:x@y", "a.png", "./a#again", "?lang=de"),
        "/docs/a": page("A", "../docs/sub/c"), "/docs/sub/": page("Sub"),
        "/docs/sub/c": page("C", "/docs/"), "/docs/b.html": page("B"),
        "/docs/?lang=de": page("German"), "/other/": page("Other")})
    listing = crawl(server, cache)
    assert set(listing.items) == {"docs/index.html", "docs/a.html", "docs/b.html",
                                  "docs/sub/index.html", "docs/sub/c.html",
                                  "docs/index~lang=de.html"}
    assert listing.items["docs/a.html"]["url"] == server.url + "/docs/a"
    assert "<h1>A</h1>" in listing.texts["docs/a.html"]
    assert listing.ids["docs/a.html"].startswith("site:") and listing.json["revision"]
    assert listing.json["name"] == server.url.removeprefix("http://") + "/docs"
    assert len(asked(server)) == len(set(asked(server))), "no address is asked for twice"
    assert not {"/other/", "/docs/a.png"} & set(asked(server))


def test_conditional_requests(serve, cache):
    server = serve({"/docs/": page("Home", "a", "b", "c", etag='"1"'),
                    "/docs/a": page("A", modified="Wed, 21 Oct 2015 07:28:00 GMT"),
                    "/docs/b": page("B"), "/docs/c": page("C", "d", etag='W/"x"'),
                    "/docs/d": page("D")})
    first = crawl(server, cache)
    server.requests.clear()
    server.pages["/docs/b"] = page("B, changed")
    second = crawl(server, cache)
    sent = {path: headers for path, headers in server.requests}
    assert sent["/docs/"]["If-None-Match"] == '"1"'
    assert sent["/docs/a"]["If-Modified-Since"] == "Wed, 21 Oct 2015 07:28:00 GMT"
    assert "docs/d.html" in second.items, "links of a page that did not change are followed"
    changed = {p for p in first.ids if first.ids[p] != second.ids[p]}
    assert changed == {"docs/b.html"} and first.json["revision"] != second.json["revision"]
    del server.pages["/docs/d"]
    server.pages["/docs/c"] = page("C", etag='"y"')
    assert "docs/d.html" not in crawl(server, cache).items


def test_damaged_cache_is_fetched_again(serve, cache):
    server = serve({"/docs/": page("Home", "a", etag='"1"'), "/docs/a": page("A", etag='"2"')})
    first = crawl(server, cache)
    files = [f for f in cache.rglob("*") if f.is_file()]
    assert len(files) == 2
    files[0].write_bytes(files[0].read_bytes()[:-3] + b"xyz")
    files[1].write_bytes(b"")
    assert crawl(server, cache).texts == first.texts


# --- robots.txt ---


def robots(text, **more):
    return {"body": text, "type": "text/plain", **more}


def test_robots(serve, cache):
    server = serve({
        "/robots.txt": robots("User-agent: *\nDisallow: /\n\nUser-agent: Docs-Bot\n"
                              "Disallow: /docs/private/\nAllow: /docs/private/open\n"
                              "Disallow: /*.tmp$\n"),
        "/docs/": page("Home", "private/a", "private/open", "x.tmp", "x.tmp.html"),
        "/docs/private/open": page("Open"), "/docs/private/a": page("A"),
        "/docs/x.tmp": page("T"), "/docs/x.tmp.html": page("H")})
    listing = crawl(server, cache)
    assert set(listing.items) == {"docs/index.html", "docs/private/open.html", "docs/x.tmp.html"}
    assert "robots.txt" in listing.skipped[server.url + "/docs/private/a"]
    assert "/docs/private/a" not in asked(server)


def test_robots_forbid_all(serve, cache):
    server = serve({"/robots.txt": robots("User-agent: *\nDisallow: /docs\n"),
                    "/docs/": page("Home")})
    listing = crawl(server, cache)
    assert listing.code == 1 and "robots.txt" in listing.error and "/docs/" not in asked(server)


def test_robots_unreachable(serve, cache):
    server = serve({"/robots.txt": robots("", status=503, headers={"Retry-After": "0"}),
                    "/docs/": page("Home")})
    listing = crawl(server, cache)
    assert listing.code == 1 and "503" in listing.error and "/docs/" not in asked(server)
    server.pages["/robots.txt"] = robots("User-agent: *\nDisallow: /", status=403)
    assert crawl(server, cache).code == 0


def test_redirect_into_what_robots_forbid(serve, cache):
    server = serve({"/robots.txt": robots("User-agent: *\nDisallow: /docs/secret"),
                    "/docs/": page("Home", "a"), "/docs/secret": page("S"),
                    "/docs/a": {"status": 302, "location": "/docs/secret"}})
    listing = crawl(server, cache)
    assert set(listing.items) == {"docs/index.html"} and "/docs/secret" not in asked(server)


def test_meta_robots(serve, cache):
    server = serve({
        "/docs/": page("Home", "hidden", "header", "leaf"),
        "/docs/hidden": {"body": '<META content="NOINDEX" name=robots><a href="found">'},
        "/docs/header": page("H", headers={"X-Robots-Tag": "noindex, nofollow"}),
        "/docs/leaf": {"body": '<meta name="robots" content="nofollow"><a href="lost">'
                               '<p>text'},
        "/docs/found": {"body": '<a rel="external nofollow" href="lost">'}, "/docs/lost": page("L")})
    listing = crawl(server, cache)
    assert set(listing.items) == {"docs/index.html", "docs/leaf.html", "docs/found.html"}
    assert "noindex" in listing.skipped[server.url + "/docs/hidden"]
    assert "/docs/lost" not in asked(server)


# --- sitemaps ---


def test_sitemap_index(serve, cache):
    server = serve({})
    u = server.url
    index = ("<sitemapindex>" + "".join(f"<sitemap><loc>{u}/{n}</loc></sitemap>" for n in
                                        ("one.xml", "two.xml.gz", "gone.xml", "broken.xml"))
             + "<sitemap><loc>http://127.0.0.2:9/evil.xml</loc></sitemap></sitemapindex>")
    server.pages.update({
        "/robots.txt": robots(f"Sitemap: {u}/maps/index.xml\nUser-agent: *\nDisallow:\n"),
        "/maps/index.xml": {"body": index, "type": "text/xml"},
        "/one.xml": {"body": urlset(f"{u}/docs/a", f"{u}/docs/b?x=1&amp;y=2", f"{u}/blog/z",
                                    "https://example.org/docs/e", "rubbish"), "type": "text/xml"},
        "/two.xml.gz": {"body": gzip.compress(urlset(f"{u}/docs/c").encode()),
                        "type": "application/gzip"},
        "/broken.xml": {"body": urlset(f"{u}/docs/d")[:-12] + "<<<", "type": "text/xml"},
        "/docs/": page("Home", "a"), "/docs/a": page("A", "unlisted"),
        "/docs/b?x=1&y=2": page("B"), "/docs/c": page("C"), "/docs/d": page("D"),
        "/docs/unlisted": page("U")})
    listing = crawl(server, cache)
    assert set(listing.items) == {"docs/index.html", "docs/a.html", "docs/b~x=1&y=2.html",
                                  "docs/c.html", "docs/d.html"}
    assert "does not exist" in listing.skipped[f"{u}/gone.xml"]
    assert "damaged in line" in listing.skipped[f"{u}/broken.xml"]
    assert "leads out" in listing.skipped["http://127.0.0.2:9/evil.xml"]


def test_guessed_sitemap(serve, cache):
    server = serve({"/docs/": page("Home"), "/docs/a": page("A", "unlisted"),
                    "/docs/unlisted": page("U")})
    server.pages["/sitemap.xml"] = {"body": urlset(server.url + "/docs/a"), "type": "text/xml"}
    assert set(crawl(server, cache).items) == {"docs/index.html", "docs/a.html"}


def test_sitemap_that_is_incomplete(serve, cache):
    """As Read the Docs has it: one address for each version."""
    server = serve({"/docs/": page("Home", "a", "b"), "/docs/a": page("A", "c"),
                    "/docs/b": page("B"), "/docs/c": page("C")})
    server.pages["/sitemap.xml"] = {"body": urlset(server.url + "/docs/"), "type": "text/xml"}
    assert len(crawl(server, cache).items) == 4


def test_named_sitemap_unreachable(serve, cache):
    server = serve({"/docs/": page("Home", "a"), "/docs/a": page("A")})
    server.pages["/robots.txt"] = robots(f"Sitemap: {server.url}/map.xml")
    server.pages["/map.xml"] = {"status": 500, "headers": {"Retry-After": "0"}}
    listing = crawl(server, cache)
    assert listing.code == 1 and "/map.xml" in listing.error


@pytest.mark.parametrize("body", [
    '<!DOCTYPE urlset [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;">]><urlset>'
    "<url><loc>&b;</loc></url></urlset>",
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><urlset><url><loc>&f;</loc></url></urlset>',
    "<html><body>not found</body></html>", "", "\x00\x01",
])
def test_sitemap_rubbish(serve, cache, body):
    server = serve({"/docs/": page("Home", "a"), "/docs/a": page("A")})
    server.pages["/sitemap.xml"] = {"body": body, "type": "text/xml"}
    assert set(crawl(server, cache).items) == {"docs/index.html", "docs/a.html"}


def test_sitemap_gzip_bomb(serve, cache):
    server = serve({"/docs/": page("Home")})
    server.pages["/robots.txt"] = robots(f"Sitemap: {server.url}/map.gz")
    server.pages["/map.gz"] = {"body": gzip.compress(b"<urlset>" + b" " * (60 << 20)),
                               "type": "application/gzip"}
    listing = crawl(server, cache)
    assert listing.code == 0 and "unpacks to more" in listing.skipped[server.url + "/map.gz"]


# --- redirections ---


def test_redirects(serve, cache):
    server = serve({
        "/docs/": page("Home", "old", "out", "loop", "far", "chain0", "nowhere", "odd"),
        "/docs/new": page("New"), "/docs/old": {"status": 301, "location": "new?utm_x=1"},
        "/docs/out": {"status": 302, "location": "/blog/"}, "/blog/": page("Blog"),
        "/docs/loop": {"status": 302, "location": "/docs/loop"},
        "/docs/far": {"status": 302, "location": "http://127.0.0.2:9/docs/"},
        "/docs/nowhere": {"status": 302}, "/docs/odd": {"status": 302, "location": "file:///etc/x"},
        **{f"/docs/chain{i}": {"status": 302, "location": f"chain{i + 1}"} for i in range(9)}})
    listing = crawl(server, cache)
    u = server.url + "/docs/"
    assert set(listing.items) == {"docs/index.html", "docs/new.html"}
    assert listing.items["docs/new.html"]["url"] == u + "new"
    assert "out of the website" in listing.skipped[u + "out"]
    assert "more than 5 redirections" in listing.skipped[u + "loop"]
    assert "more than 5 redirections" in listing.skipped[u + "chain0"]
    assert "127.0.0.2" in listing.skipped[u + "far"]
    assert "without saying where" in listing.skipped[u + "nowhere"]
    assert "no web address" in listing.skipped[u + "odd"]
    assert "/blog/" not in asked(server)


def test_start_redirects(serve, cache):
    server = serve({"/": {"status": 302, "location": "/en/latest/"},
                    "/en/latest/": page("Home", "a", "/en/stable/"), "/en/latest/a": page("A"),
                    "/en/stable/": page("S")})
    assert set(crawl(server, cache, start="/").items) == {"en/latest/index.html",
                                                          "en/latest/a.html"}
    server.pages["/docs"] = {"status": 301, "location": "/docs/"}
    server.pages["/docs/"] = page("Docs", "a")
    server.pages["/docs/a"] = page("A")
    assert set(crawl(server, cache, start="/docs").items) == {"docs/index.html", "docs/a.html"}
    server.pages["/away/"] = {"status": 301, "location": "http://127.0.0.2:9/"}
    away = crawl(server, cache, start="/away/")
    assert away.code == 1 and "127.0.0.2" in away.error


# --- answers that are no pages ---


def test_types_and_charsets(serve, cache):
    latin = "<meta charset=iso-8859-1><p>Größe “quoted”".encode("cp1252")
    server = serve({
        "/docs/": page("Home", "pdf", "latin", "shift", "wrong", "none", "bom", "text", "md.md",
                       "untyped", "utf7", "odd", "blob", "declared"),
        "/docs/pdf": {"body": b"%PDF", "type": "application/pdf"},
        "/docs/latin": {"body": latin, "type": "text/html"},
        "/docs/shift": {"body": "<p>日本語".encode("shift_jis"), "type": "text/html; charset=Shift_JIS"},
        "/docs/wrong": {"body": b"<p>\xff\xfe\xfa", "type": "text/html; charset=utf-8"},
        "/docs/none": {"body": b"<p>Gr\xf6\xdfe", "type": "text/html"},
        "/docs/bom": {"body": "\ufeff<p>Größe".encode("utf-16"), "type": "text/html"},
        "/docs/text": {"body": "plain", "type": "text/plain"},
        "/docs/md.md": {"body": "# MD", "type": "text/markdown; charset=utf-8"},
        "/docs/untyped": {"body": " <p>untyped", "type": None},
        "/docs/utf7": {"body": "x", "type": "text/html; charset=no-such-charset"},
        "/docs/odd": {"body": "x", "type": "text/html; charset=../../x"},
        "/docs/blob": {"body": b"\x00\x01", "type": None},
        "/docs/declared": {"body": '<meta http-equiv="Content-Type" content="text/html; '
                                   'charset=koi8-r"><p>Привет'.encode("koi8-r"), "type": "text/html"}})
    listing = crawl(server, cache)
    u, texts = server.url + "/docs/", listing.texts
    assert "Größe “quoted”" in texts["docs/latin.html"] and "日本語" in texts["docs/shift.html"]
    assert "<p>Größe" in texts["docs/bom.html"] and "Привет" in texts["docs/declared.html"]
    assert texts["docs/text.txt"] == "plain" and texts["docs/md.md"] == "# MD"
    assert "untyped" in texts["docs/untyped.html"]
    assert "application/pdf" in listing.skipped[u + "pdf"]
    assert "is not UTF-8, as it declares" in listing.skipped[u + "wrong"]
    assert "declares no charset" in listing.skipped[u + "none"]
    assert "no-such-charset" in listing.skipped[u + "utf7"]
    assert "no known name" in listing.skipped[u + "odd"]
    assert "declares no type" in listing.skipped[u + "blob"]


def test_compressed_pages(serve, cache):
    server = serve({"/docs/": page("Home", "bomb", headers={"Content-Encoding": "gzip"}, gzip=True),
                    "/docs/bomb": {"body": "x" * (3 << 20), "gzip": True,
                                   "headers": {"Content-Encoding": "gzip"}}})
    listing = crawl(server, cache, "max_bytes=100000")
    assert set(listing.items) == {"docs/index.html"}
    assert "longer than 100000 bytes" in listing.skipped[server.url + "/docs/bomb"]


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b"<p>more</p>" * 1000)
    except OSError:
        pass


def hang(handler):
    handler.server_state.release.wait(30)
    handler.close_connection = True


def trickle(handler):
    """A byte now and then: never silent for long, never done."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.close_connection = True
    try:
        while not handler.server_state.release.wait(0.2):
            handler.wfile.write(b"x")
    except OSError:
        pass


def test_endless_page(serve, cache):
    server = serve({"/docs/": page("Home", "endless"), "/docs/endless": endless})
    listing = crawl(server, cache, "max_bytes=1000000")
    assert set(listing.items) == {"docs/index.html"}
    assert "longer than" in listing.skipped[server.url + "/docs/endless"]


def test_pages_that_hang(serve, cache):
    server = serve({"/docs/": page("Home", "hang", "a", "trickle"), "/docs/hang": hang,
                    "/docs/a": page("A"), "/docs/trickle": trickle})
    listing = crawl(server, cache, "stall_ms=1000", "total_ms=1500")
    assert set(listing.items) == {"docs/index.html", "docs/a.html"}
    assert all("no answer in time" in listing.skipped[server.url + f"/docs/{p}"]
               for p in ("hang", "trickle"))


def test_stop_while_a_page_hangs(serve, cache):
    server = serve({"/docs/": hang})
    listing = crawl(server, cache, "stop_ms=300")
    assert listing.code == 1 and listing.json["code"] == "cancelled"


def test_answer_that_breaks_off(serve, cache):
    server = serve({"/docs/": page("Home", "cut", "a"), "/docs/a": page("A"),
                    "/docs/cut": {"body": "<p>half", "length": 5000}})
    listing = crawl(server, cache)
    assert set(listing.items) == {"docs/index.html", "docs/a.html"}
    assert "breaks off" in listing.skipped[server.url + "/docs/cut"]
    assert asked(server).count("/docs/cut") == 3


def busy(times, good, **answer):
    """The answer so many times, then the good one."""
    left = [times]

    def serve_page(handler):
        left[0] -= 1
        return answer if left[0] >= 0 else good
    return serve_page


def test_busy_pages_are_asked_again(serve, cache):
    server = serve({"/docs/": page("Home", "a", "b"),
                    "/docs/a": busy(2, page("A"), status=503, headers={"Retry-After": "0"}),
                    "/docs/b": busy(1, page("B"), status=429, headers={"Retry-After": "2"})})
    listing = crawl(server, cache)
    assert len(listing.items) == 3 and not listing.skipped
    assert [asked(server).count(f"/docs/{p}") for p in "ab"] == [3, 2]


def test_failing_page_keeps_its_last_text(serve, cache):
    server = serve({"/docs/": page("Home", "a", "b", "c"), "/docs/a": page("A", "deep"),
                    "/docs/b": page("B"), "/docs/c": page("C"), "/docs/deep": page("D")})
    first = crawl(server, cache)
    server.pages["/docs/a"] = {"status": 500, "headers": {"Retry-After": "0"}}
    server.pages["/docs/b"] = {"status": 404}
    listing = crawl(server, cache)
    assert listing.texts["docs/a.html"] == first.texts["docs/a.html"]
    assert "docs/deep.html" in listing.items
    assert "kept as it was" in listing.skipped[server.url + "/docs/a"]
    assert "docs/b.html" not in listing.items, "a page that is gone is gone"
    assert "404" in listing.skipped[server.url + "/docs/b"]


def test_site_that_mostly_fails_is_an_error(serve, cache):
    pages = {f"/docs/{i}": page(f"P{i}") for i in range(6)}
    server = serve({"/docs/": page("Home", *(f"{i}" for i in range(6))), **pages})
    assert len(crawl(server, cache).items) == 7
    for i in range(5):
        server.pages[f"/docs/{i}"] = {"status": 404}
    listing = crawl(server, cache)
    assert listing.code == 1 and "5 of 7" in listing.error


def test_site_that_goes_down_is_left_alone(serve, cache):
    server = serve({"/docs/": page("Home", *(f"{i}" for i in range(30))),
                    **{f"/docs/{i}": {"status": 500, "headers": {"Retry-After": "0"}}
                       for i in range(30)}})
    listing = crawl(server, cache)
    assert listing.code == 1 and "does not answer any more" in listing.error
    assert len(set(asked(server))) < 15


@pytest.mark.parametrize("answer,word", [
    ({"status": 404}, "404"), ({"status": 500, "headers": {"Retry-After": "0"}}, "500"),
    ({"body": b"%PDF", "type": "application/pdf"}, "application/pdf")])
def test_start_page_fails(serve, cache, answer, word):
    server = serve({"/docs/": answer})
    listing = crawl(server, cache)
    assert listing.code == 1 and word in listing.error and "start page" in listing.error


def test_nobody_listens(cache):
    listing = list_source("site", "http://127.0.0.1:9/docs/", cache)
    assert listing.code == 1 and "127.0.0.1:9" in listing.error


# --- limits ---


def test_max_pages_and_depth(serve, cache):
    server = serve({f"/docs/{'' if i == 0 else i}": page(f"P{i}", f"/docs/{i + 1}")
                    for i in range(50)})
    listing = crawl(server, cache, "max_pages=5")
    assert len(listing.items) == 5 and "more than 5 pages" in str(listing.skipped)
    assert len(crawl(server, cache, "max_depth=3").items) == 4


def test_trap_of_relative_links(serve, cache):
    class Trap(dict):
        def get(self, path, default=None):
            return page("T", "x/", "y/") if path.startswith("/docs/") else None
    server = serve(Trap())
    listing = crawl(server, cache, "max_pages=60", "max_depth=1000")
    assert len(listing.items) == 60


def test_globs(serve, cache):
    server = serve({"/docs/": page("Home", "a/x", "b/x", "a/y"), "/docs/a/x": page("AX"),
                    "/docs/a/y": page("AY"), "/docs/b/x": page("BX")})
    assert set(crawl(server, cache, "include=docs/a/**").items) == {"docs/a/x.html", "docs/a/y.html"}
    server.requests.clear()
    listing = crawl(server, cache, "exclude=docs/a/**")
    assert set(listing.items) == {"docs/index.html", "docs/b/x.html"}
    assert "/docs/a/x" not in asked(server)


def test_rate(serve, cache):
    server = serve({"/docs/": page("Home", "a", "b", "c"), "/docs/a": page("A"),
                    "/docs/b": page("B"), "/docs/c": page("C")})
    begun = time.monotonic()
    crawl(server, cache, "rate=5")  # six requests: five intervals
    # a lower bound, which no slow machine can break
    assert time.monotonic() - begun >= 1.0


def test_names_of_pages(serve, cache):
    server = serve({"/docs/": page("Home", "a", "a.html", "%C3%BC%20x", "a%2Fb", "%2e%2e/%2e%2e/z",
                                   "..%2f..%2fetc", "//double", "p.php", "%00", "c:d"),
                    "/docs/a": page("A1"), "/docs/a.html": page("A2"),
                    "/docs/%C3%BC%20x": page("U"), "/docs/a%2Fb": page("AB"),
                    "/docs/..%2F..%2Fetc": page("E"), "/docs/p.php": page("P"),
                    "/docs/%00": page("N")})
    listing = crawl(server, cache)
    names = set(listing.items)
    assert {"docs/a.html", "docs/ü x.html", "docs/a%2Fb.html", "docs/..%2F..%2Fetc.html",
            "docs/p.php.html", "docs/%00.html"} <= names
    [other] = [n for n in names if n.startswith("docs/a~")]
    assert {listing.texts["docs/a.html"], listing.texts[other]} == {
        page("A1")["body"], page("A2")["body"]}
    assert all(i["error"] == "" for i in listing.items.values())


@pytest.mark.parametrize("address", ["ftp://example.org/", "example.org", "file:///etc/passwd",
                                     "https://user:s3cret@example.org/"])
def test_addresses_that_are_refused(cache, address):
    listing = list_source("site", address, cache)
    assert listing.code == 1 and "address" in listing.error and "s3cret" not in listing.raw
