#!/usr/bin/env python3
"""Makes tests/golden/chinese_clip and tests/golden/siglip: small random checkpoints with what transformers computes.

Per-layer states stand beside the vectors so that a difference is found where it starts. Needs torch, transformers 4.x
and sentencepiece (written with 4.57.6); the seed is below.
"""
import io
import json
import pathlib
import shutil

import sentencepiece
import torch
import transformers
from safetensors.torch import save_file
from transformers import ChineseCLIPConfig, ChineseCLIPModel, SiglipConfig, SiglipModel

SEED = 20261125
GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
CHINESE = list("一只猫狗的照片海滩上日落红色汽车人在跑步两个三和，。")
ENGLISH = "a the dog cat red blue ball ##s ##ing car beach sunset photo of".split()


def randomise(model, generator):
    """Larger than the usual initialisation, so that outputs differ clearly from one input to the next."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data = 1 + 0.2 * noise
        elif "logit" in name:
            continue
        elif name.endswith("bias"):
            parameter.data = 0.1 * noise
        elif "embedding" in name:
            parameter.data = 0.7 * noise
        elif parameter.dim() > 1:
            gain = 2.0 if "query" in name or "key" in name or "q_proj" in name or "k_proj" in name else 1.2
            parameter.data = noise * gain / parameter[0].numel() ** 0.5
        else:
            parameter.data = noise
    model.eval()


def save(model, folder, processor):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def states(prefix, tower, layers, **inputs):
    """What goes into each encoder layer and what the last one gives, as hidden_states in the reference."""
    seen = []
    hooks = [layers[0].register_forward_pre_hook(lambda _, args, kwargs: seen.append(
        args[0] if args else kwargs["hidden_states"]), with_kwargs=True)]
    hooks += [layer.register_forward_hook(lambda _, args, out: seen.append(out[0] if isinstance(out, tuple) else out))
              for layer in layers]
    tower(**inputs)
    for hook in hooks:
        hook.remove()
    return {f"{prefix}.{i}": h.contiguous() for i, h in enumerate(seen)}


def finish(folder, name, tensors, extra):
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "states.safetensors")
    (folder / "cases.json").write_text(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__,
                                                   "seed": SEED, **extra}, separators=(",", ":")))
    print(name, {k: tuple(v.shape) for k, v in tensors.items() if "." not in k})


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def chinese_clip(generator):
    words = ["[PAD]", *[f"[unused{i}]" for i in range(1, 5)], "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHINESE, *ENGLISH]
    config = ChineseCLIPConfig(
        text_config=dict(vocab_size=len(words), hidden_size=40, intermediate_size=52, num_hidden_layers=3,
                         num_attention_heads=5, max_position_embeddings=20, type_vocab_size=2, pad_token_id=0),
        vision_config=dict(hidden_size=36, intermediate_size=60, num_hidden_layers=2, num_attention_heads=3,
                           image_size=24, patch_size=8),
        projection_dim=28)
    model = ChineseCLIPModel(config)
    randomise(model, generator)
    folder = GOLDEN / "chinese_clip"
    save(model, folder, {"feature_extractor_type": "ChineseCLIPFeatureExtractor", "do_resize": True,
                         "size": {"height": 24, "width": 24}, "resample": 3, "do_center_crop": False, "crop_size": 24,
                         "do_normalize": True, "image_mean": MEAN, "image_std": STD})
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))

    pixels = torch.randn(3, 3, 24, 24, generator=generator)
    lengths = [1, 4, 9, 14]  # texts of different lengths together: padding must not change a vector
    texts = [[6, *torch.randint(9, len(words), (n,), generator=generator).tolist(), 7] for n in lengths]
    width = max(map(len, texts))
    ids = torch.tensor([t + [0] * (width - len(t)) for t in texts])
    mask = (ids != 0).long()
    out = model(input_ids=ids, attention_mask=mask, pixel_values=pixels)
    vision = states("vision", model.vision_model, model.vision_model.encoder.layers, pixel_values=pixels)
    text = states("text", model.text_model, model.text_model.encoder.layer, input_ids=ids[3:4])
    finish(folder, "chinese_clip",
           {"pixel_values": pixels, "image_embeds": unit(out.image_embeds), "text_embeds": unit(out.text_embeds),
            "logits_per_image": out.logits_per_image, **vision, **text}, {"texts": texts})


def siglip(generator):
    lines = ["a photo of a dog", "a photo of a red car on the beach", "two cats and a ball", "sunset over water",
             "the blue ball runs", "one two three four five"] * 8
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=trained, vocab_size=64,
                                             model_type="unigram", normalization_rule_name="identity", pad_id=0,
                                             eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    config = SiglipConfig(
        text_config=dict(vocab_size=pieces.get_piece_size(), hidden_size=36, intermediate_size=60, num_hidden_layers=2,
                         num_attention_heads=3, max_position_embeddings=16, projection_size=36, pad_token_id=1,
                         bos_token_id=None, eos_token_id=1),
        vision_config=dict(hidden_size=36, intermediate_size=52, num_hidden_layers=3, num_attention_heads=4,
                           image_size=30, patch_size=6))
    model = SiglipModel(config)
    randomise(model, generator)
    model.logit_scale.data.fill_(2.3)
    model.logit_bias.data.fill_(-4.1)
    folder = GOLDEN / "siglip"
    save(model, folder, {"image_processor_type": "SiglipImageProcessor", "do_resize": True,
                         "size": {"height": 30, "width": 30}, "resample": 3, "do_rescale": True,
                         "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3,
                         "image_std": [0.5] * 3})
    (folder / "spiece.model").write_bytes(trained.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "SiglipTokenizer", "model_max_length": 16, "pad_token": "</s>", "eos_token": "</s>",
         "unk_token": "<unk>", "do_lower_case": True}))

    pixels = torch.randn(3, 3, 30, 30, generator=generator)
    # Without padding; the model pads to 16 with the pad token (the end token, as in the published checkpoints).
    texts = [[*torch.randint(3, pieces.get_piece_size(), (n,), generator=generator).tolist(), 1] for n in [1, 4, 15]]
    ids = torch.tensor([t + [1] * (16 - len(t)) for t in texts])
    out = model(input_ids=ids, pixel_values=pixels)
    pooled = model.vision_model(pixels).pooler_output
    vision = states("vision", model.vision_model, model.vision_model.encoder.layers, pixel_values=pixels)
    text = states("text", model.text_model, model.text_model.encoder.layers, input_ids=ids)
    finish(folder, "siglip",
           {"pixel_values": pixels, "image_embeds": unit(out.image_embeds), "text_embeds": unit(out.text_embeds),
            "logits_per_image": out.logits_per_image, "pooled": pooled, **vision, **text}, {"texts": texts})


@torch.no_grad()
def main():
    generator = torch.Generator().manual_seed(SEED)
    chinese_clip(generator)
    siglip(generator)


if __name__ == "__main__":
    main()
