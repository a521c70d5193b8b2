"""Many sources in one run: git repositories, folders, a configuration, and ones that fail."""

import http.server
import os
import subprocess
import threading

import pytest

from conftest import ROOT, SITE

SECRET = "ghp_" + "Zk3VbQx7LmTp2RtYw8sHdNc5FgJ4aUe9KoXi"


def git(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
                       GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@example.org",
                       GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@example.org")
    done = subprocess.run(["git", "-C", folder, *arguments], env=environment, check=True,
                          capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder, files):
    """Writes the files (None: removes) and commits; returns the commit's id."""
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")
    return git(folder, "rev-parse", "HEAD")


def make_repository(folder, files):
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    return commit(folder, files)


@pytest.fixture
def repositories(tmp_path):
    """Three repositories of a few pages, each with a word of its own."""
    folders = {}
    for name, word in (("alpha", "argon"), ("beta", "bismuth"), ("gamma", "gallium")):
        folders[name] = tmp_path / "repos" / name
        make_repository(folders[name], {
            "README.md": f"# {name}\n\nAll about {word}.\n",
            "docs/guide.md": f"# Guide of {name}\n\n## Melting\n\nHow {word} melts slowly.\n",
            "deploy/pod.yaml": f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {word}-pod\n"})
    return folders


@pytest.fixture
def config(tmp_path):
    """Writes a configuration and returns its path."""
    def write(text):
        path = tmp_path / "docs-bot.yaml"
        path.write_text(text)
        return path
    return write


def address(folder):
    return f"file://{folder}"


def paths_of(bot, query):
    run = bot.run("--json", "search", "--top-k", "20", query)
    assert run.code == 0, run.err
    return {(r["repo"], r["path"]) for r in run.json["results"]
            if query.lower() in r["text"].lower()}


# --- on the command line ---


def test_a_git_address_is_indexed(bot, repositories):
    report = bot.index(address(repositories["alpha"]))
    [repo] = report["processed_repos"]
    assert repo["documents"] == report["documents"] == 3
    assert repo["revision"] == git(repositories["alpha"], "rev-parse", "HEAD")
    again = bot.index(address(repositories["alpha"]))
    assert again["embedded_chunks"] == 0 and again["documents"] == 3
    assert again["total_chunks"] == report["total_chunks"]


def test_a_new_commit_is_fetched_and_a_rename_embeds_nothing(bot, repositories):
    alpha = repositories["alpha"]
    bot.index(address(alpha))
    commit(alpha, {"docs/guide.md": None,
                   "docs/handbook.md": (alpha / "docs/guide.md").read_text()})
    report = bot.index(address(alpha))
    assert report["embedded_chunks"] == 0 and report["documents"] == 3
    assert {path for _, path in paths_of(bot, "melts")} == {"docs/handbook.md"}
    commit(alpha, {"docs/new.md": "# New\n\nA page about zirconium.\n"})
    report = bot.index(address(alpha))
    assert report["documents"] == 4 and report["embedded_chunks"] > 0
    assert paths_of(bot, "zirconium")


def test_folders_and_repositories_in_one_run(bot, repositories):
    report = bot.index(SITE, *(address(folder) for folder in repositories.values()))
    assert report["status"] == "success"
    assert [repo["documents"] for repo in report["processed_repos"]][1:] == [3, 3, 3]
    for word in ("argon", "bismuth", "gallium"):
        assert paths_of(bot, word)


def test_one_that_fails_does_not_stop_the_others(bot, repositories):
    alpha, beta, gamma = (address(repositories[n]) for n in ("alpha", "beta", "gamma"))
    bot.index(alpha, beta, gamma)
    os.rename(repositories["beta"], repositories["beta"].with_name("elsewhere"))
    commit(repositories["gamma"], {"docs/new.md": "# New\n\nA page about zirconium.\n"})
    run = bot.run("--json", "index", alpha, beta, gamma)
    assert run.code == 1
    report = run.json
    assert report["status"] == "partial" and report["documents"] == 7
    first, failed, last = report["processed_repos"]
    assert failed["repo"] and failed["error"] and "documents" not in failed
    assert "error" not in first and "error" not in last
    assert paths_of(bot, "zirconium"), "the others are published"
    assert paths_of(bot, "bismuth"), "what was indexed of the one that failed is kept"
    text = bot.run("index", alpha, beta, gamma)
    assert text.code == 1 and "was not indexed" in text.out


def test_when_all_fail_nothing_changes(bot, repositories, tmp_path):
    bot.index(address(repositories["alpha"]))
    run = bot.run("--json", "index", tmp_path / "nowhere", address(tmp_path / "noplace"))
    assert run.code == 1 and run.json["status"] == "failed" and run.json["error"]
    assert paths_of(bot, "argon")


@pytest.mark.parametrize("where", ["git@example.org:a/b.git", "ssh://git@example.org/a/b.git"])
def test_ssh_is_refused_with_a_hint(bot, where):
    run = bot.run("index", where)
    assert run.code == 1 and len(run.errors) == 1 and "https" in run.errors[0]


# --- from the configuration ---


def test_configured_sources_are_indexed(bot, repositories, config, docs):
    file = config(f"""
sources:
- name: website
  path: docs
  base_url: https://docs.example
  url_style: hugo
- name: alpha
  url: {address(repositories["alpha"])}
  web_url: https://github.com/example/alpha
  url_style: github
  branch: main
  paths: [docs, deploy]
- name: beta
  type: git
  url: {address(repositories["beta"])}
  include: ['*.md']
  exclude: [README.md]
  version: '1.7'
""")
    run = bot.run("--config", file, "--json", "index")
    assert run.code == 0, run.err
    documents = {r["repo"]: r["documents"] for r in run.json["processed_repos"]}
    assert list(documents) == ["website", "alpha", "beta"]
    assert documents["alpha"] == 2 and documents["beta"] == 1
    results = bot.run("--json", "search", "--top-k", "20", "argon").json["results"]
    urls = {r["path"]: r["url"] for r in results if "argon" in r["text"]}
    blob = "https://github.com/example/alpha/blob/main/"
    assert urls["docs/guide.md"] == blob + "docs/guide.md#melting"
    assert urls["deploy/pod.yaml"] == blob + "deploy/pod.yaml#L1-L4"
    hugo = bot.run("--json", "search", "GJSON successCondition").json["results"][0]
    assert hugo["url"].startswith("https://docs.example/docs/")


class Pages(http.server.BaseHTTPRequestHandler):
    """A website of three pages, the last of which is linked from the second alone."""

    TEXTS = {
        "/docs/": ("Start", '<a href="guide/">guide</a> All about tungsten.'),
        "/docs/guide/": ("Guide", '<h2 id="melt">Melt</h2><p>How tungsten melts at last.</p>'
                                  '<a href="more.html">more</a>'),
        "/docs/guide/more.html": ("More", "<p>Filaments are made of it.</p>"),
    }

    def do_GET(self):
        found = self.TEXTS.get(self.path)
        if self.path.startswith("/broken"):
            self.send_response(503)
        else:
            self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if found:
            title, body = found
            self.wfile.write(f"<html><head><title>{title}</title></head><body><main><h1>{title}</h1>"
                             f"{body}</main></body></html>".encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def website():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_website_beside_a_repository_and_one_that_is_down(bot, repositories, config, website):
    file = config(f"""
sources:
- name: site
  url: {website}/docs/
  rate: 100
- name: alpha
  url: {address(repositories["alpha"])}
- name: down
  url: {website}/broken.git
""")
    run = bot.run("--config", file, "--json", "index")
    assert run.code == 1, run.err
    assert run.json["status"] == "partial"
    site, alpha, down = run.json["processed_repos"]
    assert site["documents"] == 3 and alpha["documents"] == 3
    assert down["repo"] == "down" and "503" in down["error"]
    results = bot.run("--json", "search", "--top-k", "20", "melts at last").json["results"]
    assert f"{website}/docs/guide/#melt" in [r["url"] for r in results]
    assert paths_of(bot, "argon")


def test_source_selects_configured_ones(bot, repositories, config):
    file = config("sources:\n" + "".join(f"- name: {name}\n  url: {address(folder)}\n"
                                         for name, folder in repositories.items()))
    run = bot.run("--config", file, "--json", "index", "--source", "gamma", "--source", "alpha")
    assert run.code == 0, run.err
    assert [r["repo"] for r in run.json["processed_repos"]] == ["alpha", "gamma"]
    wrong = bot.run("--config", file, "index", "--source", "gama")
    assert wrong.code == 1 and "did you mean 'gamma'" in wrong.errors[0]


def test_a_dry_run_of_repositories_writes_no_index(bot, repositories):
    report = bot.index(address(repositories["alpha"]), "--dry-run")
    assert report["documents"] == 3
    assert not (bot.data / "index.sqlite").exists()


@pytest.mark.parametrize("text, hints", [
    ("sources:\n- name: a\n  pth: x\n", ["line 3", "'pth'", "'path'"]),
    ("sources:\n- name: a\n", ["line 2", "path", "url"]),
    ("sources:\n- name: a\n  path: x\n  url: https://h/\n", ["line 2", "either"]),
    ("sources:\n- name: a\n  path: x\n  branch: y\n", ["line 2", "branch", "dir"]),
    ("sources:\n- name: a\n  url: https://h/x/\n  depth: 1\n", ["line 2", "depth", "site"]),
    ("sources:\n- name: a\n  path: x\n- name: a\n  path: y\n", ["line 4", "name"]),
    ("sources:\n- name: a\n  path: x\n  url_style: hugo\n", ["base_url"]),
    ("sources:\n- name: a\n  path: x\n  url_style: github\n", ["web_url"]),
    ("sources:\n- name: a\n  path: x\n  url_style: wiki\n", ["line 4", "hugo|github"]),
    ("sources:\n- name: a\n  url: https://u:p@h/a.git\n", ["token_env"]),
    ("sources:\n- name: a\n  url: here\n", ["'path'"]),
    ("sources:\n- name: a\n  type: svn\n", ["line 3", "dir|git|site"]),
    ("sources: [a]\n", ["line 1", "key: value"]),
])
def test_config_check_names_what_is_wrong(bot, config, text, hints):
    run = bot.run("--config", config(text), "config", "check")
    assert run.code == 1 and len(run.errors) == 1
    assert all(hint in run.errors[0] for hint in ["docs-bot.yaml", *hints]), run.errors[0]


def test_the_example_configuration_is_valid(bot):
    file = ROOT / "docs" / "examples" / "sources.yaml"
    assert bot.run("--config", file, "config", "check").code == 0
    sources = bot.run("--config", file, "--json", "config", "show").json["sources"]["value"]
    names = {s["name"] for s in sources}
    assert {"kubeflow/website", "kubeflow/kubeflow", "kubeflow/manifests"} <= names
    assert len(names) == len(sources) >= 11


def test_nothing_to_index_is_wrong_use(bot, config):
    for arguments in (["index"], ["--config", config("sources: []\n"), "index"],
                      ["index", "--include", "*.md"]):
        run = bot.run(*arguments)
        assert run.code == 2 and len(run.errors) == 1


# --- content ---


def test_a_copied_page_is_found_once(bot, docs):
    text = ("# Zeppelin\n\nA zeppelin floats, because the gas in it is lighter than the air that it "
            "pushes aside; it has no wheels and needs none.\n\n## Landing\n\nIt is tied to a mast.\n")
    for name in ("zeppelin.md", "archive/zeppelin.md"):
        (docs / name).parent.mkdir(exist_ok=True)
        (docs / name).write_text(text)
    report = bot.index(docs)
    assert report["duplicate_chunks"] == 2
    assert {path for _, path in paths_of(bot, "zeppelin")} == {"zeppelin.md"}
    again = bot.index(docs)
    assert again["embedded_chunks"] == 0 and again["duplicate_chunks"] == 2
    (docs / "zeppelin.md").unlink()
    assert bot.index(docs)["duplicate_chunks"] == 0
    assert {path for _, path in paths_of(bot, "zeppelin")} == {"archive/zeppelin.md"}


def test_secrets_are_masked_and_counted(bot, docs):
    (docs / "leak.md").write_text(f"# Leak\n\nLog in with {SECRET} as zeppelin.\n")
    report = bot.index(docs)
    assert report["masked_secrets"] == 1
    found = bot.run("--json", "search", "--top-k", "50", "zeppelin").json["results"]
    assert any("[masked: GitHub token]" in r["text"] for r in found)
    assert SECRET not in bot.run("--json", "search", "--top-k", "50", SECRET).out.split(
        '"results"')[1]
    for file in bot.data.glob("*.sqlite*"):
        assert SECRET.encode() not in file.read_bytes()
    assert "1 secrets masked" in bot.run("index", docs, "--rebuild").out
