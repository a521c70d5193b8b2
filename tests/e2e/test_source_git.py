"""Repositories made by git and served by git itself: over file:// and over smart HTTP."""

import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from source_servers import command, environment, git_server, list_source

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}


class Repo:
    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        done = subprocess.run(["git", "-C", str(self.path), *arguments], capture_output=True,
                              text=True, env={**os.environ, **IDENTITY})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, files, message="change"):
        for name, content in files.items():
            file = self.path / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path):
    made = Repo(tmp_path / "served" / "owner" / "docs.git")
    made.commit({"docs/a.md": "# A\n", "docs/sub/b.md": "# B\n", "README.md": "# R\n",
                 "image.png": b"\x89PNG"})
    return made


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path, repo):
    with git_server(tmp_path / "served") as running:
        running.address = f"{running.url}/owner/docs.git"
        yield running
        running.release.set()


def file_url(repo):
    return f"file://{repo.path}"


def test_file_listing(repo, cache):
    listing = list_source("git", file_url(repo), cache)
    assert listing.texts == {"docs/a.md": "# A\n", "docs/sub/b.md": "# B\n", "README.md": "# R\n"}
    assert listing.json["revision"] == repo.git("rev-parse", "HEAD")
    assert listing.ids["docs/a.md"] == "git:" + repo.git("rev-parse", "HEAD:docs/a.md")
    assert (listing.json["name"], listing.json["repo"]) == ("docs", "")


def test_update_keeps_ids_of_unchanged(repo, cache):
    before = list_source("git", file_url(repo), cache)
    repo.commit({"docs/a.md": "# A2\n", "docs/c.md": "# C\n", "README.md": None})
    repo.git("mv", "docs/sub/b.md", "docs/renamed.md")
    head = repo.commit({})
    after = list_source("git", file_url(repo), cache)
    assert after.json["revision"] == head
    assert set(after.texts) == {"docs/a.md", "docs/c.md", "docs/renamed.md"}
    assert after.ids["docs/renamed.md"] == before.ids["docs/sub/b.md"]
    assert after.ids["docs/a.md"] != before.ids["docs/a.md"]
    assert after.texts["docs/a.md"] == "# A2\n"


def test_rewritten_history(repo, cache):
    list_source("git", file_url(repo), cache)
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.git("rm", "-rfq", ".")
    head = repo.commit({"new.md": "# New\n"})
    repo.git("branch", "-M", "fresh", "main")
    listing = list_source("git", file_url(repo), cache)
    assert listing.texts == {"new.md": "# New\n"} and listing.json["revision"] == head


def test_branches_and_tags(repo, cache):
    repo.git("tag", "-a", "v1.0", "-m", "first")
    repo.git("checkout", "-q", "-b", "release-1")
    repo.commit({"docs/a.md": "# Release\n"})
    repo.git("checkout", "-q", "main")
    url = file_url(repo)
    assert list_source("git", url, cache, "branch=release-1").texts["docs/a.md"] == "# Release\n"
    assert list_source("git", url, cache, "branch=v1.0").texts["docs/a.md"] == "# A\n"
    assert list_source("git", url, cache).texts["docs/a.md"] == "# A\n"
    repo.git("branch", "-D", "release-1")
    gone = list_source("git", url, cache, "branch=release-1")
    assert gone.code == 1 and "release-1" in gone.error and "no branch" in gone.error
    assert list_source("git", url, cache).code == 0


def test_paths_and_globs(repo, cache):
    listing = list_source("git", file_url(repo), cache, "path=docs/sub/", "path=nothing",
                          "path=docs/sub")
    assert set(listing.texts) == {"docs/sub/b.md"}
    assert "not in the repository" in listing.skipped["nothing"]
    assert set(list_source("git", file_url(repo), cache, "include=docs/*.md").texts) == {"docs/a.md"}
    assert set(list_source("git", file_url(repo), cache, "exclude=docs/").texts) == {"README.md"}
    assert set(list_source("git", file_url(repo), cache, "path=README.md").texts) == {"README.md"}
    assert list_source("git", file_url(repo), cache, "path=../x").code == 1


