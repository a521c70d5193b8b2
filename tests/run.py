#!/usr/bin/env python3
"""Runs every test and ends with the line `N passed, N failed, N skipped`.

Each step has a log in build/test-logs/ and counts single tests, not programs. A step whose needs
failed counts as one failure, so nothing is left out without a trace. Started by scripts/test.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
SHARED = Path(os.environ.get("DOCS_BOT_SHARED") or ROOT.parent / "shared")
CORPUS = SHARED / "corpus" / "kubeflow-website"
SITE = TESTS / "e2e" / "site"
MODEL = "all-MiniLM-L6-v2"
BIG_MODEL = "all-mpnet-base-v2"
MODELS_DIR = Path(os.environ.get("DOCS_BOT_MODELS_DIR")
                  or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
                  / "docs-bot" / "models")
BINARY = BUILD / "release" / "docs-bot"
WEBSITE_BASE = "https://www.kubeflow.org"

HAVE_CORPUS = CORPUS.is_dir()
DOCS = CORPUS if HAVE_CORPUS else SITE
EVAL = TESTS / "eval"
# What was measured is a little more (docs/user-guide/evaluation.md); kep is the KEP's method, same run.
if HAVE_CORPUS:
    QUESTIONS = ("questions.jsonl", "questions_hard.jsonl", "metamorphic.jsonl")
    GATES = {"hit@1": 0.72, "hit@5": 0.95, "mrr@10": 0.82, "fact_recall@5": 0.84,
             "metamorphic_kept": 0.95}
else:
    QUESTIONS = ("own_questions.jsonl",)
    GATES = {"hit@5": 0.90}
# Follow-ups are about the corpus, and asked with their history.
FOLLOW_UPS = ("follow_ups.jsonl",) if HAVE_CORPUS else ()
FOLLOW_UP_GATES = {"follow_up.hit@5": 0.90, "follow_up.mrr@10": 0.80}
# Every question of the project's own sets goes to the documentation, and none of these needs an index.
ROUTE_QUESTIONS = ("routes.jsonl", "questions.jsonl", "questions_hard.jsonl", "own_questions.jsonl",
                   "formats.jsonl", "website.jsonl", "metamorphic.jsonl", "formats_metamorphic.jsonl",
                   "follow_ups.jsonl")
ROUTE_GATES = {"routes.accuracy": 0.95, "routes.sources_accuracy": 0.95, "routes.fishing_refused": 1,
               "routes.answerable": 0.99}
ANSWER_QUESTIONS = ("questions.jsonl", "questions_hard.jsonl", "website.jsonl", "unanswerable.jsonl")
ANSWER_GATES = {"answers.fact_recall": 0.69, "first_source": 0.76, "citation_validity": 1,
                "abstention_precision": 0.78, "abstention_recall": 0.37}
ANSWER_LIMITS = {"false_abstention": 0.055}
FORMAT_QUESTIONS = ("formats.jsonl", "formats_metamorphic.jsonl")
FORMAT_GATES = {"hit@1": 0.85, "hit@5": 0.97, "fact_recall@5": 0.95, "metamorphic_kept": 0.97}
FORMAT_GROUPS = {"yaml": 0.90, "notebook": 0.90, "html": 0.90}  # hit@5
DATA = BUILD / "test-data" / f"{MODEL}-{'corpus' if HAVE_CORPUS else 'site'}"
FORMAT_DATA = BUILD / "test-data" / f"{MODEL}-formats"

# Programs with threads of their own; the others would only repeat what ASan sees.
THREADED = re.compile(r"queue|helper|encoder|inproc|rerank|llm|serve|shared|store|worker|sqlite|log|index")


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = field(default_factory=list)  # one line per failure or skip

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def check(self, ok, note):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            self.notes.append(note)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Log:
    """The log of one step; several threads may write whole blocks."""

    def __init__(self, name):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.path = LOGS / f"{name}.log"
        self.path.write_text("")
        self.lock = threading.Lock()

    def write(self, text):
        with self.lock, self.path.open("a", errors="replace") as f:
            f.write(text if text.endswith("\n") else text + "\n")

    def run(self, command, timeout=900, env=None, cwd=ROOT):
        """Runs, logs, returns (exit code, stdout, stderr); -1 on a timeout."""
        command = [str(c) for c in command]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd,
                                  env={**environment(), **(env or {})}, timeout=timeout, text=True,
                                  errors="replace")
            code, out, errors = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as e:
            code, out = -1, (e.stdout or b"").decode(errors="replace")
            errors = (e.stderr or b"").decode(errors="replace") + f"\nno end after {timeout} s\n"
        except OSError as e:
            code, out, errors = -1, "", f"{e}\n"
        self.write(f"$ {' '.join(command)}\n{out}{errors}[exit {code}]\n")
        return code, out, errors


def environment():
    env = dict(os.environ)
    env.update(DOCS_BOT_MODELS_DIR=str(MODELS_DIR), DOCS_BOT_SHARED=str(SHARED),
               DOCS_BOT_BIN=str(BINARY), LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1",
               DOCS_BOT_MAKE_TINY_MODEL=str(BUILD / "dev" / "tests" / "make_tiny_model"),
               DOCS_BOT_LIST_SOURCE=str(BUILD / "dev" / "tests" / "list_source"),
               DOCS_BOT_SCRIPTED_LLM=str(BUILD / "dev" / "docs-bot-scripted-llm"),
               DOCS_BOT_LLM_CHAT=str(BUILD / "dev" / "tests" / "llm_chat"),
               DOCS_BOT_BENCH_FLOOR=str(BUILD / "dev" / "bench" / "bench_floor"))
    env.setdefault("DOCS_BOT_MODEL_SOURCES", "packages")
    for name in ("MODEL", "PORT", "EMBEDDING_MODEL", "KSERVE_URL", "LLM_API_KEY", "DOCS_BOT_DATA_DIR",
                 "MAKEFLAGS", "MAKELEVEL"):
        env.pop(name, None)
    return env


# --- builds ---


def build(preset, *arguments):
    def step(log):
        code, _, _ = log.run([ROOT / "scripts" / "build", preset, *arguments], timeout=1500)
        result = Result()
        result.check(code == 0, f"the {preset} build fails; see build/logs/build-{preset}.log")
        return result
    return step


def build_fuzz(log):
    names = [f.stem for f in sorted((TESTS / "fuzz").glob("fuzz_*.c"))]
    if not names:
        return Result(failed=1, notes=["there is no tests/fuzz/fuzz_*.c"])
    return build("fuzz", "--target", *names)(log)


# --- checks of the source ---


def own_sources():
    return sorted(f for folder in ("backend", "bench", "tests") for kind in ("*.c", "*.h")
                  for f in (ROOT / folder).rglob(kind) if "node_modules" not in f.parts)


def style(log):
    result = Result()
    formatter = shutil.which("clang-format-14") or "clang-format"
    for source in own_sources():
        code, _, _ = log.run([formatter, "--dry-run", "-Werror", source])
        result.check(code == 0, f"{source.relative_to(ROOT)}: run clang-format -i on it")
    result.add(python_check(log, "check_includes.py"))
    result.add(python_check(log, "eval/check_sets.py"))
    return result


def python_check(log, *arguments):
    """A script that prints one line per finding on stdout and `checked N` on stderr."""
    code, out, errors = log.run([sys.executable, TESTS / arguments[0], *arguments[1:]])
    findings = out.splitlines()
    counted = re.search(r"^checked (\d+)", errors, re.M)
    if code != 0 and not findings:
        findings = [f"{arguments[0]} ends with {code}: {errors.strip()[-200:]}"]
    count = int(counted.group(1)) if counted else 0
    return Result(passed=max(0, count - len(findings)), failed=len(findings), notes=findings)


def sizes_and_symbols(log):
    return python_check(log, "check_style.py", "--library",
                        str(BUILD / "release" / "libdocs_bot_core.a"))


# --- C test programs ---


def programs(preset, log):
    """(name, folder it comes from, command) of every test that CTest knows."""
    code, out, _ = log.run(["ctest", "--test-dir", BUILD / preset, "--show-only=json-v1"])
    if code != 0:
        return []
    found = []
    for test in json.loads(out).get("tests", []):
        command = test.get("command")
        if not command:
            continue
        sources = [d for d in ("unit", "contract", "golden")
                   if (TESTS / d / f"{test['name']}.c").exists()]
        found.append((test["name"], sources[0] if sources else "unit", command))
    return found


def read_tap(name, code, out):
    """cmocka's TAP: plans `1..N`, `ok`, `not ok`, and `not ok N # SKIP name`."""
    result = Result()
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)$", out, re.M))
    for line in re.findall(r"^(?:not )?ok \d+.*$", out, re.M):
        if "# SKIP" in line:
            result.skipped += 1
            result.notes.append(f"skipped: {name}: {line.split('# SKIP', 1)[1].strip()}")
        else:
            result.check(line.startswith("ok"), f"{name}: {line.split(' - ', 1)[-1]}")
    seen = result.passed + result.failed + result.skipped
    if seen < planned or seen == 0:
        result.failed += max(1, planned - seen)
        result.notes.append(f"{name}: {seen} of {planned} tests were reported (exit {code})")
    elif code != 0 and result.failed == 0:
        result.failed += 1
        result.notes.append(f"{name}: all tests pass but the program ends with {code}")
    return result


