#!/usr/bin/env python3
"""Makes tests/golden/generate: greedy and beam search of transformers over a language model that is a table.

The model's logits depend on the last two tokens and the position, through three random tables, so the C++ test can
have exactly the same model. Needs torch and transformers 4.x (written with 4.57.6, torch seed below).
"""
import itertools
import json
import pathlib

import torch
import transformers
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

VOCABULARY, POSITIONS, EOS, SEED = 43, 40, 2, 20261123
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/generate"


class TableConfig(PretrainedConfig):
    model_type = "table"
    vocab_size = VOCABULARY
    is_encoder_decoder = False


class TableModel(PreTrainedModel, GenerationMixin):
    config_class = TableConfig
    _supports_cache_class = False

    def __init__(self, config):
        super().__init__(config)
        self.last = torch.nn.Parameter(torch.zeros(VOCABULARY, VOCABULARY))
        self.before = torch.nn.Parameter(torch.zeros(VOCABULARY, VOCABULARY))
        self.position = torch.nn.Parameter(torch.zeros(POSITIONS, VOCABULARY))

    def forward(self, input_ids, **_):
        previous = torch.cat([torch.zeros_like(input_ids[:, :1]), input_ids[:, :-1]], dim=1)
        logits = self.last[input_ids] + self.before[previous] + self.position[: input_ids.shape[1]][None]
        return CausalLMOutput(logits=logits)

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}


def main():
    torch.manual_seed(SEED)
    model = TableModel(TableConfig())
    with torch.no_grad():
        model.last.copy_(torch.randn(VOCABULARY, VOCABULARY) * 1.7)
        model.before.copy_(torch.randn(VOCABULARY, VOCABULARY) * 1.1)
        model.position.copy_(torch.randn(POSITIONS, VOCABULARY) * 0.5)
        model.position[:, EOS] += torch.linspace(0.5, 3.5, POSITIONS)

    # Never 20: transformers takes that for "unset" and adds the prompt's length.
    settings = [dict(num_beams=1, repetition_penalty=r, no_repeat_ngram_size=n, min_length=m, max_length=l)
                for r, n, m, l in itertools.product([1.0, 1.4], [0, 2], [0, 9], [9, 24])]
    settings += [dict(num_beams=b, early_stopping=e, length_penalty=p, max_length=l, num_return_sequences=min(b, 3))
                 for b, e, p, l in itertools.product([2, 3, 5], [True, False, "never"], [0.0, 1.0, 2.0, -0.7], [7, 24])]
    settings += [dict(num_beams=4, early_stopping=e, repetition_penalty=r, no_repeat_ngram_size=n, min_length=m,
                      max_length=19, num_return_sequences=4)
                 for e, r, n, m in itertools.product([True, False], [1.0, 1.3], [0, 1, 3], [0, 8])]
    settings += [dict(num_beams=3, early_stopping=True, max_length=19, eos_token_id=[EOS, 7, 11]),
                 dict(num_beams=1, max_length=19, eos_token_id=[EOS, 7, 11]),
                 dict(num_beams=3, early_stopping=False, max_length=5, min_length=5),
                 dict(num_beams=3, early_stopping=True, max_length=19, suppress_tokens=[28, 32, 29, 36]),
                 dict(num_beams=1, max_length=19, suppress_tokens=[28, 32, 29, 36])]

    prompts = [[[1]], [[1, 17, 9], [1, 30, 4]], [[1, 5], [1, 6], [1, 8]]]
    cases = []
    for number, setting in enumerate(settings):
        prompt = prompts[number % len(prompts)]
        config = GenerationConfig(**{"eos_token_id": EOS, "pad_token_id": 0, "do_sample": False, "use_cache": False, **setting})
        out = model.generate(torch.tensor(prompt), generation_config=config, return_dict_in_generate=True,
                             output_scores=True)
        eos = setting.get("eos_token_id", EOS)
        eos = eos if isinstance(eos, list) else [eos]
        returned = setting.get("num_return_sequences", 1)
        results = []
        for i, row in enumerate(out.sequences.tolist()):
            ids = row[len(prompt[0]):]
            stop = next((k for k, token in enumerate(ids) if token in eos), None)
            results.append({"ids": ids if stop is None else ids[: stop + 1],
                            **({"score": out.sequences_scores[i].item()} if setting["num_beams"] > 1 else {})})
        cases.append({"setting": setting, "prompts": prompt,
                      "results": [results[k * returned:(k + 1) * returned] for k in range(len(prompt))]})

    FOLDER.mkdir(parents=True, exist_ok=True)
    tables = torch.cat([model.last, model.before, model.position]).detach().numpy().astype("<f4")
    (FOLDER / "tables.f32").write_bytes(tables.tobytes())
    (FOLDER / "cases.json").write_text(json.dumps(
        {"transformers": transformers.__version__, "torch": torch.__version__, "seed": SEED, "vocabulary": VOCABULARY,
         "positions": POSITIONS, "eos": EOS, "cases": cases}, separators=(",", ":")))
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
