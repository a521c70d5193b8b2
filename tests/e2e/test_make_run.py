"""`make run` as a user types it: it ends in an assistant that answers, a second time in seconds."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import ROOT, SITE

START_SECONDS = 300


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Assistant:
    """make run in a process group of its own, with the folders of a new user."""

    def __init__(self, home, **settings):
        self.port = free_port()
        self.home, self.log = home, home / "output.log"
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("HOME", "MAKEFLAGS", "MAKELEVEL", "MODEL", "PORT", "DOCS")}
        environment.update(XDG_DATA_HOME=str(home / "data"), XDG_CACHE_HOME=str(home / "cache"))
        if "env" in settings:
            environment.update(settings.pop("env"))
        settings.setdefault("LISTEN", f"127.0.0.1:{self.port}")
        self.begin = time.monotonic()
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                ["make", "--no-print-directory", "run",
                 *(f"{k}={v}" for k, v in settings.items())],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
                stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def wait_ready(self):
        """Seconds from the start to the first good answer of /readyz."""
        while self.process.poll() is None and time.monotonic() < self.begin + START_SECONDS:
            try:
                if self.get("/readyz")[0] == 200:
                    return time.monotonic() - self.begin
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_first_and_second_run(home):
    with Assistant(home, DOCS=SITE, LLM="local") as first:
        first.wait_ready()
        assert "LLM=local is not part of this version" in first.output
        status, page = first.get("/")
        assert status == 200 and "<html" in page.lower()
        status, found = first.get("/api/search?q=retain+pods+of+finished+trials")
        assert status == 200 and "trial-pods" in found
        assert "https://www.kubeflow.org/docs/components/katib/trial-pods/" in found
    with Assistant(home, DOCS=SITE) as second:
        took = second.wait_ready()
        assert re.search(r"\b0 embedded", second.output), second.output
    # Five seconds are promised; this leaves room for a machine that does other things meanwhile.
    assert took < 15, second.output


def test_unreachable_website_falls_back_to_the_user_guide(home):
    with Assistant(home, env={"WEBSITE_URL": "https://127.0.0.1:1/website"}) as run:
        run.wait_ready()
        lines = [line for line in run.output.splitlines() if "cannot be reached" in line]
        assert len(lines) == 1 and "user guide" in lines[0]
        status, found = run.get("/api/search?q=which+embedding+models+are+there")
        assert status == 200 and "models.md" in found


def test_git_repository_as_documents(home, tmp_path):
    repository = tmp_path / "handbook"
    shutil.copytree(SITE, repository)

    def git(*arguments):
        subprocess.run(["git", "-C", repository, "-c", "user.name=Test", "-c",
                        "user.email=test@example.org", *arguments], check=True,
                       capture_output=True)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "First")
    with Assistant(home, DOCS=f"file://{repository}") as run:
        run.wait_ready()
        assert "trial-pods" in run.get("/api/search?q=retain+pods")[1]


@pytest.mark.parametrize("settings, words", [
    ({"DOCS": "/no/such/folder"}, "neither a folder nor a git URL"),
    ({"DOCS": "https://127.0.0.1:1/none.git"}, "cannot clone"),
    ({"LISTEN": "somewhere"}, "HOST:PORT"),
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
