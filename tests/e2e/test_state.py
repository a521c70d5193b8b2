"""What a service remembers: conversations and questions that the documentation does not answer."""

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
import websockets

from conftest import SETTINGS, SITE, Bot, small_disk, unmount

QUESTION = "What does the median stopping rule do?"
# The model of these tests is random and finds everything alike: only unknown words tell.
OPEN_QUESTION = "Where does zyxxy frobnicate quux?"
OTHER_OPEN_QUESTION = "Which \x1b[31mplugh\x1b[0m has blorb xyzzy?"
TIMEOUT = 120


class Service:
    """docs-bot serve on a free port, with its log."""

    def __init__(self, bot, log, *options):
        self.log = log
        environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                bot.command(*options, "serve", "--listen", "127.0.0.1:0"),
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment)
        end, found = time.monotonic() + 60, None
        while not found:
            assert self.process.poll() is None and time.monotonic() < end, log.read_text()
            found = re.search(r"open http://(127\.0\.0\.1:\d+)", log.read_text())
            time.sleep(0.05)
        self.ws = f"ws://{found.group(1)}/ws"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        assert kind or code == 0, self.log.read_text()

    def ask(self, *messages):
        """One connection, one turn a message; their texts."""
        return asyncio.run(self.turns(messages))

    async def turns(self, messages):
        texts = []
        async with websockets.connect(self.ws, open_timeout=60) as ws:
            assert json.loads(await ws.recv())["type"] == "system"
            for message in messages:
                await ws.send(json.dumps(message))
                text, frame = "", {"type": ""}
                while frame["type"] != "done":
                    frame = json.loads(await asyncio.wait_for(ws.recv(), TIMEOUT))
                    assert frame["type"] != "error", frame
                    text += frame.get("content", "") if frame["type"] == "content" else ""
                texts.append(text)
        assert all(texts)
        return texts

    def logged(self, words):
        return [line for line in self.log.read_text().splitlines() if words in line]


@pytest.fixture
def site(bot):
    bot.index(SITE, "--source", "site", "--base-url", "https://docs.example")
    return bot


def rows(bot, sql):
    with sqlite3.connect(f"file:{bot.data}/state.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def gaps(bot):
    run = bot.run("--json", "gaps")
    assert run.code == 0, run.err
    return run.json["gaps"]


def test_conversations_are_kept_within_limits(site, tmp_path):
    with Service(site, tmp_path / "log", "--session-turns", "4") as service:
        service.ask(*({"message": f"{QUESTION} ({n})", "session_id": "s1"} for n in range(3)))
        service.ask({"message": QUESTION}, {"message": QUESTION, "session_id": "s2"})
    turns = rows(site, "SELECT s.name, t.role, t.text FROM turns t JOIN sessions s"
                       " ON s.id = t.session_id ORDER BY t.id")
    assert [t[:2] for t in turns] == [("s1", 0), ("s1", 1)] * 2 + [("s2", 0), ("s2", 1)]
    assert turns[0][2].endswith("(1)") and turns[2][2].endswith("(2)")
    # Another service on the same folder goes on where this one was.
    with Service(site, tmp_path / "log2", "--session-turns", "4") as service:
        service.ask({"message": "Another one", "session_id": "s2"})
    assert rows(site, "SELECT count(*) FROM turns t JOIN sessions s ON s.id = t.session_id"
                      " WHERE s.name = 's2'") == [(4,)]


FOLLOW_UP = "And how do I turn it on?"


def test_follow_up_leans_on_what_is_remembered(site, tmp_path):
    """Over another connection, and after a restart: what counts is the session's id."""
    with Service(site, tmp_path / "log") as service:
        service.ask({"message": QUESTION, "session_id": "s1"})
        [leaning] = service.ask({"message": FOLLOW_UP, "session_id": "s1"})
        [alone] = service.ask({"message": FOLLOW_UP, "session_id": "s2"})
        assert "earlyStopping" in leaning and leaning != alone
        service.ask({"message": QUESTION, "session_id": "s3"})
    with Service(site, tmp_path / "log2") as service:
        [later] = service.ask({"message": FOLLOW_UP, "session_id": "s3"})
    assert later == leaning


def test_secrets_are_not_kept(site, tmp_path):
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA1bC2"
    with Service(site, tmp_path / "log") as service:
        service.ask({"message": f"{QUESTION} My token is {token}.", "session_id": "s"},
                    {"message": f"{OPEN_QUESTION} {token}"})
    kept = b"".join(f.read_bytes() for f in site.data.glob("state.db*"))
    assert token.encode() not in kept and b"[masked: " in kept


def test_gaps_are_listed(site, tmp_path):
    assert gaps(site) == []
    with Service(site, tmp_path / "log") as service:
        service.ask({"message": OPEN_QUESTION}, {"message": f"  {OPEN_QUESTION.upper()} "},
                    {"message": OTHER_OPEN_QUESTION})
    listed = gaps(site)
    assert [g["count"] for g in listed] == [2, 1], listed
    first = listed[0]
    assert first["question"] == OPEN_QUESTION.upper() and first["reason"]
    assert first["first"] <= first["last"] and re.fullmatch(r"20\d\d-.*Z", first["last"])
    for page in first["pages"]:
        assert page["title"] and page["url"].startswith("https://docs.example/")
    shown = site.run("gaps")
    assert shown.code == 0 and f"2× {OPEN_QUESTION.upper()}" in shown.out
    assert "\x1b" not in shown.out
    assert len(site.run("--json", "gaps", "--limit", "1").json["gaps"]) == 1
    assert site.run("gaps", "--limit", "0").code == 2


def test_nothing_noted_yet(bot):
    run = bot.run("gaps")
    assert run.code == 0 and "No questions" in run.out
    assert not (bot.data / "state.db").exists()


def test_damaged_state(site, tmp_path):
    (site.data / "state.db").write_bytes(b"\xa5" * 30_000)
    assert site.run("gaps").code == 1
    with Service(site, tmp_path / "log") as service:
        service.ask({"message": OPEN_QUESTION, "session_id": "s"}, {"message": OPEN_QUESTION})
        assert len(service.logged("set aside")) == 1
        assert not service.logged("without memory")
    assert gaps(site)[0]["count"] == 2
    assert (site.data / "state.db.damaged").read_bytes() == b"\xa5" * 30_000


def test_state_that_cannot_be_written(site, tmp_path):
    """A folder stands where the file should be: answers come all the same, with one line."""
    (site.data / "state.db").mkdir()
    with Service(site, tmp_path / "log") as service:
        service.ask(*({"message": QUESTION, "session_id": "s"} for _ in range(4)))
        assert len(service.logged("without memory")) == 1


def test_full_disk(site, tmp_path):
    disk = small_disk(tmp_path / "disk", "8m")
    if not disk:
        pytest.skip("no tmpfs may be mounted here")
    try:
        data = disk / "data"
        shutil.copytree(site.data, data)
        full = Bot(data, site.model)
        with Service(full, tmp_path / "log") as service:
            service.ask({"message": QUESTION, "session_id": "s"})
            with (disk / "ballast").open("wb", buffering=0) as ballast:
                with pytest.raises(OSError):
                    while True:
                        ballast.write(b"x" * 4096)
            message = {"message": QUESTION + " x" * 3000, "session_id": "s"}
            service.ask(*[message] * 6)
            assert len(service.logged("without memory")) == 1, service.log.read_text()
            (disk / "ballast").unlink()
            service.ask({"message": QUESTION, "session_id": "s"})
            assert len(service.logged("remembering again")) == 1, service.log.read_text()
    finally:
        unmount(disk)
