#!/usr/bin/env python3
"""Makes tests/golden/image_processor.json: what transformers' slow image processors give for noise pictures.

Run with transformers 4.x and Pillow 9.4.0: python tools/goldens/make_image_processor.py (Pillow 13 shrinks the height
before it stretches the width where both happen at once, which differs in the last bit from what Debian 12's gives).
Each entry holds a preprocessor_config.json, a picture's size, and the shape and CRC-32 of the float32 pixel values.
"""
import json
import pathlib
import zlib

import numpy
import PIL
import transformers
from PIL import Image
from transformers import (BlipImageProcessor, ChineseCLIPImageProcessor, CLIPImageProcessor, SiglipImageProcessor,
                          ViTImageProcessor)

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "image_processor.json"
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
CONFIGS = [
    (CLIPImageProcessor, {"crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
                          "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 224, **CLIP}),
    (CLIPImageProcessor, {"crop_size": {"height": 30, "width": 21}, "size": {"shortest_edge": 25}, "resample": 2,
                          "do_rescale": True, "rescale_factor": 0.00392156862745098,
                          "image_processor_type": "CLIPImageProcessor", **CLIP}),
    (CLIPImageProcessor, {"size": {"shortest_edge": 30}, "crop_size": {"height": 24, "width": 33},
                          "do_normalize": False, "image_processor_type": "CLIPImageProcessor"}),
    (ChineseCLIPImageProcessor, {"size": {"height": 56, "width": 56}, "do_center_crop": False, "resample": 3,
                                 "image_processor_type": "ChineseCLIPImageProcessor", **CLIP}),
    (SiglipImageProcessor, {"size": {"height": 64, "width": 64}, "image_processor_type": "SiglipImageProcessor",
                            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3}),
    (SiglipImageProcessor, {"size": {"height": 48, "width": 80}, "image_processor_type": "SiglipImageProcessor",
                            "rescale_factor": 0.5}),
    (BlipImageProcessor, {"size": {"height": 96, "width": 96}, "image_processor_type": "BlipImageProcessor"}),
    (ViTImageProcessor, {"image_processor_type": "ViTImageProcessor", "size": 56, "resample": 2,
                         "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}),
    (ViTImageProcessor, {"image_processor_type": "ViTImageProcessor", "size": {"height": 20, "width": 40},
                         "do_rescale": False, "resample": 1}),
]
SIZES = [(640, 427), (427, 640), (333, 501), (25, 25), (11, 7), (5, 300), (300, 5)]


def noise(size):
    """The same bytes as noise() in src/media/testing.h."""
    state, block = 12345, bytearray()
    for _ in range(99991):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        block.append(state >> 16 & 255)
    return (bytes(block) * (size // len(block) + 1))[:size]


def main():
    entries = []
    for cls, config in CONFIGS:
        processor = cls.from_dict({key: value for key, value in config.items() if not key.endswith("_type")})
        for width, height in SIZES:
            image = Image.frombytes("RGB", (width, height), noise(3 * width * height))
            values = processor(image, return_tensors="np")["pixel_values"][0].astype(numpy.float32)
            entries.append({"config": config, "picture": [width, height], "shape": list(values.shape),
                            "crc": zlib.crc32(numpy.ascontiguousarray(values).tobytes())})
    versions = f"transformers {transformers.__version__}, PIL {PIL.__version__}, numpy {numpy.__version__}"
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    OUT.write_text(f'{{"made_by":"{versions}","entries":[\n{lines}\n]}}\n')
    print(len(entries), "entries by", versions)


main()
