#!/usr/bin/env python3
"""Makes tests/golden/llava/plain.gguf and plain-mmproj.gguf of tests/golden/llava/plain, whose cases.json says what must
come out of them.

The eyes are as llama.cpp's old converter writes them, which most published files come from: the last layer left out,
the two layers of each MLP under each other's names. Needs torch, safetensors and gguf (written with gguf 0.19.0).
"""
import json

import gguf
import numpy
from safetensors.torch import load_file

from make_dual_encoders import GOLDEN, MEAN, STD
from make_llama_gguf import adjacent, their_name

FOLDER = GOLDEN / "llava/plain"
KIND = gguf.GGMLQuantizationType.BF16
OUTSIDE = {"embeddings.class_embedding": "v.class_embd", "embeddings.patch_embedding.weight": "v.patch_embd.weight",
           "embeddings.position_embedding.weight": "v.position_embd.weight"}
IN_LAYER = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
            "self_attn.out_proj": "attn_out", "layer_norm1": "ln1", "layer_norm2": "ln2", "mlp.fc1": "ffn_down",
            "mlp.fc2": "ffn_up"}


def add(writer, name, array):
    array = numpy.ascontiguousarray(array)
    if array.ndim == 2:
        writer.add_tensor(name, gguf.quants.quantize(array, KIND), raw_dtype=KIND)
    else:
        writer.add_tensor(name, array)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def text(config, tensors):
    writer = gguf.GGUFWriter(FOLDER.parent / "plain.gguf", "llama")
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    words = json.loads((FOLDER / "tokenizer.json").read_text())
    tokens = {id: token for token, id in words["model"]["vocab"].items()}
    special = {each["id"]: each["content"] for each in words["added_tokens"]}
    tokens |= special
    size = config["vocab_size"]
    tokens |= {id: f"<unused{id}>" for id in range(len(tokens), size)}
    types = [2 if i == 0 else 3 if i in special or i >= size - 3 else 6 if 3 <= i < 259 else 1 for i in range(size)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([tokens[i] for i in range(size)])
    writer.add_token_scores([-float(max(i - 259, 0)) for i in range(size)])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    for name, tensor in tensors.items():
        if name.startswith("language_model."):
            array = tensor.float().numpy()
            if "q_proj" in name or "k_proj" in name:
                array = adjacent(array, heads)
            add(writer, their_name(name.removeprefix("language_model.")), array)
    finish(writer)


def eyes(config, tensors):
    writer = gguf.GGUFWriter(FOLDER.parent / "plain-mmproj.gguf", "clip")
    layers = config["num_hidden_layers"] - 1
    for key, value in {"has_text_encoder": False, "has_vision_encoder": True, "has_llava_projector": True,
                       "use_gelu": False}.items():
        writer.add_bool("clip." + key, value)
    for key, value in {"image_size": config["image_size"], "patch_size": config["patch_size"], "block_count": layers,
                       "embedding_length": config["hidden_size"], "feed_forward_length": config["intermediate_size"],
                       "projection_dim": 24, "attention.head_count": config["num_attention_heads"]}.items():
        writer.add_uint32("clip.vision." + key, value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", config["layer_norm_eps"])
    writer.add_string("clip.projector_type", "mlp")
    writer.add_array("clip.vision.image_mean", MEAN)
    writer.add_array("clip.vision.image_std", STD)
    for name, tensor in tensors.items():
        array = tensor.float().numpy()
        if name.startswith("multi_modal_projector."):
            _, linear, rest = name.split(".")
            add(writer, f"mm.{0 if linear == 'linear_1' else 2}.{rest}", array)
        if not name.startswith("vision_tower.vision_model."):
            continue
        name = name.removeprefix("vision_tower.vision_model.")
        if name in OUTSIDE:
            add(writer, OUTSIDE[name], array)
        elif name.startswith("pre_layrnorm"):
            add(writer, "v.pre_ln" + name.removeprefix("pre_layrnorm"), array)
        elif name.startswith("encoder.layers."):
            _, _, layer, rest = name.split(".", 3)
            part, kind = rest.rsplit(".", 1)
            if int(layer) < layers:
                add(writer, f"v.blk.{layer}.{IN_LAYER[part]}.{kind}", array)
    finish(writer)


def main():
    config = json.loads((FOLDER / "config.json").read_text())
    tensors = load_file(FOLDER / "model.safetensors")
    text(config["text_config"], tensors)
    eyes(config["vision_config"], tensors)


if __name__ == "__main__":
    main()