def no_randomisation():
    """Sanitizers of gcc 12 and clang 14 fail on kernels that randomise more address bits."""
    prefix = ["setarch", platform.machine(), "-R"]
    try:
        works = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    except OSError:
        works = False
    return prefix if works else []


def run_programs(log, preset, choose, prefix=(), env=None, timeout=600):
    chosen = [p for p in programs(preset, log) if choose(p[0], p[1])]
    if not chosen:
        return Result(failed=1, notes=[f"no test program was built in build/{preset}"])
    total = Result()

    def one(program):
        name, _, command = program
        code, out, _ = log.run([*prefix, *command], timeout=timeout,
                               env={"CMOCKA_MESSAGE_OUTPUT": "TAP", **(env or {})})
        return read_tap(name, code, out)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for result in pool.map(one, chosen):
            total.add(result)
    return total


def unit(log):
    return run_programs(log, "dev", lambda name, folder: folder != "golden")


def golden(log):
    result = Result()
    result.check(BACKGROUND.wait("models"), "a model cannot be fetched; see test-logs/models.log")
    if not list((TESTS / "golden").glob("test_*.c")):
        return Result(failed=1, notes=["there is no tests/golden/test_*.c"])
    result.add(run_programs(log, "dev", lambda name, folder: folder == "golden"))
    return result


