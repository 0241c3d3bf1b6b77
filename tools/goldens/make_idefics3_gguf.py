#!/usr/bin/env python3
"""Makes tests/golden/idefics3{,-f16}.gguf and idefics3{,-f16}-mmproj.gguf of tests/golden/idefics3, whose cases.json says
what must come out of them: as llama.cpp's converter writes a SmolVLM, in f32 and in f16 (which holds these weights).

It also holds that SmolVLM2 is the same model on pictures: transformers' SmolVLMForConditionalGeneration with these weights
gives the same logits. Needs torch, transformers 4.x, num2words and gguf (written with 4.57.1 and gguf 0.19.0).
"""
import json

import gguf
import numpy
import torch
from safetensors.torch import load_file
from transformers import (Idefics3ForConditionalGeneration, SmolVLMConfig, SmolVLMForConditionalGeneration)

from make_dual_encoders import GOLDEN
from make_llama_gguf import adjacent, their_name

FOLDER = GOLDEN / "idefics3"
KINDS = {"": gguf.GGMLQuantizationType.F32, "-f16": gguf.GGMLQuantizationType.F16}
OUTSIDE = {"vision_model.embeddings.patch_embedding.": "v.patch_embd.",
           "vision_model.embeddings.position_embedding.": "v.position_embd.", "vision_model.post_layernorm.": "v.post_ln.",
           "connector.modality_projection.proj.": "mm.model.fc."}
IN_LAYER = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
            "self_attn.out_proj": "attn_out", "layer_norm1": "ln1", "layer_norm2": "ln2", "mlp.fc1": "ffn_up",
            "mlp.fc2": "ffn_down"}


def add(writer, name, array, kind):
    array = numpy.ascontiguousarray(array)
    flat = array.ndim == 1 or "embd" in name and name.startswith("v.")  # never in f16
    writer.add_tensor(name, array if flat else gguf.quants.quantize(array, kind),
                      raw_dtype=gguf.GGMLQuantizationType.F32 if flat else kind)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def text(path, config, tensors, kind):
    writer = gguf.GGUFWriter(path, "llama")
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    words = json.loads((FOLDER / "tokenizer.json").read_text())
    tokens = {id: token for token, id in words["model"]["vocab"].items()}
    special = {each["id"]: each["content"] for each in words["added_tokens"]}
    tokens |= special
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([tokens[i] for i in range(config["vocab_size"])])
    writer.add_token_types([3 if i in special else 1 for i in range(config["vocab_size"])])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in words["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_chat_template((FOLDER / "chat_template.jinja").read_text())
    for name, tensor in tensors.items():
        if name.startswith("model.text_model.") or name == "lm_head.weight":
            array = tensor.float().numpy()
            if "q_proj" in name or "k_proj" in name:
                array = adjacent(array, heads if "q_proj" in name else key_heads)
            add(writer, their_name(name.replace("model.text_model.", "model.")), array, kind)
    finish(writer)


def eyes(path, whole, processor, tensors, kind):
    config = whole["vision_config"]
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    writer.add_string("clip.projector_type", "idefics3")
    for key, value in {"image_size": config["image_size"], "patch_size": config["patch_size"],
                       "block_count": config["num_hidden_layers"], "embedding_length": config["hidden_size"],
                       "feed_forward_length": config["intermediate_size"], "projection_dim": 24,
                       "attention.head_count": config["num_attention_heads"],
                       "projector.scale_factor": whole["scale_factor"],
                       "preproc_image_size": processor["size"]["longest_edge"]}.items():
        writer.add_uint32("clip.vision." + key, value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", config["layer_norm_eps"])
    writer.add_array("clip.vision.image_mean", processor["image_mean"])
    writer.add_array("clip.vision.image_std", processor["image_std"])
    for name, tensor in tensors.items():
        name = name.removeprefix("model.")
        array = tensor.float().numpy()
        if outside := next((each for each in OUTSIDE if name.startswith(each)), None):
            add(writer, OUTSIDE[outside] + name.removeprefix(outside), array, kind)
        elif name.startswith("vision_model.encoder.layers."):
            _, _, _, layer, rest = name.split(".", 4)
            part, end = rest.rsplit(".", 1)
            add(writer, f"v.blk.{layer}.{IN_LAYER[part]}.{end}", array, kind)
    finish(writer)


@torch.no_grad()
def same_as_smolvlm2():
    one = Idefics3ForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager").eval()
    config = {**one.config.to_dict(), "model_type": "smolvlm"}
    config["vision_config"]["model_type"] = "smolvlm_vision"
    two = SmolVLMForConditionalGeneration(SmolVLMConfig(**config, attn_implementation="eager")).eval()
    two.load_state_dict(one.state_dict())
    pixels = torch.randn(1, 2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[1, *[one.config.image_token_id] * 8, 70, 80]])
    assert torch.equal(one(input_ids=ids, pixel_values=pixels).logits, two(input_ids=ids, pixel_values=pixels).logits)


def main():
    same_as_smolvlm2()
    config = json.loads((FOLDER / "config.json").read_text())
    processor = json.loads((FOLDER / "preprocessor_config.json").read_text())
    tensors = load_file(FOLDER / "model.safetensors")
    for end, kind in KINDS.items():
        text(FOLDER.parent / f"idefics3{end}.gguf", config["text_config"], tensors, kind)
        eyes(FOLDER.parent / f"idefics3{end}-mmproj.gguf", config, processor, tensors, kind)


if __name__ == "__main__":
    main()
