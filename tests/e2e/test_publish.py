"""Publishing: text first and vectors later, new indexes under a running service, runs that are killed."""

import asyncio
import http.client
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time

import pytest
import websockets

from conftest import SETTINGS, Bot

PATIENCE = 60  # seconds; a bound for what does not come, not a measurement
WORDS = ("trial pipeline notebook gateway cluster namespace profile metric volume image step "
         "cache token secret operator resource quota worker launcher server").split()


def write_pages(folder, count, seed=1, extra="", sections=3):
    """Pages of random words; the first of each names itself, `extra` is in all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = random.Random(seed)
    for i in range(count):
        text = f"# Page {i}\n\nThis is number{i} {extra}.\n"
        for section in range(sections):
            words = " ".join(generator.choice(WORDS) for _ in range(16))
            text += f"\n## Part {section} of {i}\n\n{words}.\n"
        (folder / f"page{i:04}.md").write_text(text)
    return folder


def start(bot, *arguments, **more):
    environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    return subprocess.Popen(bot.command(*arguments), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment, **more)


def value(file, query):
    """The result of one query, or None when the file is not there yet or busy."""
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(query).fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error:
        return None


def cached(bot):
    return value(bot.data / "embeddings.sqlite", "SELECT count(*) FROM embeddings") or 0


def pending(bot):
    return value(bot.data / "index.sqlite", "SELECT count(*) FROM pending")


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


class Service:
    def __init__(self, bot, log):
        self.log = log
        self.stream = log.open("w")
        environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        self.process = subprocess.Popen(bot.command("serve", "--listen", "127.0.0.1:0"),
                                        stdin=subprocess.DEVNULL, stdout=self.stream,
                                        stderr=subprocess.STDOUT, env=environment)
        found = eventually(lambda: re.search(r"127\.0\.0\.1:([1-9]\d*)", log.read_text()),
                           "the service listens")
        self.port = int(found.group(1))

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ready(self):
        status, body = self.get("/readyz")
        return body["index"] if status == 200 else None

    def paths(self, query):
        status, body = self.get("/api/search?top_k=20&q=" + query.replace(" ", "+"))
        assert status == 200, body
        return [r["path"] for r in body["results"]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(timeout=PATIENCE)
        self.stream.close()
        assert code == 0, self.log.read_text()


@pytest.fixture
def pages(tmp_path):
    return write_pages(tmp_path / "pages", 8)


def test_published_pages_are_found_without_a_restart(bot, pages, tmp_path):
    bot.index(pages)
    with Service(bot, tmp_path / "log") as service:
        before = eventually(service.ready, "the service is ready")
        assert not any("quokka" in p for p in service.paths("quokkas"))
        (pages / "quokka.md").write_text("# Quokka\n\nQuokkas are small.\n")
        bot.index(pages)
        eventually(lambda: "quokka.md" in service.paths("quokkas"), "the new page is found")
        assert service.ready()["generation"] > before["generation"]
        (pages / "quokka.md").unlink()
        bot.index(pages)
        eventually(lambda: "quokka.md" not in service.paths("quokkas"), "the page is gone")


def test_an_index_that_comes_later_is_found(bot, pages, tmp_path):
    with Service(bot, tmp_path / "log") as service:
        assert service.ready() is None
        bot.index(pages)
        assert eventually(service.ready, "the service is ready")["pending"] == 0
        assert "page0003.md" in service.paths("number3")


async def ask_until(port, question, stop, turns):
    """Asks again and again; every turn's text, or the error frame."""
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws", open_timeout=PATIENCE) as ws:
        await ws.recv()  # the greeting
        while not stop.is_set():
            await ws.send(question)
            text, frame = "", {}
            while frame.get("type") not in ("done", "error"):
                frame = json.loads(await asyncio.wait_for(ws.recv(), PATIENCE))
                text += frame.get("content", "") if frame["type"] == "content" else ""
            turns.append((frame["type"], text or frame.get("content")))


def test_no_question_fails_while_indexes_are_swapped(bot, pages, tmp_path):
    """Rebuilds replace every document: an answer that saw two states would find nothing."""
    bot.index(pages)
    turns = []

    async def swap(port):
        stop = asyncio.Event()
        clients = [asyncio.create_task(ask_until(port, f"What is number{i}?", stop, turns))
                   for i in (2, 3, 5)]
        for round_number in range(8):
            write_pages(pages, 8, seed=round_number % 3)
            await asyncio.to_thread(bot.index, pages, "--rebuild")
            seen = len(turns)
            while len(turns) < seen + 6 and not any(c.done() for c in clients):
                await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*clients)

    with Service(bot, tmp_path / "log") as service:
        first = eventually(service.ready, "the service is ready")["generation"]
        asyncio.run(swap(service.port))
        eventually(lambda: service.ready()["generation"] >= first + 8, "all swaps are seen")
    assert len(turns) >= 40
    for kind, text in turns:
        assert kind == "done", text
        assert re.search(r"This is number[235]\b", text), text


def test_a_service_does_not_let_the_log_grow(bot, pages, tmp_path):
    """Its readers stay; each publish would be kept in the log for ever if they did not move on."""
    bot.index(pages)
    with Service(bot, tmp_path / "log") as service:
        for _ in range(10):
            for i in range(8):  # keep most workers' stores open
                service.paths(f"number{i}")
            generation = service.ready()["generation"]
            bot.index(pages, "--rebuild")
            eventually(lambda: service.ready()["generation"] > generation, "the swap is seen")
            time.sleep(0.7)  # for the log to be merged, a moment after the swap
        index, log = bot.data / "index.sqlite", bot.data / "index.sqlite-wal"
        assert log.stat().st_size < 4 * index.stat().st_size