def unit_asan(log):
    options = "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
    return run_programs(log, "asan", lambda name, folder: folder != "golden", no_randomisation(),
                        {"ASAN_OPTIONS": options, "UBSAN_OPTIONS": "print_stacktrace=1"})


def valgrind(log):
    # Reachable memory at exit is the libraries' (OpenSSL's tables); ours is freed.
    prefix = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
              "--child-silent-after-fork=yes", "--show-leak-kinds=definite,indirect",
              "--errors-for-leak-kinds=definite,indirect"]
    return run_programs(log, "dev", lambda name, folder: folder != "golden", prefix,
                        {"DOCS_BOT_TEST_SLOW_MACHINE": "1"}, timeout=900)


def tsan(log):
    return run_programs(log, "tsan",
                        lambda name, folder: folder != "golden" and THREADED.search(name),
                        no_randomisation(),
                        {"TSAN_OPTIONS": "halt_on_error=0"})


def fuzz_replay(log):
    result = Result()
    for source in sorted((TESTS / "fuzz").glob("fuzz_*.c")):
        program = BUILD / "fuzz" / "tests" / source.stem
        folder = TESTS / "fuzz" / "seeds" / source.stem.removeprefix("fuzz_")
        seeds = sorted(f for f in folder.rglob("*") if f.is_file()) if folder.is_dir() else []
        if not seeds:
            result.check(False, f"{source.stem}: {folder.relative_to(ROOT)} has no seeds")
            continue
        code, _, errors = log.run([*no_randomisation(), program, "-timeout=20",
                                   "-rss_limit_mb=2048", *seeds], timeout=300)
        ran = len(re.findall(r"^Executed ", errors, re.M))
        result.passed += ran
        if code != 0 or ran != len(seeds):
            result.check(False, f"{source.stem}: ran {ran} of {len(seeds)} seeds (exit {code})")
    return result


