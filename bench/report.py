"""bench/RESULTS.md from build/bench/results/*.json."""

import json
import os
from pathlib import Path

import lib

ORDER = ("encode", "query", "start", "quality", "index", "memory", "scan", "linearity", "large")
OUT = Path(os.environ.get("DOCS_BOT_BENCH_RESULTS") or lib.ROOT / "bench" / "RESULTS.md")


def number(value):
    if value is None:
        return ""
    return f"{value:.4g}" if abs(value) < 100 else f"{value:.0f}"


def shown(value, unit):
    if value is None:
        return "–"
    if unit == "×":
        return f"{value:.2f}×"
    if unit == "cosine":
        return f"{value:.4f}"
    return f"{number(value)} {unit}".strip()


def figure_line(f):
    unit = f.get("unit", "×")
    result = shown(f.get("value"), unit)
    if f.get("spread"):
        result += f" ({number(f['spread'][0])}–{number(f['spread'][1])})"
    sign = "≥" if f["better"] == "higher" else "≤"
    target = "–" if f["target"] is None else f"{sign} {number(f['target'])}" + (
        unit if unit in ("×",) else f" {unit}" if unit not in ("cosine", "") else "")
    met = {True: "yes", False: "**no**", None: "–"}[f["met"]]
    note = f.get("note") or ""
    return (f"| {f['figure']} | {f['model']} | {f.get('ours', '–')} | {f.get('peer', '–')} "
            f"| {result} | {target} | {met}{' – ' + note if note else ''} |")


def time_table(table):
    unit = table["unit"]
    has_cosine = any(row.get("cosine") is not None for row in table["rows"])
    lines = [f"### {table['title']}", "",
             f"| | median, {unit} | quartiles | least–most | rounds |"
             + (" least cosine to PyTorch f32 |" if has_cosine else ""),
             "| --- | ---: | ---: | ---: | ---: |" + (" ---: |" if has_cosine else "")]
    for row in table["rows"]:
        if row.get("median") is None:
            cells = [row["name"], row.get("note", ""), "", "", ""]
        else:
            cells = [row["name"], number(row["median"]),
                     f"{number(row['p25'])}–{number(row['p75'])}",
                     f"{number(row['min'])}–{number(row['max'])}", str(row["n"])]
        if has_cosine:
            cells.append("" if row.get("cosine") is None else f"{row['cosine']:.5f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine_lines(results):
    lines = ["| row | measured | docs-bot | processor | kernel | compiler | load at the end |",
             "| --- | --- | --- | --- | --- | --- | ---: |"]
    for r in results:
        m = r["machine"]
        lines.append(f"| {r['row']} | {r['date']} | {m['docs-bot']} | {m['processor']}, {m['cores']} "
                     f"cores ({', '.join(m['instructions'])}), {m['memory_gb']} GB | {m['kernel']} "
                     f"| {m['compiler']} | {m['load']} |")
    return "\n".join(lines)


def render(results):
    results = sorted(results, key=lambda r: ORDER.index(r["row"]))
    parts = ["# Figures", "",
             "Written by `make bench`; how it measures is in [README.md](README.md). Each figure is a "
             "ratio\nof times that were taken in turns, round by round, in one run: the median over "
             "the rounds, with\nthe quartiles in parentheses. Times of different rows or machines do "
             "not compare.", "",
             "| figure | model | docs-bot | compared with | result | at least / at most | met |",
             "| --- | --- | ---: | ---: | ---: | ---: | --- |"]
    parts += [figure_line(f) for r in results for f in r["figures"]]
    notes = [n for r in results for n in r["notes"]]
    if notes:
        parts += ["", "## Notes", ""] + [f"- {n}" for n in dict.fromkeys(notes)]
    parts += ["", "## Where and when", "", machine_lines(results), "", "## Times", ""]
    parts += ["\n\n".join(time_table(t) for r in results for t in r["times"])]
    return "\n".join(parts).rstrip() + "\n"


def write():
    results = [json.loads(f.read_text()) for f in sorted(lib.RESULTS.glob("*.json"))]
    if not results:
        lib.say("nothing was measured yet")
        return
    OUT.write_text(render(results))
    lib.say(f"wrote {OUT}")
