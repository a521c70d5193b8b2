"""Answers by a real small model: llama-server with the 0.5B weights of LLM/local, on a small corpus.

The pages are made up, so that the model cannot know what they say. No test asks for good style: an
answer has the fact, names its sources, and comes whatever happens to the model.
"""

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import websockets

from assistant import Assistant
from conftest import ROOT, SETTINGS, Bot

RUN = ROOT / "LLM" / "local" / "run"
MODEL = "all-MiniLM-L6-v2"
NOTE = "language model does not answer"
BROKE_OFF = "language model stopped here"
BASE_URL = "https://docs.example"
# A processor that other tests use, too, may take its time; what is awaited here is not speed.
PATIENT = ("--llm-first-token-ms", "300000", "--llm-stall-ms", "300000", "--llm-total-ms", "600000",
           "--prompt-source-tokens", "600", "--llm-max-tokens", "300")
TIMEOUT = 600

PAGES = {
    "katib/retention.md": """# Trial retention in Katib

## How long trials are kept

Katib deletes the pods of finished trials after 17 days. The field `trialRetentionDays` of the
experiment changes this; a value of 0 keeps them for ever.

## How to keep logs

Logs of trials are written to the volume `katib-trial-logs` before the pods are deleted.
""",
    "gateway/ports.md": """# Ports of the training gateway

## Listening port

The training gateway listens on port 7443 for requests of the training operator. The port is set by
the flag `--gateway-port`.

## Health checks

Kubernetes probes the gateway at the path `/gateway/alive`.
""",
    "pipelines/artifacts.md": """# Artifacts of pipelines

## Largest artifact

An artifact of a pipeline may have at most 640 megabytes. Larger ones are refused by the artifact
store with the error `ArtifactTooLarge`.

## Cleaning the pipeline cache

Run `kfcache purge` to clean the cache of pipelines. It takes the name of a namespace.
""",
    "notebooks/install.md": """# Installing the notebook controller

## Steps of the installation

1. Create the namespace `notebook-system` with kubectl.
2. Apply the custom resource definitions from the folder `crds`.
3. Create the secret `notebook-registry` with the password of the image registry.
4. Apply the manifests from the folder `controller` to the namespace.
5. Wait until the deployment `notebook-controller` has two replicas that are ready.
6. Open the dashboard and create a first notebook with the image `notebook-minimal`.
7. Delete that notebook again when its status is green.
""",
}

QUESTIONS = (
    ("After how many days does Katib delete the pods of finished trials?", "17", "katib/retention"),
    ("Where does Kubernetes probe the training gateway?", "/gateway/alive", "gateway/ports"),
    ("How do I keep the logs of trials?", "katib-trial-logs", "katib/retention"),
    ("Which command cleans the cache of pipelines?", "kfcache purge", "pipelines/artifacts"),
    ("How large may an artifact of a pipeline be at most?", "640", "pipelines/artifacts"),
)
LONG_QUESTION = "List every step of installing the notebook controller, in detail."


