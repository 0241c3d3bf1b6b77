#!/usr/bin/env python3
"""Makes tests/golden/clip/*: small random CLIP checkpoints with what transformers computes for them.

`openai`: quick_gelu, a config that calls the end token 2 (so the vector is read at the largest id).
`laion`: gelu, the real end token, a picture that the patches do not fill.
Needs torch and transformers 4.x (written with 4.57.6).
"""
import json

import torch
from transformers import CLIPConfig, CLIPModel

from make_dual_encoders import GOLDEN, MEAN, SEED, STD, finish, randomise, save, states, unit

PROCESSOR = {"image_processor_type": "CLIPImageProcessor", "do_resize": True, "resample": 3, "do_center_crop": True,
             "do_normalize": True, "image_mean": MEAN, "image_std": STD}
LETTERS = "abcdefghij"


def tokenizer(folder):
    """Letters with and without the word end, then a few merges; the last two are the special tokens."""
    merges = ["a b", "c d</w>", "ab cd</w>", "e f</w>"]
    words = [*LETTERS, *[c + "</w>" for c in LETTERS], *[m.replace(" ", "") for m in merges],
             "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": 17, "bos_token": "<|startoftext|>",
         "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}))
    return len(words)


def make(name, generator, text, vision, projection_dim, eos):
    folder = GOLDEN / "clip" / name
    vocabulary = 26
    model = CLIPModel(CLIPConfig(
        text_config=dict(vocab_size=vocabulary, max_position_embeddings=17, eos_token_id=eos, bos_token_id=24,
                         pad_token_id=25, **text),
        vision_config=vision, projection_dim=projection_dim))
    randomise(model, generator)
    size = vision["image_size"]
    save(model, folder, {**PROCESSOR, "size": {"shortest_edge": size}, "crop_size": {"height": size, "width": size}})
    assert tokenizer(folder) == vocabulary

    pixels = torch.randn(3, 3, size, size, generator=generator)
    texts = [[24, *torch.randint(0, 24, (n,), generator=generator).tolist(), 25] for n in [0, 3, 15, 8]]
    ids = torch.tensor([t + [25] * (17 - len(t)) for t in texts])
    out = model(input_ids=ids, pixel_values=pixels)
    finish(folder, name,
           {"pixel_values": pixels, "image_embeds": unit(out.image_embeds), "text_embeds": unit(out.text_embeds),
            "logits_per_image": out.logits_per_image,
            **states("vision", model.vision_model, model.vision_model.encoder.layers, pixel_values=pixels),
            **states("text", model.text_model, model.text_model.encoder.layers, input_ids=ids[2:3])}, {"texts": texts})


@torch.no_grad()
def main():
    generator = torch.Generator().manual_seed(SEED)
    make("openai", generator,
         dict(hidden_size=42, intermediate_size=70, num_hidden_layers=2, num_attention_heads=3, hidden_act="quick_gelu"),
         dict(hidden_size=30, intermediate_size=50, num_hidden_layers=3, num_attention_heads=5, image_size=27,
              patch_size=9, hidden_act="quick_gelu"), 23, eos=2)
    make("laion", generator,
         dict(hidden_size=24, intermediate_size=44, num_hidden_layers=2, num_attention_heads=2, hidden_act="gelu"),
         dict(hidden_size=34, intermediate_size=60, num_hidden_layers=2, num_attention_heads=2, image_size=30,
              patch_size=7, hidden_act="gelu"), 31, eos=25)


if __name__ == "__main__":
    main()
