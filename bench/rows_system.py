"""Start, memory while serving, the exact scan, and whether indexing stays linear."""

import array
import json
import random
import re
import shutil
import struct
import subprocess
import time
import urllib.parse
import urllib.request

import lib
import rows_index
import texts as made
from lib import figure, say, summary

QUESTIONS = ("How do I keep the pods of finished trials?",
             "Turn off caching for one task of a pipeline",
             "Which environment variable sets the service account token path?",
             "limit how many trials run at the same time", "mount a volume into a notebook server",
             "What does early stopping need?", "serve two versions of a model behind one address")


# --- start ---


def first_vector_ms(command):
    """From the start of the process to its first vector."""
    begin = time.perf_counter()
    worker = lib.Worker("start", command)
    try:
        worker.ask([QUESTIONS[0]])
        return (time.perf_counter() - begin) * 1e3
    finally:
        worker.close()


def start_row(options):
    figures, tables = [], []
    for model in options.models:
        ours = lib.bot_command(model, "auto", "--threads", 1, "bench", "encode", "--stdin")
        onnx = lib.onnx_files(model) / "model-int8.onnx"
        peers = {"sentence-transformers": [lib.python(),
                                           lib.PEERS / "sentence_transformers_worker.py",
                                           lib.MODELS_DIR / model, 1],
                 "ONNX Runtime int8": [lib.python(), lib.PEERS / "onnxruntime_worker.py", onnx,
                                       lib.MODELS_DIR / model, 1]}
        commands = {"docs-bot auto": ours, **peers}
        times = lib.run_rounds(list(commands), min(options.rounds, 7),
                               lambda name, _: first_vector_ms(commands[name]), f"start {model}")
        mine = summary(times["docs-bot auto"])
        figures.append(figure("start to first embedding, page cache warm", model, 150,
                              better="lower", unit="ms", value=mine["median"],
                              spread=[mine["p25"], mine["p75"]],
                              ours=f"{mine['median']:.4g} ms",
                              peer=f"{summary(times['sentence-transformers'])['median']:.4g} ms"))
        tables.append({"title": f"start of the process to its first vector: {model}", "unit": "ms",
                       "rows": [{"name": n, **summary(t)} for n, t in times.items()]})
    lib.save("start", figures, tables)


# --- memory ---


class Service:
    """`docs-bot serve` on a free port of this machine."""

    def __init__(self, model, data_dir):
        self.log = lib.BUILD / "logs" / "serve.log"
        command = lib.bot_command(model, "auto", "--data-dir", data_dir, "serve", "--listen",
                                  "127.0.0.1:0")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                        stdout=self.log.open("w"), stderr=subprocess.STDOUT,
                                        env=lib.environment())
        end = time.monotonic() + 60
        self.url = None
        while not self.url and time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"127\.0\.0\.1:([1-9]\d*)", self.log.read_text(errors="replace"))
            self.url = f"http://127.0.0.1:{found.group(1)}" if found else None
            time.sleep(0.05)
        if not self.url:
            self.stop()
            raise lib.BenchError(f"serve does not listen; see {self.log}")

    def search(self, question):
        query = urllib.parse.urlencode({"q": question, "top_k": 5})
        with urllib.request.urlopen(f"{self.url}/api/search?{query}", timeout=60) as response:
            return json.loads(response.read())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def memory_row(options):
    figures, notes = [], []
    for model in options.models:
        target = 260 if model == "all-mpnet-base-v2" else None
        folder = rows_index.ensure_index(model, lib.auto_precision(model))
        service = Service(model, folder)
        try:
            for _ in range(6):  # so that every worker has answered
                for question in QUESTIONS:
                    service.search(question)
            ours = lib.memory_mb(service.process.pid)
        finally:
            service.stop()
        with lib.Workers() as workers:
            lib.start_sentence_transformers(workers, model, threads=0)
            peer = None
            if "sentence-transformers" in workers:
                for question in QUESTIONS:
                    workers["sentence-transformers"].ask([question])
                peer = workers["sentence-transformers"].rss_mb()
        figures.append(figure("resident memory while serving the sample, auto", model, target,
                              better="lower", unit="MB", value=ours["VmRSS"],
                              ours=f"{ours['VmRSS']:.0f} MB",
                              peer=f"{peer:.0f} MB" if peer else "–"))
        notes.append(f"{model}: VmRSS {ours['VmRSS']:.0f} MB, of which {ours['RssAnon']:.0f} MB are "
                     f"its own and {ours['RssFile']:.0f} MB mapped files (weights, program); most "
                     f"ever {ours['VmHWM']:.0f} MB. Compared with VmRSS of a process that holds the "
                     "model in sentence-transformers and nothing else.")
    lib.save("memory", figures, (), notes)