class Llama:
    """LLM/local/run on a free port."""

    def __init__(self):
        self.process = subprocess.Popen([RUN, "--port", "0"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ready, _, _ = select.select([self.process.stdout], [], [], 180)
        self.url = self.process.stdout.readline().decode().strip() if ready else ""
        if not self.url:
            self.process.kill()
            raise AssertionError(self.process.stderr.read().decode())

    def stop(self):
        """SIGTERM; what it ended with."""
        self.process.terminate()
        return self.process.wait(timeout=60)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def llama():
    server = Llama()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name, text in PAGES.items():
        page = folder / "pages" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    indexed = Bot(folder / "data", MODEL)
    indexed.index(folder / "pages", "--source", "pages", "--base-url", BASE_URL)
    return indexed


def ask(corpus, url, question, *options):
    run = corpus.run("--json", *PATIENT, "ask", *options, question, env={"KSERVE_URL": url},
                     timeout=TIMEOUT)
    assert run.code == 0, run.err
    return run.json


def numbers_in(text):
    return {int(n) for n in re.findall(r"\[(\d+)\]", text)}


def check_citations(answer, citations):
    """Every [n] has a source, and every source is a heading of a page that there is."""
    assert numbers_in(answer) <= {c["index"] for c in citations}
    for citation in citations:
        address = citation["url"].removeprefix(BASE_URL).split("#")[0].strip("/")
        page = PAGES[address]
        assert citation["title"] in page
        headings = re.findall(r"^#+ (.*)$", page, re.M)
        assert citation["section"] in headings or not citation["section"]


def test_answers_from_the_documents(llama, corpus):
    """
    So small a model leaves out a fact, says that nothing is documented, or answers "[1]", which quotes
    replace; what it may not do is answer without sources. Most of it is right.
    """
    by_the_model = 0
    for question, fact, page in QUESTIONS:
        answer = ask(corpus, llama.url, question)
        assert answer["citations"] and page in answer["citations"][0]["url"], answer
        check_citations(answer["answer"], answer["citations"])
        if NOTE in answer["answer"]:
            assert fact in answer["answer"]
        elif not answer["abstained"]:
            assert answer["route"] == "docs"
            by_the_model += fact in answer["answer"]
    assert by_the_model >= len(QUESTIONS) / 2


def test_no_model_is_no_model(llama, corpus):
    """The same question by quotes: the model's words are its own."""
    question = QUESTIONS[0][0]
    quoted = ask(corpus, llama.url, question, "--no-llm")
    assert "17" in quoted["answer"] and quoted["grounded"] and quoted["citations"]
    assert quoted["answer"] != ask(corpus, llama.url, question)["answer"]


def test_what_is_not_there(llama, corpus):
    answer = ask(corpus, llama.url, "How do I back up the etcd database to tape drives every night?")
    assert answer["abstained"] or answer["route"] != "docs", answer["answer"]
    assert not numbers_in(answer["answer"]) - {c["index"] for c in answer["citations"]}


def test_nobody_listens(corpus):
    """A wrong port: quotes, with a note and the same sources."""
    question, fact, page = QUESTIONS[0]
    answer = ask(corpus, "http://127.0.0.1:1/v1", question)
    assert NOTE in answer["answer"] and fact in answer["answer"]
    assert answer["route"] == "docs" and any(page in c["url"] for c in answer["citations"])
    check_citations(answer["answer"], answer["citations"])


# --- the service ---


def wait_open(log, process):
    """The address of a service, from its log."""
    end, found = time.monotonic() + 60, None
    while not found:
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        found = re.search(r"open http://(127\.0\.0\.1:\d+)", log.read_text())
        time.sleep(0.05)
    return found.group(1)


class Service:
    def __init__(self, corpus, url, log):
        environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        environment["KSERVE_URL"] = url
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                corpus.command(*PATIENT, "serve", "--listen", "127.0.0.1:0"),
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment)
        self.ws = f"ws://{wait_open(log, self.process)}/ws"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log.read_text()


async def turn(ws, message, each=lambda frame: None):
    """Frames up to and with `done`."""
    frames = []
    await ws.send(json.dumps(message))
    while not frames or frames[-1]["type"] != "done":
        frames.append(json.loads(await asyncio.wait_for(ws.recv(), TIMEOUT)))
        assert frames[-1]["type"] != "error", frames[-1]
        each(frames[-1])
    return frames


async def conversation(service, *messages, each=lambda frame: None):
    """All turns over one connection."""
    async with websockets.connect(service.ws, open_timeout=60, max_size=None) as ws:
        assert json.loads(await ws.recv())["type"] == "system"
        return [await turn(ws, message, each) for message in messages]


def text_of(frames):
    return "".join(f["content"] for f in frames if f["type"] == "content")


def sources_of(frames):
    return [s for f in frames if f["type"] == "sources" for s in f["sources"]]


def test_answer_streams(llama, corpus, tmp_path):
    with Service(corpus, llama.url, tmp_path / "serve.log") as service:
        [frames] = asyncio.run(conversation(service, {"message": LONG_QUESTION}))
    kinds = [f["type"] for f in frames]
    assert kinds.count("content") > 1, frames
    stages = [f["stage"] for f in frames if f["type"] == "status"]
    assert "generating" in stages
    assert NOTE not in text_of(frames) and "notebook" in text_of(frames)
    assert any("notebooks/install" in s["url"] for s in sources_of(frames))
    check_citations(text_of(frames), sources_of(frames))


def test_model_is_killed_within_an_answer(corpus, tmp_path):
    """What it began stays, quotes follow; later questions are answered without it."""
    victim = Llama()

    def strike(frame):
        if frame["type"] == "content":
            victim.kill()

    try:
        with Service(corpus, victim.url, tmp_path / "serve.log") as service:
            first, second = asyncio.run(conversation(
                service, {"message": LONG_QUESTION}, {"message": QUESTIONS[1][0]}, each=strike))
    finally:
        victim.kill()
    assert BROKE_OFF in text_of(first), text_of(first)
    assert "notebook-registry" in text_of(first).split(BROKE_OFF)[1]
    assert NOTE in text_of(second) and QUESTIONS[1][1] in text_of(second)
    for frames in (first, second):
        check_citations(text_of(frames), sources_of(frames))
        assert sources_of(frames)


# --- the scripts ---


def cache_home():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class MakeRun:
    """Looks like a Service to conversation()."""

    def __init__(self, port):
        self.ws = f"ws://127.0.0.1:{port}/ws"


def test_make_run_with_the_local_model(corpus, tmp_path):
    """The service is there first and quotes; then the model answers; both end together."""
    home = tmp_path / "home"
    (home / "cache" / "docs-bot").mkdir(parents=True)
    (home / "cache" / "docs-bot" / "llm").symlink_to(cache_home() / "docs-bot" / "llm")
    question, fact, page = QUESTIONS[1]
    with Assistant(home, DOCS=corpus.data.parent / "pages", MODEL=MODEL, LLM="local") as run:
        run.wait_ready()
        run.wait_output("answers on http://127.0.0.1:")
        end, text = time.monotonic() + 300, NOTE
        while NOTE in text and time.monotonic() < end:  # after a pause it is tried again
            [frames] = asyncio.run(conversation(MakeRun(run.port), {"message": question}))
            text = text_of(frames)
        assert NOTE not in text and fact in text, run.output
        assert any(page in s["url"] for s in sources_of(frames))
        [address] = re.findall(r"answers on (http://127\.0\.0\.1:\d+)/v1", run.output)
    assert not run.others()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{address}/health", timeout=5)


def test_stops_on_request(corpus):
    server = Llama()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", server.url)
    assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.parametrize("arguments, word", [
    (("--size", "7b"), "0.5b or 1.5b"),
    (("--port", "many"), "--port"),
    (("--port",), "value"),
    (("--loud",), "--loud"),
])
def test_wrong_use(arguments, word):
    done = subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and word in done.stderr and not done.stdout


def test_not_set_up(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([RUN], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1 and "LLM/local/setup" in done.stderr


def test_setup_again_changes_nothing(llama):
    """Everything is there: no download, no build, and it is quick to say so."""
    done = subprocess.run([ROOT / "LLM" / "local" / "setup"], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0 and "Getting" not in done.stderr and "Building" not in done.stderr