def test_text_answers_before_vectors_are_there(bot, pages, tmp_path):
    report = bot.index(pages, "--text-only")
    assert report["embedded_chunks"] == 0 and report["pending_chunks"] == report["total_chunks"] > 0
    with Service(bot, tmp_path / "log") as service:
        index = eventually(service.ready, "the service is ready")
        assert index["pending"] == index["chunks"] == report["total_chunks"]
        assert index["percent"] == 0
        assert service.paths("number3")[0] == "page0003.md"
        asked = bot.run("--json", "ask", "what is number3").json
        assert asked["route"] == "docs" and "This is number3" in asked["answer"]
        resumed = bot.run("--json", "index", "--resume")
        assert resumed.code == 0, resumed.err
        assert resumed.json["pending_chunks"] == 0
        assert 0 < resumed.json["embedded_chunks"] <= report["total_chunks"]
        index = eventually(lambda: (i := service.ready()) and not i["pending"] and i, "vectors")
        assert index["percent"] == 100
        assert service.paths("number3")[0] == "page0003.md"
    again = bot.index(pages)
    assert again["embedded_chunks"] == 0 and again["reused_chunks"] == report["total_chunks"]


@pytest.fixture
def many(tmp_path):
    """Enough that a run can be caught in the middle."""
    return write_pages(tmp_path / "many", 300)


def kill_when(bot, condition, what, *arguments):
    process = start(bot, "--threads", "1", "index", *arguments)
    try:
        eventually(lambda: condition() or process.poll() is not None, what)
        assert process.poll() is None, process.communicate()[1]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def whole(bot):
    assert value(bot.data / "index.sqlite", "PRAGMA integrity_check") == "ok"


def test_a_killed_first_run_goes_on_from_the_cache(bot, many):
    kill_when(bot, lambda: cached(bot) >= 100, "something is embedded", many)
    whole(bot)
    kept = cached(bot)
    assert pending(bot) > 0
    assert bot.run("--json", "search", "number7").json["results"][0]["path"] == "page0007.md"
    report = bot.index(many)
    assert 0 < report["embedded_chunks"] <= report["total_chunks"] - kept
    assert pending(bot) == 0
    assert bot.index(many)["embedded_chunks"] == 0


def test_readers_see_the_second_stage_grow(bot, many, tmp_path):
    """Not one question fails, from no vectors to all."""
    bot.index(many, "--text-only")
    with Service(bot, tmp_path / "log") as service:
        eventually(service.ready, "the service is ready")
        process = start(bot, "index", "--resume")
        percents = []
        while process.poll() is None:
            percents.append(service.ready()["percent"])
            assert service.paths("number42")[0] == "page0042.md"
        assert process.returncode == 0, process.communicate()[1]
        process.communicate()
        eventually(lambda: service.ready()["percent"] == 100, "everything is embedded")
        assert percents[0] == 0 and percents == sorted(percents)


def test_a_rebuild_stands_beside_the_old_until_it_is_done(bot, pages, many, tmp_path):
    bot.index(pages, "--source", "docs")
    generation = value(bot.data / "index.sqlite",
                       "SELECT value FROM meta WHERE key = 'generation'")
    before = cached(bot)
    with Service(bot, tmp_path / "log") as service:
        eventually(service.ready, "the service is ready")
        kill_when(bot, lambda: cached(bot) >= before + 100, "the rebuild embeds",
                  many, "--source", "docs", "--rebuild")
        kept = cached(bot)
        whole(bot)
        assert value(bot.data / "index.sqlite",
                     "SELECT value FROM meta WHERE key = 'generation'") == generation
        assert service.paths("number7")[0] == "page0007.md"
        assert "page0099.md" not in service.paths("number99")
        report = bot.index(many, "--source", "docs", "--rebuild")
        assert report["embedded_chunks"] <= report["total_chunks"] - (kept - before)
        eventually(lambda: service.paths("number99")[0] == "page0099.md", "the rebuild is seen")
        assert service.ready()["pending"] == 0
    assert value(bot.data / "index.sqlite", "SELECT count(*) FROM documents") == 300


def test_a_second_run_is_told_of_the_first(bot, many):
    first = start(bot, "--threads", "1", "index", many)
    try:
        eventually(lambda: cached(bot) > 0 or first.poll() is not None, "the first run embeds")
        first.send_signal(signal.SIGSTOP)  # for as long as the others try
        second = bot.run("index", many)
        assert second.code == 1 and "in use by another docs-bot" in second.errors[0]
        third = bot.run("index", "--resume")
        assert third.code == 1 and "in use by another docs-bot" in third.errors[0]
    finally:
        first.terminate()
        first.send_signal(signal.SIGCONT)
        errors = first.communicate()[1]
    assert first.returncode == 1 and "the next run goes on from there" in errors
    assert bot.run("index", "--resume").code == 0
    assert pending(bot) == 0


def test_vectors_of_another_precision_are_not_mixed_in(bot, pages):
    bot.index(pages, "--text-only", env={"DOCS_BOT_PRECISION": "f32"})
    run = bot.run("index", "--resume", env={"DOCS_BOT_PRECISION": "int8", "DOCS_BOT_SIMD": "plain"})
    assert run.code == 1 and "precision" in run.errors[0], run.err
    assert bot.run("index", "--resume", env={"DOCS_BOT_PRECISION": "f32"}).code == 0
