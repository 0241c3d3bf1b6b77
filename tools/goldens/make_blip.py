#!/usr/bin/env python3
"""Makes tests/golden/blip: small random BLIP checkpoints with what transformers computes from them.

Captioning in three odd configurations (one with its own output embedding, one saved as pytorch_model.bin), visual
question answering, image-text matching. Inner states stand beside the results so that a difference is found where it
starts. Needs torch and transformers 4.x (written with 4.57.6); the seed is below.
"""
import itertools
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file
from transformers import (BlipConfig, BlipForConditionalGeneration, BlipForImageTextRetrieval,
                          BlipForQuestionAnswering)

SEED = 20261124
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/blip"
WORDS = ("a the dog cat red blue ball runs sits on under table man woman two three grass ##s ##ing ##ed play jump "
         "what is who how many color of picture yes no ? . , with and in water boat tree sky old young green").split()


def vocabulary(size):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    words += [f"w{i}" for i in range(size - 2 - len(words))]
    return words + ["[DEC]", "[ENC]"]  # the two that BLIP's tokenizer adds at the end


def config(vision, text, vocab, **more):
    common = dict(vocab_size=vocab, bos_token_id=vocab - 2, sep_token_id=3, pad_token_id=0, eos_token_id=3,
                  encoder_hidden_size=vision["hidden_size"], max_position_embeddings=40)
    return BlipConfig(vision_config=vision, text_config={**common, **text}, projection_dim=20, image_text_hidden_size=20,
                      **more)


