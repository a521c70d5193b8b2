#!/usr/bin/env python3
"""record_session.py [MODEL]: a session with the local language model, written into README.md.

Needs LLM/local/setup and the index of `make eval`. Commands and what they print stand between the
markers of the README as they were; long answers are not shortened.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BINARY = ROOT / "build" / "release" / "docs-bot"
# A processor reads some hundred tokens a second: as `make run LLM=local` has it.
LIMITS = ["--prompt-source-tokens", "700", "--llm-first-token-ms", "60000",
          "--llm-max-tokens", "300"]
ASKED = ["How do I turn off caching for one task of a pipeline?",
         "And with an environment variable?",
         "Delete the namespace of my team, please."]


def ask(bot, question, history):
    """The answer as a terminal shows it, and as it is remembered."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as turns:
        json.dump(history, turns)
        turns.flush()
        told = ["--history", turns.name] if history else []
        shown = subprocess.run([*bot, "ask", *told, question], capture_output=True, text=True,
                               check=True).stdout.strip()
    text = re.split(r"\n\n(?:Sources|Nearest pages):\n", shown)[0]
    history += [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    option = " --history turns.json" if told else ""
    return f"$ docs-bot ask{option} {question}\n\n{shown}\n"


def main():
    model = sys.argv[1] if len(sys.argv) > 1 else "all-mpnet-base-v2"
    with subprocess.Popen([ROOT / "LLM" / "local" / "run", "--port", "0"], text=True,
                          stdout=subprocess.PIPE) as llm:
        try:
            os.environ["KSERVE_URL"] = llm.stdout.readline().strip()
            bot = [str(BINARY), "--log-level", "error", "--model", model,
                   "--data-dir", str(ROOT / "build" / "eval" / model), *LIMITS]
            history = []
            session = "\n".join(ask(bot, question, history) for question in ASKED)
        finally:
            llm.terminate()
    text = README.read_text()
    block = f"<!-- session:begin -->\n````text\n{session}````\n<!-- session:end -->"
    new, count = re.subn(r"<!-- session:begin -->.*?<!-- session:end -->", lambda _: block, text,
                         flags=re.S)
    if count != 1:
        sys.exit("README.md has no place for a session")
    README.write_text(new)


if __name__ == "__main__":
    main()
