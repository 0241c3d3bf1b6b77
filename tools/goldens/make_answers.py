#!/usr/bin/env python3
"""Makes tests/golden/<model>/answers.json for the LLaVA and Idefics3 goldens: how likely transformers takes given
answers to be, and how much its words look at each vector of the pictures.

Of a choice: the sum of the log-probabilities of its tokens and of the end token. Attention: of the positions that
each new token was predicted from, mean over heads, layers and tokens, to each image token of the prompt, for the greedy
words that cases.json has. Needs torch and transformers 4.x (written with 4.57.6); run after make_llava.py and
make_idefics3.py.
"""
import json

import torch
from PIL import Image
from transformers import (CLIPImageProcessor, Idefics3ForConditionalGeneration, Idefics3ImageProcessor,
                          Idefics3Processor, LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast)
from transformers.models.idefics3 import modeling_idefics3

from make_dual_encoders import GOLDEN
from make_idefics3 import embed
from make_llava import ROOT as PICTURE_FOLDER

CHOICES = [["yes", "no"], ["a cat", "a dog", "a cat and a dog", "nothing"], ["一只猫", "一只狗", "没有"]]


def write(folder, model, processor, answered, end):
    """`answered`: what stands for a choice after a prompt, up to the end token."""
    told = json.loads((folder / "cases.json").read_text())
    opened = [Image.open(PICTURE_FOLDER / picture) for picture in told["pictures"]]
    choices, attention = [], []
    for index, case in enumerate(told["cases"]):
        shown = [opened[k] for k in case["pictures"]] or None
        if case["question"] is None:
            continue
        encode = lambda text: processor(text=text, images=shown, return_tensors="pt", add_special_tokens=model.config.
                                        model_type == "llava")
        inputs = encode(case["prompt"])
        length = inputs["input_ids"].shape[1]
        assert inputs["input_ids"][0].tolist() == case["prompt_ids"]
        if index % 3 == 0:
            texts, scores = CHOICES[index // 3 % len(CHOICES)], []
            for text in texts:
                whole = encode(case["prompt"] + answered(text))
                ids = whole["input_ids"][0]
                assert ids[:length].tolist() == case["prompt_ids"] and ids[-1] == end
                log_probs = model(**whole).logits[0, length - 1:-1].log_softmax(-1)
                scores.append(log_probs.gather(1, ids[length:, None]).sum().item())
            choices.append({"case": index, "texts": texts, "log_probabilities": scores})
        if shown and case["repetition_penalty"] == 1 and len(attention) < 8:
            ids = torch.tensor([case["prompt_ids"] + case["ids"]])
            more = {name: value for name, value in inputs.items() if name not in ("input_ids", "attention_mask")}
            rows = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True, **more).attentions
            mean = torch.stack(rows).mean(dim=(0, 1, 2))[length - 1:-1].mean(dim=0)
            places = torch.tensor(case["prompt_ids"]) == model.config.image_token_id
            attention.append({"case": index, "to_vectors": mean[:length][places].tolist()})
    (folder / "answers.json").write_text(json.dumps({"choices": choices, "attention": attention}) + "\n")
    print(folder.name, len(choices), len(attention))


@torch.no_grad()
def main():
    folder = GOLDEN / "llava/plain"
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                          attn_implementation="eager").eval()
    processor = LlavaProcessor(CLIPImageProcessor.from_pretrained(folder), words, patch_size=8,
                               num_additional_image_tokens=1,
                               vision_feature_select_strategy=model.config.vision_feature_select_strategy)
    write(folder, model, processor, lambda text: f" {text}</s>", 2)
    modeling_idefics3.Idefics3VisionEmbeddings.forward = embed
    folder = GOLDEN / "idefics3"
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    model = Idefics3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                             attn_implementation="eager").eval()
    processor = Idefics3Processor(Idefics3ImageProcessor.from_pretrained(folder), words, image_seq_len=4)
    write(folder, model, processor, lambda text: f" {text}<end_of_utterance>",
          words.convert_tokens_to_ids("<end_of_utterance>"))


if __name__ == "__main__":
    main()
