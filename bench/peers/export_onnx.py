"""Writes the ONNX files of a model: peers/export_onnx.py MODEL_DIR OUT_DIR

    model.onnx        f32, from the same model.safetensors that docs-bot reads
    model-int8.onnx   by onnxruntime.quantization.quantize_dynamic with its defaults: int8 weights,
                      one scale for each tensor, activations quantized while it runs

The TorchScript-based exporter is used: on the processors tried its graph ran as fast as the newer
exporter's or faster, and the fusions of onnxruntime.transformers.optimizer changed the times by
less than they spread.
"""

import sys
import warnings
from pathlib import Path

import worker

worker.offline()

import torch  # noqa: E402
from onnxruntime.quantization import quantize_dynamic  # noqa: E402
from transformers import AutoModel  # noqa: E402


class LastHiddenState(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def main():
    folder, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    model = AutoModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager")
    ids = torch.full((2, 16), 100, dtype=torch.long)
    axes = {0: "texts", 1: "tokens"}
    partial = out / "model.part"
    torch.onnx.export(LastHiddenState(model.eval()), (ids, torch.ones_like(ids)), str(partial),
                      dynamo=False, opset_version=17, input_names=["input_ids", "attention_mask"],
                      output_names=["last_hidden_state"],
                      dynamic_axes={"input_ids": axes, "attention_mask": axes,
                                    "last_hidden_state": axes})
    quantized = out / "model-int8.part"
    quantize_dynamic(str(partial), str(quantized))
    quantized.rename(out / "model-int8.onnx")
    partial.rename(out / "model.onnx")


if __name__ == "__main__":
    main()
