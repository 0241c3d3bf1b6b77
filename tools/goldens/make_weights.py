#!/usr/bin/env python3
"""Writes tests/golden/weights: small checkpoints as torch and safetensors save them, and what they hold.

    pip install torch safetensors numpy gguf && tools/goldens/make_weights.py

`values.json` lists for every file the tensors a reader must find: dtype, shape and the bytes, dense, in hexadecimal.
"""
import collections
import importlib.metadata
import json
import pathlib

import gguf
import numpy
import safetensors
import safetensors.numpy
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


def pytorch_files():
    tensors = of_every_type()
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = collections.OrderedDict(tensors)
    views |= {"whole": base, "transposed": base.t(), "column": base[:, 2], "rows": base[1:3], "steps": base[::2, 1::3],
              "repeated": base[0, :1].expand(5), "permuted": torch.randn(2, 3, 4).half().permute(2, 0, 1),
              "parameter": torch.nn.Parameter(torch.randn(2, 2))}
    torch.save(views, OUT / "views.bin")
    torch.save(views, OUT / "views-old.bin", _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        torch.save(dict(views), OUT / f"views-protocol{protocol}.pt", pickle_protocol=protocol)
    for name in ("views.bin", "views-old.bin", *(f"views-protocol{p}.pt" for p in (3, 4, 5))):
        values[name] = describe(views)

    # A module's own state_dict carries `_metadata` and tied weights; a training program wraps it with other things.
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 3))
    module[2].weight = torch.nn.Parameter(module[0].weight.detach().t())
    torch.save(module.state_dict(), OUT / "module.bin")
    torch.save({"epoch": 3, "loss": 0.25, "model": module.state_dict(), "big": 1 << 80, "device": torch.device("cpu"),
                "size": torch.Size([2, 3]), "names": ["a", ("b", None, True)], "raw": b"bytes"}, OUT / "wrapped.pth")
    values["module.bin"] = values["wrapped.pth"] = describe(module.state_dict())

    (OUT / "sharded-bin").mkdir(exist_ok=True)
    weight_map = {}
    for number, names in enumerate((["f32", "scalar"], ["bf16", "empty"]), 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: tensors[name] for name in names}, OUT / "sharded-bin" / file)
        weight_map |= {name: file for name in names}
    (OUT / "sharded-bin" / "pytorch_model.bin.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=1) + "\n")
    values["sharded-bin"] = describe({name: tensors[name] for name in weight_map})

    # Files that torch writes and Gaze refuses.
    torch.save(module, OUT / "whole-module.pt")
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(OUT / "script.pt"))


def random_blocks(generator, kind, rows, blocks):
    """Random bytes with scales that are ordinary numbers: gguf-py quantises no K types."""
    bytes_each = gguf.GGML_QUANT_SIZES[kind][1]
    data = generator.integers(0, 256, (rows, blocks, bytes_each), dtype=numpy.uint8)
    places = {"Q6_K": (208,), "Q4_K": (0, 2), "Q5_K": (0, 2)}[kind.name]
    for place in places:
        scales = generator.uniform(-0.02, 0.02, (rows, blocks, 1)).astype(numpy.float16)
        data[:, :, place:place + 2] = scales.view(numpy.uint8)
    return data.reshape(rows, -1)


def gguf_file():
    kinds = gguf.GGMLQuantizationType
    generator = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(OUT / "types.gguf", "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.rope.freq_base", 10000.0)
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "图", ""])
    writer.add_array("tokenizer.ggml.scores", [0.5, -1.0, -2.25])
    writer.add_array("tokenizer.ggml.token_type", [3, 1, -1])
    for name, number in (("uint8", 200), ("int8", -100), ("uint16", 60000), ("int16", -30000), ("int32", -2000000000),
                         ("uint64", 1 << 40), ("int64", -(1 << 40)), ("float64", 0.1)):
        getattr(writer, "add_" + name)("test." + name, number)
    expected = {}
    for kind in (kinds.Q4_0, kinds.Q4_1, kinds.Q5_0, kinds.Q5_1, kinds.Q8_0, kinds.BF16, kinds.F16, kinds.F32):
        values = generator.normal(size=(3, 64)).astype(numpy.float32)
        data = values if kind == kinds.F32 else gguf.quants.quantize(values, kind)
        expected[kind.name] = gguf.quants.dequantize(data, kind).reshape(3, 64)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
    for kind in (kinds.Q4_K, kinds.Q5_K, kinds.Q6_K):
        data = random_blocks(generator, kind, 2, 2)
        expected[kind.name] = gguf.quants.dequantize(data, kind).reshape(2, 512)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    safetensors.numpy.save_file(expected, OUT / "types.gguf.safetensors")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    safetensors_files()
    pytorch_files()
    gguf_file()
    values["made with"] = {"torch": torch.__version__.split("+")[0], "safetensors": safetensors.__version__,
                           "gguf": importlib.metadata.version("gguf")}
    (OUT / "values.json").write_text(json.dumps(values, indent=1) + "\n")
