#!/usr/bin/env python3
"""Questions about exact identifiers, made from an index: names that stand on one page only.

    tests/eval/identifiers.py INDEX_DIR >build/eval/identifiers.jsonl
    docs-bot --data-dir INDEX_DIR eval --retrieval-only build/eval/identifiers.jsonl

80 names with a '_', '.' or '-' or a capital inside, drawn with a fixed seed; a quarter of them alone, the
others in "what is …?" and the like.
"""
import collections
import json
import random
import re
import sqlite3
import sys

NAME = re.compile(r"\b(?:[A-Za-z][A-Za-z0-9]*(?:[_.\-][A-Za-z0-9]+)+|[A-Za-z]+[a-z][A-Z][A-Za-z]+)\b")
FRAMES = ["{}", "what is {}?", "how do I set {}?", "error about {}"]
COUNT, SEED = 80, 867


def main():
    index = sqlite3.connect(f"file:{sys.argv[1]}/index.sqlite?mode=ro", uri=True)
    pages = collections.defaultdict(set)
    for path, text in index.execute("SELECT d.path, s.text FROM sections s JOIN documents d"
                                    " ON d.id = s.document_id"):
        for name in NAME.findall(text):
            if 8 <= len(name) <= 40:
                pages[name].add(path)
    names = sorted(name for name, found in pages.items() if len(found) == 1)
    for i, name in enumerate(random.Random(SEED).sample(names, min(COUNT, len(names)))):
        print(json.dumps({"id": f"name-{i + 1:02}", "question": FRAMES[i % 4].format(name),
                          "kind": "docs", "gold_pages": sorted(pages[name]), "answer_facts": [name],
                          "source": "index"}))


if __name__ == "__main__":
    main()
