#!/usr/bin/env python3
"""Writes tests/golden/gaze_mini/: what the reference (tools/train/model.py) answers, for the native side to equal.

tiny/        a random model of the same architecture with every step of its computation (tiny/steps.safetensors)
real.json    models/gaze-mini: token ids of ordinary and hostile texts; captions, greedy and with beams
real.safetensors   its text vectors (of the first texts) and its vectors of the four pictures beside

    python tools/goldens/make_gaze_mini.py          # needs tools/train/requirements.txt and transformers 4.57
"""
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tools" / "train"))
import export  # noqa: E402
from config import CONFIG, GENERATION, LANGUAGE_IDS  # noqa: E402
from data import load_items  # noqa: E402
from common import SHARED, by_hash, save_json  # noqa: E402
from features import pixels  # noqa: E402
from generate import beam_search  # noqa: E402
from model import GazeMini  # noqa: E402

FOLDER = SOURCE / "tests" / "golden" / "gaze_mini"
TEXTS = [
    "a photo of a dog", "A child in a pink dress is climbing up a set of stairs in an entry way .", "一张熊猫的照片",
    "穿着连衣裙的小女孩。", "two people ride bicycles along the beach", "一只棕色的狗在草地上奔跑", "a red car", "红色的汽车",
    "", " ", ".", "。", "...", "a.", "a. ", "a .。．｡", "U.S.A.", "3.14", "Dog", "DOG", "dOg", "café", "cafe\u0301", "naïve coöperation",
    "ﬁne ligature", "Ｆｕｌｌ ｗｉｄｔｈ　ｔｅｘｔ", "①②③", "½ cup", "ß straße", "İstanbul", "Ω Å", "ΑΒΓ σς", "Привет мир", "日本語のテキスト", "한국어 텍스트",
    "狗dog猫cat", "狗 dog 猫 cat", "一 二 三", "𠮷野家", "豈更車", "㍿株式会社", "你好，世界！", "“引号”和《书名》", "a,b;c:d!e?f", "don't stop",
    "<en>", "<zh> a dog", "<s></s><pad><unk>", "<0x41>", "▁under▁score", "tab\tand\nnewline", "  many   spaces  ",
    "zero\u200bwidth\u200djoin", "\ufeffbyte order mark", "emoji 🐕‍🦺 👩‍👩‍👧", "🇨🇳", "\u202eright to left", "a\u0000b", "\u0001\u007f",
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "1234567890 42 007", "http://example.com/a?b=c&d=%20",
    "龘靐齉爩", "word " * 100, "长" * 100,
]
TINY = {
    **CONFIG, "projection_dim": 12,
    "vision_config": {**CONFIG["vision_config"], "image_size": 38, "hidden_size": 24,
                      "stem": {"out_channels": 8, "kernel_size": 3, "stride": 2},
                      "blocks": [dict(zip(("kernel_size", "stride", "expand_ratio", "in_channels", "out_channels",
                                           "repeats"), row))
                                 for row in [(3, 1, 1, 8, 6, 1), (3, 2, 6, 6, 8, 2), (5, 2, 6, 8, 10, 2), (5, 1, 6, 10, 12, 1)]]},
    "text_config": {**CONFIG["text_config"], "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2,
                    "num_attention_heads": 2, "intermediate_size": 40, "max_position_embeddings": 12},
    "decoder_config": {**CONFIG["decoder_config"], "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2,
                       "num_attention_heads": 2, "intermediate_size": 40, "max_position_embeddings": 14,
                       "num_picture_positions": 26},
}


def tiny():
    """Random weights, large enough that every step shows; saved as int8, so the answers are those of the rounded ones."""
    torch.manual_seed(5)
    model = GazeMini(TINY)
    for name, p in model.named_parameters():
        if name == "logit_scale":
            continue
        fan_in = max(1, p[0].numel()) if p.ndim > 1 else 1
        noise = torch.randn_like(p)
        if "norm" in name and name.endswith("weight"):
            p.data = 1 + 0.2 * noise
        elif p.ndim == 1:
            p.data = 0.2 * noise
        else:
            p.data = noise * (1.5 if "position" in name else 0.7 if "embedding" in name else (3.5 if name.startswith("decoder.layers") else 1.5) / fan_in ** 0.5)
    model.decoder.final_layer_norm.bias.data *= 0.1
    model.decoder.embeddings.token_embedding.weight.data[GENERATION["eos_token_id"]] *= 1.5   # some captions end
    export.save(model, FOLDER / "tiny", SOURCE / "models/gaze-mini/tokenizer.model", TINY)
    (FOLDER / "tiny" / "tokenizer.model").unlink()          # the ids below are given, no text is needed
    for unused in ("preprocessor_config", "tokenizer_config"):
        (FOLDER / "tiny" / f"{unused}.json").unlink()
    options = {**GENERATION, "max_length": 12, "num_beams": 3, "suppress_tokens": [0, 1, 2, 4, 5]}
    save_json(FOLDER / "tiny" / "generation_config.json", options)
    with torch.inference_mode():
        return steps(export.load_model(FOLDER / "tiny"), options)