def randomise(model, generator, stop_bias=1.5):
    """Larger than the usual initialisation: outputs differ clearly, without ties and without a favourite token."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.1 * noise
        elif "position_embedding" in name:
            parameter.data = 1.6 * noise  # words depend on where they stand: no loops
        elif "embedding" in name:
            parameter.data = 0.7 * noise
        elif "crossattention.self.value" in name:
            parameter.data = noise * 0.8 / parameter[0].numel() ** 0.5
        elif parameter.dim() > 1:
            gain = 2.0 if "query" in name or "key" in name else 0.7 if "output.dense" in name else 1.2
            parameter.data = noise * gain / parameter[0].numel() ** 0.5
        else:
            parameter.data = noise
    for name, parameter in model.named_parameters():
        if name.endswith("predictions.bias"):
            parameter.data[3] += stop_bias
    model.eval()


def save(model, folder, vocab, as_bin=False):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, safe_serialization=not as_bin)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if as_bin:  # old checkpoints carry this buffer
        state = torch.load(folder / "pytorch_model.bin")
        state["text_decoder.bert.embeddings.position_ids"] = torch.arange(40)[None]
        torch.save(state, folder / "pytorch_model.bin")
    (folder / "vocab.txt").write_text("\n".join(vocabulary(vocab)[:-2]) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))
    size = model.config.vision_config.image_size
    (folder / "preprocessor_config.json").write_text(json.dumps(
        {"image_processor_type": "BlipImageProcessor", "do_resize": True, "size": {"height": size, "width": size},
         "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "do_convert_rgb": True,
         "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}))


def trimmed(row, skip, eos):
    ids = row[skip:]
    return ids[: ids.index(eos) + 1] if eos in ids else ids


def caption_cases(model, pixels, generator):
    text = model.config.text_config
    settings = [dict(num_beams=5, max_length=30, early_stopping=True), dict(num_beams=1, max_length=30),
                dict(num_beams=3, max_length=12, length_penalty=2.0, num_return_sequences=3),
                dict(num_beams=4, max_length=17, early_stopping="never", length_penalty=0.5),
                dict(num_beams=5, max_length=25, min_length=12, no_repeat_ngram_size=2, early_stopping=True),
                dict(num_beams=2, max_length=25, repetition_penalty=1.5, early_stopping=False),
                dict(num_beams=1, max_length=15, repetition_penalty=1.3, no_repeat_ngram_size=3),
                dict(num_beams=5, max_new_tokens=6, num_return_sequences=5),
                dict(num_beams=7, max_length=39, length_penalty=-0.5)]
    prompt = torch.randint(5, text.vocab_size - 2, (3,), generator=generator).tolist()
    cases = []
    for setting, words in itertools.product(settings, [[], prompt]):
        # [DEC] stands where [CLS] did; the last token ([SEP]) is dropped by the reference.
        given = torch.tensor([[2, *words, 3]]).repeat(len(pixels), 1) if words else None
        out = model.generate(pixel_values=pixels, input_ids=given, return_dict_in_generate=True, output_scores=True,
                             **setting)
        returned = setting.get("num_return_sequences", 1)
        results = [[{"ids": trimmed(row, 1 + len(words), 3),
                     **({"score": score} if setting["num_beams"] > 1 else {})}
                    for row, score in zip(out.sequences.tolist()[k * returned:(k + 1) * returned],
                                          (out.sequences_scores if setting["num_beams"] > 1 else
                                           torch.zeros(len(out.sequences))).tolist()[k * returned:(k + 1) * returned])]
                   for k in range(len(pixels))]
        cases.append({"setting": setting, "prompt": words, "results": results})
    return cases


def captioner(name, vision, text, vocab, generator, as_bin=False, untied=False):
    settings = config(vision, {**text, "tie_word_embeddings": not untied}, vocab)
    settings.tie_word_embeddings = not untied
    model = BlipForConditionalGeneration(settings)
    randomise(model, generator)
    if not untied:
        model.tie_weights()
    folder = FOLDER / name
    save(model, folder, vocab, as_bin)

    pixels = torch.randn(4, 3, vision["image_size"], vision["image_size"], generator=generator)
    tokens = torch.cat([torch.full((4, 1), vocab - 2), torch.randint(5, vocab - 2, (4, 6), generator=generator)], dim=1)
    vision_out = model.vision_model(pixels, output_hidden_states=True)
    text_out = model.text_decoder(input_ids=tokens, encoder_hidden_states=vision_out[0], output_hidden_states=True)
    save_file({"pixel_values": pixels, "image_embeds": vision_out[0].contiguous(),
               **{f"vision.{i}": h.contiguous() for i, h in enumerate(vision_out.hidden_states)},
               "tokens": tokens.int(), "logits": text_out.logits.contiguous(),
               **{f"text.{i}": h.contiguous() for i, h in enumerate(text_out.hidden_states)}}, folder / "states.safetensors")
    cases = caption_cases(model, pixels, generator)
    write(folder / "cases.json", cases)
    lengths = {len(r["ids"]) for case in cases for picture in case["results"] for r in picture}
    return sum(len(case["results"]) for case in cases), sorted(lengths)


def answerer(name, vision, text, vocab, generator):
    model = BlipForQuestionAnswering(config(vision, text, vocab))
    randomise(model, generator, stop_bias=1.0)
    model.tie_weights()
    folder = FOLDER / name
    save(model, folder, vocab)
    pixels = torch.randn(3, 3, vision["image_size"], vision["image_size"], generator=generator)
    cases = []
    for picture, length, setting in itertools.product(range(3), [1, 4, 9], [
            dict(num_beams=1, max_length=15), dict(num_beams=3, max_length=10, early_stopping=True)]):
        # The reference leaves the tokenizer's [CLS] in front of questions; only the original code put [ENC] there.
        question = [2, *torch.randint(5, vocab - 2, (length,), generator=generator).tolist(), 3]
        out = model.generate(input_ids=torch.tensor([question]), pixel_values=pixels[picture:picture + 1],
                             return_dict_in_generate=True, output_scores=True, **setting)
        cases.append({"setting": setting, "picture": picture, "question": question,
                      "ids": trimmed(out.sequences.tolist()[0], 1, 3),
                      **({"score": out.sequences_scores.item()} if setting["num_beams"] > 1 else {})})
    question = torch.tensor([cases[-1]["question"]])
    image_embeds = model.vision_model(pixels[2:3])[0]
    encoded = model.text_encoder(input_ids=question, encoder_hidden_states=image_embeds)[0]
    save_file({"pixel_values": pixels, "question": question.int(), "question_embeds": encoded.contiguous()},
              folder / "states.safetensors")
    write(folder / "cases.json", cases)
    return len(cases)


def matcher(name, vision, text, vocab, generator):
    model = BlipForImageTextRetrieval(config(vision, text, vocab))
    randomise(model, generator)
    folder = FOLDER / name
    save(model, folder, vocab)
    pixels = torch.randn(3, 3, vision["image_size"], vision["image_size"], generator=generator)
    cases = []
    for picture, length in itertools.product(range(3), [1, 3, 8]):
        ids = [2, *torch.randint(5, vocab - 2, (length,), generator=generator).tolist(), 3]
        given = dict(input_ids=torch.tensor([ids]), pixel_values=pixels[picture:picture + 1])
        cases.append({"picture": picture, "ids": ids,
                      "itm": model(**given).itm_score[0].tolist(),
                      "cosine": model(**given, use_itm_head=False).itm_score[0].tolist()})
    save_file({"pixel_values": pixels}, folder / "states.safetensors")
    write(folder / "cases.json", cases)
    return len(cases)


def write(path, cases):
    path.write_text(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__, "seed": SEED,
                                "cases": cases}, separators=(",", ":")))


@torch.no_grad()
def main():
    generator = torch.Generator().manual_seed(SEED)
    vision_a = dict(hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=3, image_size=24,
                    patch_size=8, projection_dim=20)
    vision_b = dict(hidden_size=32, intermediate_size=44, num_hidden_layers=3, num_attention_heads=4, image_size=30,
                    patch_size=6, hidden_act="gelu", layer_norm_eps=1e-5, projection_dim=20)
    text_a = dict(hidden_size=28, intermediate_size=60, num_hidden_layers=2, num_attention_heads=4, projection_dim=20)
    text_b = dict(hidden_size=40, intermediate_size=36, num_hidden_layers=3, num_attention_heads=5, projection_dim=20,
                  layer_norm_eps=1e-6)
    print("caption_a", captioner("caption_a", vision_a, text_a, 97, generator))
    print("caption_b", captioner("caption_b", vision_b, text_b, 113, generator, as_bin=True))
    print("caption_untied", captioner("caption_untied", vision_a, text_b, 89, generator, untied=True))
    text_vqa = {**text_a, "hidden_size": 32}  # the answer looks at the question as at a picture: same width
    print("vqa", answerer("vqa", vision_b, text_vqa, 97, generator))
    print("itm", matcher("itm", vision_a, text_b, 97, generator))


if __name__ == "__main__":
    main()
