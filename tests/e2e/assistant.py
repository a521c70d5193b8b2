"""`make run` as a user types it, for the tests of what it ends in."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from conftest import ROOT

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

    def wait_output(self, words):
        while words not in self.output:
            assert self.process.poll() is None and time.monotonic() < self.begin + START_SECONDS, \
                self.output
            time.sleep(0.05)

    def wait_embedded(self):
        self.wait_ready()
        while json.loads(self.get("/readyz")[1])["index"]["pending"]:
            assert time.monotonic() < self.begin + START_SECONDS, self.output
            time.sleep(0.1)

    def others(self):
        """The processes of docs-bot that work on this user's index: (pid, command line)."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, ValueError):
                continue
            if "docs-bot --models-dir" in command and str(self.home) in command:
                found.append((int(entry.name), command))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)
