#!/usr/bin/env python3
"""A peer's side of tools/bench: BLIP in transformers, one picture in 30 tokens with five beams.

    caption.py CHECKPOINT f32|bf16 THREADS

Answers with seconds a caption, as measure.py says.
"""
import sys

import torch
from transformers import BlipForConditionalGeneration

from measure import answer_lines

checkpoint, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
dtype = torch.bfloat16 if precision == "bf16" else torch.float32
model = BlipForConditionalGeneration.from_pretrained(checkpoint).to(dtype).eval()
pixels = torch.randn(1, 3, 384, 384).to(dtype)


def run():
    with torch.inference_mode():
        # 31 counts the start token; no caption ends sooner.
        model.generate(pixel_values=pixels, num_beams=5, max_length=31, min_length=31, early_stopping=True)


answer_lines(run, lambda seconds: seconds)
