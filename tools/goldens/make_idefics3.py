#!/usr/bin/env python3
"""Makes tests/golden/idefics3: a small random SmolVLM with what transformers computes for it.

States of the picture tower, the vectors of all tiles, and greedy ids of prompts with no, one and two pictures, cut into
rows and columns or not. Needs torch, transformers 4.x and tokenizers (written with 4.57.6). That release places every
patch but the first one row and column too early: (i / n) · (1 - 1e-6) falls below its own boundary. Checkpoints were
trained with the positions of the releases before it, which `embed` below restores.
"""
import json
import shutil

import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessor, Idefics3Processor,
                          PreTrainedTokenizerFast)
from transformers.models.idefics3 import modeling_idefics3

from make_dual_encoders import GOLDEN, SEED, finish, states
from make_dual_encoders import randomise as randomise_vision
from make_llama import randomise as randomise_text
from make_llava import LINES, PICTURES, QUESTIONS
from make_llava import ROOT as PICTURE_FOLDER

FOLDER = GOLDEN / "idefics3"
TEMPLATE = ("<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
            "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
            "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
            "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
            "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")


def embed(self, pixel_values, patch_attention_mask):
    patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
    return patches + self.position_embedding.weight


def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                  pre_tokenizers.ByteLevel(add_prefix_space=False)])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(LINES, trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    words = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<|im_start|>", eos_token="<end_of_utterance>",
                                    pad_token="<|im_end|>", unk_token="<|endoftext|>",
                                    model_input_names=["input_ids", "attention_mask"])
    words.add_special_tokens({"additional_special_tokens": [
        "<global-img>", *(f"<row_{r}_col_{c}>" for r in range(1, 4) for c in range(1, 4)), "<fake_token_around_image>",
        "<image>", "<end_of_utterance>"]})
    return words


@torch.no_grad()
def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    words = tokenizer()
    end = words.convert_tokens_to_ids("<end_of_utterance>")
    config = Idefics3Config(
        image_token_id=words.convert_tokens_to_ids("<image>"), scale_factor=2, tie_word_embeddings=False,
        vision_config=dict(hidden_size=20, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
                           image_size=24, patch_size=6),
        text_config=dict(model_type="llama", vocab_size=len(words), hidden_size=24, intermediate_size=40,
                         num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, rope_theta=100000.0,
                         max_position_embeddings=320, pad_token_id=2, bos_token_id=1, eos_token_id=end),
        attn_implementation="eager")
    model = Idefics3ForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(SEED)
    randomise_text(model.model.text_model, generator)
    randomise_vision(model.model.vision_model, generator)
    randomise_vision(model.model.connector, generator)
    model.lm_head.weight.data = torch.randn(model.lm_head.weight.shape, generator=generator) * 1.3 / 24**0.5
    model.generation_config.eos_token_id = end
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    modeling_idefics3.Idefics3VisionEmbeddings.forward = embed
    model = Idefics3ForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32,
                                                             attn_implementation="eager").eval()
    processor = Idefics3Processor(Idefics3ImageProcessor(size={"longest_edge": 60}, max_image_size={"longest_edge": 24}),
                                  words, image_seq_len=4, chat_template=TEMPLATE)
    processor.save_pretrained(FOLDER)
    (FOLDER / "special_tokens_map.json").unlink()

    opened = [Image.open(PICTURE_FOLDER / picture) for picture in PICTURES]
    cases = []
    for i in range(32):
        shown = [[0], [1], [2], [0, 1], [], [1, 1], [2, 0], [0]][i % 8]
        question = QUESTIONS[(i + 3 * (i // 8)) % 8]
        content = [{"type": "image"}] * len(shown) + [{"type": "text", "text": question}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(text=prompt, images=[opened[k] for k in shown] or None, return_tensors="pt",
                           add_special_tokens=False)
        penalty = 1.3 if i % 3 == 0 else 1.0
        new = model.generate(**inputs, max_new_tokens=12, do_sample=False, repetition_penalty=penalty, pad_token_id=2)
        cases.append({"prompt": prompt, "pictures": shown, "prompt_ids": inputs["input_ids"][0].tolist(),
                      "ids": new[0, inputs["input_ids"].shape[1]:].tolist(), "repetition_penalty": penalty,
                      "question": question})
    tensors = {}
    for name, picture in zip(PICTURES, opened):
        pixels = torch.tensor(processor.image_processor(picture)["pixel_values"][0])
        tensors["vectors." + name] = model.model.get_image_features(pixels[None])
        if name == PICTURES[0]:
            tower = model.model.vision_model
            tensors |= {"pixel_values": pixels, **states("vision", tower, tower.encoder.layers, pixel_values=pixels[:2])}
    finish(FOLDER, "idefics3", tensors, {"pictures": PICTURES, "cases": cases})
    print(len({tuple(c["ids"]) for c in cases}), "different answers of", len(cases))


if __name__ == "__main__":
    main()
