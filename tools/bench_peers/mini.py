#!/usr/bin/env python3
"""A peer's side of tools/bench: the built-in model's picture network in OpenVINO.

    mini.py CHECKPOINT f32|bf16 BATCH THREADS

Answers with images/s, as measure.py says.
"""
import pathlib
import sys

import openvino
import torch

from measure import answer_lines

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train"))
import export  # noqa: E402

checkpoint, precision, batch, threads = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


class Network(torch.nn.Module):
    """[n, 3, 260, 260] → vectors of length 1, what a search compares."""

    def __init__(self):
        super().__init__()
        self.model = export.load_model(checkpoint)

    def forward(self, pixels):
        return self.model.image_embeds(self.model.vision_model(pixels)[1])


network = Network()
size = network.model.config["vision_config"]["image_size"]
torch.manual_seed(1)
pixels = torch.randn(batch, 3, size, size)
with torch.inference_mode():
    converted = openvino.convert_model(network, example_input=pixels)
converted.reshape([batch, 3, size, size])
request = openvino.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
                                                    "INFERENCE_NUM_THREADS": threads}).create_infer_request()
answer_lines(lambda: request.infer({0: pixels.numpy()}), lambda seconds: batch / seconds)
