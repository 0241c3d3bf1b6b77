#!/usr/bin/env python3
"""Makes tests/golden/llama/plain.gguf and fuzz/corpus/llama_gguf: small LLaMAs as llama.cpp's converter writes them.

plain.gguf holds the weights of tests/golden/llama/plain, whose cases.json says what must come out of it. Needs torch,
safetensors and gguf (written with gguf 0.19.0).
"""
import json
import pathlib

import gguf
import numpy
import torch
from safetensors.torch import load_file

from make_dual_encoders import GOLDEN, SEED

CORPUS = pathlib.Path(__file__).resolve().parents[2] / "fuzz/corpus/llama_gguf"
NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
CHATML = "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"


def adjacent(weight, heads):
    """Rows of a head in pairs that are turned together, where the hub's files keep them half a head apart."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def their_name(name):
    fixed = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
             "lm_head.weight": "output.weight"}
    if name in fixed:
        return fixed[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def write(path, config, tensors, kind, merges=None):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    size = config["vocab_size"]
    words = ["<unk>", "<s>", "</s>", *(f"\u2581w{i}" for i in range(3, size))]
    if merges is not None:
        words = ["<|im_start|>", "<|im_end|>", *"abcdefgh", "ab", "cd", "abcd"][:size]
        words += [f"t{i}" for i in range(len(words), size)]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("smollm")
        writer.add_token_merges(merges)
        writer.add_token_types([3, 3] + [1] * (size - 2))
    else:
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([0.0] * 3 + [-float(i) for i in range(3, size)])
        writer.add_token_types([2, 3, 3] + [1] * (size - 3))
    writer.add_token_list(words)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(1 if merges is not None else 2)
    writer.add_chat_template(CHATML if merges is not None else "USER: {{ text }} ASSISTANT:")
    for name, tensor in tensors.items():
        array = tensor.float().numpy()
        if name.endswith("q_proj.weight"):
            array = adjacent(array, config["num_attention_heads"])
        if name.endswith("k_proj.weight"):
            array = adjacent(array, config["num_key_value_heads"])
        data = array if array.ndim == 1 else gguf.quants.quantize(numpy.ascontiguousarray(array), kind)
        writer.add_tensor(their_name(name), data, raw_dtype=gguf.GGMLQuantizationType.F32 if array.ndim == 1 else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def seed(name, kind, merges):
    """A model of a few hundred numbers, for the fuzzer to damage."""
    generator = torch.Generator().manual_seed(SEED)
    config = {"max_position_embeddings": 16, "hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32,
              "head_dim": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
              "rope_theta": 1e4, "vocab_size": 14}
    shapes = {"self_attn.q_proj": (32, 32), "self_attn.k_proj": (16, 32), "self_attn.v_proj": (16, 32),
              "self_attn.o_proj": (32, 32), "mlp.gate_proj": (32, 32), "mlp.up_proj": (32, 32),
              "mlp.down_proj": (32, 32), "input_layernorm": (32,), "post_attention_layernorm": (32,)}
    tensors = {f"model.layers.0.{part}.weight": torch.randn(shape, generator=generator)
               for part, shape in shapes.items()}
    tensors["model.embed_tokens.weight"] = torch.randn(14, 32, generator=generator)
    tensors["model.norm.weight"] = torch.randn(32, generator=generator)
    write(CORPUS / name, config, tensors, kind, merges)


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    folder = GOLDEN / "llama/plain"
    config = json.loads((folder / "config.json").read_text())
    write(folder.parent / "plain.gguf", config, load_file(folder / "model.safetensors"),
          gguf.GGMLQuantizationType.BF16)
    seed("sentencepiece", gguf.GGMLQuantizationType.Q8_0, None)
    seed("byte_level", gguf.GGMLQuantizationType.Q4_0, ["a b", "c d", "ab cd"])


if __name__ == "__main__":
    main()
