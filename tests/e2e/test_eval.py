"""docs-bot eval: several sets, two methods, the page, the comparison with an earlier run, gates."""

import json
import re
from html.parser import HTMLParser

import pytest

from conftest import SITE

QUESTIONS = SITE.parent.parent / "eval" / "own_questions.jsonl"
METRICS = {"hit@1", "hit@3", "hit@5", "hit@10", "mrr@10", "ndcg@10", "fact_recall@5"}


@pytest.fixture(scope="module")
def report(indexed, tmp_path_factory):
    """A run with both methods: its JSON, the file that holds it, and the page."""
    folder = tmp_path_factory.mktemp("eval")
    run = indexed.run("--json", "eval", QUESTIONS, "--profile", "kep", "--profile", "docs-bot",
                      "--report", folder / "report.html")
    assert run.code == 0, run.err
    (folder / "report.json").write_text(run.out)
    return run.json, folder / "report.json", folder / "report.html"


def test_two_methods_side_by_side(report):
    figures = report[0]
    assert [p["name"] for p in figures["profiles"]] == ["docs-bot", "kep"]
    for profile in figures["profiles"]:
        assert profile["n"] == 12
        for name in METRICS:
            low, high = profile["intervals"][name]
            assert 0 <= low <= profile["retrieval"][name] <= high <= 1
        assert profile["retrieval"]["context_tokens"] > 0
    difference = figures["differences"][0]
    for name in METRICS:
        ours, theirs = (p["retrieval"][name] for p in figures["profiles"])
        assert difference["retrieval"][name] == pytest.approx(ours - theirs, abs=1e-9)
    assert figures["retrieval"] == figures["profiles"][0]["retrieval"]


def test_each_question_has_its_result(report):
    for question in report[0]["questions"]:
        for entry in question["profiles"].values():
            assert 1 <= len(entry["results"]) <= 5
            assert all({"score", "path", "title", "url"} <= set(r) for r in entry["results"])
            if question["kind"] == "docs":
                rank, scores = entry["rank"], entry["scores"]
                assert scores["hit@1"] == (rank == 1)
                assert scores["mrr@10"] == pytest.approx(1 / rank if rank else 0)
                assert (scores["fact_recall@5"] == 1) == (entry["missing_facts"] == [])


class Page(HTMLParser):
    """Counts elements, and collects what a browser would load."""

    def __init__(self):
        super().__init__()
        self.counts, self.loads = {}, []

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.loads += [v for k, v in attrs if k in ("src", "srcset", "data")]
        if tag in ("link", "script", "iframe", "object", "img"):
            self.loads.append(tag)


def test_the_page_is_self_contained(report):
    text = report[2].read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.loads == [] and not re.search(r"@import|url\(", text)
    assert page.counts["details"] == len(report[0]["questions"])
    for question in report[0]["questions"]:
        assert f"<code>{question['id']}</code>" in text


def test_a_smaller_budget_holds_less(indexed):
    def tokens(budget):
        run = indexed.run("--json", "eval", QUESTIONS, "--retrieval-only", "--context-tokens", budget)
        assert run.code == 0, run.err
        return [q["profiles"]["docs-bot"]["context_tokens"] for q in run.json["questions"]]
    uncut, cut = tokens("0"), tokens("50")
    assert max(uncut) > 50 and max(cut) == 50
    assert cut == [min(50, n) for n in uncut]


def test_the_same_run_again_differs_in_nothing(indexed, report):
    run = indexed.run("--json", "eval", QUESTIONS, "--baseline", report[1], "--gate",
                      "hit@1>=baseline", "--gate", "mrr@10>=baseline-0.01", "--gate",
                      "answers.fact_recall>=baseline")
    assert run.code == 0, run.err
    compared = run.json["baseline"]["profiles"]
    assert [p["name"] for p in compared] == ["docs-bot"] and compared[0]["n"] == 12
    assert compared[0]["changed"] == []
    assert all(f["difference"] == pytest.approx(0) for f in compared[0]["retrieval"].values())
    assert run.json["baseline"]["figures"]["fact_recall"]["before"] >= 0


