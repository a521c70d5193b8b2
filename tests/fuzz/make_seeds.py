#!/usr/bin/env python3
"""Writes the seeds of fuzz_safetensors and fuzz_tokenizer; fuzz_packed writes its own.

    tests/fuzz/make_seeds.py
    DOCS_BOT_FUZZ_SEEDS=tests/fuzz/seeds/packed build/fuzz/tests/fuzz_packed -runs=0
"""

import json
import struct
from pathlib import Path

SEEDS = Path(__file__).resolve().parent / "seeds"


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def weights(header, data, claimed=None, pad=8):
    text = header if isinstance(header, bytes) else json.dumps(
        header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % pad)
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def safetensors():
    two = {"a": entry("F32", [2, 3], 0, 24), "b": entry("I64", [1], 24, 32)}
    data = floats(1, -2, 3.5, 0, 1e-40, 3e38) + struct.pack("<q", -1)
    sound = weights(two, data)
    yield "two", sound
    yield "kinds", weights({
        "__metadata__": {"format": "pt"}, "scalar": entry("F32", [], 0, 4),
        "empty": entry("F32", [0, 7], 4, 4), "h": entry("BF16", [2], 4, 8),
        "t": entry("BOOL", [4], 8, 12), "bert.ä.weight": entry("F32", [1, 1, 1, 1, 1, 1, 1, 1], 12, 16),
    }, floats(1, 2, 3, 4))
    yield "not-finite", weights({"n": entry("F32", [2], 0, 8)}, floats(float("nan"), float("inf")))
    yield "unaligned", weights({"a": entry("F32", [1], 0, 4)}, floats(1), pad=1)
    yield "truncated", sound[:-9]
    yield "half-a-length", sound[:5]
    yield "overlap", weights({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, bytes(12))
    yield "hole", weights({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, bytes(12))
    yield "backwards", weights({"a": entry("F32", [1], 8, 4)}, bytes(8))
    yield "behind-the-end", weights({"a": entry("F32", [4], 0, 16)}, bytes(8))
    yield "shape-too-large", weights({"a": entry("F32", [3], 0, 8)}, bytes(8))
    yield "overflow", weights({"a": entry("F32", [2 ** 40, 2 ** 40], 0, 8)}, bytes(8))
    yield "negative", weights({"a": entry("F32", [-2, -1], 0, 8)}, bytes(8))
    yield "long-header", weights(two, data, claimed=2 ** 63)
    yield "longer-than-file", weights(two, data, claimed=1000)
    yield "odd-names", weights({"x\n" + "x" + "ä" * 70: entry("F32", [2], 0, 4), "": {}}, bytes(4))
    yield "twice", weights(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                           b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4))
    yield "list", weights(b"[1, 2]", b"")
    yield "broken-json", weights(b'{"a": \xff\n}', b"")


def tokenizer():
    texts = {
        "plain": "The pod's spec.containers[0] isn't ready: see kubectl-1.2",
        "accents": "Ça va, naïve Überraschung? ﬁne ǅ İ ß e\u0301\u0323\u0344 \u1e9b\u0323",
        "scripts": "漢字とかな 한국어 ไทย עברית 𠀀🏃🏽\u200d♀️",
        "specials": "[CLS] a [MASK]b</s><mask> <pad>[UNK] [SEP",
        "spaces": "\t a\u00a0b\u2003c\u3000\u200b\ufeff\u0000\u00ad\ufffd\r\n",
        "long": "x" * 120 + " " + "\u0301" * 40 + " " + "a\u0301" * 60,
    }
    for name, text in texts.items():
        for kind, model in enumerate(("bert", "mpnet", "cased")):
            yield f"{name}-{model}", bytes([kind]) + text.encode()
    yield "not-utf8", b"\x00a\xff \xed\xa0\x80 \xf4\x90\x80\x80 \xc3"


for folder, seeds in (("safetensors", safetensors()), ("tokenizer", tokenizer())):
    (SEEDS / folder).mkdir(parents=True, exist_ok=True)
    for name, content in seeds:
        (SEEDS / folder / name).write_bytes(content)
