#!/usr/bin/env python3
"""Writes a LLaVA with the tower of LLaVA-1.5 (CLIP ViT-L/14 at 336 pixels: 576 vectors a picture) and a language model
of 1 billion parameters (TinyLlama's shape), with random weights: llava_checkpoint.py FOLDER

Vocabulary and tokenizer are those of tests/golden/llava/plain: a prompt's speed does not hang on them. 2.6 GB.
"""
import json
import pathlib
import shutil
import sys

import safetensors.torch
import torch

TOKENIZER = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/llava/plain"
VISION = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
          "image_size": 336, "patch_size": 14, "projection_dim": 768, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
          "model_type": "clip_vision_model"}
TEXT = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
        "num_key_value_heads": 4, "vocab_size": 364, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
        "model_type": "llama"}
torch.manual_seed(1)
weights = {}


def matrix(name, *shape):
    weights[name] = torch.randn(shape, dtype=torch.bfloat16) * 0.02


def linear(name, inputs, outputs):
    matrix(f"{name}.weight", outputs, inputs)
    weights[f"{name}.bias"] = torch.zeros(outputs, dtype=torch.bfloat16)


def norm(name, width, bias):
    weights[f"{name}.weight"] = torch.ones(width, dtype=torch.bfloat16)
    if bias:
        weights[f"{name}.bias"] = torch.zeros(width, dtype=torch.bfloat16)


width, inner = VISION["hidden_size"], VISION["intermediate_size"]
tower = "vision_tower.vision_model."
matrix(f"{tower}embeddings.class_embedding", width)
matrix(f"{tower}embeddings.patch_embedding.weight", width, 3, 14, 14)
matrix(f"{tower}embeddings.position_embedding.weight", 577, width)
for name in ("pre_layrnorm", "post_layernorm"):
    norm(tower + name, width, True)
for i in range(VISION["num_hidden_layers"]):
    layer = f"{tower}encoder.layers.{i}."
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        linear(f"{layer}self_attn.{name}", width, width)
    for name in ("layer_norm1", "layer_norm2"):
        norm(layer + name, width, True)
    linear(f"{layer}mlp.fc1", width, inner)
    linear(f"{layer}mlp.fc2", inner, width)
linear("multi_modal_projector.linear_1", width, TEXT["hidden_size"])
linear("multi_modal_projector.linear_2", TEXT["hidden_size"], TEXT["hidden_size"])

width, inner = TEXT["hidden_size"], TEXT["intermediate_size"]
key_width = width // TEXT["num_attention_heads"] * TEXT["num_key_value_heads"]
matrix("language_model.model.embed_tokens.weight", TEXT["vocab_size"], width)
matrix("language_model.lm_head.weight", TEXT["vocab_size"], width)
norm("language_model.model.norm", width, False)
for i in range(TEXT["num_hidden_layers"]):
    layer = f"language_model.model.layers.{i}."
    for name, outputs in (("q", width), ("k", key_width), ("v", key_width), ("o", width)):
        matrix(f"{layer}self_attn.{name}_proj.weight", outputs, width)
    for name, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
        matrix(f"{layer}mlp.{name}_proj.weight", *shape)
    for name in ("input_layernorm", "post_attention_layernorm"):
        norm(layer + name, width, False)

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
safetensors.torch.save_file(weights, folder / "model.safetensors", {"format": "pt"})
(folder / "config.json").write_text(json.dumps({
    "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 360,
    "projector_hidden_act": "gelu", "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
    "text_config": TEXT, "vision_config": VISION}))
(folder / "preprocessor_config.json").write_text(json.dumps({
    "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 336}, "crop_size": 336, "resample": 3,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}))
for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
    shutil.copy(TOKENIZER / name, folder)
