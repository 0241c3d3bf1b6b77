#!/usr/bin/env python3
"""Writes tests/golden/weights: small checkpoints as torch and safetensors save them, and what they hold.

    pip install torch safetensors numpy gguf && tools/goldens/make_weights.py

`values.json` lists for every file the tensors a reader must find: dtype, shape and the bytes, dense, in hexadecimal.
"""
import collections
import json
import pathlib

import safetensors
import safetensors.torch
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "weights"
DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int8: "I8",
          torch.uint8: "U8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64", torch.bool: "BOOL"}
values = {}


def describe(tensors):
    rows = {}
    for name, tensor in tensors.items():
        flat = tensor.detach().contiguous().reshape(-1)
        rows[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape),
                      "bytes": flat.view(torch.uint8).numpy().tobytes().hex() if flat.numel() else ""}
    return rows


def of_every_type():
    torch.manual_seed(7)
    tensors = {"f32": torch.randn(3, 4), "f16": torch.randn(2, 3, 2).half(), "bf16": torch.randn(5).bfloat16(),
               "f64": torch.randn(2, 2).double(), "scalar": torch.tensor(2.6592), "empty": torch.zeros(0, 4),
               "position_ids": torch.arange(7).unsqueeze(0), "mask": torch.tensor([True, False, True])}
    for dtype in (torch.int8, torch.uint8, torch.int16, torch.int32):
        tensors["of." + DTYPES[dtype]] = torch.randint(0, 100, (3, 2)).to(dtype)
    return tensors


def safetensors_files():
    tensors = of_every_type()
    safetensors.torch.save_file(tensors, OUT / "types.safetensors", metadata={"format": "pt"})
    values["types.safetensors"] = describe(tensors)

    names = sorted(tensors)
    parts = names[::2], names[1::2]
    weight_map = {}
    for number, part in enumerate(parts, 1):
        file = f"model-{number:05}-of-00002.safetensors"
        (OUT / "sharded").mkdir(exist_ok=True)
        safetensors.torch.save_file({name: tensors[name] for name in part}, OUT / "sharded" / file)
        weight_map |= {name: file for name in part}
    (OUT / "sharded" / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=1) + "\n")
    values["sharded"] = describe(tensors)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    safetensors_files()
    values["made with"] = {"torch": torch.__version__.split("+")[0], "safetensors": safetensors.__version__}
    (OUT / "values.json").write_text(json.dumps(values, indent=1) + "\n")
