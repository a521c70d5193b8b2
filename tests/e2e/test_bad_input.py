"""Bad input: one clear line, the right exit code, and the index keeps its last good state."""

import ctypes
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from conftest import MAKE_TINY_MODEL, SITE, Bot, small_disk, unmount

HUGE = 200 * 1000 * 1000


def only_error(run, *words):
    """The run failed with exactly one line for the user, and the line holds these words."""
    assert run.code == 1, (run.code, run.err)
    assert len(run.errors) == 1, run.err
    line = run.errors[0]
    assert len(line) > 20 and all(word in line for word in words), line
    return line


def still_good(bot):
    """The index of the small site is as it was."""
    found = bot.run("--json", "search", "medianstop")
    assert found.code == 0, found.err
    assert found.json["results"][0]["path"].endswith("early-stopping.md")


# --- models ---


def test_missing_model(tmp_path):
    bot = Bot(tmp_path / "data", "all-MiniLM-L6-v2", tmp_path / "models")
    only_error(bot.run("index", SITE), "all-MiniLM-L6-v2", "model fetch")


def test_unknown_model(tmp_path):
    bot = Bot(tmp_path / "data", "no-such-model", tmp_path / "models")
    only_error(bot.run("model", "fetch", "no-such-model"), "no-such-model", "model list")


@pytest.mark.parametrize("damage", ["short", "header", "vocabulary", "config", "missing"])
def test_damaged_model(tmp_path, tiny_model, indexed, damage):
    model = tmp_path / "tiny-bert"
    shutil.copytree(tiny_model, model)
    weights = model / "model.safetensors"
    if damage == "short":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif damage == "header":
        weights.write_bytes(b"\xff" * 8 + weights.read_bytes()[8:])
    elif damage == "vocabulary":
        (model / "vocab.txt").write_text("")
    elif damage == "config":
        (model / "config.json").write_text('{"model_type": "bert", "hidden_size": -1}')
    else:
        weights.unlink()
    data = tmp_path / "data"
    shutil.copytree(indexed.data, data)
    only_error(Bot(data, model).run("index", SITE))
    still_good(Bot(data, tiny_model))


def test_wrong_hash(tmp_path, tiny_model):
    """A folder with the name of a pinned model but other weights."""
    models = tmp_path / "models"
    shutil.copytree(tiny_model, models / "all-MiniLM-L6-v2")
    bot = Bot(tmp_path / "data", "all-MiniLM-L6-v2", models)
    only_error(bot.run("model", "verify"), "53aa51172d142c89")
    only_error(bot.run("index", SITE), "53aa51172d142c89", "model fetch --force")


def test_model_of_another_index(tmp_path, indexed):
    """The store refuses another model's vectors and says what to do."""
    other = tmp_path / "tiny-mpnet"
    other.mkdir()
    subprocess.run([MAKE_TINY_MODEL, other, "mpnet"], check=True)
    data = tmp_path / "data"
    shutil.copytree(indexed.data, data)
    bot = Bot(data, other)
    only_error(bot.run("index", SITE), "tiny-bert", "--rebuild")
    only_error(bot.run("search", "trial"), "tiny-bert")
    still_good(Bot(data, indexed.model))


# --- files ---


def skipped(report):
    return {entry["path"]: entry["reason"] for entry in report["skipped"]}


def test_files_that_are_not_text(bot, docs):
    (docs / "latin1.md").write_bytes("# Über\n\ncafé\n".encode("latin-1"))
    (docs / "binary.md").write_bytes(b"# A\n\0\1\2\3")
    (docs / "empty.md").write_bytes(b"")
    report = bot.index(docs)
    reasons = skipped(report)
    assert "UTF-8" in reasons["latin1.md"] and "binary" in reasons["binary.md"]
    assert report["documents"] >= 13
    still_good(bot)


def test_huge_file_is_skipped(bot, docs):
    with (docs / "huge.md").open("wb") as f:
        f.truncate(HUGE)
    report = bot.index(docs)
    assert "huge.md" in skipped(report) and skipped(report)["huge.md"]
    still_good(bot)


