"""What the end-to-end tests share: the real binary, a tiny model, a small site, an index of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("DOCS_BOT_BIN") or ROOT / "build" / "release" / "docs-bot")
MAKE_TINY_MODEL = Path(os.environ.get("DOCS_BOT_MAKE_TINY_MODEL")
                       or ROOT / "build" / "dev" / "tests" / "make_tiny_model")
SITE = Path(__file__).resolve().parent / "site"

# Settings that the machine may have for a real deployment.
SETTINGS = ("PORT", "MODEL", "MILVUS_HOST", "EMBEDDING_MODEL", "ALLOWED_ORIGINS", "DOCS_BOT_DATA_DIR",
            "DOCS_BOT_LISTEN", "DOCS_BOT_BASE_URL", "DOCS_BOT_LOG_LEVEL", "DOCS_BOT_LOG_FORMAT",
            "DOCS_BOT_SIMD", "DOCS_BOT_PRECISION", "RERANK_URL", "RERANK_API", "RERANK_API_KEY",
            "RERANK_MODEL", "KSERVE_URL", "LLM_API_KEY")


class Run:
    """A finished run of docs-bot."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def errors(self):
        """The lines for the user; all others on stderr are log lines."""
        return [line for line in self.err.splitlines() if line.startswith("docs-bot: ")]


class Bot:
    """docs-bot with a data folder and a model of its own."""

    def __init__(self, data, model, models=None):
        self.data, self.model, self.models = data, model, models

    def command(self, *arguments):
        command = [str(BINARY), "--data-dir", str(self.data)]
        if self.model:
            command += ["--model", str(self.model)]
        if self.models:
            command += ["--models-dir", str(self.models)]
        return command + [str(a) for a in arguments]

    def run(self, *arguments, env=None, timeout=120, **more):
        environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        environment.update(env or {})
        return Run(subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace",
                                  env=environment, timeout=timeout, **more))

    def index(self, *arguments, **more):
        run = self.run("--json", "index", *arguments, **more)
        assert run.code == 0, run.err
        return run.json


def small_disk(folder, size):
    """Mounts a small tmpfs if this may be done here; else None."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
                          capture_output=True)
    return folder if done.returncode == 0 else None


def unmount(disk):
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A random model: everything works with it, only meaning is missing."""
    folder = tmp_path_factory.mktemp("model") / "tiny-bert"
    folder.mkdir()
    subprocess.run([MAKE_TINY_MODEL, folder, "bert"], check=True)
    return folder


@pytest.fixture
def bot(tmp_path, tiny_model):
    return Bot(tmp_path / "data", tiny_model)


@pytest.fixture
def docs(tmp_path):
    """A copy of the small site that a test may change."""
    folder = tmp_path / "docs"
    shutil.copytree(SITE, folder)
    return folder


@pytest.fixture(scope="session")
def indexed(tmp_path_factory, tiny_model):
    """A bot with the small site in its index; not to be changed."""
    shared = Bot(tmp_path_factory.mktemp("indexed"), tiny_model)
    shared.index(SITE, "--source", "site", "--base-url", "https://docs.example")
    return shared
