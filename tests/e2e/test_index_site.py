"""A website, and a repository that needs a token, through the real binary: index, search, report."""

import subprocess

import pytest

from source_servers import environment, git_server, site_server

PAGE = ("<!doctype html><html><head><title>{0}</title></head><body><nav><a href='/docs/'>Menu of all "
        "pages</a></nav><main><h1 id='top'>{0}</h1><h2 id='part'>Part</h2><p>{1}</p>{2}</main></body>"
        "</html>")


def page(title, text, *links, **more):
    return {"body": PAGE.format(title, text, "".join(f'<a href="{li}">{li}</a>' for li in links)),
            **more}


@pytest.fixture
def site():
    pages = {"/docs/": page("Home", "Everything begins with ytterbium.", "install", "gone",
                            etag='"1"'),
             "/docs/install": page("Install", "Then comes praseodymium in small pieces.", etag='"2"')}
    with site_server(pages) as server:
        yield server


def found(bot, word):
    run = bot.run("--json", "search", word)
    assert run.code == 0, run.err
    return [r for r in run.json["results"] if word in r["text"]]


def test_website(bot, site):
    report = bot.index(f"{site.url}/docs/")
    assert report["documents"] == 2
    assert [s["reason"] for s in report["skipped"]] == ["the server answers 404"]
    first = found(bot, "praseodymium")[0]
    assert first["path"] == "docs/install.html"
    assert first["url"].startswith(f"{site.url}/docs/install")
    assert not found(bot, "Menu"), "navigation is no content"


def test_second_run_embeds_nothing_and_is_answered_304(bot, site):
    bot.index(f"{site.url}/docs/")
    site.requests.clear()
    report = bot.index(f"{site.url}/docs/")
    assert report["embedded_chunks"] == 0 and report["documents"] == 2
    sent = dict(site.requests)
    assert sent["/docs/"]["If-None-Match"] == '"1"'


def test_site_in_trouble_keeps_its_pages(bot, site):
    bot.index(f"{site.url}/docs/")
    site.pages["/docs/"] = {"status": 503, "headers": {"Retry-After": "0"}}
    run = bot.run("--json", "index", f"{site.url}/docs/")
    assert run.code == 1
    assert found(bot, "praseodymium") and found(bot, "ytterbium")


def test_token_of_a_configured_repository(bot, tmp_path):
    folder = tmp_path / "served" / "private"
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("# Private\n\nA page about dysprosium.\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."],
                    ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True, env=environment())
    with git_server(tmp_path / "served", token="s3cret-of-this-test") as server:
        config = tmp_path / "docs-bot.yaml"
        config.write_text(f"sources:\n- name: private\n  type: git\n  url: {server.url}/private\n"
                          "  token_env: TOKEN_OF_TEST\n")
        refused = bot.run("--config", config, "index")
        assert refused.code == 1 and "401" in refused.err
        run = bot.run("--config", config, "--json", "index",
                      env={"TOKEN_OF_TEST": "s3cret-of-this-test"})
    assert run.code == 0, run.err
    assert run.json["documents"] == 1 and found(bot, "dysprosium")
    assert "s3cret" not in run.out + run.err
    kept = b"".join(f.read_bytes() for f in bot.data.rglob("*") if f.is_file())
    assert b"s3cret-of" not in kept
