#!/usr/bin/env python3
"""From start to CLIP's first answer in transformers, as a script would do it: match.py CHECKPOINT PICTURE TEXT…"""
import sys

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

checkpoint, picture, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
model, processor = CLIPModel.from_pretrained(checkpoint).eval(), CLIPProcessor.from_pretrained(checkpoint)
with torch.inference_mode():
    inputs = processor(text=texts, images=Image.open(picture), return_tensors="pt", padding=True)
    print(model(**inputs).logits_per_image.softmax(-1))
