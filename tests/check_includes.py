#!/usr/bin/env python3
"""Fails on an #include that points up. Dependencies go down only:

    cmd → serve → answer → ports → net → base
    cmd → index → parse, ports        cmd → eval → answer        cmd → bench → ports

One finding a line on stdout, `checked N files` on stderr.
"""

import re
import sys
from pathlib import Path

BACKEND = Path(__file__).resolve().parent.parent / "backend"

PORTS = {"embed", "rerank", "store", "llm", "state", "source"}

# What a folder may include beside itself. A port's backends (store/sqlite, embed/inproc) count as
# the port's folder here; that nobody outside it names them is checked below.
ALLOWED = {
    "base": set(),
    "net": {"base"},
    "parse": {"base"},
    **{port: {"net", "base"} for port in PORTS},
    "index": {"parse", "base"} | PORTS,
    "answer": {"base", "net", "parse"} | PORTS,
    "eval": {"answer", "base"} | PORTS,
    "bench": {"base"} | PORTS,
    "serve": {"answer", "net", "base"} | PORTS,
    "cmd": {"serve", "eval", "bench", "answer", "index", "parse", "net", "base"} | PORTS,
}

# Concrete backends are named by these files alone, beside the backend itself. Models are files
# that `model fetch` puts where the in-process embedder reads them.
CONCRETE = re.compile(r"^(?:embed|rerank|store|llm|state)/[a-z0-9]+/")
MAY_NAME_CONCRETE = re.compile(r"^cmd/")

# A backend that is built on another one's parts: the cross-encoder on the embedder's encoder.
BUILT_ON = {("rerank/inproc/", "embed/inproc/")}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def module_of(path):
    return path.split("/", 1)[0]


def findings_in(source, known):
    inside = source.relative_to(BACKEND).as_posix()
    module = module_of(inside)
    if module not in ALLOWED:
        yield f"backend/{inside}: folder '{module}' has no place in tests/check_includes.py"
        return
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        target = found.group(1)
        where = f"backend/{inside}:{number}"
        if target not in known:
            yield f'{where}: "{target}" is not a path from backend/'
            continue
        other, concrete = module_of(target), CONCRETE.match(target)
        if concrete and any(inside.startswith(a) and target.startswith(b) for a, b in BUILT_ON):
            continue
        if other != module and other not in ALLOWED[module]:
            yield f"{where}: {module} must not include {other} ({target})"
        if concrete and not inside.startswith(concrete.group(0)) and not MAY_NAME_CONCRETE.match(inside):
            yield f"{where}: only cmd/ names a concrete backend ({target})"


def main():
    sources = sorted([*BACKEND.rglob("*.c"), *BACKEND.rglob("*.h")])
    known = {s.relative_to(BACKEND).as_posix() for s in sources}
    findings = [f for s in sources for f in findings_in(s, known)]
    for finding in findings:
        print(finding)
    print(f"checked {len(sources)} files", file=sys.stderr)
    return 1 if findings or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
