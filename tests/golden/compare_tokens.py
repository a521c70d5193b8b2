#!/usr/bin/env python3
"""Compares our tokenizer with the `tokenizers` package on files: ids and byte offsets.

    compare_tokens.py DUMP_TOKENS MODEL_DIR FILE|FOLDER...

Prints `N files identical`, or the first difference and exits with 1. Files that are not UTF-8
must be refused by ours. Needs: tokenizers==0.21.1.
"""

import json
import pathlib
import subprocess
import sys

from tokenizers import Tokenizer


def files_of(arguments):
    for argument in map(pathlib.Path, arguments):
        yield from sorted(p for p in argument.rglob("*") if p.is_file()) if argument.is_dir() else [argument]


def reference(tokenizer, text):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    starts, total = [0], 0
    for c in text:
        total += len(c.encode())
        starts.append(total)
    return encoding.ids, [[starts[a], starts[b]] for a, b in encoding.offsets]


def difference(got, ids, offsets):
    for i, pair in enumerate(zip(zip(got["ids"], got["offsets"]), zip(ids, offsets))):
        if pair[0] != pair[1]:
            return f"token {i}: ours {pair[0]}, published {pair[1]}"
    return f"{len(got['ids'])} tokens, published {len(ids)}"


def main():
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    program, model = sys.argv[1], pathlib.Path(sys.argv[2])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    paths = list(files_of(sys.argv[3:]))
    if not paths:
        print("no files to compare", file=sys.stderr)
        return 1
    identical = tokens = 0
    for at in range(0, len(paths), 500):
        part = [str(p) for p in paths[at : at + 500]]
        run = subprocess.run([program, str(model), *part], capture_output=True, check=True)
        lines = run.stdout.decode().splitlines()
        if len(lines) != len(part):
            print(f"{len(lines)} lines for {len(part)} files")
            return 1
        for path, line in zip(part, lines):
            got = json.loads(line)
            try:
                text = pathlib.Path(path).read_bytes().decode()
            except UnicodeDecodeError:
                if "error" in got:
                    continue
                print(f"{path}: invalid UTF-8 was accepted")
                return 1
            if "error" in got:
                print(f"{path}: {got['error']}")
                return 1
            ids, offsets = reference(tokenizer, text)
            if got["ids"] != ids or got["offsets"] != offsets:
                print(f"{path}: {difference(got, ids, offsets)}")
                return 1
            identical += 1
            tokens += len(ids)
    print(f"{identical} files identical ({tokens} tokens, {model.name})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
