#!/usr/bin/env python3
"""Makes tests/golden/llava/*: small random LLaVA checkpoints with what transformers computes for them.

States of the picture tower, what the projector makes of them, logits, and greedy ids of many prompts with no, one and
two pictures, English and Chinese, with and without repetition penalty. "plain" has the names of published checkpoints,
"full" those of transformers 5. Needs torch, transformers 4.x and sentencepiece (written with 4.57.6).
"""
import io
import json
import shutil

import numpy
import sentencepiece
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (CLIPImageProcessor, CLIPVisionConfig, LlamaConfig, LlamaTokenizerFast, LlavaConfig,
                          LlavaForConditionalGeneration, LlavaProcessor)

from make_dual_encoders import GOLDEN, MEAN, SEED, STD, finish, states
from make_llama import randomise as randomise_text
from make_dual_encoders import randomise as randomise_vision

ROOT = GOLDEN / "llava"
PICTURES = ["wide.png", "tall.png", "small.png"]
LINES = ["USER: What is in this picture? ASSISTANT: A cat sits on a red chair.", "How many people are there?",
         "这张图片里有什么？详细描述一下。", "图里有几个人？", "Is there a dog? Answer yes or no.", "一只猫和一只狗"] * 6
QUESTIONS = ["What is this?", "这张图片里有什么？", "How many people are there?", "Is it a cat or a dog?",
             "图里有几个人？请回答。", "Describe the picture in one sentence.", "a", "Is the chair red? Answer yes or no."]


def pictures():
    """Noise over a gradient: every patch differs, and so do the pictures."""
    generator = numpy.random.default_rng(SEED)
    for name, (width, height) in zip(PICTURES, [(41, 26), (23, 37), (9, 7)]):
        ramp = numpy.linspace(0, 160, width)[None, :, None] + numpy.linspace(0, 60, height)[:, None, None]
        pixels = ramp * generator.uniform(0.3, 1, 3) + generator.integers(0, 90, (height, width, 3))
        Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(ROOT / name)


def tokenizer(folder):
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=trained, vocab_size=360, model_type="bpe", byte_fallback=True,
        normalization_rule_name="identity", add_dummy_prefix=True, remove_extra_whitespaces=False, split_digits=True,
        hard_vocab_limit=False, character_coverage=1.0, minloglevel=2)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(trained.getvalue())
    made = LlamaTokenizerFast(str(folder / "tokenizer.model"), legacy=True)
    made.add_tokens(["<image>"], special_tokens=True)
    return made


def make(name, text, llava):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    words = tokenizer(folder)
    image = words.convert_tokens_to_ids("<image>")
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(hidden_size=24, intermediate_size=36, num_hidden_layers=3, num_attention_heads=4,
                                       image_size=24, patch_size=8),
        text_config=LlamaConfig(vocab_size=len(words) + 3, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
                                num_attention_heads=4, max_position_embeddings=160, bos_token_id=1, eos_token_id=2,
                                **text),
        image_token_index=image, image_seq_length=9, attn_implementation="eager", **llava)
    generator = torch.Generator().manual_seed(SEED)
    model = LlavaForConditionalGeneration(config)
    randomise_text(model.model.language_model, generator)
    randomise_vision(model.model.vision_tower, generator)
    randomise_vision(model.model.multi_modal_projector, generator)
    model.lm_head.weight.data = torch.randn(model.lm_head.weight.shape, generator=generator) * 1.3 / 24**0.5
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16().float()
    model.to(torch.bfloat16).save_pretrained(folder)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                          attn_implementation="eager").eval()
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}, image_mean=MEAN,
                           image_std=STD), words, patch_size=8, num_additional_image_tokens=1,
        vision_feature_select_strategy=config.vision_feature_select_strategy)
    processor.save_pretrained(folder)
    (folder / "tokenizer.model").unlink(missing_ok=True)

    opened = [Image.open(ROOT / picture) for picture in PICTURES]
    cases = []
    for i in range(32):
        shown = [[0], [1], [2], [0, 1], [], [1, 1], [2, 0], [0]][i % 8]
        question = QUESTIONS[(i + 3 * (i // 8)) % 8]
        prompt = "USER: " + "<image>\n" * len(shown) + question + " ASSISTANT:"
        if i % 11 == 7:
            prompt = f"USER: {question} ASSISTANT: yes</s>USER: " + "<image>\n" * len(shown) + question + " ASSISTANT:"
        inputs = processor(text=prompt, images=[opened[k] for k in shown] or None, return_tensors="pt")
        penalty = 1.3 if i % 3 == 0 else 1.0
        new = model.generate(**inputs, max_new_tokens=12, do_sample=False, repetition_penalty=penalty, pad_token_id=0)
        cases.append({"prompt": prompt, "pictures": shown, "prompt_ids": inputs["input_ids"][0].tolist(),
                      "ids": new[0, inputs["input_ids"].shape[1]:].tolist(), "repetition_penalty": penalty,
                      "question": question if i % 11 != 7 else None})
    pixels = torch.stack([torch.tensor(processor.image_processor(picture)["pixel_values"][0]) for picture in opened])
    tower = model.model.vision_tower
    inputs = processor(text=cases[3]["prompt"], images=opened[:2], return_tensors="pt")
    finish(folder, name, {
        "pixel_values": pixels,
        **states("vision", tower, tower.vision_model.encoder.layers, pixel_values=pixels),
        "vectors": torch.stack(list(model.model.get_image_features(
            pixel_values=pixels, vision_feature_layer=config.vision_feature_layer,
            vision_feature_select_strategy=config.vision_feature_select_strategy))),
        "logits": model(**inputs).logits[:, -1]}, {"pictures": PICTURES, "cases": cases})
    print(len({tuple(c["ids"]) for c in cases}), "different answers of", len(cases))


def rename(name):
    """The names of transformers 5."""
    file = ROOT / name / "model.safetensors"
    tensors = load_file(file)
    changes = {"language_model.model.": "model.language_model.", "language_model.lm_head.": "lm_head.",
               "vision_tower.vision_model.": "model.vision_tower.", "multi_modal_projector.":
               "model.multi_modal_projector."}
    renamed = {}
    for key, tensor in tensors.items():
        old = next(prefix for prefix in changes if key.startswith(prefix))
        renamed[changes[old] + key.removeprefix(old)] = tensor
    save_file(renamed, file, metadata={"format": "pt"})


@torch.no_grad()
def main():
    ROOT.mkdir(parents=True, exist_ok=True)
    pictures()
    make("plain", {}, {})
    make("full", dict(num_key_value_heads=2, tie_word_embeddings=False, rms_norm_eps=1e-5),
         dict(vision_feature_select_strategy="full", vision_feature_layer=-1, multimodal_projector_bias=False))
    rename("full")


if __name__ == "__main__":
    main()
