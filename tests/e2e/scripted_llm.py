"""Starts the scripted language model (docs/scripted-llm.md) for a test."""

import json
import os
import subprocess
import urllib.request

from conftest import ROOT

PROGRAM = os.environ.get("DOCS_BOT_SCRIPTED_LLM") or ROOT / "build" / "dev" / "docs-bot-scripted-llm"


class ScriptedLlm:
    """As a context: the running server; `url` is its base, `env(model)` points docs-bot to it."""

    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM, "--listen", "127.0.0.1:0"], text=True,
                                        stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def env(self, model, **more):
        return {"KSERVE_URL": f"{self.url}/v1", "MODEL": model, **more}

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)
