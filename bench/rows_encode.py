"""One core: chunks of 512 tokens and queries of 20, against the peers and the floor."""

import statistics

import lib
import texts as made
from lib import figure, ratio, say, summary

QUERIES = 20  # single texts in one turn of the query row


def start_all(workers, model, tokens, row):
    for precision in lib.PRECISIONS:
        lib.start_bot(workers, model, precision)
    lib.start_sentence_transformers(workers, model)
    for kind in ("f32", "int8"):
        lib.start_onnxruntime(workers, model, kind)
    if row == "encode":
        lib.start_floor(workers, model, tokens)


def measure(model, row, tokens, per_turn, rounds):
    """Times by worker and round (median of the turn's texts), cosines to PyTorch, who is missing."""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(lib.MODELS_DIR / model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with lib.Workers() as workers:
        start_all(workers, model, tokens, row)
        cosines = compare_vectors(workers, [made.sized(tokenizer, tokens, s) for s in range(3)])

        def turn(name, number):
            batch = [made.sized(tokenizer, tokens, 100 + number * per_turn + i)
                     for i in range(per_turn)]
            return statistics.median(workers[name].ask([text])[lib.CLOCK] for text in batch)
        times = lib.run_rounds(list(workers.running), rounds, turn, f"{row} {model}")
        hello = {name: worker.hello for name, worker in workers.running.items()}
        return times, cosines, workers.missing, hello


def compare_vectors(workers, texts):
    reference = "sentence-transformers"
    if reference not in workers:
        return {}
    want = workers[reference].ask(texts, vectors=True, batch=1)["vectors"]
    result = {}
    for name, worker in workers.running.items():
        if name in (reference, "floor"):
            continue
        got = worker.ask(texts, vectors=True, batch=1)["vectors"]
        result[name] = min(lib.cosine(a, b) for a, b in zip(got, want, strict=True))
    return result


def compared(figures, name, model, times, missing, ours, peer, target):
    note = missing.get(ours) or missing.get(peer)
    if note:
        figures.append(figure(name, model, target, note=note))
        return
    faster = ratio(times[peer], times[ours])
    figures.append(figure(name, model, target, value=faster["median"],
                          spread=[faster["p25"], faster["p75"]],
                          ours=f"{statistics.median(times[ours]):.4g} ms",
                          peer=f"{statistics.median(times[peer]):.4g} ms"))


def table(title, times, cosines, missing):
    rows = []
    for name, values in times.items():
        rows.append({"name": name, **summary(values), "cosine": cosines.get(name)})
    for name, why in missing.items():
        rows.append({"name": name, "note": why})
    return {"title": title, "unit": "ms", "rows": rows}


def encode(options):
    figures, tables, notes = [], [], []
    for model in options.models:
        say(f"encode: {model}")
        times, cosines, missing, hello = measure(model, "encode", 512, 1, options.rounds)
        for peer, target in (("sentence-transformers", 1.2), ("ONNX Runtime f32", 1.1)):
            compared(figures, f"f32, 512 tokens, one core, vs {peer}", model, times, missing,
                     "docs-bot f32", peer, target)
        floor_share(figures, model, times, missing)
        for peer, target in (("ONNX Runtime int8", 1.25), ("sentence-transformers", 2.2)):
            compared(figures, f"int8, 512 tokens, one core, vs {peer}", model, times, missing,
                     "docs-bot int8", peer, target)
        own_f32(figures, model, times, missing)
        tables.append(table(f"512 tokens, one text, one thread: {model}", times, cosines, missing))
        versions = {}
        for greeting in hello.values():
            versions.update(greeting.get("versions", {}))
        if "floor" in hello:
            notes.append(f"{model}: the products of 512 tokens are {hello['floor']['gflop']:.1f} "
                         f"GFLOP; floor by oneDNN {hello['floor']['onednn']}.")
        notes.append("Peers: " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + ".")
    lib.save("encode", figures, tables, dict.fromkeys(notes))


def floor_share(figures, model, times, missing):
    name = "share of f32 time that is the bare products' floor"
    if missing.get("docs-bot f32") or missing.get("floor"):
        figures.append(figure(name, model, 85, unit="%",
                              note=missing.get("floor") or missing.get("docs-bot f32")))
        return
    share = ratio(times["floor"], times["docs-bot f32"])
    figures.append(figure(name, model, 85, unit="%", value=100 * share["median"],
                          spread=[100 * share["p25"], 100 * share["p75"]],
                          ours=f"{statistics.median(times['docs-bot f32']):.4g} ms",
                          peer=f"{statistics.median(times['floor']):.4g} ms"))


def own_f32(figures, model, times, missing):
    """int8 with VNNI, or bf16: only where the processor has them."""
    flags = set(lib.machine()["instructions"])
    name = "int8 with VNNI, or bf16, 512 tokens, one core, vs own f32"
    vnni = flags & {"avx512_vnni", "avx_vnni"}
    ours = next((n for n, has in (("docs-bot bf16", flags & {"avx512_bf16", "amx_bf16"}),
                                  ("docs-bot int8", vnni)) if has and n in times), None)
    if not ours:
        figures.append(figure(name, model, 2.5, note="this processor has neither"
                              if not vnni else missing.get("docs-bot int8", "")))
        return
    if vnni and "docs-bot int8" in times:
        ours = min((n for n in ("docs-bot int8", ours)), key=lambda n: statistics.median(times[n]))
    compared(figures, name, model, times, missing, ours, "docs-bot f32", 2.5)


def query(options):
    figures, tables = [], []
    for model in options.models:
        say(f"query: {model}")
        times, cosines, missing, _ = measure(model, "query", 20, QUERIES, options.rounds)
        for ours, peer, target in (("docs-bot int8", "sentence-transformers", 6),
                                   ("docs-bot int8", "ONNX Runtime int8", 2),
                                   ("docs-bot f32", "sentence-transformers", 2.5)):
            compared(figures, f"one 20-token query, p50, {ours.split()[1]} vs {peer}", model, times,
                     missing, ours, peer, target)
        tables.append(table(f"20 tokens, one query, one thread, p50 of {QUERIES}: {model}", times,
                            cosines, missing))
    lib.save("query", figures, tables)
