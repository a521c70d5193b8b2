#!/usr/bin/env python3
"""Write the references that tests/unit/test_rerank_inproc.c compares the cross-encoder with.

    python3 tests/golden/make_rerank.py build/dev/tests/make_tiny_model

The model is the tiny random BERT cross-encoder that make_tiny_model writes, the same bytes every
time, so that no weights are committed. Needs the packages of requirements.txt. Writes
tests/golden/data/rerank.json: queries and texts, the ids and types of their pairs, cut as
transformers cuts with truncation="only_second", and the model's logits and scores.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers
from sentence_transformers import CrossEncoder

MAX_TOKENS = 512
DATA = pathlib.Path(__file__).parent / "data"

QUERIES = [
    "How do I keep the pods of finished trials?",
    "403 from the gateway",
    "a",
    "KF_PIPELINES_SA_TOKEN_PATH spec.earlyStopping .set_caching_options(False)",
    "Größe ÄÖÜ naïve façade 如何 🚀 ???",
]
TEXTS = [
    "Set retain: true in the trial template, and the pods stay.",
    "The gateway answers 403 when the user is not a contributor of the namespace.",
    "",
    "x",
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data-claim\n",
    "   white\tspace \r\n\r\n everywhere   ",
    "UPPER lower MiXeD 12345 3.14159 0x7f 1e-5 v2.0.0-rc.1 [SEP] [CLS] [MASK]",
]
# Content tokens of query and text. 254 are half of the room, the longest query that is not cut;
# with it 255 tokens of a text fit.
LENGTHS = [(10, 60), (30, 125), (5, 254), (20, 382), (9, 499), (9, 500), (9, 501), (9, 700),
           (254, 1), (254, 255), (254, 256), (254, 1200), (100, 408), (100, 409), (100, 410)]
LETTERS = "the model runs on a cluster with many small jobs and writes what it has learnt "


def text_of(tokenizer, count, seed):
    """A text of `count` tokens: letters are tokens of their own in this vocabulary."""
    text, at = "", seed
    while len(tokenizer.tokenize(text)) < count:
        text += LETTERS[at % len(LETTERS)]
        at += 1
    assert len(tokenizer.tokenize(text)) == count
    return text


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder, "cross"], check=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        cross = CrossEncoder(folder, device="cpu")
        pairs = [(q, t) for q in QUERIES for t in TEXTS]
        pairs += [(text_of(tokenizer, a, i), text_of(tokenizer, b, 7 * i + 3))
                  for i, (a, b) in enumerate(LENGTHS)]
        entries = []
        for query, text in pairs:
            # Lists, for an empty text makes no pair otherwise.
            encoded = tokenizer([query], [text], truncation="only_second", max_length=MAX_TOKENS,
                                return_tensors="pt")
            ids, types = encoded["input_ids"][0].tolist(), encoded["token_type_ids"][0].tolist()
            first = types.index(1) if 1 in types else len(types)
            assert types == [0] * first + [1] * (len(types) - first)
            with torch.no_grad():
                logit = model(**encoded).logits[0, 0].item()
            score = torch.sigmoid(torch.tensor(logit)).item()
            # CrossEncoder cuts the longer of both, which is the same when nothing is cut.
            if len(tokenizer([query], [text])["input_ids"][0]) <= MAX_TOKENS:
                got = float(cross.predict([(query, text)])[0])
                assert abs(got - score) < 1e-5, (query, text, got, score)
            entries.append({"query": query, "text": text, "tokens": len(ids), "first": first,
                            "ids": ids, "logit": logit, "score": score})
    logits = [e["logit"] for e in entries]
    print(len(entries), "pairs, logits from", min(logits), "to", max(logits))
    made_by = {p.__name__: p.__version__ for p in (torch, transformers)}
    with open(DATA / "rerank.json", "w", encoding="utf-8") as out:
        json.dump({"made_by": made_by, "pairs": entries}, out, ensure_ascii=False)
        out.write("\n")


if __name__ == "__main__":
    main()
