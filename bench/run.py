#!/usr/bin/env python3
"""Measures docs-bot beside its peers: see bench/README.md. Started by bench/run."""

import argparse
import sys
import time

import lib
import report
import rows_encode
import rows_index
import rows_system

ROWS = {
    "encode": rows_encode.encode,
    "query": rows_encode.query,
    "start": rows_system.start_row,
    "scan": rows_system.scan_row,
    "linearity": rows_system.linearity_row,
    "large": rows_system.large_row,
    "index": rows_index.index_row,
    "quality": rows_index.quality_row,
    "memory": rows_system.memory_row,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="ROW[,ROW…]",
                        help="measure these rows: " + ", ".join(ROWS))
    parser.add_argument("--models", default=",".join(lib.MODELS), help="one or more, with commas")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of the interleaved rows (15)")
    parser.add_argument("--report-only", action="store_true",
                        help="write RESULTS.md from what was measured before")
    options = parser.parse_args()
    options.models = options.models.split(",")
    chosen = ",".join(options.only or []).split(",") if options.only else list(ROWS)
    unknown = [row for row in chosen if row not in ROWS]
    if unknown:
        parser.error(f"unknown row {unknown[0]}; there are {', '.join(ROWS)}")
    failed = []
    for row in [] if options.report_only else chosen:
        begin = time.monotonic()
        try:
            ROWS[row](options)
            lib.say(f"{row}: {time.monotonic() - begin:.0f} s")
        except (lib.BenchError, lib.NotAvailable) as e:
            lib.say(f"{row} failed: {e}")
            failed.append(row)
    report.write()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