def test_what_is_skipped(repo, cache, tmp_path):
    other = Repo(tmp_path / "other")
    other.commit({"x.md": "x"})
    (repo.path / "link.md").symlink_to("README.md")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "module")
    repo.commit({"big.md": "x" * 2000, ".hidden/h.md": "h", "node_modules/n.md": "n",
                 "lfs.md": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"})
    listing = list_source("git", file_url(repo), cache, "max_bytes=1000")
    assert "symbolic link" in listing.skipped["link.md"]
    assert "submodule" in listing.skipped["module"]
    assert "2000 bytes" in listing.skipped["big.md"]
    assert "Git LFS" in listing.items["lfs.md"]["error"]
    assert not {".hidden/h.md", "node_modules/n.md", "module/x.md"} & set(listing.items)


def test_names_of_any_bytes(repo, cache):
    with open(os.path.join(os.fsencode(repo.path), b"bad-\xff.md"), "w") as f:
        f.write("x")
    repo.commit({"späti/ü.md": "# Ü\n"})
    listing = list_source("git", file_url(repo), cache)
    assert listing.texts["späti/ü.md"] == "# Ü\n"
    assert [r for r in listing.skipped.values()] == ["the name is not valid"]


def test_too_many_files(repo, cache):
    listing = list_source("git", file_url(repo), cache, "max_files=2")
    assert listing.code == 1 and "more than 2 files" in listing.error


def test_empty_repository(tmp_path, cache):
    listing = list_source("git", file_url(Repo(tmp_path / "empty")), cache)
    assert listing.code == 1 and "no commits" in listing.error


def test_vanished_repository_keeps_the_cache(repo, cache):
    list_source("git", file_url(repo), cache)
    away = repo.path.with_name("away")
    repo.path.rename(away)
    listing = list_source("git", file_url(repo), cache)
    assert listing.code == 1 and str(repo.path) in listing.error
    away.rename(repo.path)
    assert list_source("git", file_url(repo), cache).code == 0


def test_tree_in_itself(tmp_path, cache):
    """Ten levels of ten names of the same tree: 10^10 paths of one blob."""
    repo = Repo(tmp_path / "bomb")
    blob = subprocess.run(["git", "-C", str(repo.path), "hash-object", "-w", "--stdin"], input=b"x",
                          capture_output=True).stdout.decode().strip()
    kind, target, name = "100644 blob", blob, "f{}.md"
    for _ in range(10):
        lines = "".join(f"{kind} {target}\t{name.format(i)}\n" for i in range(10))
        target = subprocess.run(["git", "-C", str(repo.path), "mktree"], input=lines.encode(),
                                capture_output=True).stdout.decode().strip()
        kind, name = "040000 tree", "d{}"
    commit = repo.git("commit-tree", target, "-m", "bomb")
    repo.git("update-ref", "refs/heads/main", commit)
    listing = list_source("git", file_url(repo), cache, "max_files=500")
    assert listing.code == 1 and "more than 500 files" in listing.error


# --- damage ---


def clone_of(cache):
    [found] = [d for d in (cache / "git").iterdir() if d.is_dir()]
    return found


def packs_of(cache):
    return sorted(p for p in (clone_of(cache) / "objects").rglob("*")
                  if p.is_file() and p.suffix != ".idx")


@pytest.mark.parametrize("damage", ["truncate", "flip", "no-objects", "no-head", "garbage-ref",
                                    "a-file"])
def test_damaged_cache_is_fetched_anew(server, cache, damage):
    first = list_source("git", server.address, cache)
    clone = clone_of(cache)
    if damage == "truncate":
        for pack in packs_of(cache):
            pack.chmod(0o644)
            pack.write_bytes(pack.read_bytes()[:20])
    elif damage == "flip":
        for pack in packs_of(cache):
            data = bytearray(pack.read_bytes())
            for i in range(20, len(data) - 20):
                data[i] ^= 0x55
            pack.chmod(0o644)
            pack.write_bytes(data)
    elif damage == "no-objects":
        shutil.rmtree(clone / "objects")
    elif damage == "no-head":
        (clone / "HEAD").unlink()
    elif damage == "garbage-ref":
        (clone / "refs" / "docs-bot" / "head").write_text("rubbish\n")
    else:
        shutil.rmtree(clone)
        clone.write_text("not a folder")
    again = list_source("git", server.address, cache)
    assert again.texts == first.texts and again.code == 0
    assert list_source("git", server.address, cache).texts == first.texts


def test_damage_between_listing_and_reading(repo, cache):
    repo.commit({"docs/a.md": "# A\n" + "text " * 1000})
    expected = list_source("git", file_url(repo), cache).texts
    process = subprocess.Popen(command("git", file_url(repo), cache, "wait=1"),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stderr.readline() == "listed\n"
    blob = repo.git("rev-parse", "HEAD:docs/a.md")
    loose = clone_of(cache) / "objects" / blob[:2] / blob[2:]
    victims = [loose] if loose.exists() else packs_of(cache)
    for victim in victims:
        victim.chmod(0o644)
        victim.write_bytes(victim.read_bytes()[:10])
    out, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert {i["path"]: i["text"] for i in json.loads(out)["items"]} == expected


def test_leftovers_of_a_killed_fetch(server, cache):
    list_source("git", server.address, cache)
    left = clone_of(cache) / "objects" / "pack" / "pack_git2_abc123"
    left.write_bytes(b"half")
    (cache / "git" / (clone_of(cache).name + ".new")).mkdir()
    assert list_source("git", server.address, cache).code == 0
    assert not left.exists()


def test_killed_at_any_time(tmp_path, cache):
    repo = Repo(tmp_path / "served" / "large")
    repo.commit({f"docs/{i}.md": f"# Page {i}\n" + os.urandom(2000).hex() for i in range(300)})
    with git_server(tmp_path / "served") as server:
        for wait in (0.01, 0.03, 0.06, 0.1, 0.2):
            process = subprocess.Popen(command("git", f"{server.url}/large", cache),
                                       stdout=subprocess.DEVNULL, env=environment())
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            process.wait()
        listing = list_source("git", f"{server.url}/large", cache)
    assert len(listing.texts) == 300 and None not in listing.texts.values()


def test_two_runs_at_once(server, cache):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: list_source("git", server.address, cache), range(6)))
    assert all(d.texts == done[0].texts and d.code == 0 for d in done)


# --- smart HTTP ---


def test_http_fetches_what_changed(server, repo, cache):
    first = list_source("git", server.address, cache)
    assert first.texts["docs/a.md"] == "# A\n" and first.json["repo"] == "owner/docs"
    assert first.json["name"] == "owner/docs" and first.json["web_url"] == ""
    assert first.json["progressed"] > 0
    server.requests.clear()
    assert list_source("git", server.address, cache).ids == first.ids
    assert [r[0] for r in server.requests] == ["GET"], "an unchanged branch needs no pack"
    repo.commit({"docs/a.md": "# A2\n"})
    assert list_source("git", server.address, cache).texts["docs/a.md"] == "# A2\n"


def test_several_sources_share_a_cache_folder(server, tmp_path, cache):
    other = Repo(tmp_path / "served" / "owner" / "second")
    other.commit({"s.md": "# S\n"})
    assert list_source("git", server.address, cache).code == 0
    assert list_source("git", f"{server.url}/owner/second", cache).texts == {"s.md": "# S\n"}


def test_token(server, cache, tmp_path):
    server.token = "s3cret-token-of-mine"
    refused = list_source("git", server.address, cache)
    assert refused.code == 1 and "token" in refused.error and "401" in refused.error
    wrong = list_source("git", server.address, cache, "token=another-s3cret")
    assert wrong.code == 1 and "not accepted" in wrong.error and "s3cret" not in wrong.raw
    right = list_source("git", server.address, cache, f"token={server.token}")
    assert right.code == 0 and "s3cret" not in right.raw
    kept = b"".join(f.read_bytes() for f in cache.rglob("*") if f.is_file())
    assert b"s3cret" not in kept


def test_token_stays_with_its_host(server, tmp_path, cache):
    with git_server(tmp_path / "served") as other:
        server.redirects = {"/owner/old": f"{other.url}/owner/docs.git"}
        listing = list_source("git", f"{server.url}/owner/old", cache, "token=s3cret")
        assert listing.code == 0 and "docs/a.md" in listing.texts
        assert server.requests[0][2] and other.requests
        assert [r[2] for r in other.requests] == [None] * len(other.requests)


def test_renamed_repository(server, cache):
    server.redirects = {"/owner/old": f"{server.url}/owner/docs.git"}
    listing = list_source("git", f"{server.url}/owner/old", cache, "token=s3cret")
    assert listing.code == 0 and "docs/a.md" in listing.texts
    posts = [r for r in server.requests if r[0] == "POST"]
    assert posts and all("/owner/docs.git/" in r[1] and r[2] for r in posts)


def test_redirects_in_a_circle(server, cache):
    server.redirects = {"/owner/docs.git": f"{server.url}/owner/docs.git"}
    listing = list_source("git", server.address, cache)
    assert listing.code == 1 and "redirect" in listing.error.lower()


def test_vanished_over_http(server, repo, cache):
    list_source("git", server.address, cache)
    shutil.rmtree(repo.path)
    listing = list_source("git", server.address, cache)
    assert listing.code == 1 and server.address in listing.error and "404" in listing.error


def test_busy_server_is_asked_again(server, cache):
    server.fail_next = [(503, {}), (429, {"Retry_After": "1"})]
    assert list_source("git", server.address, cache).code == 0
    assert [r[0] for r in server.requests[:3]] == ["GET", "GET", "GET"]


def test_server_that_stays_busy(server, cache):
    server.fail_next = [(503, {"Retry_After": "0"})] * 10
    listing = list_source("git", server.address, cache)
    assert listing.code == 1 and "503" in listing.error and len(server.requests) == 4


def test_answer_that_breaks_off(server, cache):
    server.cut = 1
    assert list_source("git", server.address, cache).code == 0
    server.requests.clear()


def test_server_that_hangs(server, cache):
    server.hang = True
    listing = list_source("git", server.address, cache, "stall_ms=1000")
    assert listing.code == 1 and "no answer in time" in listing.error


def test_stop_while_a_server_hangs(server, cache):
    server.hang = True
    listing = list_source("git", server.address, cache, "stop_ms=300")
    assert listing.code == 1 and listing.json["code"] == "cancelled"


def test_not_a_repository(server, tmp_path, cache):
    (tmp_path / "served" / "plain").mkdir()
    listing = list_source("git", f"{server.url}/plain", cache)
    assert listing.code == 1 and f"{server.url}/plain" in listing.error


def test_proxy_of_the_environment(server, cache):
    """Nobody listens at the proxy: a request that ignored it would succeed."""
    listing = list_source("git", server.address, cache,
                          env={"http_proxy": "http://127.0.0.1:9", "no_proxy": ""})
    assert listing.code == 1 and not server.requests


@pytest.mark.parametrize("address,word", [
    ("git@github.com:kubeflow/website.git", "ssh"), ("ssh://git@github.com/a/b", "ssh"),
    ("ftp://example.org/a", "ftp"), ("https://user:s3cret@example.org/a/b", "GITHUB_TOKEN"),
    ("https://example.org", "not the address"), ("nonsense", "not the address"),
    ("https://example.org/a?x=1", "not the address"), ("file://", "not the address"),
])
def test_addresses_that_are_refused(cache, address, word):
    listing = list_source("git", address, cache)
    assert listing.code == 1 and word in listing.error and "s3cret" not in listing.raw
    assert not cache.exists()


def test_token_needs_encryption(cache):
    listing = list_source("git", "http://example.org/a/b", cache, "token=s3cret")
    assert listing.code == 1 and "not encrypted" in listing.error and "s3cret" not in listing.raw
