"""bench/: its arithmetic, its protocol and its report, on workers that are made up here."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, SITE

sys.path.insert(0, str(ROOT / "bench"))

import lib  # noqa: E402
import report  # noqa: E402
import rows_encode  # noqa: E402
import rows_index  # noqa: E402
import rows_system  # noqa: E402
import texts  # noqa: E402

FLOOR = Path(os.environ.get("DOCS_BOT_BENCH_FLOOR") or ROOT / "build" / "dev" / "bench" / "bench_floor")
WORKER = """
import json, sys
print(json.dumps({"model": "made up"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"texts": len(request["texts"]), "ms": 2.5}), flush=True)
"""


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(lib, "BUILD", tmp_path / "build")
    monkeypatch.setattr(lib, "RESULTS", tmp_path / "build" / "results")


# --- arithmetic ---


def test_summary_interpolates_as_docs_bot_does():
    got = lib.summary([50, 10, 40, 20, 30])
    assert got == {"n": 5, "median": 30, "p25": 20, "p75": 40, "min": 10, "max": 50}
    assert lib.quantile([4, 3, 2, 1], 0.25) == 1.75
    assert lib.summary([7])["p25"] == 7


def test_ratio_is_taken_in_each_round():
    # The second round is ten times as slow for both: it must not count more.
    got = lib.ratio([20, 400, 60], [10, 100, 20])
    assert got["median"] == 3 and got["min"] == 2 and got["max"] == 4
    with pytest.raises(ValueError):
        lib.ratio([1, 2], [1])


def test_rounds_rotate_and_the_first_does_not_count():
    order = []

    def measure(name, number):
        order.append((number, name))
        return number
    times = lib.run_rounds(["a", "b", "c"], 3, measure)
    assert times == {"a": [0, 1, 2], "b": [0, 1, 2], "c": [0, 1, 2]}
    firsts = [order[i][1] for i in range(0, len(order), 3)]
    assert firsts == ["a", "b", "c", "a"]


def test_cosine():
    assert lib.cosine([1, 0], [0, 2]) == 0
    assert abs(lib.cosine([1, 2], [-2, -4]) + 1) < 1e-12


def test_figures_are_met_or_not_or_unknown():
    assert lib.figure("f", "m", 1.2, value=1.2)["met"] is True
    assert lib.figure("f", "m", 1.2, value=1.19)["met"] is False
    assert lib.figure("f", "m", 150, better="lower", value=151)["met"] is False
    assert lib.figure("f", "m", 150, better="lower", value=150)["met"] is True
    assert lib.figure("f", "m", 1.2, note="no such processor")["met"] is None
    assert lib.figure("f", "m", None, value=3)["met"] is None


# --- workers ---


def test_worker_answers_line_by_line():
    with lib.Workers() as workers:
        workers.start("made up", [sys.executable, "-c", WORKER])
        assert workers["made up"].hello == {"model": "made up"}
        assert workers["made up"].ask(["a", "b"]) == {"texts": 2, "ms": 2.5}
        assert workers["made up"].rss_mb() > 1
        process = workers["made up"].process
    assert process.returncode == 0


def test_what_is_not_there_is_kept_with_its_reason():
    with lib.Workers() as workers:
        workers.start("broken", [sys.executable, "-c", "raise SystemExit('no such kernel')"])
        workers.start("absent", [ROOT / "no-such-program"])

        def refuse(hello):
            raise lib.NotAvailable(f"{hello['model']} is refused")
        workers.start("refused", [sys.executable, "-c", WORKER], refuse)
        assert not workers.running
        assert "no such kernel" in workers.missing["broken"]
        assert "no-such-program" in workers.missing["absent"]
        assert workers.missing["refused"] == "made up is refused"


def test_reasons_hold_no_paths():
    message = "docs-bot: /home/me/models/m/model.safetensors: this processor has no bf16: choose f32"
    assert lib.reason(message) == "this processor has no bf16: choose f32"
    assert lib.reason("no such kernel") == "no such kernel"


def test_missing_programs_make_figures_without_a_value():
    figures = []
    times = {"us": [1.0, 2.0], "them": [2.0, 4.0]}
    rows_encode.compared(figures, "f", "m", times, {}, "us", "them", 1.5)
    rows_encode.compared(figures, "g", "m", {"us": [1.0]}, {"them": "is away"}, "us", "them", 1.5)
    assert figures[0]["value"] == 2 and figures[0]["met"] is True
    assert "value" not in figures[1] and figures[1]["met"] is None
    assert figures[1]["note"] == "is away"


def test_docs_bot_as_a_worker(tiny_model, monkeypatch):
    monkeypatch.setattr(lib, "MODELS_DIR", tiny_model.parent)
    with lib.Workers() as workers:
        lib.start_bot(workers, str(tiny_model), "f32")
        assert workers.missing == {}
        reply = workers["docs-bot f32"].ask(["a pod", "a node"], vectors=True)
    assert reply["texts"] == 2 and len(reply["vectors"][0]) == 32


def test_floor_counts_its_products():
    done = subprocess.run([FLOOR, "64", "4", "3", "128", "10"], input="\n\n", text=True,
                          capture_output=True, check=True)
    hello, *replies = map(json.loads, done.stdout.splitlines())
    # dense 4·64² + 2·64·128 for each token, attention 2·10·64 for each token, two operations each
    assert abs(hello["gflop"] * 1e9 - 3 * 10 * 2 * (4 * 64 * 64 + 2 * 64 * 128 + 2 * 10 * 64)) < 1
    assert len(replies) == 2 and all(r["ms"] > 0 and r["cpu_ms"] > 0 for r in replies)


@pytest.mark.parametrize("arguments", [[], ["64", "4", "3", "128"], ["64", "5", "3", "128", "10"],
                                       ["64", "4", "3", "128", "0"], ["64", "4", "x", "128", "9"]])
def test_floor_refuses_wrong_shapes(arguments):
    done = subprocess.run([FLOOR, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 2 and done.stdout == b""


# --- texts ---


def test_texts_of_an_index_are_known_by_their_hash(indexed):
    found, proven, wanted = texts.embedded_texts(indexed.data)
    assert proven == wanted == len(found) == len(set(found))
    assert any(" > " in text.splitlines()[0] for text in found), "sections have a header"


def test_a_text_in_no_known_form_is_not_called_proven(tmp_path):
    index = sqlite3.connect(tmp_path / "index.sqlite")
    index.executescript("""
        CREATE TABLE documents(id, title); CREATE TABLE sections(document_id, ordinal, path);
        CREATE TABLE chunks(id, document_id, first_section, text);
        INSERT INTO documents VALUES(1, 'T'); INSERT INTO chunks VALUES(1, 1, 0, 'x');""")
    cache = sqlite3.connect(tmp_path / "embeddings.sqlite")
    cache.execute("CREATE TABLE embeddings(hash)")
    cache.execute("INSERT INTO embeddings VALUES(?)", (b"other",))
    index.commit(), cache.commit()
    assert texts.embedded_texts(tmp_path) == (["x"], 0, 1)


def test_a_part_of_the_pages_is_the_same_part_each_time(monkeypatch):
    monkeypatch.setattr(rows_index, "sources", lambda: [SITE])

    def names():
        return [f.name for folder in rows_index.part_of_sources(4)
                for f in rows_index.pages_of(folder)]
    first = names()
    assert len(first) == 3 and first == names()
    assert rows_index.part_of_sources(1) == [SITE]


def test_made_up_pages_and_model_can_be_indexed(bot, tmp_path, tiny_model):
    rows_system.write_pages(tmp_path / "pages", 0, 5)
    report = bot.index(tmp_path / "pages")
    assert report["documents"] == 5
    assert report["embedded_chunks"] == report["total_chunks"], "no two texts are alike"


# --- report ---


def result(row, **figures):
    return {"row": row, "date": "2024-05-01 12:00", "notes": ["a note"],
            "machine": {"docs-bot": "abc", "processor": "P", "cores": 2, "instructions": ["avx2"],
                        "memory_gb": 8, "kernel": "Linux 6", "compiler": "cc 12", "load": 0.5},
            "figures": [lib.figure("faster", "model", 1.2, **figures)],
            "times": [{"title": "times", "unit": "ms", "rows": [
                {"name": "us", **lib.summary([1, 2, 3]), "cosine": 0.99},
                {"name": "bf16", "note": "not on this processor"}]}]}


def test_report_shows_targets_and_what_is_missing():
    text = report.render([result("query", note="not on this processor"),
                          result("encode", value=1.254, spread=[1.2, 1.3], ours="1 ms", peer="2 ms")])
    lines = text.splitlines()
    met = next(line for line in lines if "1.25×" in line)
    assert "≥ 1.2×" in met and "| yes |" in met and "(1.2–1.3)" in met
    unknown = next(line for line in lines if line.startswith("| faster") and "not on this" in line)
    assert "yes" not in unknown and "**no**" not in unknown
    assert lines.index(met) < lines.index(unknown), "rows have an order of their own"
    assert text.count("- a note") == 1
    assert "| us | 2 | 1.5–2.5 | 1–3 | 3 | 0.99000 |" in text
    assert "abc" in text and "P, 2 cores (avx2)" in text


def test_report_says_what_is_not_met():
    assert "| **no** |" in report.render([result("encode", value=1.1)])


def test_results_are_kept_row_by_row(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "OUT", tmp_path / "RESULTS.md")
    lib.save("query", [lib.figure("second", "m", 1, value=2)])
    lib.save("encode", [lib.figure("first", "m", 1, value=2)])
    report.write()
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.index("| first |") < text.index("| second |")
    lib.save("encode", [lib.figure("newer", "m", 1, value=2)])
    report.write()
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| first |" not in text and "| newer |" in text and "| second |" in text