def test_a_worse_run_misses_the_gate(indexed, report, tmp_path):
    """The earlier run is made better than it was: the same run is a change for the worse."""
    earlier = json.loads(report[1].read_text())
    earlier["retrieval"]["hit@1"] += 0.25
    changed = next(q for q in earlier["questions"] if q["kind"] == "docs")
    changed["profiles"]["docs-bot"]["rank"] += 1
    file = tmp_path / "earlier.json"
    file.write_text(json.dumps(earlier))
    run = indexed.run("--json", "eval", QUESTIONS, "--baseline", file, "--gate",
                      "hit@1>=baseline-0.2", "--report", tmp_path / "page.html")
    assert run.code == 1 and "hit@1" in run.err
    assert [q["id"] for q in run.json["baseline"]["profiles"][0]["changed"]] == [changed["id"]]
    assert "1 questions changed" in (tmp_path / "page.html").read_text()
    missed = indexed.run("eval", QUESTIONS, "--retrieval-only", "--profile", "docs-bot", "--profile",
                         "kep", "--gate", "hit@1>=kep+1.1")
    assert missed.code == 1 and "hit@1" in missed.err


def test_earlier_runs_on_one_page(indexed, report, tmp_path):
    page = tmp_path / "page.html"
    run = indexed.run("--json", "eval", "--from", report[1], "--from", report[1], "--report", page)
    assert run.code == 0, run.err
    assert [r["n"] for r in run.json["reports"]] == [13, 13]
    assert page.read_text().count("<h2>") == 2


def test_variants_count_apart(indexed, tmp_path):
    original = QUESTIONS.read_text().splitlines()[0]
    changed = {**json.loads(original), "id": "v", "variant_of": json.loads(original)["id"],
               "change": "upper"}
    changed["question"] = changed["question"].upper()
    file = tmp_path / "variants.jsonl"
    file.write_text(json.dumps(changed) + "\n")
    run = indexed.run("--json", "eval", QUESTIONS, file, "--gate", "metamorphic_kept>=0")
    assert run.code == 0, run.err
    assert run.json["n"] == 13 and run.json["profiles"][0]["n"] == 12
    assert run.json["profiles"][0]["metamorphic"]["changes"]["upper"]["variants"] == 1
    alone = indexed.run("eval", file)
    assert alone.code == 1 and len(alone.errors) == 1 and "variant of" in alone.err


@pytest.mark.parametrize("arguments, word", [
    ([], "which question sets"), (["Q", "--profile", "other"], "other"),
    (["Q", "--context-tokens", "-1"], "-1"), (["Q", "--gate", "hit@1"], "hit@1"),
    (["Q", "--gate", "hit@1>=baseline"], "baseline"), (["Q", "--gate", "hit@1>=kep"], "kep"),
    (["Q", "--gate", "hit@2>=0"], "hit@2"), (["Q", "--gate", "hit@1>=kep*2"], "kep*2"),
    (["Q", "--profile", "kep", "--gate", "answers.fact_recall>=0"], "fact_recall"),
    (["Q", "--from", "x"], "--from"),
])
def test_wrong_use(indexed, arguments, word):
    run = indexed.run("eval", *(QUESTIONS if a == "Q" else a for a in arguments))
    assert run.code == 2 and len(run.errors) == 1 and word in run.err


@pytest.mark.parametrize("option", ["--baseline", "--from"])
@pytest.mark.parametrize("content", [None, "", "{}", "[1]", "{\"questions\": [\n"])
def test_what_is_no_report_is_refused(indexed, tmp_path, option, content):
    file = tmp_path / "earlier.json"
    if content is not None:
        file.write_text(content)
    run = indexed.run("eval", *([QUESTIONS] if option == "--baseline" else []), option, file)
    assert run.code == 1 and len(run.errors) == 1 and "earlier.json" in run.err
