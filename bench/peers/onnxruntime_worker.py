"""ONNX Runtime with the `tokenizers` package:

    peers/onnxruntime_worker.py FILE.onnx MODEL_DIR THREADS

Session options are the defaults (all graph optimizations) but for the number of threads; 0 is the
default of that too. One text at a time is not padded; in batches the longest of each sets the length.
"""

import sys

import worker

worker.offline()

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import tokenizers  # noqa: E402


def main():
    file, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(folder + "/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    padding = next(i for i in map(tokenizer.token_to_id, ("<pad>", "[PAD]")) if i is not None)

    def embed_batch(texts):
        encoded = tokenizer.encode_batch(texts)
        ids = np.full((len(texts), max(len(e.ids) for e in encoded)), padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, e in enumerate(encoded):
            ids[row, :len(e.ids)] = e.ids
            mask[row, :len(e.ids)] = 1
        [hidden] = session.run(None, {"input_ids": ids, "attention_mask": mask})
        sums = (hidden * mask[:, :, None]).sum(axis=1)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def embed(texts, batch):
        return np.concatenate([embed_batch(texts[i:i + batch])
                               for i in range(0, len(texts), batch)])

    worker.serve({"model": "onnxruntime", "versions": {"onnxruntime": ort.__version__,
                                                       "tokenizers": tokenizers.__version__}}, embed)


if __name__ == "__main__":
    main()