def test_huge_line_of_text(bot, docs):
    """9 MB without a line break is below the limit of a file and has to be survived."""
    (docs / "line.md").write_bytes(b"[" * 9_000_000)
    run = bot.run("--json", "index", docs, "--dry-run", timeout=300)
    assert run.code == 0, run.err


def unprivileged():
    """Root may read everything: give that up for the child."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def test_unreadable_file_is_skipped(bot, docs, tmp_path):
    (docs / "secret.md").write_text("# Secret\n\nnothing\n")
    (docs / "secret.md").chmod(0)
    more = {}
    if os.geteuid() == 0:
        # The child is another user: it needs a folder of its own, and a way to all others.
        folder = Path("/tmp") / f"docs-bot-test-{os.getpid()}"
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        shutil.copytree(docs, folder / "docs")
        (folder / "docs" / "secret.md").chmod(0)
        shutil.copytree(bot.model, folder / "tiny-bert")
        binary = folder / "docs-bot"
        shutil.copy(bot.command()[0], binary)
        command = [str(binary), "--data-dir", str(folder / "data"), "--model",
                   str(folder / "tiny-bert"), "--json", "index", str(folder / "docs")]
        try:
            done = subprocess.run(command, capture_output=True, text=True, preexec_fn=unprivileged,
                                  cwd=folder, stdin=subprocess.DEVNULL)
        finally:
            shutil.rmtree(folder)
        assert done.returncode == 0, done.stderr
        assert '"secret.md"' in done.stdout and "ermission" in done.stdout
    else:
        report = bot.index(docs, **more)
        assert "ermission" in skipped(report)["secret.md"]


def test_symbolic_link_loops_end(bot, docs):
    (docs / "content" / "loop").symlink_to(docs)
    (docs / "a.md").symlink_to("b.md")
    (docs / "b.md").symlink_to("a.md")
    (docs / "outside.md").symlink_to("/etc/passwd")
    report = bot.index(docs)
    assert report["documents"] == 13
    assert "outside.md" in skipped(report)
    still_good(bot)


@pytest.mark.parametrize("what", ["empty", "missing", "a file", "no documents"])
def test_folder_without_documents(bot, docs, tmp_path, what):
    bot.index(docs)
    folder = tmp_path / "odd"
    if what == "a file":
        folder.write_text("x")
    elif what != "missing":
        folder.mkdir()
        if what == "no documents":
            (folder / "picture.png").write_bytes(b"\x89PNG")
    where = str(folder) if what in ("missing", "a file") else "no documents in docs"
    only_error(bot.run("index", folder, "--source", "docs"), where)
    still_good(bot)


# --- the store ---


def test_no_index_yet(bot):
    only_error(bot.run("search", "x"), "docs-bot index")
    only_error(bot.run("ask", "x"), "docs-bot index")


def test_store_of_a_newer_schema(bot):
    bot.index(SITE)
    file = bot.data / "index.sqlite"
    with sqlite3.connect(file) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    only_error(bot.run("search", "x"), "newer")
    only_error(bot.run("index", SITE), "newer")
    with sqlite3.connect(file) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    still_good(bot)


def test_damaged_store(bot):
    bot.index(SITE)
    file = bot.data / "index.sqlite"
    for rest in bot.data.glob("index.sqlite-*"):
        rest.unlink()
    file.write_bytes(b"this is not a database" * 500)
    only_error(bot.run("search", "x"), str(file))
    only_error(bot.run("index", SITE), str(file))


def test_data_folder_cannot_be_made(tmp_path, tiny_model):
    (tmp_path / "file").write_text("x")
    only_error(Bot(tmp_path / "file" / "data", tiny_model).run("index", SITE), "file")


def many_pages(folder):
    folder.mkdir()
    for n in range(300):
        body = " ".join(f"word{n}x{i}" for i in range(400))
        (folder / f"page{n}.md").write_text(f"# Page {n}\n\n{body}\n")
    return folder


def test_full_disk(tmp_path, tiny_model):
    pages = many_pages(tmp_path / "pages")
    disk = small_disk(tmp_path / "disk", "2m")
    limit = 1_000_000
    more = {}
    if not disk:
        disk = tmp_path / "disk"

        def bounded():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        more = {"preexec_fn": bounded}
    try:
        bot = Bot(disk / "data", tiny_model)
        bot.index(SITE)
        run = bot.run("index", pages, timeout=300, **more)
        only_error(run, str(disk))
        still_good(bot)
    finally:
        if not more:
            unmount(disk)


def test_interrupted_run_keeps_the_old_index(bot, docs, tmp_path):
    bot.index(docs)
    pages = many_pages(tmp_path / "pages")

    def die_with_us():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    process = subprocess.Popen(bot.command("index", pages), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=die_with_us)
    process.kill()
    process.communicate()
    still_good(bot)
    assert bot.index(docs)["embedded_chunks"] == 0


# --- the service ---


def test_port_in_use(indexed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = indexed.run("serve", "--listen", f"127.0.0.1:{port}")
        only_error(run, str(port), "in use")


class Service:
    """docs-bot serve on a free port."""

    def __init__(self, bot, log):
        self.bot, self.log = bot, log

    def __enter__(self):
        self.stream = self.log.open("w")
        self.process = subprocess.Popen(
            self.bot.command("serve", "--listen", "127.0.0.1:0"), stdin=subprocess.DEVNULL,
            stdout=self.stream, stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:([1-9]\d*)", self.log.read_text())
            if found:
                self.port = int(found.group(1))
                return self
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(self.log.read_text())

    def search(self, query):
        """Status and JSON of /api/search."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", f"/api/search?q={query}")
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def until(self, wanted):
        """The answer once eight searches in a row have this status: no worker has another index."""
        in_a_row = 0
        for _ in range(400):
            status, answer = self.search("medianstop")
            in_a_row = in_a_row + 1 if status == wanted else 0
            if in_a_row == 8:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{status}, not {wanted}: {answer}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.stream.close()


