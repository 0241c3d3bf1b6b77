#!/usr/bin/env python3
"""Writes the folders that tools/bench indexes, from the sample pictures: folders.py SAMPLES FOLDER

FOLDER/small: 640 JPEGs of 192×192; FOLDER/large: 32 of 4000×3000 (12 megapixels). Quality 90, grain, no two alike.
"""
import pathlib
import sys

from PIL import Image, ImageEnhance

samples, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
files = sorted(samples.rglob("*.jpg"))
for name, size, count in (("small", (192, 192), 640), ("large", (4000, 3000), 32)):
    (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture = Image.open(files[i % len(files)]).convert("RGB").resize(size, Image.BICUBIC)
        grain = Image.effect_noise(size, 40).convert("RGB")  # a sensor's: without it large pictures are too easy to decode
        picture = Image.blend(picture, grain, 0.1)
        ImageEnhance.Brightness(picture).enhance(0.7 + 0.05 * (i // len(files))).save(
            folder / name / f"{i:04}.jpg", quality=90)
