#!/usr/bin/env python3
"""Writes the eyes of LLaVA-1.5-7B (CLIP ViT-L/14 at 336 pixels, 576 vectors a picture, for a model of 4,096) as
llama.cpp's GGUF file with random weights, matrices in f16: mmproj.py FILE.gguf

Of the 24 layers the last is left out, as in published files: LLaVA reads the one before. 620 MB.
"""
import sys

import gguf
import numpy

WIDTH, INNER, LAYERS, TEXT_WIDTH = 1024, 4096, 23, 4096
random = numpy.random.default_rng(1)
writer = gguf.GGUFWriter(sys.argv[1], "clip")


def matrix(name, *shape):
    writer.add_tensor(name, (random.standard_normal(shape, numpy.float32) * 0.02).astype(numpy.float16))


def vector(name, width, value=0):
    writer.add_tensor(name, numpy.full(width, value, numpy.float32))


def linear(name, inputs, outputs):
    matrix(f"{name}.weight", outputs, inputs)
    vector(f"{name}.bias", outputs)


def norm(name):
    vector(f"{name}.weight", WIDTH, 1)
    vector(f"{name}.bias", WIDTH)


for key, value in {"has_text_encoder": False, "has_vision_encoder": True, "has_llava_projector": True,
                   "use_gelu": False}.items():
    writer.add_bool("clip." + key, value)
for key, value in {"image_size": 336, "patch_size": 14, "block_count": LAYERS, "embedding_length": WIDTH,
                   "feed_forward_length": INNER, "projection_dim": 768, "attention.head_count": 16}.items():
    writer.add_uint32("clip.vision." + key, value)
writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
writer.add_string("clip.projector_type", "mlp")
writer.add_array("clip.vision.image_mean", [0.48145466, 0.4578275, 0.40821073])
writer.add_array("clip.vision.image_std", [0.26862954, 0.26130258, 0.27577711])
vector("v.class_embd", WIDTH, 0.01)
matrix("v.patch_embd.weight", WIDTH, 3, 14, 14)
matrix("v.position_embd.weight", 577, WIDTH)
norm("v.pre_ln")
for i in range(LAYERS):
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        linear(f"v.blk.{i}.{name}", WIDTH, WIDTH)
    for name in ("ln1", "ln2"):
        norm(f"v.blk.{i}.{name}")
    linear(f"v.blk.{i}.ffn_down", WIDTH, INNER)  # these files call the first layer of the MLP "down"
    linear(f"v.blk.{i}.ffn_up", INNER, WIDTH)
linear("mm.0", WIDTH, TEXT_WIDTH)
linear("mm.2", TEXT_WIDTH, TEXT_WIDTH)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
