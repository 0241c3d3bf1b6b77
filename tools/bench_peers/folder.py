#!/usr/bin/env python3
"""A folder of pictures to CLIP vectors in transformers with PIL: folder.py CHECKPOINT f32|bf16 THREADS FOLDER

Prints pictures a second (loading not counted) and the process's largest memory in MiB.
"""
import pathlib
import resource
import sys
import time

import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

checkpoint, precision, threads, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4])
torch.set_num_threads(threads)
dtype = torch.bfloat16 if precision == "bf16" else torch.float32
model = CLIPVisionModelWithProjection.from_pretrained(checkpoint).eval().to(dtype)
processor = CLIPImageProcessor.from_pretrained(checkpoint)
files = sorted(folder.glob("*.jpg"))


def encode(batch):
    pixels = processor(images=[Image.open(file).convert("RGB") for file in batch], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        vectors = model(pixel_values=pixels.to(dtype)).image_embeds.float()
    return torch.nn.functional.normalize(vectors, dim=-1)


encode(files[:8])
begin = time.perf_counter()
for at in range(0, len(files), 8):
    encode(files[at:at + 8])
print(len(files) / (time.perf_counter() - begin), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
