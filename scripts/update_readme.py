#!/usr/bin/env python3
"""update_readme.py FOLDER MODEL…: writes what `scripts/eval` measured into README.md.

FOLDER holds MODEL.json (docs-bot --json eval) and MODEL-answer.json (docs-bot --json ask). The text
between the markers is replaced, all else stays; so do the rows of models that were not measured.
"""

import json
import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"

# Of a method: the part of its entry and the figure. Answers are those of docs-bot alone.
COLUMNS = (
    ("hit@1", "retrieval", "hit@1"), ("hit@5", "retrieval", "hit@5"),
    ("MRR@10", "retrieval", "mrr@10"), ("facts in context", "retrieval", "fact_recall@5"),
    ("tokens", "retrieval", "context_tokens"), ("kept", "metamorphic", "share"),
    ("fact recall", "answers", "fact_recall"), ("citation hit", "answers", "citation_hit"),
    ("abstains rightly", "answers", "abstention_recall"),
)
HEAD = "| " + " | ".join(["model", "method", "questions", *(name for name, _, _ in COLUMNS)]) + " |"


def figure(value):
    if not isinstance(value, (int, float)):
        return "–"
    return f"{value:.0f}" if value > 1 else f"{value:.3f}"


def old_rows(text):
    """The table's rows by model and method; none when its columns were others."""
    found = re.search(r"<!-- eval:begin -->\n(.*?)<!-- eval:end -->", text, re.S)
    lines = found.group(1).splitlines() if found else []
    if not lines or lines[0] != HEAD:
        return {}
    return {tuple(cell.strip() for cell in line.split("|")[1:3]): line for line in lines[2:]}


def table(folder, models, rows):
    for model in models:
        report = json.loads((folder / f"{model}.json").read_text())
        for profile in report["profiles"]:
            parts = {**profile, "answers": report.get("answers", {})
                     if profile["name"] == "docs-bot" else {}}
            cells = [model, profile["name"], str(profile["n"])]
            cells += [figure((parts.get(part) or {}).get(key)) for _, part, key in COLUMNS]
            rows[model, profile["name"]] = "| " + " | ".join(cells) + " |"
    return "\n".join([HEAD, "| --- | --- |" + " ---: |" * (len(COLUMNS) + 1), *rows.values()])


SHOWN = 700  # characters of the answer: the README's first screen holds no more


def shorten(text):
    """Whole paragraphs up to SHOWN characters; what is left out is marked. Code stays whole."""
    kept, fenced = [], False
    for line in text.splitlines():
        if not fenced and not line and sum(map(len, kept)) > SHOWN:
            return "\n".join(kept + ["", "[…]"])
        fenced ^= line.startswith("```")
        kept.append(line)
    return text


def answer(folder, model):
    """The terminal's output, put together from the JSON of the same answer."""
    result = json.loads((folder / f"{model}-answer.json").read_text())
    lines = ["$ docs-bot ask " + result["question"], "", shorten(result["answer"].strip()), "", "Sources:"]
    for c in result["citations"]:
        section = f" › {c['section']}" if c["section"] else ""
        lines += [f"[{c['index']}] {c['title']}{section}", f"    {c['url']}"]
    # A longer fence than any in the answer.
    text = "\n".join(lines)
    longest = max((len(f) for f in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def replace(text, name, block):
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if begin not in text or end not in text:
        sys.exit(f"README.md has no markers {begin} … {end}")
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    return f"{before}{begin}\n{block}\n{end}{after}"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.splitlines()[0])
    folder, models = Path(sys.argv[1]), sys.argv[2:]
    text = README.read_text(encoding="utf-8")
    figures = table(folder, models, old_rows(text))
    text = replace(text, "eval", figures)
    text = replace(text, "answer", answer(folder, models[0]))
    README.write_text(text, encoding="utf-8")
    print(figures)


if __name__ == "__main__":
    main()