def steps(model, options):
    """Every activation of two pictures, three texts and a forced caption."""
    out = {"pixel_values": torch.randn(2, 3, 38, 38)}
    vision = model.vision_model
    x = out["vision.stem"] = F.relu6(vision.stem(out["pixel_values"]))
    for i, block in enumerate(vision.blocks):
        x = out[f"vision.block.{i}"] = block(x)
    out["vision.pooled"] = F.relu6(vision.head(x)).mean((2, 3))
    out["image_embeds"] = model.image_embeds(out["vision.pooled"])
    ids = torch.tensor([[7, 9, 11, 13, 3], [30, 6, 3, 0, 0], [3, 0, 0, 0, 0]])
    mask, text = ids != 0, model.text_model
    out["input_ids"] = ids.int()
    y = out["text.embeddings"] = text.embeddings(ids)
    for i, layer in enumerate(text.layers):
        y = out[f"text.layer.{i}"] = layer(y, mask)
    out["text_embeds"] = model.text_embeds(ids, mask)
    memory = out["decoder.picture"] = model.decoder.picture(x, out["vision.pooled"])
    ids = torch.tensor([[4, 8, 15, 16, 23], [5, 39, 7, 7, 10]])
    out["decoder_input_ids"] = ids.int()
    y = out["decoder.embeddings"] = model.decoder.embeddings(ids)
    for i, layer in enumerate(model.decoder.layers):
        y = out[f"decoder.layer.{i}"] = layer(y, memory)
    out["decoder.logits"] = model.decoder.logits(model.decoder.final_layer_norm(y))
    for name, language in LANGUAGE_IDS.items():
        for beams in (1, 3):
            found = beam_search(model.decoder, memory, language, options, beams)
            check_against_transformers(model, memory, language, options, beams, found)
            for n, caption in enumerate(found):
                out[f"caption.{name}.beams{beams}.{n}"] = torch.tensor(caption, dtype=torch.int32)
    return out


def check_against_transformers(model, memory, language, options, beams, found):
    """The reference beam search must be transformers' own: run it, on the same decoder."""
    from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput

    class Wrapped(PreTrainedModel, GenerationMixin):
        config_class, main_input_name, _supports_cache_class = PretrainedConfig, "input_ids", False

        def __init__(self, config):
            super().__init__(config)
            self.anchor = torch.nn.Parameter(torch.zeros(1))

        def prepare_inputs_for_generation(self, input_ids, memory=None, **_):
            return {"input_ids": input_ids, "memory": memory}

        def forward(self, input_ids, memory, **_):
            return CausalLMOutput(logits=model.decoder.logits(model.decoder(input_ids, memory)))

    wrapped = Wrapped(PretrainedConfig(vocab_size=model.decoder.embeddings.token_embedding.num_embeddings,
                                       is_encoder_decoder=False))
    settings = GenerationConfig(**{**options, "num_beams": beams, "use_cache": False,
                                   "early_stopping": options["early_stopping"] and beams > 1,
                                   "length_penalty": options["length_penalty"] if beams > 1 else 1.0})
    start = torch.full((memory.shape[0], 1), language)
    theirs = wrapped.generate(start, memory=memory, generation_config=settings)
    eos = options["eos_token_id"]
    theirs = [row[1:row.index(eos)] if eos in row else row[1:] for row in
              ([i for i in r if i != options["pad_token_id"]] for r in theirs.tolist())]
    assert theirs == found, f"beams {beams}: transformers {theirs}, here {found}"


def pictures():
    """Four kept-aside Caltech-101 photographs under 12 KB, of four classes: those with the smallest hashes."""
    with tarfile.open(SHARED / "data/caltech101/images.tar") as tar:
        small = {m.name for m in tar if m.isfile() and m.size < 12000}
        keys = {it.key.split("/", 1)[1] for it in load_items(("flickr8k", "imagenet-samples", "fashion")) if it.dev}
        classes = sorted(by_hash({k.split("/")[0] for k in keys & small} - {"garfield", "snoopy"}, 4))
        for name in classes:
            member, = by_hash({k for k in keys & small if k.startswith(name + "/")}, 1)
            path = FOLDER / f"{name}.jpg"
            path.write_bytes(tar.extractfile(member).read())
            yield path


def real():
    model, tokenizer = export.load(SOURCE / "models/gaze-mini")
    paths = list(pictures())
    with torch.inference_mode():
        values = np.stack([pixels(Image.open(p).convert("RGB"), "whole", p.name).transpose(2, 0, 1) for p in paths])
        feature_map, pooled = model.vision_model(torch.from_numpy(values))
        memory = model.decoder.picture(feature_map, pooled)
        captions = {}
        for name, language in LANGUAGE_IDS.items():
            options = tokenizer.within(name, GENERATION)
            for beams in (1, GENERATION["num_beams"]):
                found = beam_search(model.decoder, memory, language, options, beams)
                check_against_transformers(model, memory, language, options, beams, found)
                captions[f"{name}, {beams} beams"] = [{"ids": ids, "text": tokenizer.decode(ids)} for ids in found]
        texts, images = [], model.image_embeds(pooled)
        for text in TEXTS:
            ids = torch.tensor([tokenizer(text)])
            texts.append(model.text_embeds(ids, ids != -1)[0])
    save_json(FOLDER / "real.json", {
        "made_with": {"torch": torch.__version__, "script": "tools/goldens/make_gaze_mini.py"},
        "pictures": [p.name for p in paths],
        "texts": [{"text": t, "ids": tokenizer(t)} for t in TEXTS],
        "captions": captions})
    texts = torch.stack(texts)
    save_file({"text_embeds": texts, "image_embeds": images, "similarity": model.logit_scale.exp().detach() * images @ texts.T},
              FOLDER / "real.safetensors")
    (FOLDER / "real.safetensors").chmod(0o644)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tiny().items()}, FOLDER / "tiny" / "steps.safetensors")
    (FOLDER / "tiny" / "steps.safetensors").chmod(0o644)
    if (SOURCE / "models/gaze-mini/model.safetensors").exists():
        real()
    else:
        print("models/gaze-mini/model.safetensors is not there yet: only tiny/ was written")
