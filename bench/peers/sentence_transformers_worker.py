"""sentence-transformers on PyTorch, f32: peers/sentence_transformers_worker.py MODEL_DIR THREADS

Both models are published with a limit (384 and 256 tokens) that cuts longer texts; it is raised to
the 512 positions that they have, so that the work is the same as ours. THREADS 0: PyTorch's default.
"""

import sys

import worker

worker.offline()

import sentence_transformers  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    if threads:
        torch.set_num_threads(threads)
    model = sentence_transformers.SentenceTransformer(folder, device="cpu", local_files_only=True)
    model.max_seq_length = 512

    def embed(texts, batch):
        return model.encode(texts, batch_size=batch, show_progress_bar=False)

    worker.serve({"model": "sentence-transformers", "threads": torch.get_num_threads(),
                  "versions": {"sentence-transformers": sentence_transformers.__version__,
                               "torch": torch.__version__, "transformers": transformers.__version__},
                  "cpu_capability": torch.backends.cpu.get_cpu_capability()}, embed)


if __name__ == "__main__":
    main()