# --- models and index, made while the other steps run ---


class Background:
    """Named jobs in threads of their own; wait() says whether the job went well."""

    def __init__(self):
        self.jobs = {}

    def start(self, name, work):
        if name in self.jobs:
            return
        done = {"ok": False}

        def body():
            done["ok"] = work(Log(name))
        thread = threading.Thread(target=body, name=name, daemon=True)
        self.jobs[name] = (thread, done)
        thread.start()

    def wait(self, name):
        if name not in self.jobs:
            return False
        thread, done = self.jobs[name]
        thread.join()
        return done["ok"]


BACKGROUND = Background()


def fetch_model(log, name):
    for _ in range(2):  # once more: a registry may hiccup
        if log.run([BINARY, "model", "fetch", name], timeout=900)[0] == 0:
            return True
    return False


def index_command():
    return [BINARY, "--json", "--data-dir", DATA, "--model", MODEL, "index", DOCS,
            "--source", "kubeflow/website", "--base-url", WEBSITE_BASE]


def make_models(log):
    return BACKGROUND.wait("model") and fetch_model(log, BIG_MODEL)


def make_index(log):
    if not BACKGROUND.wait("model"):
        return False
    code, _, _ = log.run(["nice", "-n", "5", *index_command()], timeout=1500)
    return code == 0


def make_llm(log):
    """llama-server and a model of 0.5 billion parameters; in the cache folder after the first run."""
    return log.run([ROOT / "LLM" / "local" / "setup"], timeout=3000)[0] == 0


def start_llm(log):
    BACKGROUND.start("llm", make_llm)
    return Result()


def start_background(log):
    result = Result()
    result.check(BINARY.exists(), f"{BINARY} was not built")
    if result.failed:
        return result
    BACKGROUND.start("model", lambda job: fetch_model(job, MODEL))
    BACKGROUND.start("index", make_index)
    BACKGROUND.start("models", make_models)
    return Result()


def index_done(log):
    """The index is there, and indexing the same input again embeds nothing."""
    result = Result()
    result.check(BACKGROUND.wait("model"), f"{MODEL} cannot be fetched; see test-logs/model.log")
    result.check(BACKGROUND.wait("index"), "indexing fails; see build/test-logs/index.log")
    if result.failed:
        return result
    code, out, _ = log.run(index_command(), timeout=300)
    try:
        report = json.loads(out)
    except ValueError:
        report = {}
    result.check(code == 0 and report.get("status") is not None, "index prints no JSON report")
    result.check(report.get("embedded_chunks") == 0, "indexing unchanged input embeds again")
    result.check(report.get("deleted_chunks") == 0, "indexing unchanged input deletes")
    result.check((report.get("documents") or 0) >= (100 if HAVE_CORPUS else 10),
                 f"only {report.get('documents')} documents were indexed")
    return result


# --- end to end ---


def pytest(log, name, files, env=None, timeout=900):
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    code, _, _ = log.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                          f"--junitxml={report}", *files], timeout=timeout, env=env)
    result = Result()
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            label = f"{case.get('classname')}::{case.get('name')}"
            skipped = case.find("skipped")
            if skipped is not None:
                result.skipped += 1
                result.notes.append(f"skipped: {label}: {skipped.get('message', '')}")
            else:
                bad = case.find("failure") is not None or case.find("error") is not None
                result.check(not bad, label)
    if code != 0 and result.failed == 0:
        result.check(False, f"pytest ends with {code} for {', '.join(f.name for f in files)}")
    return result


# These start docs-bot themselves; the others are clients of one running server.
CLI_TESTS = ("test_cli.py", "test_index_site.py", "test_publish.py", "test_bad_input.py", "test_bench.py", "test_rerank.py",
             "test_llm.py", "test_openai_llm.py", "test_a2a_llm.py", "test_state.py", "test_mcp_stdio.py")
