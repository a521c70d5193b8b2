#!/usr/bin/env python3
"""Write the reference embeddings that test_embeddings.c compares with.

    python3 tests/golden/make_embeddings.py MODELS_DIR

MODELS_DIR holds all-MiniLM-L6-v2/ and all-mpnet-base-v2/ as `docs-bot model fetch` leaves them.
Needs the packages of requirements.txt. Writes to tests/golden/data/:

    embeddings_texts.json        the texts and their token counts (special tokens included)
    embeddings_<model>.bin       f32, little-endian, row-major [texts][dimension]
"""
import json
import pathlib
import sys

import numpy
import torch
from sentence_transformers import SentenceTransformer, models

MODELS = ["all-MiniLM-L6-v2", "all-mpnet-base-v2"]
MAX_TOKENS = 512
DATA = pathlib.Path(__file__).parent / "data"

SENTENCES = [
    "A training job writes its checkpoints to the shared volume every ten minutes.",
    "When a trial has finished, the controller removes its pods unless told to keep them.",
    "Notebooks start slowly because the image is large and the node must pull it first.",
    "Set the service account in the pod template, then restart the deployment.",
    "The gateway answers 403 when the user is not a contributor of the namespace.",
    "Each step of a pipeline runs in its own container and passes files to the next one.",
    "Autoscaling to zero saves money, but the first request waits for a cold start.",
    "A parameter of type double may be searched on a linear or a logarithmic scale.",
]

SHORT = [
    "",
    "a",
    "How do I keep the pods of finished trials?",
    "kubectl get pods -n kubeflow --field-selector=status.phase!=Running",
    "KF_PIPELINES_SA_TOKEN_PATH spec.earlyStopping .set_caching_options(False)",
    "Wie installiere ich die Plattform auf einem eigenen Cluster? Größe: ÄÖÜ äöü ß",
    "¿Cómo detengo un experimento? L'élève déçu naïve façade, Łódź, Việt Nam",
    "如何在集群上训练模型? モデルを学習する 클러스터에서 학습",
    "Как остановить эксперимент и сохранить результаты? Πώς λειτουργεί;",
    "كيف أوقف التجربة؟ איך עוצרים ניסוי?",
    "emoji 🚀🔥 and symbols ∑ ≤ ∞ → € ½ — “quotes” …",
    "```python\n@dsl.component(base_image='python:3.11')\ndef add(a: int, b: int) -> int:\n"
    "    return a + b\n```",
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data-claim\nspec:\n"
    "  resources: {requests: {storage: 10Gi}}",
    "   white\tspace \r\n\r\n everywhere   ",
    "UPPER lower MiXeD 12345 3.14159 0x7f 1e-5 v2.0.0-rc.1",
    "x" * 150 + " " + "word" * 20,
]

# Content tokens of the longer texts; 510 fill the models up to the last position.
LENGTHS = [30, 61, 125, 126, 254, 255, 382, 509, 510]


def text_of(tokenizer, count: int, seed: int) -> str:
    """Own sentences, the order turned by `seed`, then one-token words up to `count` tokens."""
    text, at = "", seed
    while True:
        longer = (text + " " + SENTENCES[at % len(SENTENCES)]).strip()
        if len(tokenizer.tokenize(longer)) > count:
            break
        text, at = longer, at + 3
    filler = ["the", "model", "runs", "on", "a", "cluster", "with", "many", "small", "jobs"]
    at = 0
    while len(tokenizer.tokenize(text)) < count:
        text = (text + " " + filler[at % len(filler)]).strip()
        at += 1
    assert len(tokenizer.tokenize(text)) == count
    return text


def load(folder: pathlib.Path) -> SentenceTransformer:
    transformer = models.Transformer(str(folder), max_seq_length=MAX_TOKENS)
    pooling = models.Pooling(transformer.get_word_embedding_dimension(), "mean")
    return SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.manual_seed(0)
    texts, counts = [], []
    for name in MODELS:
        model = load(pathlib.Path(sys.argv[1]) / name)
        if not texts:
            texts = SHORT + [text_of(model.tokenizer, n, i) for i, n in enumerate(LENGTHS)]
            counts = [len(model.tokenizer(t)["input_ids"]) for t in texts]
            assert max(counts) == MAX_TOKENS
        assert counts == [len(model.tokenizer(t)["input_ids"]) for t in texts]
        # One text at a time: no padding, as in docs-bot.
        rows = [model.encode(t, normalize_embeddings=False, batch_size=1) for t in texts]
        vectors = numpy.stack(rows).astype("<f4")
        (DATA / f"embeddings_{name}.bin").write_bytes(vectors.tobytes())
        print(name, vectors.shape)
    entries = [{"tokens": c, "text": t} for t, c in zip(texts, counts)]
    with open(DATA / "embeddings_texts.json", "w", encoding="utf-8") as out:
        json.dump({"models": MODELS, "texts": entries}, out, ensure_ascii=False, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
