#!/usr/bin/env python3
"""Fits the weights of backend/answer/ground.c (words alone) on sentences that are true or were changed.

    tests/eval/ground.py DOCS_BOT GROUND_PAIRS INDEX_DIR MODEL SET.jsonl…

True: the sentences of the sets' reference answers, of questions whose gold page is among the five first
results, against these. Changed: the same with a number, a flag or name, or a product's name of another
one, with "not" put in or left out, and sentences of another question's answer. Cross-validated by
question, five folds.
"""
import json
import random
import re
import subprocess
import sys
import time

import judge

PRODUCTS = ("Katib", "KServe", "Trainer", "Pipelines", "Notebooks", "Istio", "Argo", "Dex", "Spark")
VERBS = re.compile(r"\b(is|are|does|can|must|will|should)\b( not)?")
NAME = re.compile(r"--[a-z][\w-]+|\b\w+_\w+\b|\b[a-z]+[A-Z]\w+\b")


def changed(sentence, names, rng):
    """(kind, sentence) for each change that fits."""
    number = re.search(r"\d+", sentence)
    if number:
        new = str(int(number.group()) + rng.randint(1, 9))
        yield "number", sentence[:number.start()] + new + sentence[number.end():]
    name = NAME.search(sentence)
    others = [n for n in names if name and n != name.group()]
    if others:
        yield "name", sentence.replace(name.group(), rng.choice(others), 1)
    for product in PRODUCTS:
        if re.search(rf"\b{product}\b", sentence):
            other = rng.choice([p for p in PRODUCTS if p != product])
            yield "product", re.sub(rf"\b{product}\b", other, sentence)
            break
    verb = VERBS.search(sentence)
    if verb:
        new = verb.group(1) + ("" if verb.group(2) else " not")
        yield "negation", sentence[:verb.start()] + new + sentence[verb.end():]


def main():
    bot, tool, index, model, *sets = sys.argv[1:]
    rng = random.Random(judge.SEED)
    questions = [q for s in sets for q in map(json.loads, open(s, encoding="utf-8"))
                 if q["kind"] == "docs" and q.get("answer")]
    names = sorted({n for q in questions for n in NAME.findall(q["answer"])})
    lines, labels = [], {}
    for q in questions:
        out = subprocess.run([bot, "--model", model, "--data-dir", index, "--json", "search", "--top-k",
                              "5", q["question"]], capture_output=True, text=True, check=True)
        results = json.loads(out.stdout)["results"]
        if not any(r["path"] in q["gold_pages"] for r in results):
            continue
        own = re.split(r"(?<=[.!?])\s+(?=[A-Z])", q["answer"])
        other = rng.choice([o for o in questions if not set(o["gold_pages"]) & set(q["gold_pages"])])
        pairs = [("true", s) for s in own]
        pairs += [pair for s in own for pair in changed(s, names, rng)]
        pairs.append(("other page", rng.choice(re.split(r"(?<=[.!?])\s+(?=[A-Z])", other["answer"]))))
        for number, (kind, _) in enumerate(pairs):
            labels[len(lines), number] = (q["id"], kind)
        lines.append({"sources": [{k: r[k] for k in ("title", "section", "text")} for r in results],
                      "sentences": [s for _, s in pairs]})
    started = time.monotonic()
    out = subprocess.run([tool], input="\n".join(map(json.dumps, lines)), capture_output=True, text=True,
                         check=True).stdout
    took = (time.monotonic() - started) * 1000 / len(labels)
    items = []
    for row in map(json.loads, out.splitlines()):
        question, kind = labels[row["line"], row["sentence"]]
        del row["features"]["cosine"]
        items.append((question, kind, row["features"], int(kind == "true"), row["support"]))
    features = list(items[0][2])
    bias, weights = judge.fit([(i[2], i[3]) for i in items], features)
    print(f"{len(lines)} questions, {sum(i[3] for i in items)} true and "
          f"{sum(not i[3] for i in items)} changed sentences, {took:.2f} ms each")
    print(f"bias {bias:.2f}, " + ", ".join(f"{n} {w:.2f}" for n, w in zip(features, weights)))
    fold = {q: n % judge.FOLDS for n, q in enumerate(sorted({i[0] for i in items}))}
    models = [judge.fit([(i[2], i[3]) for i in items if fold[i[0]] != k], features)
              for k in range(judge.FOLDS)]
    for name, score in (("cross-validated", lambda i: judge.predict(models[fold[i[0]]], i[2], features)),
                        ("in use", lambda i: i[4])):
        true = [score(i) for i in items if i[3]]
        print(f"{name}: true sentences not supported {sum(p < 0.5 for p in true) / len(true):.3f}")
        for kind in ("number", "name", "product", "negation", "other page"):
            found = [score(i) for i in items if i[1] == kind]
            print(f"  {kind} ({len(found)}): AUC {judge.area(true, found):.3f}, "
                  f"supported {sum(p >= 0.5 for p in found) / max(1, len(found)):.3f}")


if __name__ == "__main__":
    main()
