#!/usr/bin/env python3
"""Writes the Unicode tables of the tokenizer by asking the `tokenizers` package.

    make_unicode.py > backend/embed/inproc/unicode_tables.c

The published tokenizers take general categories from one old Unicode version, canonical
decompositions and combining classes from another and lower case from a third, so neither
utf8proc's answers nor any single version's data files agree with them. Each question is put to
the package for each code point. Needs: tokenizers==0.21.1.
"""

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

CLEAN = BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
STRIP = BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
SPLIT = BertPreTokenizer()
DECOMPOSE = NFD()
BELOW, ABOVE = "\u0334", "\u0345"  # combining classes 1 and 240, the lowest and highest


def ranges(values):
    out = []
    for value in values:
        if out and out[-1][1] == value - 1:
            out[-1][1] = value
        else:
            out.append([value, value])
    return out


def table(name, comment, values, out):
    spans = ranges(values)
    out.append(f"/* {comment} */")
    out.append(f"const struct unicode_range {name}[] = {{")
    for at in range(0, len(spans), 4):
        out.append("\t" + " ".join(f"{{0x{a:04x}, 0x{b:04x}}}," for a, b in spans[at : at + 4]))
    out.append("};")
    out.append(f"const size_t {name}_count = {len(spans)};\n")


def main():
    removed, marks, punctuation, nonstarters, decomposed = [], [], [], [], []
    for cp in range(0x80, 0x110000):
        if 0xD800 <= cp < 0xE000:
            continue
        c = chr(cp)
        if CLEAN.normalize_str("a" + c + "b") == "ab":
            removed.append(cp)
        if len(SPLIT.pre_tokenize_str("a" + c + "b")) == 3:
            punctuation.append(cp)
        if DECOMPOSE.normalize_str(c) != c:
            if cp > 0xFFFF:
                decomposed.append(cp)
            continue
        if STRIP.normalize_str("a" + c + "b") == "ab":
            marks.append(cp)
        elif DECOMPOSE.normalize_str(c + BELOW) != c + BELOW or DECOMPOSE.normalize_str(ABOVE + c) != ABOVE + c:
            nonstarters.append(cp)
    out = [
        "/*",
        " * Made by tests/golden/make_unicode.py; do not edit. Facts of several Unicode",
        f" * versions, as tokenizers {tokenizers.__version__} has it; see unicode.h.",
        " */",
        '#include "embed/inproc/unicode.h"',
        "",
        "/* clang-format off */",
    ]
    table("unicode_removed", "control, format and private-use characters, U+FFFD", removed, out)
    table("unicode_nonspacing", "general category Mn", marks, out)
    table("unicode_punctuation", "general category P", punctuation, out)
    table("unicode_nonstarters", "not Mn, but of a combining class other than 0", nonstarters, out)
    table("unicode_decomposed", "have a canonical decomposition (planes 1 to 16)", decomposed, out)
    print("\n".join(out).rstrip() + "\n/* clang-format on */")


if __name__ == "__main__":
    main()
