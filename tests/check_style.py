#!/usr/bin/env python3
"""Size and symbol rules that no compiler checks.

- A function has at most 80 lines, unless the comment above it gives the reason in a sentence
  that begins "Long because".
- A file has at most 1,000 lines.
- Banned functions are not called, tests included (backend/base/banned.h stops them in backend/).
- exit, abort and their kin are called in cmd/ alone.
- The library has no writable global or static object (nm's types d, D, b, B, C), except those of
  ALLOWED_SYMBOLS.

One finding a line on stdout, `checked N files` on stderr.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_FUNCTION, MAX_FILE = 80, 1000

BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|sscanf|gets"
                    r"|strncpy)\s*\(")
ENDING = re.compile(r"(?<![\w.>])(exit|_exit|abort|quick_exit)\s*\(")

# Name of a symbol and the object file that may hold it; the comment says why it is written to. Constant tables that hold pointers need no
# entry: nm shows them as 'd' too, but their section is .data.rel.ro, which RELRO makes read-only.
ALLOWED_SYMBOLS = {
    # parse/markdown.c: a pthread_once_t. cmark-gfm's extensions are registered once a process.
    "registered": "markdown.c.o",
}

# What gcc and the sanitizers add.
GENERATED_SYMBOLS = re.compile(r"^(__|\.L|completed|_)")


def strip(text):
    """Comments and literals replaced by blanks, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def long_functions(name, text, bare):
    """House style: a function's braces stand alone in column 0."""
    begin, raw = None, text.splitlines()
    for number, line in enumerate(bare.splitlines(), 1):
        if line.rstrip() == "{":
            begin = number
        elif line.startswith("}") and begin:
            length = number - begin + 1
            above = "\n".join(raw[max(0, begin - 20):begin])
            above = above.rsplit("\n}", 1)[-1]
            if length > MAX_FUNCTION and "Long because" not in above:
                yield f"{name}:{begin}: a function of {length} lines (at most {MAX_FUNCTION})"
            begin = None


def findings_in(source):
    name = source.relative_to(ROOT).as_posix()
    text = source.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > MAX_FILE:
        yield f"{name}: {lines} lines (at most {MAX_FILE})"
    if source.suffix not in (".c", ".h"):
        return
    bare = strip(text)
    yield from long_functions(name, text, bare)
    for number, line in enumerate(bare.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for found in BANNED.finditer(line):
            yield f"{name}:{number}: {found.group(1)} is banned (see CONTRIBUTING.md)"
        if name.startswith("backend/") and not name.startswith("backend/cmd/"):
            for found in ENDING.finditer(line):
                yield f"{name}:{number}: {found.group(1)} outside cmd/"


def writable_symbols(library):
    """Objects in .data, .bss, .tdata, .tbss or common, by object file."""
    done = subprocess.run(["objdump", "-t", library], capture_output=True, text=True)
    if done.returncode != 0:
        yield f"{library}: objdump cannot read it"
        return
    member = "?"
    for line in done.stdout.splitlines():
        found = re.match(r"^(\S+\.o):\s+file format", line)
        if found:
            member = found.group(1)
            continue
        # address flags(7) section size name; 'O' among the flags marks an object
        found = re.match(r"^[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
        if not found:
            continue
        flags, section, size, symbol = found.groups()
        thread_local = section.startswith((".tbss", ".tdata")) and "d" not in flags
        if ("O" not in flags and not thread_local) or int(size, 16) == 0:
            continue
        writable = re.match(r"^(\.data(?!\.rel\.ro)|\.bss|\.tdata|\.tbss|\*COM\*)", section)
        if writable and not GENERATED_SYMBOLS.match(symbol):
            # A static object of a function: gcc writes name.NUMBER, clang function.name.
            base = [part for part in symbol.split(".") if not part.isdigit()][-1]
            if ALLOWED_SYMBOLS.get(base) != member:
                yield f"{member}: {symbol} is a writable object in {section}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", help="libdocs_bot_core.a, built without sanitizers")
    options = parser.parse_args()
    sources = [f for folder in ("backend", "tests", "bench") for f in (ROOT / folder).rglob("*")
               if f.suffix in (".c", ".h", ".py", ".mjs", ".js", ".css", ".html")
               and "node_modules" not in f.parts and "__pycache__" not in f.parts]
    findings = [f for s in sorted(sources) for f in findings_in(s)]
    if options.library:
        findings += writable_symbols(options.library)
    for finding in findings:
        print(finding)
    print(f"checked {len(sources)} files", file=sys.stderr)
    return 1 if findings or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
