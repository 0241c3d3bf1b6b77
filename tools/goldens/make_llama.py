#!/usr/bin/env python3
"""Makes tests/golden/llama/*: small random LLaMA checkpoints with what transformers computes for them.

States after each layer, logits, and greedy ids of many prompts, for every way of scaling rotary positions, grouped
queries, biases, tied heads and head sizes that are not hidden_size / heads. Weights are bf16, computed in float32.
Needs torch and transformers 4.x (written with 4.57.6).
"""
import shutil

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from make_dual_encoders import GOLDEN, SEED, finish, states

PLAIN = dict(vocab_size=93, hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=6,
             num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2,
             attn_implementation="eager")
MODELS = {
    "plain": {},
    "tied": dict(tie_word_embeddings=True, num_key_value_heads=6, hidden_size=24, rms_norm_eps=1e-5),
    "biased": dict(attention_bias=True, mlp_bias=True, head_dim=10, num_key_value_heads=1, rope_theta=500.0),
    "linear": dict(rope_scaling={"rope_type": "linear", "factor": 3.0}, num_key_value_heads=3),
    "dynamic": dict(rope_scaling={"rope_type": "dynamic", "factor": 2.0}, hidden_size=48),
    "llama3": dict(rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                 "original_max_position_embeddings": 32}, head_dim=16, rope_theta=500000.0),
    "yarn": dict(rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
                 head_dim=14),
}


def randomise(model, generator):
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("norm.weight"):
            noise = 1 + 0.2 * noise
        elif name.endswith("bias"):
            noise = 0.2 * noise
        elif "embed" not in name:
            noise = noise * (2.0 if "q_proj" in name or "k_proj" in name else 1.3) / parameter.shape[1] ** 0.5
        parameter.data = noise.bfloat16().float()
    model.eval()


def make(name, changes, generator):
    folder = GOLDEN / "llama" / name
    model = LlamaForCausalLM(LlamaConfig(**{**PLAIN, **changes}))
    randomise(model, generator)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()

    prompts, answers = [], []
    for i in range(16):
        prompt = [1, *torch.randint(3, 93, (1 + i * 7 % 37,), generator=generator).tolist()]
        penalty = 1.0 if i % 3 else 1.3
        new = model.generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False, repetition_penalty=penalty,
                             pad_token_id=0)[0, len(prompt):].tolist()
        prompts.append(prompt)
        answers.append({"ids": new, "repetition_penalty": penalty})
    beams = model.generate(torch.tensor([prompts[4]]), max_new_tokens=10, num_beams=4, do_sample=False, pad_token_id=0)
    longest = max(prompts, key=len)
    ids = torch.tensor([longest])
    out = model(input_ids=ids)
    finish(folder, name, {"logits": out.logits, **states("layer", model.model, model.model.layers, input_ids=ids)},
           {"prompts": prompts, "answers": answers, "longest": longest,
            "beams": {"prompt": prompts[4], "ids": beams[0, len(prompts[4]):].tolist()}})
    assert len({tuple(a["ids"]) for a in answers}) == len(answers)


@torch.no_grad()
def main():
    generator = torch.Generator().manual_seed(SEED)
    for name, changes in MODELS.items():
        make(name, changes, generator)


if __name__ == "__main__":
    main()