# --- scan ---


def scan_row(options):
    name = "exact scan, 1,000,000 × 768 int8 vectors, one query: share of a plain read's bandwidth"
    command = [lib.BINARY, "--json", "bench", "search", "--vectors", "1000000", "--dimension", "768"]
    try:
        report = json.loads(lib.logged("scan", command).stdout)
    except lib.BenchError as e:
        lib.save("scan", [figure(name, "–", 60, unit="%", note=f"not measured: {e}")])
        return
    scan, read = report["scan"]["ms"], report["scan"]["read_ms"]
    share = report["scan"]["share"]
    figures = [figure(name, "–", 60, unit="%", value=100 * share["median"],
                      spread=[100 * share["p25"], 100 * share["p75"]],
                      ours=f"{scan['median']:.4g} ms", peer=f"{read['median']:.4g} ms")]
    rows = [{"name": n, "n": report["scan"]["runs"], **values}
            for n, values in (("scan", scan), ("plain read", read))]
    notes = [f"The read reaches {report['scan']['read_gb_per_second']:.1f} GB/s, the scan "
             f"{report['scan']['gb_per_second']:.1f} GB/s ({report['scan']['kernel']}); "
             f"{report['scan']['candidates']:.0f} rows on average were scored again in f32."]
    lib.save("scan", figures, [{"title": "one query over 1,000,000 × 768 int8", "unit": "ms",
                                "rows": rows}], notes)


# --- linearity ---


def tiny_model(folder, hidden=32):
    """A random BERT of one layer: with it all else than the model is what takes time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = lib.MODELS_DIR / "all-MiniLM-L6-v2"
    for name in ("vocab.txt", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"):
        shutil.copyfile(source / name, folder / name)
    config = json.loads((source / "config.json").read_text())
    config.update(hidden_size=hidden, num_attention_heads=4, num_hidden_layers=1,
                  intermediate_size=2 * hidden)
    (folder / "config.json").write_text(json.dumps(config))
    write_weights(folder / "model.safetensors", config)
    return folder


def write_weights(path, config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {"embeddings.word_embeddings.weight": [config["vocab_size"], hidden],
              "embeddings.position_embeddings.weight": [config["max_position_embeddings"], hidden],
              "embeddings.token_type_embeddings.weight": [config["type_vocab_size"], hidden],
              "embeddings.LayerNorm.weight": [hidden], "embeddings.LayerNorm.bias": [hidden]}
    for part, out, into in (("attention.self.query", hidden, hidden),
                            ("attention.self.key", hidden, hidden),
                            ("attention.self.value", hidden, hidden),
                            ("attention.output.dense", hidden, hidden),
                            ("intermediate.dense", inner, hidden), ("output.dense", hidden, inner)):
        shapes[f"encoder.layer.0.{part}.weight"] = [out, into]
        shapes[f"encoder.layer.0.{part}.bias"] = [out]
    for part in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes[f"encoder.layer.0.{part}.weight"] = [hidden]
        shapes[f"encoder.layer.0.{part}.bias"] = [hidden]
    header, data, rng = {}, bytearray(), random.Random(1)
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        begin = len(data)
        data += array.array("f", (rng.uniform(-0.1, 0.1) for _ in range(count))).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_pages(folder, first, count):
    """Pages of a few short sections, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        rng = random.Random(number)
        lines = [f"# Page {number} about {rng.choice(made.WORDS)}", ""]
        for section in range(4):
            lines += [f"## {' '.join(rng.choices(made.WORDS, k=3))} {section}", "",
                      " ".join(rng.choices(made.WORDS, k=24)) + f" {number}.", ""]
        (folder / f"page-{number:06}.md").write_text("\n".join(lines))


def time_of_index(model, folder, name):
    data = lib.BUILD / "linear-data"
    shutil.rmtree(data, ignore_errors=True)
    report = rows_index.index(model, "auto", data, [folder], name)
    shutil.rmtree(data, ignore_errors=True)
    return report["total_chunks"], report["took_ms"] / report["total_chunks"]


