"""Indexing end to end beside sentence-transformers, and what quantization costs in quality."""

import json
import os
import random
import shutil
import statistics
from pathlib import Path

import lib
import texts as made
from lib import figure, ratio, say, summary

SHARED = Path(os.environ.get("DOCS_BOT_SHARED") or lib.ROOT.parent / "shared")
CORPUS = SHARED / "corpus" / "kubeflow-website"
OWN = [lib.ROOT / "tests" / "e2e" / "site", lib.ROOT / "docs"]
BASE_URL = "https://www.kubeflow.org"
DATA = lib.BUILD / "data"

# all-mpnet-base-v2 takes sentence-transformers half an hour for the whole sample here: both
# programs get the same pages, drawn with this seed.
PARTS = {"all-mpnet-base-v2": 6}
SEED = 20240501
INDEX_ROUNDS = 2


def sources():
    return [CORPUS] if CORPUS.is_dir() else OWN


def questions():
    name = "questions.jsonl" if CORPUS.is_dir() else "own_questions.jsonl"
    return lib.ROOT / "tests" / "eval" / name


def pages_of(folder):
    return sorted(f for f in Path(folder).rglob("*")
                  if f.is_file() and f.suffix in (".md", ".txt", ".html"))


def part_of_sources(part):
    """One page of `part`, drawn at random, in a folder of their own; all when part is 1."""
    if part == 1:
        return sources()
    out = lib.BUILD / f"pages-{part}"
    shutil.rmtree(out, ignore_errors=True)
    for number, source in enumerate(sources()):
        pages = pages_of(source)
        chosen = random.Random(SEED).sample(pages, max(1, len(pages) // part))
        for page in chosen:
            target = out / f"{number}-{source.name}" / page.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(page, target)
    return sorted(f for f in out.iterdir() if f.is_dir())


def index(model, precision, data_dir, folders, name):
    """Runs `docs-bot index`; its report."""
    # One source can be named; the gold pages of the questions are paths within it.
    named = ["--source", "kubeflow/website", "--base-url", BASE_URL] if len(folders) == 1 else []
    command = lib.bot_command(model, precision, "--data-dir", data_dir, "--json", "index", *folders,
                              *named)
    return json.loads(lib.logged(name, command).stdout)


def ensure_index(model, precision):
    """The whole sample's index by this very program, kept for the next row; its folder."""
    folder = DATA / f"{model}-{precision}"
    made_at = folder / "embeddings.sqlite"
    # Another build may compute other vectors, which the embedding cache cannot know.
    if made_at.exists() and made_at.stat().st_mtime < lib.BINARY.stat().st_mtime:
        shutil.rmtree(folder)
    say(f"indexing the sample: {model} {precision}")
    report = index(model, precision, folder, sources(), f"index-{model}-{precision}")
    say(f"{report['total_chunks']} chunks, {report['embedded_chunks']} embedded in "
        f"{report['took_ms'] / 1000:.0f} s")
    return folder


# --- index ---


def index_row(options):
    figures, tables, notes = [], [], []
    for model in options.models:
        part = PARTS.get(model, 1)
        folders = part_of_sources(part)
        figures.append(compare_indexing(model, part, folders, tables, notes))
    lib.save("index", figures, tables, notes)


def compare_indexing(model, part, folders, tables, notes):
    name = "indexing end to end, all cores, auto, vs sentence-transformers"
    data = lib.BUILD / f"index-{model}"
    reports, texts = [], []
    with lib.Workers() as workers:
        lib.start_sentence_transformers(workers, model, threads=0)

        def measure(program, number):
            if program == "docs-bot":
                shutil.rmtree(data, ignore_errors=True)
                reports.append(index(model, "auto", data, folders, f"index-{model}"))
                if not texts:
                    texts.extend(embedded(data, model, part, notes))
                return reports[-1]["took_ms"] / 1e3
            if number < 0:  # only to be warm
                return workers[program].ask(texts[:64])["ms"] / 1e3
            return workers[program].ask(texts)["ms"] / 1e3
        programs = ["docs-bot", *workers.running]
        times = lib.run_rounds(programs, INDEX_ROUNDS, measure, f"index {model}")
        missing = dict(workers.missing)
        threads = workers["sentence-transformers"].hello["threads"] if len(programs) > 1 else 0
    shutil.rmtree(data, ignore_errors=True)
    peer = "sentence-transformers"
    report = reports[-1]
    tables.append({"title": f"indexing {report['documents']} pages, {report['embedded_chunks']} "
                            f"distinct chunks, all cores: {model}", "unit": "s",
                   "rows": [{"name": n, **summary(t)} for n, t in times.items()]
                   + [{"name": n, "note": why} for n, why in missing.items()]})
    if peer in missing:
        return figure(name, model, 2.5, note=missing[peer])
    notes.append(f"{model}: sentence-transformers in {threads} threads, batches of 32 sorted by "
                 "length (its defaults), time of encode() alone; docs-bot's time is the whole "
                 "command but for process start: read, parse, cut, embed, store.")
    faster = ratio(times[peer], times["docs-bot"])
    return figure(name, model, 2.5, value=faster["median"], spread=[faster["p25"], faster["p75"]],
                  ours=f"{statistics.median(times['docs-bot']):.4g} s",
                  peer=f"{statistics.median(times[peer]):.4g} s")


def embedded(data, model, part, notes):
    texts, proven, wanted = made.embedded_texts(data)
    notes.append(f"{model}: both embed the same {len(texts)} distinct texts"
                 + (f" of one page in {part}, drawn with seed {SEED}" if part > 1 else "")
                 + f"; {proven} of {wanted} are known by the SHA-256 in the embedding cache.")
    return texts


# --- quality ---


def read_cache(folder):
    """{SHA-256 of the text: vector} of an embedding cache."""
    import sqlite3

    import numpy
    cache = sqlite3.connect(f"file:{folder}/embeddings.sqlite?mode=ro", uri=True)
    return {bytes(digest): numpy.frombuffer(blob, dtype="<f4")
            for digest, blob in cache.execute("SELECT hash, vector FROM embeddings")}


def cosines_between(one, other):
    import numpy
    shared = sorted(one.keys() & other.keys())
    a = numpy.stack([one[k] for k in shared]).astype(numpy.float64)
    b = numpy.stack([other[k] for k in shared]).astype(numpy.float64)
    lengths = numpy.linalg.norm(a, axis=1) * numpy.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / lengths


def evaluate(model, precision, folder):
    command = lib.bot_command(model, precision, "--data-dir", folder, "--json", "eval", questions(),
                              "--retrieval-only")
    return json.loads(lib.logged(f"eval-{model}-{precision}", command).stdout)


def quality_row(options):
    figures, tables, notes = [], [], []
    for model in options.models:
        reduced = [p for p in ("int8", "bf16") if available(model, p)]
        if not reduced:
            why = "this version or processor computes in f32 only"
            figures.append(figure("cosine of int8 to f32, every chunk of the sample: least", model,
                                  0.99, unit="cosine", note=why))
            figures.append(figure("loss of hit@5 · MRR@10, int8 to f32", model, 0.5,
                                  better="lower", unit="points", note=why))
            continue
        full = ensure_index(model, "f32")
        base, base_eval = read_cache(full), evaluate(model, "f32", full)
        for precision in reduced:
            folder = ensure_index(model, precision)
            compare_quality(model, precision, base, read_cache(folder), base_eval,
                            evaluate(model, precision, folder), figures, tables)
        notes.append(f"{model}: {len(base)} distinct texts, {base_eval['n']} questions of "
                     f"{questions().name}.")
    lib.save("quality", figures, tables, notes)


def available(model, precision):
    with lib.Workers() as workers:
        lib.start_bot(workers, model, precision)
        return f"docs-bot {precision}" in workers


def compare_quality(model, precision, base, other, base_eval, other_eval, figures, tables):
    cosines = cosines_between(base, other).tolist()
    if not cosines:
        raise lib.BenchError(f"{model}: the caches of f32 and {precision} share no text")
    figures.append(figure(f"cosine of {precision} to f32, every chunk of the sample: least", model,
                          0.99, unit="cosine", value=min(cosines), ours=f"{len(cosines)} chunks",
                          peer=f"median {statistics.median(cosines):.4f}"))
    for metric in ("hit@5", "mrr@10"):
        was, now = base_eval["retrieval"][metric], other_eval["retrieval"][metric]
        figures.append(figure(f"loss of {metric}, {precision} to f32", model, 0.5, better="lower",
                              unit="points", value=round(100 * (was - now), 3), ours=f"{now:.3f}",
                              peer=f"{was:.3f}"))
    tables.append({"title": f"cosine of {precision} to f32: {model}", "unit": "cosine",
                   "rows": [{"name": "all chunks", **summary(cosines)},
                            {"name": "lowest 1 in 100",
                             **summary(sorted(cosines)[:max(1, len(cosines) // 100)])}]})
