"""Folders: what .gitignore leaves out, compared with git itself."""

import random
import subprocess

import pytest

from source_servers import list_source

NAMES = ["a", "b", "doc", "build", "x.md", "y.md", "a b.md", "Ü.md", "[z].md"]
PARTS = ["a", "b", "doc", "build", "*", "**", "?", "x.md", "*.md", "[ab]", "[!a]*", "a b.md", "Ü.md",
         "\\[z\\].md", "d*c", "y.m?", "[x-z].md"]


def tree(random_, root, depth=0):
    for name in random_.sample(NAMES, 5):
        path = root / name
        if name.endswith(".md"):
            path.write_text("x")
        elif depth < 3:
            path.mkdir()
            tree(random_, path, depth + 1)


def rules(random_):
    lines = ["# comment", ""]
    for _ in range(random_.randint(1, 5)):
        pattern = "/".join(random_.choice(PARTS) for _ in range(random_.choice([1, 1, 1, 2, 3])))
        lines.append(random_.choice(["", "", "", "!"]) + random_.choice(["", "", "/"]) + pattern
                     + random_.choice(["", "", "/", " ", "\r"]))
    random_.shuffle(lines)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(60))
def test_as_git_has_it(tmp_path, seed):
    random_, root = random.Random(seed), tmp_path / "tree"
    root.mkdir()
    tree(random_, root)
    folders = [root, *(d for d in root.rglob("*") if d.is_dir())]
    for folder in random_.sample(folders, min(3, len(folders))):
        (folder / ".gitignore").write_text(rules(random_))
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    out = subprocess.run(["git", "-C", str(root), "-c", "core.excludesFile=", "ls-files", "-zo",
                          "--exclude-standard", "*.md"], capture_output=True, check=True).stdout
    expected = {name.decode() for name in out.split(b"\0") if name}
    assert set(list_source("dir", root, tmp_path / "cache").items) == expected