def linearity_row(options):
    figures, tables = [], []
    tiny = str(tiny_model(lib.BUILD / "tiny"))
    # The second asks for more than must be reached: a hundred thousand chunks, and a model so small
    # that nearly all of the time is parsing, cutting and storing.
    for model, label, small, target in (
            ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2", 1000, 1.1),
            (tiny, "a random model of 32 dimensions", 10000, None)):
        pages = {"small": lib.BUILD / "pages-small", "large": lib.BUILD / "pages-large"}
        for folder in pages.values():
            shutil.rmtree(folder, ignore_errors=True)
        write_pages(pages["small"], 0, 10)
        chunks, _ = time_of_index(model, pages["small"], "linear-probe")
        count = round(small * 10 / chunks)
        write_pages(pages["small"], 10, count - 10)
        write_pages(pages["large"], 0, 10 * count)
        sizes = {}

        def measure(name, _):
            sizes[name], ms = time_of_index(model, pages[name], f"linear-{name}")
            return ms
        say(f"linearity: {label}")
        times = lib.run_rounds(["small", "large"], 3, measure, f"linearity {label}")
        growth = lib.ratio(times["large"], times["small"])
        figures.append(figure(f"time per chunk, {sizes['large']} chunks to {sizes['small']}", label,
                              target, better="lower", value=growth["median"],
                              spread=[growth["p25"], growth["p75"]],
                              ours=f"{summary(times['large'])['median']:.3g} ms",
                              peer=f"{summary(times['small'])['median']:.3g} ms"))
        tables.append({"title": f"indexing, time per chunk: {label}", "unit": "ms",
                       "rows": [{"name": f"{sizes[n]} chunks", **summary(t)}
                                for n, t in times.items()]})
        for folder in pages.values():
            shutil.rmtree(folder, ignore_errors=True)
    lib.save("linearity", figures, tables)


# --- search in a large index ---


def encode_ms(model):
    """The median for a question of 20 tokens, on one thread."""
    command = lib.bot_command(model, "auto", "--threads", 1, "--json", "bench", "encode",
                              "--tokens", "20", "--runs", "50")
    return json.loads(lib.logged("large-encode", command).stdout)["encode"][0]["ms"]["median"]


def large_row(options):
    """To embed 100,000 chunks with a real model takes hours: a random one of as many dimensions does
    it in minutes, and its own part of a search is taken off and the real one's put in."""
    model = str(tiny_model(lib.BUILD / "tiny-768", 768))
    pages, data = lib.BUILD / "pages-100k", lib.BUILD / "large-data"
    for folder in (pages, data):
        shutil.rmtree(folder, ignore_errors=True)
    write_pages(pages, 0, 100)
    per_page = rows_index.index(model, "auto", data, [pages], "large-probe")["total_chunks"] / 100
    write_pages(pages, 100, round(100000 / per_page) - 100)
    say("large: indexing 100,000 chunks")
    report = rows_index.index(model, "auto", data, [pages], "large")
    command = lib.bot_command(model, "auto", "--data-dir", data, "--json", "bench", "search",
                              "--vectors", "1000", "--runs", "200")
    found = json.loads(lib.logged("large-search", command).stdout)["index"]
    rest = found["ms"]["median"] - encode_ms(model)
    figures, notes = [], [f"{found['chunks']} chunks of 768 dimensions: a search takes "
                          f"{found['ms']['median']:.1f} ms (p95 {found['ms']['p95']:.1f}) with a "
                          f"model of one layer, {rest:.1f} ms of which are not the encoder's."]
    for name in options.models:
        encoder = encode_ms(name)
        figures.append(figure(f"search p50 in {found['chunks']} chunks: rest of the search and the "
                              "encoder", name, 40, better="lower", unit="ms", value=rest + encoder,
                              ours=f"{rest:.1f} + {encoder:.1f} ms", peer="–"))
    lib.save("large", figures, [{"title": f"a search in {found['chunks']} chunks, model of one layer",
                                 "unit": "ms", "rows": [{"name": "docs-bot", **found["ms"]}]}], notes)
    for folder in (pages, data, lib.BUILD / "tiny-768"):
        shutil.rmtree(folder, ignore_errors=True)
    say(f"large: {report['total_chunks']} chunks in {report['took_ms'] / 1e3:.0f} s")