def test_index_is_rebuilt_with_another_model_while_serving(tmp_path, bot, tiny_model):
    """The same dimension, so that nothing but the model's name tells the vectors apart."""
    other = tmp_path / "tiny-other"
    shutil.copytree(tiny_model, other)
    bot.index(SITE)
    with Service(bot, tmp_path / "serve.log") as service:
        assert service.search("medianstop")[0] == 200
        Bot(bot.data, other).index(SITE, "--rebuild")
        # till then workers answer from the state that they hold, which is all of the old index
        assert "made with model tiny-other" in service.until(503)["detail"]
        bot.index(SITE, "--rebuild")
        found = service.until(200)
        assert found["results"][0]["path"].endswith("early-stopping.md")


def test_address_of_another_machine(indexed):
    only_error(indexed.run("serve", "--listen", "192.0.2.1:8000"), "192.0.2.1")


# --- questions ---


@pytest.mark.parametrize("command", ["search", "ask"])
@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
def test_empty_question(indexed, command, question):
    run = indexed.run(command, question)
    assert run.code in (1, 2) and len(run.errors) == 1


@pytest.mark.parametrize("command", ["search", "ask"])
def test_question_of_100000_characters(indexed, command):
    question = "why are the pods of my trials gone " * 3000
    run = indexed.run("--json", command, question[:100_001], timeout=300)
    only_error(run, "100000")
    run = indexed.run("--json", command, question[:100_000], timeout=300)
    assert run.code == 0 or len(run.errors) == 1, run.err


@pytest.mark.parametrize("command", ["search", "ask"])
def test_question_that_is_not_utf8(indexed, command):
    only_error(indexed.run(command, os.fsdecode(b"caf\xe9 trial")), "UTF-8")


# --- question sets ---


@pytest.mark.parametrize("content, words", [
    (None, []), ("", []), ("[]\n", ["1"]), ('{"id":"a"}\n', ["1"]), ("\xff\n", ["1"]),
])
def test_bad_question_set(indexed, tmp_path, content, words):
    file = tmp_path / "questions.jsonl"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    only_error(indexed.run("eval", file), "questions.jsonl", *words)


def test_error_is_json_when_asked_for(bot):
    run = bot.run("--json", "search", "x")
    assert run.code == 1 and run.json["status"] == "failed" and run.json["error"]
