#!/usr/bin/env python3
"""Writes a BLIP-base captioning checkpoint of the published shape with random weights: python blip_checkpoint.py FOLDER"""
import json
import pathlib
import sys

import torch
from transformers import BlipConfig, BlipForConditionalGeneration

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(1)
BlipForConditionalGeneration(BlipConfig()).save_pretrained(folder)
mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
(folder / "preprocessor_config.json").write_text(json.dumps(
    {"image_processor_type": "BlipImageProcessor", "do_resize": True, "size": {"height": 384, "width": 384},
     "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": mean,
     "image_std": std, "do_convert_rgb": True}))
# The speed does not hang on the words: numbered ones, with the special tokens at their published places.
words = ["[PAD]"] + [f"[unused{i}]" for i in range(99)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
words += [f"w{i}" for i in range(len(words), 30522)] + ["[DEC]", "[ENC]"]
(folder / "vocab.txt").write_text("\n".join(words) + "\n")
(folder / "tokenizer_config.json").write_text(json.dumps(
    {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}))
