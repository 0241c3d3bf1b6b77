#!/usr/bin/env python3
"""Writes the language model of LLaVA-1.5-7B's shape as Q4_0 GGUF with random weights: llama_checkpoint.py FILE.gguf

Its output head is Q6_K, as llama.cpp's quantiser leaves it. 3.8 GB.
"""
import sys

import gguf
import numpy

HIDDEN, INNER, LAYERS, HEADS, VOCABULARY = 4096, 11008, 32, 32, 32064
Type = gguf.GGMLQuantizationType
random = numpy.random.default_rng(1)


def blocks(shape, kind):
    """Random blocks whose weights have a deviation of about 0.02, as trained ones."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count = shape[0] * shape[1] // elements
    data = random.integers(0, 256, (count, size), dtype=numpy.uint8)
    if kind == Type.Q4_0:  # scale, nibbles less 8: their deviation is 4.6
        data[:, :2] = random.uniform(0.003, 0.006, count).astype(numpy.float16)[:, None].view(numpy.uint8)
    else:  # Q6_K: bits, scales of 16 elements, scale; values less 32: their deviation is 18.5
        data[:, 192:208] = random.integers(64, 128, (count, 16), dtype=numpy.uint8)
        data[:, 208:] = random.uniform(0.8e-5, 1.6e-5, count).astype(numpy.float16)[:, None].view(numpy.uint8)
    return data.reshape(shape[0], -1)


writer = gguf.GGUFWriter(sys.argv[1], "llama", use_temp_file=False)
writer.add_block_count(LAYERS)
writer.add_context_length(4096)
writer.add_embedding_length(HIDDEN)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_rope_dimension_count(HIDDEN // HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(VOCABULARY)
writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
# The speed does not hang on the words: LLaMA's marks and bytes, then numbered ones.
tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
words = [f"▁w{i}" for i in range(VOCABULARY - len(tokens))]
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens + words)
writer.add_token_scores([0.0] * len(tokens) + [-float(i) for i in range(len(words))])
writer.add_token_types(kinds + [gguf.TokenType.NORMAL] * len(words))
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_unk_token_id(0)

rows = {"token_embd": (VOCABULARY, HIDDEN)}
for i in range(LAYERS):
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        rows[f"blk.{i}.{name}"] = (HIDDEN, HIDDEN)
    rows |= {f"blk.{i}.ffn_gate": (INNER, HIDDEN), f"blk.{i}.ffn_up": (INNER, HIDDEN), f"blk.{i}.ffn_down": (HIDDEN, INNER)}
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{i}.{name}.weight", numpy.ones(HIDDEN, numpy.float32))
writer.add_tensor("output_norm.weight", numpy.ones(HIDDEN, numpy.float32))
rows["output"] = (VOCABULARY, HIDDEN)
for name, shape in rows.items():
    kind = Type.Q6_K if name == "output" else Type.Q4_0
    writer.add_tensor(f"{name}.weight", blocks(shape, kind), raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
