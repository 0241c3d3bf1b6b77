"""Language models that say what a test wants, each token deciding the next one, or that are large."""
import json
import shutil
import struct

from gaze import GOLDEN

TOKENIZER = GOLDEN / "llava/plain"  # SentencePiece with a token for every byte


def token_ids():
    parsed = json.loads((TOKENIZER / "tokenizer.json").read_text())
    return {**parsed["model"]["vocab"], **{one["content"]: one["id"] for one in parsed["added_tokens"]}}


IDS = token_ids()


def spelt(text):
    """The tokens of its bytes."""
    return [f"<0x{byte:02X}>" for byte in text.encode()]


def write_model(folder, chains, positions=512, width=0):
    """A checkpoint in `folder` whose logit for the token after t in a chain is 8, or {token: logit}; all others' are 0.

    A chain is tokens of TOKENIZER, each at most once in all chains; its last may be in another. What follows a token
    that no chain has does not matter.
    """
    words = len(IDS) + -len(IDS) % 4
    width = max(width, words)  # two heads of an even size
    after = {}
    for chain in chains:
        for token, following in zip(chain, chain[1:]):
            after[token] = following if isinstance(following, dict) else {following: 8.0}
    head = [0.0] * (words * width)
    for token, followers in after.items():
        for following, logit in followers.items():
            head[IDS[following] * width + IDS[token]] = logit / width**0.5  # what RMSNorm makes of a one is √width
    one_hot = [1.0 if i % (width + 1) == 0 else 0.0 for i in range(words * width)]
    tensors = {"model.embed_tokens.weight": ([words, width], one_hot), "lm_head.weight": ([words, width], head),
               "model.norm.weight": ([width], [1.0] * width)}
    layer = "model.layers.0."
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"):
        tensors[f"{layer}{name}.weight"] = ([width, width], [0.0] * (width * width))
    for name, shape in (("gate_proj", [4, width]), ("up_proj", [4, width]), ("down_proj", [width, 4])):
        tensors[f"{layer}mlp.{name}.weight"] = (shape, [0.0] * (4 * width))
    for name in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"{layer}{name}.weight"] = ([width], [1.0] * width)

    header, data = {}, []
    for name, (shape, values) in tensors.items():
        begin = sum(map(len, data))
        data.append(struct.pack(f"<{len(values)}f", *values))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, begin + len(data[-1])]}
    folder.mkdir(parents=True)
    packed = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(packed)) + packed + b"".join(data))
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": words, "hidden_size": width,
              "intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "rms_norm_eps": 1e-12,
              "max_position_embeddings": positions, "bos_token_id": 1, "eos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TOKENIZER / name, folder)
    return folder


def write_large(folder, layers, width=2048):
    """A checkpoint of nothing but zeros, 13 · width² numbers a layer, which take no room on the disk."""
    inner, words = 3 * width, 364
    shapes = {"model.embed_tokens.weight": [words, width], "lm_head.weight": [words, width], "model.norm.weight": [width]}
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {f"{layer}self_attn.{name}_proj.weight": [width, width] for name in "qkvo"}
        shapes |= {f"{layer}mlp.{name}_proj.weight": [inner, width] for name in ("gate", "up")}
        shapes |= {f"{layer}mlp.down_proj.weight": [width, inner], f"{layer}input_layernorm.weight": [width],
                   f"{layer}post_attention_layernorm.weight": [width]}
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * (shape[0] * shape[1] if len(shape) > 1 else shape[0])
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    folder.mkdir(parents=True)
    packed = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(packed)) + packed)
        file.truncate(8 + len(packed) + end)
    config = {"architectures": ["LlamaForCausalLM"], "vocab_size": words, "hidden_size": width, "intermediate_size": inner,
              "num_hidden_layers": layers, "num_attention_heads": 16, "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TOKENIZER / name, folder)
    return folder