MAKE_RUN_TESTS = ("test_make_run.py",)
CRASH_TESTS = ("test_crash.py",)
DISPATCH_TESTS = ("test_dispatch.py",)
LLM_TESTS = ("test_llm_client.py",)
LLM_LOCAL_TESTS = ("test_llm_local.py",)
SOURCE_TESTS = ("test_source_dir.py", "test_source_git.py", "test_source_site.py")


def cli(log):
    return pytest(log, "cli", [TESTS / "e2e" / f for f in CLI_TESTS])


def crash(log):
    """CRASH_KILLS runs are killed at random moments; `make crash` kills 200."""
    return pytest(log, "crash", [TESTS / "e2e" / f for f in CRASH_TESTS])


def sources(log):
    """Repositories and websites on loopback, through build/dev/tests/list_source."""
    return pytest(log, "sources", [TESTS / "e2e" / f for f in SOURCE_TESTS])


def llm_client(log):
    """The client of language models against docs-bot-scripted-llm; both against published software."""
    return pytest(log, "llm-client", [TESTS / "e2e" / f for f in LLM_TESTS])


def injection(log):
    """Poisoned pages and attacks as questions, by quotes and by a model that obeys what it reads."""
    if not BACKGROUND.wait("model"):
        return Result(failed=1, notes=[f"{MODEL} cannot be fetched; see test-logs/model.log"])
    return python_check(log, "security/injection.py", "--model", MODEL)


def dispatch(log):
    """The processor's instructions and the precisions against each other, with a real model too."""
    result = Result()
    result.check(BACKGROUND.wait("model"), f"{MODEL} cannot be fetched; see test-logs/model.log")
    result.add(pytest(log, "dispatch", [TESTS / "e2e" / f for f in DISPATCH_TESTS]))
    return result


def llm_local(log):
    result = Result()
    result.check(BACKGROUND.wait("model"), f"{MODEL} cannot be fetched; see test-logs/model.log")
    result.check(BACKGROUND.wait("llm"), "the local model cannot be set up; see test-logs/llm.log")
    if not result.failed:
        result.add(pytest(log, "llm-local", [TESTS / "e2e" / f for f in LLM_LOCAL_TESTS], timeout=1200))
    return result


def make_run(log):
    if not BACKGROUND.wait("models"):
        return Result(failed=1, notes=["a model cannot be fetched; see test-logs/models.log"])
    return pytest(log, "make-run", [TESTS / "e2e" / f for f in MAKE_RUN_TESTS])


class Server:
    """docs-bot serve on a free port, on the index of the tests."""

    def __init__(self, log):
        self.log, self.process, self.url = log, None, None
        self.output = LOGS / "serve-output.log"

    def __enter__(self):
        self.stream = self.output.open("w")
        self.process = subprocess.Popen(
            [str(BINARY), "--data-dir", str(DATA), "--model", MODEL, "serve", "--listen",
             "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=self.stream,
            stderr=subprocess.STDOUT, env=environment(), cwd=ROOT)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"127\.0\.0\.1:([1-9]\d*)", self.output.read_text(errors="replace"))
            if found:
                self.url = f"http://127.0.0.1:{found.group(1)}"
                break
            time.sleep(0.05)
        self.log.write(f"serve: {self.url}\n")
        return self

    def stop(self):
        """SIGTERM; the exit code, or None when it has to be killed."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None
        return self.process.returncode

    def __exit__(self, *_):
        self.stop()
        self.stream.close()


def without_index():
    return Result(failed=1, notes=["there is no index; see build/test-logs/index.log"])


def conformance(log, url):
    """Scenarios of MCP's own suite that need no tools made for it; scripts/setup installs it."""
    suite = BUILD / "conformance" / "node_modules"
    command = [suite / "node" / "bin" / "node",
               suite / "@modelcontextprotocol" / "conformance" / "dist" / "index.js",
               "server", "--url", f"{url}/mcp", "--output-dir", BUILD / "conformance" / "results"]
    result = Result()
    for scenario in ("server-initialize", "ping", "tools-list", "dns-rebinding-protection"):
        code, out, _ = log.run([*command, "--scenario", scenario], timeout=120)
        counted = re.search(r"^Passed: (\d+)/(\d+), (\d+) failed", out, re.M)
        passed, total, failed = (int(n) for n in counted.groups()) if counted else (0, 0, 0)
        result.passed += passed
        if code != 0 or failed or not passed or passed != total:
            result.check(False, f"MCP conformance: {scenario} (exit {code})")
    return result


