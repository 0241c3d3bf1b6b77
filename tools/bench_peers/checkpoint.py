#!/usr/bin/env python3
"""Writes a CLIP ViT-B/32 checkpoint of the published shape with random weights: python checkpoint.py FOLDER"""
import json
import pathlib
import sys

import torch
from transformers import CLIPConfig, CLIPModel

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(1)
CLIPModel(CLIPConfig()).save_pretrained(folder)
mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
(folder / "preprocessor_config.json").write_text(json.dumps(
    {"feature_extractor_type": "CLIPFeatureExtractor", "do_resize": True, "size": 224, "resample": 3,
     "do_center_crop": True, "crop_size": 224, "do_normalize": True, "image_mean": mean, "image_std": std}))
# The towers' speed does not hang on the words: letters alone, at the published places of the special tokens.
letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
words = letters + [c + "</w>" for c in letters] + ["ab"]
vocabulary = {word: i for i, word in enumerate(words)} | {"<|startoftext|>": 49406, "<|endoftext|>": 49407}
(folder / "vocab.json").write_text(json.dumps(vocabulary))
(folder / "merges.txt").write_text("#version: 0.2\na b\n")
(folder / "tokenizer_config.json").write_text(json.dumps(
    {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": "<|startoftext|>",
     "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}))
