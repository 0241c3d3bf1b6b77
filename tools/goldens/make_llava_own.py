#!/usr/bin/env python3
"""Makes tests/golden/llava/{own,own_tower,own_next} of tests/golden/llava/plain and tests/golden/llava_next/vicuna: the
same models in the layout of LLaVA's authors, with what transformers computes for them.

Pictures are padded to squares and prompts put together as the authors' mm_utils.py has it (expand2square,
tokenizer_image_token); their tokenizer has no "<image>". Of own_next the vectors are those of llava_next/vicuna. Needs
torch, transformers 4.x, Pillow before 12 and sentencepiece (written with 4.57.1 and 11.3).
"""
import json
import shutil

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, LlamaTokenizer, LlavaForConditionalGeneration

from make_dual_encoders import GOLDEN, MEAN, STD, finish
from make_llava import PICTURES, QUESTIONS, ROOT, tokenizer

SYSTEM = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
          "and polite answers to the user's questions.")
BEGINNINGS = {"language_model.model.": "model.", "language_model.lm_head.": "lm_head.",
              "multi_modal_projector.linear_1.": "model.mm_projector.0.",
              "multi_modal_projector.linear_2.": "model.mm_projector.2.", "image_newline": "model.image_newline",
              "vision_tower.": "model.vision_tower.vision_tower."}


def own(folder, source, tower_inside, **more):
    """Config, weights and tokenizer of a folder of transformers' layout, in the authors'."""
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer(folder)
    config = json.loads((source / "config.json").read_text())
    kept = {key: value for key, value in config["text_config"].items() if key not in ["model_type", "architectures"]}
    (folder / "config.json").write_text(json.dumps({
        **kept, "architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava", "mm_hidden_size": 24,
        "mm_projector_type": "mlp2x_gelu", "mm_use_im_patch_token": False, "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch", "mm_vision_select_layer": config["vision_feature_layer"],
        "mm_vision_tower": "small/own_tower", "bos_token_id": 1, "eos_token_id": 2, **more}, indent=1))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": True,
         "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}))
    tensors = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        if name.startswith("vision_tower.") and not tower_inside:
            continue
        theirs = next(beginning for beginning in BEGINNINGS if name.startswith(beginning))
        tensors[BEGINNINGS[theirs] + name.removeprefix(theirs)] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def tower(folder, source):
    """A CLIP as its makers publish it, but for the words."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    vision = json.loads((source / "config.json").read_text())["vision_config"]
    (folder / "config.json").write_text(json.dumps({"architectures": ["CLIPModel"], "model_type": "clip",
                                                    "projection_dim": 8, "vision_config": vision}, indent=1))
    (folder / "preprocessor_config.json").write_text(json.dumps(
        {"feature_extractor_type": "CLIPFeatureExtractor", "size": 24, "crop_size": 24, "resample": 3, "do_resize": True,
         "do_center_crop": True, "do_normalize": True, "image_mean": MEAN, "image_std": STD}))
    tensors = {name.removeprefix("vision_tower."): tensor for name, tensor in
               load_file(source / "model.safetensors").items() if name.startswith("vision_tower.")}
    save_file({**tensors, "logit_scale": torch.tensor(2.0), "visual_projection.weight": torch.zeros(8, 24)},
              folder / "model.safetensors", metadata={"format": "pt"})


def squared(picture):
    side = max(picture.size)
    square = Image.new("RGB", (side, side), tuple(int(x * 255) for x in MEAN))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def prompt_ids(words, prompt, picture):
    """tokenizer_image_token."""
    ids = []
    for i, chunk in enumerate(prompt.split("<image>")):
        ids += [picture] * (i > 0) + words(chunk)["input_ids"][1 if i > 0 else 0:]
    return ids


@torch.no_grad()
def main():
    source = ROOT / "plain"
    own(ROOT / "own", source, False, image_aspect_ratio="pad")
    tower(ROOT / "own_tower", source)
    own(ROOT / "own_next", GOLDEN / "llava_next/vicuna", True, image_aspect_ratio="anyres",
        mm_patch_merge_type="spatial_unpad", image_grid_pinpoints=[[48, 24], [24, 48], [48, 48], [24, 72], [72, 24]])
    words = LlamaTokenizer(str(ROOT / "own/tokenizer.model"), legacy=True)
    token = len(words)
    model = LlavaForConditionalGeneration.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    processor = CLIPImageProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}, image_mean=MEAN,
                                   image_std=STD)
    pixels = torch.stack([torch.tensor(processor(squared(Image.open(ROOT / picture)))["pixel_values"][0])
                          for picture in PICTURES])
    vectors = model.model.get_image_features(pixel_values=pixels)
    cases = []
    for i in range(24):
        shown = [[0], [1], [2], [], [0, 1], [1, 1]][i % 6]
        question = QUESTIONS[(i + 3 * (i // 8)) % 8]
        prompt = f"{SYSTEM} USER: " + "<image>\n" * len(shown) + question + " ASSISTANT:"
        ids = prompt_ids(words, prompt, token)
        repeated = [each for id in ids for each in [id] * (9 if id == token else 1)]
        new = model.generate(input_ids=torch.tensor([repeated]), attention_mask=torch.ones(1, len(repeated)),
                             pixel_values=pixels[shown] if shown else None, max_new_tokens=12, do_sample=False,
                             pad_token_id=0)
        cases.append({"prompt": prompt, "pictures": shown, "prompt_ids": repeated, "ids": new[0, len(repeated):].tolist(),
                      "question": question})
    finish(ROOT / "own", "own", {"pixel_values": pixels, "vectors": torch.stack(list(vectors))},
           {"pictures": PICTURES, "cases": cases})
    print(token, len({tuple(c["ids"]) for c in cases}), "different answers of", len(cases))


if __name__ == "__main__":
    main()