def server(log):
    if not BACKGROUND.wait("index"):
        return without_index()
    files = [f for f in sorted((TESTS / "e2e").glob("*.py"))
             if re.search(r"^test_|_test$", f.stem)
             and f.name not in CLI_TESTS + CRASH_TESTS + MAKE_RUN_TESTS + DISPATCH_TESTS + SOURCE_TESTS + LLM_TESTS + LLM_LOCAL_TESTS]
    if not files:
        return Result(failed=1, notes=["there is no server test in tests/e2e"])
    with Server(log) as running:
        if not running.url:
            return Result(failed=1, notes=["serve does not listen; see test-logs/serve-output.log"])
        result = pytest(log, "server", files,
                        {"BASE_URL": running.url, "SERVER_PID": str(running.process.pid)})
        result.add(conformance(log, running.url))
        result.check(running.stop() == 0, "serve does not end cleanly on SIGTERM")
    return result


def browser(log):
    if not BACKGROUND.wait("index"):
        return without_index()
    folder = TESTS / "browser"
    if not (folder / "node_modules").is_dir():
        command = "ci" if (folder / "package-lock.json").exists() else "install"
        extra = [] if command == "ci" else ["--no-package-lock"]
        code, _, _ = log.run(["npm", command, "--no-audit", "--no-fund", *extra], cwd=folder)
        if code != 0:
            return Result(failed=1, notes=["npm cannot install tests/browser/package.json"])
    with Server(log) as running:
        if not running.url:
            return Result(failed=1, notes=["serve does not listen; see test-logs/serve-output.log"])
        result = Result()
        for script in sorted(folder.glob("*.mjs")):
            code, out, _ = log.run(["node", script], timeout=300, cwd=folder,
                                   env={"BASE_URL": running.url,
                                        "SCREENSHOTS": str(BUILD / "screenshots")})
            lines = re.findall(r"^(?:not )?ok\b.*$", out, re.M)
            for line in lines:
                result.check(line.startswith("ok"), f"{script.name}: {line}")
            if not lines or (code != 0 and not any(li.startswith("not") for li in lines)):
                result.check(code == 0, f"{script.name} ends with {code}")
    return result


def tokens(log):
    """Our tokens against the tokenizers package, on every page."""
    script = TESTS / "golden" / "compare_tokens.py"
    docs = DOCS if HAVE_CORPUS else ROOT / "docs" / "user-guide"
    result = Result()
    result.check(BACKGROUND.wait("models"), "a model cannot be fetched; see test-logs/models.log")
    if result.failed:
        return result
    for model in (MODEL, BIG_MODEL):
        code, out, errors = log.run([sys.executable, script,
                                     BUILD / "dev" / "tests" / "dump_tokens",
                                     MODELS_DIR / model, docs], timeout=600)
        same = re.search(r"^(\d+) files identical", out, re.M)
        if code == 0 and same:
            result.passed += int(same.group(1))
        else:
            last = (out + errors).strip().splitlines()[-1:]
            result.check(False, f"{model}: {last[0] if last else f'exit {code}'}")
    return result


def evaluate(log, data, sets, gates, above_kep=True):
    """Runs sets with both methods; returns the result and the report, {} when there is none."""
    result = Result()
    command = [BINARY, "--json", "--data-dir", data, "--model", MODEL, "eval",
               *(EVAL / name for name in sets), "--profile", "docs-bot", "--profile", "kep"]
    limits = [f"{metric}>={least}" for metric, least in gates.items()]
    if above_kep:
        limits += [f"{metric}>=kep" for metric in ("hit@1", "hit@5", "mrr@10")]
    code, out, errors = log.run([*command, *(a for gate in limits for a in ("--gate", gate))],
                                timeout=600)
    missed = re.findall(r"^docs-bot: gate missed: (.*)$", errors, re.M)
    for note in missed:
        result.check(False, note)
    result.check(code == (1 if missed else 0), f"eval ends with {code}: {errors[-200:]}")
    try:
        report = json.loads(out)
    except ValueError:
        result.check(False, "eval prints no JSON")
        return result, {}
    result.passed += len(limits) - len(missed)
    return result, report


