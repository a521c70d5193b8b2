"""What the rows share: worker processes, rounds in rotated order, medians, results on disk."""

import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
RESULTS = BUILD / "results"
PEERS = ROOT / "bench" / "peers"
BINARY = Path(os.environ.get("DOCS_BOT_BIN") or ROOT / "build" / "release" / "docs-bot")
FLOOR = Path(os.environ.get("DOCS_BOT_BENCH_FLOOR")
             or ROOT / "build" / "release" / "bench" / "bench_floor")
MODELS_DIR = Path(os.environ.get("DOCS_BOT_MODELS_DIR")
                  or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
                  / "docs-bot" / "models")
MODELS = ("all-MiniLM-L6-v2", "all-mpnet-base-v2")
PRECISIONS = ("f32", "int8", "bf16")

# "cpu_ms" is for a look at a machine that is busy with other things; RESULTS.md has "ms".
CLOCK = "cpu_ms" if os.environ.get("BENCH_CLOCK") == "cpu" else "ms"

# They choose slower kernels for an older library than the peers bring.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MODEL", "PORT", "EMBEDDING_MODEL",
         "DOCS_BOT_DATA_DIR", "DOCS_BOT_THREADS", "DOCS_BOT_SIMD", "DOCS_BOT_PRECISION")


class BenchError(Exception):
    """A message for the person who runs the benchmark."""


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def environment():
    return {k: v for k, v in os.environ.items() if k not in UNSET}


# --- workers ---


class NotAvailable(Exception):
    """A program or precision that this machine or this version does not have."""


def reason(message):
    """A message without the program's name and the paths of this machine: it goes into a table."""
    return re.sub(r"(?:\S*/\S*): ", "", message.removeprefix("docs-bot: "))


