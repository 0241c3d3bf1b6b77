#!/usr/bin/env python3
"""A peer's side of tools/bench: CLIP's image tower in another engine.

    tower.py CHECKPOINT transformers|openvino|onnxruntime f32|bf16 BATCH THREADS

Answers with images/s, as measure.py says.
"""
import pathlib
import sys

import torch
from transformers import CLIPVisionModelWithProjection

from measure import answer_lines

checkpoint, engine, precision, batch, threads = sys.argv[1:4] + [sys.argv[4], int(sys.argv[5])]
batch = int(batch)
torch.set_num_threads(threads)
torch.manual_seed(1)
pixels = torch.randn(batch, 3, 224, 224)


class Tower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = CLIPVisionModelWithProjection.from_pretrained(checkpoint).eval()

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).image_embeds


tower = Tower()
if engine == "transformers":
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    tower, inputs = tower.to(dtype), pixels.to(dtype)
    def run():
        with torch.inference_mode():
            tower(inputs)
elif engine == "openvino":
    import openvino
    with torch.inference_mode():
        model = openvino.convert_model(tower, example_input=pixels)
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision,
                                                     "PERFORMANCE_HINT": "LATENCY",
                                                     "INFERENCE_NUM_THREADS": threads})
    request = compiled.create_infer_request()
    def run():
        request.infer({0: pixels.numpy()})
else:
    import onnxruntime
    file = pathlib.Path(checkpoint) / "tower.onnx"
    with torch.inference_mode():
        torch.onnx.export(tower, (pixels,), file, dynamo=False, input_names=["pixels"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    def run():
        session.run(None, {"pixels": pixels.numpy()})

answer_lines(run, lambda seconds: batch / seconds)
