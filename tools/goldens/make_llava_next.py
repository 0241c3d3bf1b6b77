#!/usr/bin/env python3
"""Makes tests/golden/llava_next/*: small random LLaVA-NeXT checkpoints with what transformers computes for them.

Pixels of all tiles, states of the picture tower, the vectors of pictures of odd shapes, logits of every step of some
answers, and greedy ids of many prompts with no, one and two pictures. "vicuna" has a LLaMA inside and the names of
published checkpoints, "mistral" a Mistral with fewer key heads and the names of transformers 5. Needs torch,
transformers 4.x, Pillow before 12 and sentencepiece (written with 4.57.1 and 11.3; Pillow 13 resizes tall pictures to
slightly other bytes).
"""
import json
import shutil

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (CLIPVisionConfig, LlamaConfig, LlavaNextConfig, LlavaNextForConditionalGeneration,
                          LlavaNextImageProcessor, LlavaNextProcessor, MistralConfig)
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.models.llava_next.modeling_llava_next import unpad_image

from make_dual_encoders import GOLDEN, MEAN, SEED, STD, finish, states
from make_dual_encoders import randomise as randomise_vision
from make_llama import randomise as randomise_text
from make_llava import QUESTIONS, tokenizer

ROOT = GOLDEN / "llava_next"
SHAPES = {"wide.png": (41, 26), "tall.png": (23, 37), "small.png": (9, 7), "strip.png": (150, 11), "post.png": (5, 64),
          "square.png": (48, 48), "line.png": (97, 2), "odd.png": (31, 29)}
GRIDS = [[24, 48], [48, 24], [48, 48], [72, 24], [24, 72]]
VICUNA = ("{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'][0]['text'] }}"
          "{% else %}{{ message['role'].upper() + ': '}}{% endif %}{% for content in message['content'] | "
          "selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}{% for content in message['content'] "
          "| selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}{% endfor %}"
          "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")
MISTRAL = ("{% for message in messages %}{% if message['role'] == 'system' %}{{ '<<SYS>>\\n' + "
           "message['content'][0]['text'] + '\\n<</SYS>>\\n\\n' }}{% elif message['role'] == 'user' %}{{ '[INST] ' }}"
           "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}"
           "{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
           "{{ content['text'] }}{% endfor %}{{' [/INST]' }}{% elif message['role'] == 'assistant' %}"
           "{{ ' ' + message['content'][0]['text'] + '</s> ' }}{% endif %}{% endfor %}")


def pictures():
    """Noise over a gradient: every patch differs, and so do the pictures."""
    generator = numpy.random.default_rng(SEED)
    for name, (width, height) in SHAPES.items():
        ramp = numpy.linspace(0, 160, width)[None, :, None] + numpy.linspace(0, 60, height)[:, None, None]
        pixels = ramp * generator.uniform(0.3, 1, 3) + generator.integers(0, 90, (height, width, 3))
        Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(ROOT / name)