def gated(log, command, gates, most=None):
    """An eval run against gates; returns the result and the report, {} when there is none."""
    result = Result()
    limits = [f"{metric}>={least}" for metric, least in gates.items()]
    limits += [f"{metric}<={limit}" for metric, limit in (most or {}).items()]
    code, out, errors = log.run([*command, *(a for gate in limits for a in ("--gate", gate))],
                                timeout=600)
    missed = re.findall(r"^docs-bot: gate missed: (.*)$", errors, re.M)
    for note in missed:
        result.check(False, note)
    result.check(code == (1 if missed else 0), f"eval ends with {code}: {errors[-200:]}")
    result.passed += len(limits) - len(missed)
    try:
        return result, json.loads(out)
    except ValueError:
        result.check(False, "eval prints no JSON")
        return result, {}


def routes(log):
    """How questions are routed: the project's set in both halves, and the questions of all others."""
    command = [BINARY, "--json", "eval", "--routes-only"]
    own, report = gated(log, [*command, EVAL / ROUTE_QUESTIONS[0]], ROUTE_GATES)
    figures = report.get("routes", {})
    own.check(figures.get("fishing_n", 0) >= 60, "the set has too little prompt fishing")
    every, _ = gated(log, [*command, *(EVAL / name for name in ROUTE_QUESTIONS)], ROUTE_GATES)
    own.add(every)
    code, _, _ = log.run([*command, EVAL / ROUTE_QUESTIONS[0], "--gate", "routes.accuracy>=1.01"])
    own.check(code == 1, "a gate that cannot be met is met")
    return own


def evaluation(log):
    if not BACKGROUND.wait("index"):
        return without_index()
    # Twelve questions say nothing about which method is better.
    result, _ = evaluate(log, DATA, QUESTIONS, GATES, above_kep=HAVE_CORPUS)
    if FOLLOW_UPS:
        follow_ups, report = gated(log, [BINARY, "--json", "--data-dir", DATA, "--model", MODEL, "eval",
                                         *(EVAL / name for name in FOLLOW_UPS), "--retrieval-only"],
                                   FOLLOW_UP_GATES)
        plain = report.get("follow_up_plain", {}).get("hit@5", 1)
        follow_ups.check(report.get("follow_up", {}).get("hit@5", 0) > plain,
                         "rewriting finds no more than the follow-ups as they stand")
        result.add(follow_ups)
    # The gate must be able to fail.
    code, _, _ = log.run([BINARY, "--json", "--data-dir", DATA, "--model", MODEL, "eval",
                          EVAL / QUESTIONS[0], "--retrieval-only", "--gate", "hit@5>=1.01"],
                         timeout=600)
    result.check(code == 1, "a gate that cannot be met is met")
    return result


def evaluation_of_answers(log):
    """What stands in answers, and that the assistant knows what it does not know."""
    if not BACKGROUND.wait("index"):
        return without_index()
    if not HAVE_CORPUS:
        return Result(skipped=1, notes=["questions without an answer are about the corpus"])
    command = [BINARY, "--json", "--data-dir", DATA, "--model", MODEL, "eval"]
    result, _ = gated(log, [*command, *(EVAL / name for name in ANSWER_QUESTIONS)], ANSWER_GATES,
                      ANSWER_LIMITS)
    return result


