"""
Kills: `docs-bot index` is killed (SIGKILL) at random moments of all its phases, and each time what is
left must be whole, must answer, and must be gone on from.

CRASH_KILLS says how many kills (40), CRASH_SEED which (printed, so that a failure can be repeated).
What a seed decides is the order of runs and the moments; the moments are of this machine's clock.
"""

import json
import os
import random
import sqlite3
import subprocess
import time


from conftest import SETTINGS, Bot
from test_publish import write_pages

KILLS = int(os.environ.get("CRASH_KILLS", "40"))
SEED = int(os.environ.get("CRASH_SEED") or 20261124)
PAGES = 40
PATIENCE = 120  # seconds; a bound for what does not end, not a measurement


def rows(connection, query):
    return connection.execute(query).fetchall()


def one(connection, query):
    return connection.execute(query).fetchone()[0]


def check_index(file):
    """What must hold of a published index at any time; returns its generation."""
    connection = sqlite3.connect(file, timeout=30)
    try:
        assert rows(connection, "PRAGMA integrity_check") == [("ok",)]
        assert rows(connection, "PRAGMA foreign_key_check") == []
        for table in ("sections_fts", "pages_fts"):  # fails when postings and texts differ
            connection.execute(f"INSERT INTO {table}({table}, rank) VALUES('integrity-check', 1)")
        connection.rollback()
        # Every chunk stands for sections that are there …
        assert one(connection, """
            SELECT count(*) FROM chunks AS c WHERE (SELECT count(*) FROM sections AS s
             WHERE s.document_id = c.document_id
             AND s.ordinal BETWEEN c.first_section AND c.last_section)
             <> c.last_section - c.first_section + 1""") == 0
        # … and has a vector of the right length, or waits for one, never both.
        dimension = one(connection, "SELECT value FROM meta WHERE key = 'dimension'")
        assert one(connection, f"""
            SELECT count(*) FROM chunks AS c WHERE length(vector) <>
             CASE WHEN EXISTS(SELECT 1 FROM pending WHERE chunk_id = c.id)
             THEN 0 ELSE {4 * dimension} END""") == 0
        assert one(connection, "SELECT count(*) FROM documents"
                               " WHERE id NOT IN (SELECT rowid FROM pages_fts)") == 0
        return one(connection, "SELECT value FROM meta WHERE key = 'generation'")
    finally:
        connection.close()


def check_cache(file):
    connection = sqlite3.connect(file, timeout=30)
    try:
        assert rows(connection, "PRAGMA integrity_check") == [("ok",)]
        assert one(connection, "SELECT count(*) FROM embeddings WHERE length(vector) = 0") == 0
        return one(connection, "SELECT count(*) FROM embeddings")
    finally:
        connection.close()


class Crash:
    def __init__(self, bot, folder):
        self.bot, self.folder = bot, folder
        self.random = random.Random(SEED)
        self.generation = self.kills = self.late = 0
        self.version = 0
        self.whole_run = 2.0  # seconds that an undisturbed run takes, about
        self.phases = {}

    def write(self):
        self.version += 1
        write_pages(self.folder, PAGES, seed=self.version, extra=f"version{self.version}")

    def change_some(self):
        for page in self.random.sample(sorted(self.folder.glob("*.md")), PAGES // 4):
            if self.random.random() < 0.2 and page.name != "page0007.md":
                page.unlink()
            else:
                page.write_text(page.read_text() + f"\nMore of {self.random.random()}.\n")

    def index(self, *arguments):
        return self.bot.command("--json", "index", *arguments)

    def kill_one(self, phase, *arguments):
        """A run that is killed at a random moment; one that was faster counts as late, not as a kill."""
        environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        process = subprocess.Popen(self.index(*arguments), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=environment)
        begin = time.monotonic()
        try:
            process.wait(timeout=self.random.random() ** 2 * 1.1 * self.whole_run)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.kills += 1
            self.phases[phase] = self.phases.get(phase, 0) + 1
        else:
            assert process.returncode == 0, (phase, process.returncode)
            self.whole_run = max(0.3, 0.5 * (self.whole_run + time.monotonic() - begin))
            self.late += 1

    def check(self):
        """What is left after a kill; without a first publish there is nothing to search."""
        index = self.bot.data / "index.sqlite"
        if (self.bot.data / "embeddings.sqlite").exists():
            check_cache(self.bot.data / "embeddings.sqlite")
        found = self.bot.run("--json", "search", "number7")
        if found.code != 0:
            assert self.generation == 0 and "docs-bot index" in found.errors[0], found.err
            return
        generation = check_index(index)
        assert generation >= self.generation
        self.generation = generation
        assert found.json["results"][0]["path"] == "page0007.md"

    def complete(self):
        """An undisturbed run makes all of it good, and has nothing to do the next time."""
        begin = time.monotonic()
        report = self.bot.index(self.folder, timeout=PATIENCE)
        if report["embedded_chunks"]:
            self.whole_run = time.monotonic() - begin
        assert report["documents"] == len(list(self.folder.glob("*.md")))
        again = self.bot.index(self.folder, timeout=PATIENCE)
        assert again["embedded_chunks"] == 0 and again["total_chunks"] == report["total_chunks"]
        self.check()
        connection = sqlite3.connect(self.bot.data / "index.sqlite")
        assert one(connection, "SELECT count(*) FROM pending") == 0
        connection.close()

    def forget(self):
        for file in self.bot.data.iterdir():
            file.unlink()
        self.generation = 0

    def round(self):
        """One of the things that a run can be doing when it dies, three times in a row."""
        phase = self.random.choice(("first", "update", "rebuild", "second stage"))
        if phase == "first":
            self.forget()
            self.write()
        elif phase == "second stage":
            self.write()
            assert self.bot.run("index", self.folder, "--text-only").code == 0
        elif phase == "rebuild":
            self.write()
        for _ in range(3):
            if phase == "update":
                self.change_some()
            arguments = {"second stage": ("--resume",),
                         "rebuild": (self.folder, "--rebuild")}.get(phase, (self.folder,))
            self.kill_one(phase, *arguments)
            self.check()
        self.complete()


def test_kills_lose_nothing(tmp_path, tiny_model, capsys):
    crash = Crash(Bot(tmp_path / "data", tiny_model), tmp_path / "pages")
    with capsys.disabled():
        print(f"\ncrash test: CRASH_SEED={SEED} CRASH_KILLS={KILLS}", flush=True)
    crash.write()
    crash.complete()
    while crash.kills < KILLS and crash.late < 4 * KILLS + 20:
        crash.round()
    with capsys.disabled():
        print(f"crash test: {crash.kills} kills {json.dumps(crash.phases)}, {crash.late} runs were "
              f"faster than their kill", flush=True)
    assert crash.kills >= KILLS
