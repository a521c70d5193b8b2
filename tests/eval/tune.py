#!/usr/bin/env python3
"""What each part of retrieval gives, and what settings a cross-validation chooses.

Runs `docs-bot eval --retrieval-only` once for each variant of the settings on the same index and
questions, and compares them question by question:

    tests/eval/tune.py ablation INDEX_DIR tests/eval/questions*.jsonl tests/eval/website.jsonl
    tests/eval/tune.py grid     INDEX_DIR tests/eval/questions*.jsonl tests/eval/website.jsonl

`ablation` prints a Markdown table: each row changes one thing of the default; in brackets the 95 %
interval of a bootstrap over the questions (2,000 resamples, fixed seed), in the last column that of
the difference to the default in MRR. `grid` chooses by MRR@10 on four fifths of the questions and
measures on the last fifth, 20 times with other fifths.
"""
import argparse
import collections
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIGNALS = ["windows", "sections", "paragraphs", "words", "page_words"]
PAGE = {"windows": 1, "sections": 1, "paragraphs": 1, "words": 2, "page_words": 2}
RESAMPLES, REPETITIONS, FOLDS, SEED = 2000, 20, 5, 867


def weights(values):
    return " ".join(f"{name}={values.get(name, 0):g}" for name in SIGNALS)


def pages(**changes):
    return {"page_weights": weights({**PAGE, **changes})}


ABLATION = [
    ("default", {}),
    ("windows only, no expansion", {"page_weights": "windows=1", "section_weights": "windows=1",
                                    "archived_factor": 1, "context_tokens": 0}),
    ("vectors only", pages(words=0, page_words=0)),
    ("words only", pages(windows=0, sections=0, paragraphs=0)),
    ("without windows", pages(windows=0)),
    ("without section vectors", pages(sections=0)),
    ("without paragraphs", pages(paragraphs=0)),
    ("without BM25 of sections", pages(words=0)),
    ("without BM25 of pages", pages(page_words=0)),
    ("all rankings equal", pages(words=1, page_words=1)),
    ("archived pages as others", {"archived_factor": 1}),
    ("sections without neighbours", {"context_tokens": 0}),
    ("sections of a page equal", {"within_page": 0}),
]

GRID = [
    {**pages(paragraphs=p, words=w, page_words=v), "archived_factor": a}
    for p, w, v, a in itertools.product((1, 1.5), (1, 1.5, 2), (1, 1.5, 2), (0.7, 0.8, 0.9))
]


def run(args, settings):
    """The outcome of each question: (reciprocal rank, share of the facts)."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        for key, value in settings.items():
            config.write(f"{key}: {json.dumps(value)}\n")
        config.flush()
        command = [args.bot, "--config", config.name, "--data-dir", args.index, "--json"]
        command += ["--model", args.model] if args.model else []
        done = subprocess.run(command + ["eval", "--retrieval-only", *args.files],
                              capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    out = {}
    for question in json.loads(done.stdout)["questions"]:
        if question["kind"] != "docs":
            continue
        own = question["profiles"]["docs-bot"]
        facts = args.facts[question["id"]]
        missing = len(own["missing_facts"])
        out[question["id"]] = (own["rank"], 1 - missing / facts if facts else None)
    return out


def mean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values) if values else 0


def reciprocal(rank):
    return 1 / rank if 0 < rank <= 10 else 0


METRICS = {
    "hit@1": lambda o: float(o[0] == 1),
    "hit@5": lambda o: float(0 < o[0] <= 5),
    "MRR@10": lambda o: reciprocal(o[0]),
    "facts": lambda o: o[1],
}


def interval(values):
    rng = random.Random(SEED)
    values = [v for v in values if v is not None]
    means = sorted(mean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975)]


def ablation(args):
    print("| variant | " + " | ".join(METRICS) + " | MRR against the default |")
    print("| --- |" + " --- |" * (len(METRICS) + 1))
    default = None
    for name, settings in ABLATION:
        outcomes = run(args, settings)
        default = default or outcomes
        cells = []
        for metric in METRICS.values():
            values = [metric(outcomes[i]) for i in default]
            low, high = interval(values)
            cells.append(f"{mean(values):.3f} ({low:.2f}–{high:.2f})")
        difference = [reciprocal(outcomes[i][0]) - reciprocal(default[i][0]) for i in default]
        low, high = interval(difference)
        cells.append(f"{mean(difference):+.3f} ({low:+.3f}…{high:+.3f})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def grid(args):
    results = [run(args, settings) for settings in GRID]
    ids = sorted(results[0])
    chosen = collections.Counter()
    held_out = collections.defaultdict(list)
    for repetition in range(REPETITIONS):
        shuffled = ids[:]
        random.Random(SEED + repetition).shuffle(shuffled)
        for fold in range(FOLDS):
            test = shuffled[fold::FOLDS]
            train = [i for i in shuffled if i not in set(test)]
            best = max(range(len(GRID)),
                       key=lambda g: (mean(reciprocal(results[g][i][0]) for i in train), -g))
            chosen[best] += 1
            for name, metric in METRICS.items():
                held_out[name] += [metric(results[best][i]) for i in test]
    print("held out:", ", ".join(f"{name} {mean(v):.3f}" for name, v in held_out.items()))
    for index, times in chosen.most_common(8):
        print(f"{times:3} of {REPETITIONS * FOLDS} folds: {GRID[index]}",
              "MRR@10 on all %.3f" % mean(reciprocal(o[0]) for o in results[index].values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["ablation", "grid"])
    parser.add_argument("index", help="folder of the index (--data-dir)")
    parser.add_argument("files", nargs="+", help="question sets")
    parser.add_argument("--model", help="embedding model of the index")
    parser.add_argument("--bot", default=str(ROOT / "build/release/docs-bot"))
    args = parser.parse_args()
    args.facts = {}
    for file in args.files:
        for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
            if line.strip():
                question = json.loads(line)
                args.facts[question["id"]] = len(question.get("answer_facts", []))
    (ablation if args.what == "ablation" else grid)(args)


if __name__ == "__main__":
    main()
