#!/usr/bin/env python3
"""Writes gaze-reference.json into a checkpoint folder: what its reference implementation answers, for `gaze models
verify` to repeat (docs/formats.md). Run it again whenever the weights change:

    python tools/goldens/make_reference.py                 # models/gaze-mini, by tools/train/model.py
    python tools/goldens/make_reference.py FOLDER [TEXT…]  # CLIP, Chinese-CLIP, SigLIP, BLIP captioners, by transformers;
                                                           # texts of no more tokens than the model reads

Needs torch and pillow; for gaze-mini tools/train/requirements.txt, for the others transformers 4.57.
"""
import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

SOURCE = Path(__file__).resolve().parents[2]
TEXTS = ["a photo of a dog", "two people ride bicycles along the beach", "一张熊猫的照片", "Fish & chips, 3.50 €!"]
EVERY = 997  # a prime: the numbers that are kept lie in all rows and channels


def picture():
    """96 × 64: colours that run, a disc, and stripes that resizing has to smooth."""
    y, x = np.mgrid[0:64, 0:96]
    rgb = np.stack([x * 2.6, y * 4, 255 - x - y], -1)
    rgb[(x - 60) ** 2 + (y - 30) ** 2 < 300] = (220, 60, 40)
    rgb[40:, :40][(x[40:, :40] // 2) % 2 == 0] = (20, 30, 90)
    return Image.fromarray(rgb.clip(0, 255).astype(np.uint8))


def gaze_mini(folder, image, texts):
    sys.path.insert(0, str(SOURCE / "tools/train"))
    import export
    from config import GENERATION, LANGUAGE_IDS
    from features import pixels
    from generate import beam_search

    model, tokenizer = export.load(folder)
    values = torch.from_numpy(pixels(image, "whole", "").transpose(2, 0, 1)[None].copy())
    feature_map, pooled = model.vision_model(values)
    seen = model.image_embeds(pooled)[0]
    rows = []
    for text in texts:
        ids = torch.tensor([tokenizer(text)])
        logit = model.logit_scale.exp() * seen @ model.text_embeds(ids, ids != -1)[0]
        rows.append({"text": text, "ids": ids[0].tolist(), "logit": logit.item()})
    memory = model.decoder.picture(feature_map, pooled)
    captions = []
    for name, language in LANGUAGE_IDS.items():
        ids = beam_search(model.decoder, memory, language, tokenizer.within(name, GENERATION), 1)[0]
        ended = len(ids) < GENERATION["max_length"] - 1  # start and end token count
        captions.append({"language": name, "ids": ids + [GENERATION["eos_token_id"]] if ended else ids})
    return {"texts": rows, "captions": captions}, values


def transformers_model(folder, kind, image, texts):
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=False)
    values = processor(image, return_tensors="pt")["pixel_values"]
    if kind == "blip":
        model = transformers.BlipForConditionalGeneration.from_pretrained(folder).eval()
        start = torch.tensor([[model.config.text_config.bos_token_id]])
        ids = model.text_decoder.generate(  # as BlipForConditionalGeneration.generate without a prompt
            input_ids=start, encoder_hidden_states=model.vision_model(values)[0], max_length=30, num_beams=1,
            eos_token_id=model.config.text_config.sep_token_id, pad_token_id=model.config.text_config.pad_token_id)
        return {"texts": [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in texts],
                "captions": [{"language": "", "ids": ids[0, 1:].tolist()}]}, values
    model = transformers.AutoModel.from_pretrained(folder).eval()
    options = dict(padding="max_length", truncation=True) if kind.startswith("siglip") else dict(truncation=True)
    rows = []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt", **options)["input_ids"]
        logit = model(input_ids=ids, pixel_values=values).logits_per_image[0, 0].item()
        rows.append({"text": text, "ids": tokenizer(text)["input_ids"], "logit": logit})
    return {"texts": rows}, values


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE / "models/gaze-mini"
    texts = sys.argv[2:] or TEXTS
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    png = io.BytesIO()
    picture().save(png, "PNG", optimize=True)
    image = Image.open(png)
    with torch.inference_mode():
        if kind == "gaze_mini":
            answers, values = gaze_mini(folder, image, texts)
        else:
            answers, values = transformers_model(folder, kind, image, texts)
    kept = values.flatten()[::EVERY]
    reference = {"version": 1,
                 "made_with": f"tools/goldens/make_reference.py, torch {torch.__version__.split('+')[0]}",
                 "picture": base64.b64encode(png.getvalue()).decode(),
                 "pixels": {"shape": list(values.shape[1:]), "every": EVERY, "values": [round(v, 7) for v in kept.tolist()]},
                 **answers}
    path = folder / "gaze-reference.json"
    path.write_text(json.dumps(reference, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size} bytes")


main()