def make(name, text, template, llava):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    words = tokenizer(folder)
    image = words.convert_tokens_to_ids("<image>")
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(hidden_size=24, intermediate_size=36, num_hidden_layers=3, num_attention_heads=4,
                                       image_size=24, patch_size=8),
        text_config=text(vocab_size=len(words) + 3, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
                         num_attention_heads=4, max_position_embeddings=240, bos_token_id=1, eos_token_id=2),
        image_token_index=image, image_grid_pinpoints=GRIDS, attn_implementation="eager", **llava)
    generator = torch.Generator().manual_seed(SEED)
    model = LlavaNextForConditionalGeneration(config)
    randomise_text(model.model.language_model, generator)
    randomise_vision(model.model.vision_tower, generator)
    randomise_vision(model.model.multi_modal_projector, generator)
    model.model.image_newline.data = torch.randn(24, generator=generator)
    model.lm_head.weight.data = torch.randn(model.lm_head.weight.shape, generator=generator) * 1.3 / 24**0.5
    model.to(torch.bfloat16).save_pretrained(folder)
    model = LlavaNextForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                              attn_implementation="eager").eval()
    processor = LlavaNextProcessor(
        LlavaNextImageProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24},
                                image_grid_pinpoints=GRIDS, image_mean=MEAN, image_std=STD), words, patch_size=8,
        num_additional_image_tokens=1, vision_feature_select_strategy="default", chat_template=template)
    processor.save_pretrained(folder)
    for leftover in ["tokenizer.model", "special_tokens_map.json"]:
        (folder / leftover).unlink(missing_ok=True)

    opened = [Image.open(ROOT / picture) for picture in SHAPES]
    cases, logits = [], {}
    for i in range(40):
        shown = [[0], [1], [2, 3], [4], [], [5, 6], [7], [3]][i % 8]
        question = QUESTIONS[(i + 3 * (i // 8)) % 8]
        content = [{"type": "image"}] * len(shown) + [{"type": "text", "text": question}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(text=prompt, images=[opened[k] for k in shown] or None, return_tensors="pt")
        penalty = 1.3 if i % 3 == 0 else 1.0
        new = model.generate(**inputs, max_new_tokens=12, do_sample=False, repetition_penalty=penalty, pad_token_id=0,
                             output_logits=True, return_dict_in_generate=True)
        if i < 6:
            logits[f"logits.{i}"] = torch.cat(new.logits)
        cases.append({"prompt": prompt, "pictures": shown, "prompt_ids": inputs["input_ids"][0].tolist(),
                      "ids": new.sequences[0, inputs["input_ids"].shape[1]:].tolist(), "repetition_penalty": penalty,
                      "question": question})
    tensors = {}
    for file, picture in zip(SHAPES, opened):
        seen = processor.image_processor(picture, return_tensors="pt")
        tensors["vectors." + file] = model.model.get_image_features(seen["pixel_values"], seen["image_sizes"])[0]
        tensors["pixels." + file] = (seen["pixel_values"][0] * 1).float()
    tower = model.model.vision_tower
    tensors |= states("vision", tower, tower.vision_model.encoder.layers, pixel_values=tensors["pixels.wide.png"])
    if name == "mistral":  # pixels and states are the other model's too, but for its weights
        tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith("pixels")}
    finish(folder, name, {**tensors, **logits}, {"pictures": list(SHAPES), "cases": cases})
    print(len({tuple(c["ids"]) for c in cases}), "different answers of", len(cases))


def grids():
    """[width, height] of pictures with the grid that published models choose, the size in it, and the patches kept."""
    published = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
    generator = numpy.random.default_rng(SEED)
    sizes = [(336, 336), (672, 336), (1000, 1), (1, 1000), (4000, 3000), (3000, 4000), (1920, 1080), (1008, 337), (7, 5)]
    sizes += [tuple(int(side) for side in 2 ** generator.uniform(0, 12, 2)) for _ in range(150)]
    cases = []
    for width, height in sizes:
        best = select_best_resolution((height, width), published)
        fitted = get_patch_output_size(numpy.zeros((height, width, 3), numpy.uint8), best, "channels_last")
        kept = unpad_image(torch.zeros(1, best[0] // 14, best[1] // 14), (height, width)).shape
        cases.append([width, height, best[1], best[0], fitted[1], fitted[0], kept[2], kept[1]])
    (ROOT / "grids.json").write_text(json.dumps(cases, separators=(",", ":")))


def rename(name):
    """The names of transformers 5."""
    file = ROOT / name / "model.safetensors"
    changes = {"language_model.model.": "model.language_model.", "language_model.lm_head.": "lm_head.",
               "vision_tower.vision_model.": "model.vision_tower.", "multi_modal_projector.":
               "model.multi_modal_projector.", "image_newline": "model.image_newline"}
    renamed = {}
    for key, tensor in load_file(file).items():
        old = next(prefix for prefix in changes if key.startswith(prefix))
        renamed[changes[old] + key.removeprefix(old)] = tensor
    save_file(renamed, file, metadata={"format": "pt"})


@torch.no_grad()
def main():
    ROOT.mkdir(parents=True, exist_ok=True)
    pictures()
    grids()
    make("vicuna", LlamaConfig, VICUNA, {})
    make("mistral", lambda **all: MistralConfig(num_key_value_heads=2, rope_theta=1e6, sliding_window=None,
                                                rms_norm_eps=1e-5, **all), MISTRAL, dict(vision_feature_layer=-1))
    rename("mistral")


if __name__ == "__main__":
    main()
