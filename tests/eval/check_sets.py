#!/usr/bin/env python3
"""Checks the project's question sets; prints one line per finding, and `checked N` on stderr.

Ids are unique, and where a set is about pages of this repository, its gold pages exist and hold every
fact letter by letter. The committed variants are what metamorphic.py makes of their questions.
"""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OWN = {"formats.jsonl": HERE / "site", "own_questions.jsonl": HERE.parent / "e2e" / "site"}
SETS = ("questions.jsonl", "questions_hard.jsonl", "follow_ups.jsonl", "routes.jsonl",
        "unanswerable.jsonl", *OWN)
VARIANTS = {"metamorphic.jsonl": ("questions.jsonl", "questions_hard.jsonl"),
            "formats_metamorphic.jsonl": ("formats.jsonl",)}


def page_text(path):
    """What a reader sees of a page, in one case."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    elif path.suffix == ".html":
        text = html.unescape(re.sub(r"<[^>]*>", "", text.split("<main>")[1].split("</main>")[0]))
    return text.lower()


def check_question(question, site):
    facts = question["answer_facts"]
    if question["kind"] != "docs":
        return
    if not question["gold_pages"] or not facts:
        yield "has no gold pages or no facts"
    pages = [site / page for page in question["gold_pages"]]
    missing = [page for page in pages if not page.is_file()]
    if missing:
        yield f"{missing[0]} does not exist"
        return
    text = "\n".join(page_text(page) for page in pages)
    for fact in facts:
        if fact.lower() not in text:
            yield f"its pages do not hold {fact!r}"


def main():
    checked, ids, findings = 0, set(), []
    for name in SETS:
        for number, line in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), 1):
            question = json.loads(line)
            where = f"tests/eval/{name}:{number}: {question['id']}"
            checked += 1
            if question["id"] in ids:
                findings.append(f"{where} is not the only question of that id")
            ids.add(question["id"])
            if name in OWN:
                findings += [f"{where} {what}" for what in check_question(question, OWN[name])]
    for name, sources in VARIANTS.items():
        checked += 1
        made = subprocess.run([sys.executable, HERE / "metamorphic.py", *(HERE / s for s in sources)],
                              capture_output=True, check=True).stdout
        if made != (HERE / name).read_bytes():
            findings.append(f"tests/eval/{name} is not what metamorphic.py makes of its questions")
    print("\n".join(findings), end="\n" if findings else "")
    print(f"checked {checked}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
