#!/usr/bin/env python3
"""Fits the weights of backend/answer/judge.c and says how well they judge.

    docs-bot --json eval tests/eval/{questions,questions_hard,website,unanswerable}.jsonl > A.json
    tests/eval/judge.py fit A.json B.json …      one report for each model or corpus
    tests/eval/judge.py measure A.json …         what the weights in use do, nothing is fitted
    tests/eval/judge.py transfer A.json …        fitted on half of the components, measured on the rest
    tests/eval/judge.py halves A.json …          fitted with the unanswerable questions that were written
                                                 before, measured with those that were written after it

`fit` prints the weights, and what a cross-validation by question gives: five folds, twenty times with
other folds; a question's reports of several models are in one fold. The threshold is the one that turns
away at most one answerable question of twenty. `--half before` leaves out the unanswerable questions
that were written after the fit.
"""
import argparse
import json
import math
import pathlib
import random
import sys

FOLDS, REPETITIONS, SEED, PENALTY, TURNED_AWAY, STEPS = 5, 20, 867, 1.0, 0.05, 12


def solve(matrix, right):
    """Gaussian elimination with pivots."""
    n = len(right)
    rows = [row[:] + [value] for row, value in zip(matrix, right)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    out = [0.0] * n
    for i in reversed(range(n)):
        out[i] = (rows[i][n] - sum(rows[i][c] * out[c] for c in range(i + 1, n))) / rows[i][i]
    return out


def logistic(value):
    return 1 / (1 + math.exp(-max(-30, min(30, value))))


def fit(items, names):
    """Newton's method with an L2 penalty on standardised features: (bias, weights)."""
    rows = [[f[n] for n in names] for f, _ in items]
    means = [sum(column) / len(rows) for column in zip(*rows)]
    spreads = [max(1e-9, math.sqrt(sum((v - m) ** 2 for v in column) / len(rows)))
               for column, m in zip(zip(*rows), means)]
    rows = [[1.0] + [(v - m) / s for v, m, s in zip(row, means, spreads)] for row in rows]
    size = len(names) + 1
    weights = [0.0] * size
    for _ in range(STEPS):
        slope = [0.0] * size
        curve = [[0.0] * size for _ in range(size)]
        for row, (_, label) in zip(rows, items):
            p = logistic(sum(w * v for w, v in zip(weights, row)))
            for i in range(size):
                slope[i] += (label - p) * row[i]
                for j in range(size):
                    curve[i][j] += p * (1 - p) * row[i] * row[j]
        for i in range(1, size):
            slope[i] -= PENALTY * weights[i]
            curve[i][i] += PENALTY
        weights = [w + d for w, d in zip(weights, solve(curve, slope))]
    scaled = [w / s for w, s in zip(weights[1:], spreads)]
    return weights[0] - sum(w * m for w, m in zip(scaled, means)), scaled


def predict(model, features, names):
    return logistic(model[0] + sum(w * features[n] for w, n in zip(model[1], names)))


def area(high, low):
    """That a label 1 scores above a label 0."""
    return sum((a > b) + (a == b) / 2 for a in high for b in low) / max(1, len(high) * len(low))


def cut(scores):
    """The threshold that turns away at most TURNED_AWAY of the answerable."""
    high = sorted(p for p, label in scores if label)
    return high[int(TURNED_AWAY * len(high))]


def measure(scores, threshold):
    high = [p for p, label in scores if label]
    low = [p for p, label in scores if not label]
    away, found = sum(p < threshold for p in high), sum(p < threshold for p in low)
    return {"n": len(scores), "auc": area(high, low),
            "brier": sum((p - label) ** 2 for p, label in scores) / len(scores),
            "precision": found / max(1, found + away), "recall": found / max(1, len(low)),
            "false_abstention": away / max(1, len(high))}


def show(name, scores, threshold):
    print(f"{name}: " + ", ".join(f"{k} {v:.3f}" if k != "n" else f"n {v}"
                                  for k, v in measure(scores, threshold).items()))


def curve(scores):
    print("| answerable turned away | threshold | recall | precision |\n| --- | --- | --- | --- |")
    high = sorted(p for p, label in scores if label)
    for share in (0.02, 0.05, 0.10, 0.15, 0.20, 0.30):
        threshold = high[int(share * len(high))]
        m = measure(scores, threshold)
        print(f"| {m['false_abstention']:.3f} | {threshold:.3f} | {m['recall']:.3f} | "
              f"{m['precision']:.3f} |")


def read(paths, half):
    """[(id, component, features, label, probability, sufficient)]; what no search was made for is left out."""
    halves = {}
    own = pathlib.Path(__file__).with_name("unanswerable.jsonl")
    for line in own.read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        halves[question["id"]] = question["half"]
    out = []
    for path in paths:
        for q in json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["questions"]:
            judged = q.get("answer", {}).get("judgement")
            if q["kind"] not in ("docs", "unanswerable") or not judged or "variant_of" in q:
                continue
            if not any(judged["features"].values()) or (half and halves.get(q["id"], half) != half):
                continue
            page = (q["profiles"]["docs-bot"]["results"] or [{"path": ""}])[0]["path"]
            parts = page.split("/")
            component = "/".join(parts[:5]) if len(parts) > 5 else "/".join(parts[:-1])
            out.append((q["id"], component, judged["features"], int(q["kind"] == "docs"),
                        judged["probability"], judged["sufficient"]))
    return out


def cross_validate(items, names):
    ids = sorted({item[0] for item in items})
    scores = []
    for repetition in range(REPETITIONS):
        shuffled = ids[:]
        random.Random(SEED + repetition).shuffle(shuffled)
        for fold in range(FOLDS):
            test = set(shuffled[fold::FOLDS])
            model = fit([(i[2], i[3]) for i in items if i[0] not in test], names)
            scores += [(predict(model, i[2], names), i[3]) for i in items if i[0] in test]
    return scores


def transfer(items, names):
    components = sorted({item[1] for item in items})
    for turn in range(2):
        test = set(components[turn::2])
        train = [(i[2], i[3]) for i in items if i[1] not in test]
        model = fit(train, names)
        threshold = cut([(predict(model, f, names), label) for f, label in train])
        show(f"fitted on the other half, measured on {', '.join(c.split('/')[-1] for c in sorted(test))}",
             [(predict(model, i[2], names), i[3]) for i in items if i[1] in test], threshold)


def halves(items, names):
    """The answerable ones are cut in two by turns, since they were all written before."""
    own = pathlib.Path(__file__).with_name("unanswerable.jsonl").read_text(encoding="utf-8")
    after = {q["id"] for q in map(json.loads, own.splitlines()) if q["half"] == "after"}
    answerable = sorted({i[0] for i in items if i[3]})
    test = after | set(answerable[::2])
    train = [(i[2], i[3]) for i in items if i[0] not in test]
    model = fit(train, names)
    threshold = cut([(predict(model, f, names), label) for f, label in train])
    show("questions written after the fit", [(predict(model, i[2], names), i[3]) for i in items
                                             if i[0] in test], threshold)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("fit", "measure", "transfer", "halves"))
    parser.add_argument("reports", nargs="+")
    parser.add_argument("--half", choices=("before", "after"))
    args = parser.parse_args()
    items = read(args.reports, args.half)
    if not items:
        sys.exit("no judged questions in the reports")
    names = list(items[0][2])
    if args.what == "transfer":
        transfer(items, names)
    elif args.what == "halves":
        halves(items, names)
    elif args.what == "measure":
        scores = [(i[4], i[3]) for i in items]
        away = [i for i in items if not i[5]]
        right = sum(not i[3] for i in away)
        low = sum(not i[3] for i in items)
        print(f"n {len(items)}, auc {area([p for p, l in scores if l], [p for p, l in scores if not l]):.3f}, "
              f"brier {sum((p - l) ** 2 for p, l in scores) / len(scores):.3f}, "
              f"precision {right / max(1, len(away)):.3f}, recall {right / max(1, low):.3f}, "
              f"false_abstention {(len(away) - right) / max(1, len(items) - low):.3f}")
    else:
        bias, weights = fit([(i[2], i[3]) for i in items], names)
        print(f"bias {bias:.2f}, " + ", ".join(f"{n} {w:.2f}" for n, w in zip(names, weights)))
        scores = cross_validate(items, names)
        show("cross-validated", scores, cut(scores))
        curve(scores)
        print(f"threshold {cut([(predict((bias, weights), i[2], names), i[3]) for i in items]):.3f}")


if __name__ == "__main__":
    main()