def evaluation_of_formats(log):
    """YAML, notebooks and HTML: pages and questions of our own."""
    if not BACKGROUND.wait("model"):
        return without_index()
    code, _, errors = log.run([BINARY, "--json", "--data-dir", FORMAT_DATA, "--model", MODEL, "index",
                               EVAL / "site"], timeout=600)
    if code != 0:
        return Result(failed=1, notes=[f"tests/eval/site cannot be indexed: {errors[-200:]}"])
    result, report = evaluate(log, FORMAT_DATA, FORMAT_QUESTIONS, FORMAT_GATES)
    rows = {row["name"]: row for row in report.get("rows", ())}
    for group, least in FORMAT_GROUPS.items():
        hit = rows.get(group, {}).get("profiles", {}).get("docs-bot", {}).get("retrieval", {}).get("hit@5")
        result.check(hit is not None and hit >= least, f"hit@5 of {group} is {hit}, not {least}")
    return result


# --- the list of steps ---


@dataclass
class Step:
    name: str
    run: object
    needs: tuple = ()


STEPS = [
    Step("style", style),
    Step("build-release", build("release")),
    Step("background", start_background, ("build-release",)),
    Step("llm-setup", start_llm),
    Step("symbols", sizes_and_symbols, ("build-release",)),
    Step("build-dev", build("dev")),
    Step("unit", unit, ("build-dev",)),
    Step("build-clang", build("clang")),
    Step("build-asan", build("asan")),
    Step("unit-asan", unit_asan, ("build-asan",)),
    Step("valgrind", valgrind, ("build-dev",)),
    Step("build-tsan", build("tsan")),
    Step("tsan", tsan, ("build-tsan",)),
    Step("build-fuzz", build_fuzz),
    Step("fuzz", fuzz_replay, ("build-fuzz",)),
    Step("cli", cli, ("build-release", "build-dev")),
    Step("crash", crash, ("build-release", "build-dev")),
    Step("sources", sources, ("build-dev",)),
    Step("llm-client", llm_client, ("build-dev",)),
    Step("injection", injection, ("build-release", "build-dev", "background")),
    Step("dispatch", dispatch, ("build-dev", "background")),
    Step("golden", golden, ("build-dev", "background")),
    Step("tokens", tokens, ("build-dev", "background")),
    Step("index", index_done, ("background",)),
    Step("server", server, ("background",)),
    Step("browser", browser, ("background",)),
    Step("routes", routes, ("build-release",)),
    Step("eval", evaluation, ("background",)),
    Step("eval-answers", evaluation_of_answers, ("background",)),
    Step("eval-formats", evaluation_of_formats, ("background",)),
    Step("make-run", make_run, ("background",)),
    Step("llm-local", llm_local, ("background", "llm-setup")),
]


def with_needs(names):
    by_name = {s.name: s for s in STEPS}
    wanted = set()

    def take(name):
        if name not in wanted:
            wanted.add(name)
            for need in by_name[name].needs:
                take(need)
    for name in names:
        take(name)
    return [s for s in STEPS if s.name in wanted]


def run_step(step, states):
    broken = [need for need in step.needs if not states.get(need)]
    if broken:
        return Result(failed=1, notes=[f"not run: {', '.join(broken)} failed"])
    try:
        return step.run(Log(step.name))
    except Exception as e:  # a broken step is a failed test, not the end of the run
        return Result(failed=1, notes=[f"{type(e).__name__}: {e}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="STEP",
                        choices=[s.name for s in STEPS], help="this step and what it needs")
    parser.add_argument("--list", action="store_true", help="the names of the steps")
    options = parser.parse_args()
    if options.list:
        print("\n".join(s.name for s in STEPS))
        return 0
    steps = with_needs(options.only) if options.only else STEPS
    where = DOCS.relative_to(ROOT) if DOCS.is_relative_to(ROOT) else DOCS
    print(f"documentation: {where}; logs: {LOGS.relative_to(ROOT)}", flush=True)
    total, states, begin = Result(), {}, time.monotonic()
    for step in steps:
        start = time.monotonic()
        result = run_step(step, states)
        states[step.name] = result.failed == 0
        total.add(result)
        print(f"{step.name:<14} {result} ({time.monotonic() - start:.1f} s)", flush=True)
        for note in result.notes[:20]:
            print(f"  {note}", flush=True)
        if len(result.notes) > 20:
            print(f"  … and {len(result.notes) - 20} more in {step.name}.log", flush=True)
    print(f"{time.monotonic() - begin:.0f} s")
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