class Worker:
    """A process that says hello in one line of JSON and then answers line by line."""

    def __init__(self, name, command):
        self.name = name
        self.log = BUILD / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = None
        try:
            with self.log.open("wb") as errors:
                self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, stderr=errors,
                                                env=environment(), text=True, cwd=ROOT)
        except OSError as e:
            raise NotAvailable(f"{name}: {e}") from e
        begin = time.perf_counter()
        self.hello = self._read()
        self.start_ms = (time.perf_counter() - begin) * 1e3

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise NotAvailable(f"{self.name} ended with {code}: {reason(' '.join(last))}")
        return json.loads(line)

    def ask(self, texts, **more):
        self.process.stdin.write(json.dumps({"texts": list(texts), **more}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def rss_mb(self):
        return memory_mb(self.process.pid)["VmRSS"]

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(timeout=20)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()


class Workers:
    """Named workers that are closed together; what is not available is kept with its reason."""

    def __init__(self):
        self.running, self.missing = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.running.values():
            worker.close()

    def start(self, name, command, check=None):
        try:
            worker = Worker(name, command)
            if check:
                try:
                    check(worker.hello)
                except NotAvailable:
                    worker.close()
                    raise
            self.running[name] = worker
        except NotAvailable as e:
            self.missing[name] = str(e)
            say(f"{name} is not available: {e}")

    def __getitem__(self, name):
        return self.running[name]

    def __contains__(self, name):
        return name in self.running


def memory_mb(pid):
    """VmRSS, VmHWM, RssAnon and RssFile of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.findall(r"^(VmRSS|VmHWM|RssAnon|RssFile):\s+(\d+) kB", text, re.M)
    return {name: int(kb) * 1024 / 1e6 for name, kb in found}


def python():
    return BUILD / "venv" / "bin" / "python"


def bot_command(model, precision, *arguments):
    command = [BINARY, "--models-dir", MODELS_DIR, "--model", model]
    if precision and knows_precision():
        command += ["--precision", precision]
    return [*command, *arguments]


def knows_precision():
    return "--precision" in subprocess.run([BINARY, "--help"], capture_output=True, text=True).stdout


def start_bot(workers, model, precision, threads=1):
    """docs-bot as worker `docs-bot PRECISION`, or the reason why there is none."""
    name = f"docs-bot {precision}"
    if precision != "f32" and not knows_precision():
        workers.missing[name] = "this version computes in f32 only"
        return

    def check(hello):
        got = hello.get("precision", "f32")
        if precision != "auto" and got != precision:
            raise NotAvailable(f"{precision} is not on this processor: it would be {got}")
    workers.start(name, bot_command(model, precision, "--threads", threads, "bench", "encode",
                                    "--stdin"), check)


def auto_precision(model):
    """What `auto` is on this machine."""
    if not knows_precision():
        return "f32"
    worker = Worker("auto", bot_command(model, "auto", "bench", "encode", "--stdin"))
    worker.close()
    return worker.hello["precision"]


def start_sentence_transformers(workers, model, threads=1):
    workers.start("sentence-transformers",
                  [python(), PEERS / "sentence_transformers_worker.py", MODELS_DIR / model, threads])


def start_onnxruntime(workers, model, kind, threads=1):
    """kind: f32 or int8."""
    file = onnx_files(model) / ("model.onnx" if kind == "f32" else "model-int8.onnx")
    workers.start(f"ONNX Runtime {kind}", [python(), PEERS / "onnxruntime_worker.py", file,
                                           MODELS_DIR / model, threads])


def onnx_files(model):
    """Exported once, again when the weights or the script change."""
    folder = BUILD / "onnx" / model
    newest = max((MODELS_DIR / model / "model.safetensors").stat().st_mtime,
                 (PEERS / "export_onnx.py").stat().st_mtime)
    files = [folder / "model.onnx", folder / "model-int8.onnx"]
    if not all(f.exists() and f.stat().st_mtime >= newest for f in files):
        say(f"exporting {model} to ONNX")
        logged(f"export-{model}", [python(), PEERS / "export_onnx.py", MODELS_DIR / model, folder])
    return folder


def start_floor(workers, model, tokens):
    config = json.loads((MODELS_DIR / model / "config.json").read_text())
    workers.start("floor", [FLOOR, config["hidden_size"], config["num_attention_heads"],
                            config["num_hidden_layers"], config["intermediate_size"], tokens])


def logged(name, command, **more):
    """Runs to the end, output in a log; the finished process."""
    log = BUILD / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", env=environment(), cwd=ROOT, **more)
    log.write_text(f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    if done.returncode:
        raise BenchError(f"{name} failed ({done.returncode}); see {os.path.relpath(log, ROOT)}")
    return done


# --- rounds ---


def rotated(items, by):
    items = list(items)
    by %= len(items) or 1
    return items[by:] + items[:by]


def run_rounds(names, rounds, measure, what=""):
    """measure(name, round) -> a number. One warm-up round, then `rounds` that count; each round
    begins with another worker. Returns {name: [number of each round]}."""
    times = {name: [] for name in names}
    for number in range(-1, rounds):
        for name in rotated(names, number + 1):
            value = measure(name, number)
            if number >= 0:
                times[name].append(value)
        if what:
            say(f"{what}: round {number + 1} of {rounds}")
    return times


def quantile(values, share):
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def summary(values):
    return {"n": len(values), "median": statistics.median(values), "p25": quantile(values, 0.25),
            "p75": quantile(values, 0.75), "min": min(values), "max": max(values)}


def ratio(over, under):
    """Summary of the ratios round by round: load that slows a whole round cancels."""
    return summary([a / b for a, b in zip(over, under, strict=True)])


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


# --- results ---


def figure(name, model, target, better="higher", unit="×", **more):
    """One line of the table. `value` None: not measured, `note` says why."""
    value = more.get("value")
    met = None if value is None or target is None else (
        value >= target if better == "higher" else value <= target)
    return {"figure": name, "model": model, "target": target, "better": better, "unit": unit,
            "met": met, **more}


def save(row, figures, times=(), notes=()):
    RESULTS.mkdir(parents=True, exist_ok=True)
    document = {"row": row, "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
                "machine": machine(), "figures": figures, "times": list(times),
                "notes": list(notes)}
    part = RESULTS / f"{row}.part"
    part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    part.rename(RESULTS / f"{row}.json")


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        return (done.stdout or done.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return ""


def machine():
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"^model name\s*: (.*)", cpu, re.M)
    flags = set(m.group(1) for m in re.finditer(
        r"\b(avx2|avx512f|avx512_vnni|avx_vnni|avx512_bf16|amx_bf16|amx_int8)\b", cpu))
    commit = first_line(["git", "rev-parse", "--short=10", "HEAD"])
    changed = first_line(["git", "status", "--porcelain", "--untracked-files=no"])
    return {"processor": name.group(1) if name else platform.processor(),
            "cores": os.cpu_count(), "instructions": sorted(flags),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
            "compiler": first_line([shutil.which("cc") or "cc", "--version"]),
            "docs-bot": f"{commit}{' with changes' if changed else ''}",
            "clock": CLOCK, "load": round(os.getloadavg()[0], 1)}
