"""The published folder: int8 weights per row, configs and tokenizer, and reading it back as the reference model."""
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from common import save_json
from config import CONFIG, GENERATION, PREPROCESSOR, TOKENIZER
from model import GazeMini
from tokenizer import Tokenizer


def is_quantised(name, tensor):
    """Matrices of products and token embeddings; depthwise and stem filters, positions and vectors stay F32."""
    return (tensor.ndim >= 2 and "depthwise" not in name and "stem" not in name and "position" not in name)


def quantise(tensor):
    """[rows, ...] → int8 of the same shape and a scale for every row: symmetric, largest magnitude 127."""
    flat = tensor.flatten(1)
    scale = flat.abs().amax(1).clamp(min=1e-12) / 127
    return (flat / scale[:, None]).round().clamp(-127, 127).to(torch.int8).view(tensor.shape), scale


def save(model, folder, tokenizer_path, config=CONFIG, int8=True):
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().float().cpu().contiguous()
        if int8 and is_quantised(name, tensor):
            tensors[name], tensors[name + "_scale"] = quantise(tensor)
        else:
            tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    config = {k: v for k, v in config.items() if int8 or k != "quantization_config"}
    for name, value in (("config", config), ("preprocessor_config", PREPROCESSOR), ("tokenizer_config", TOKENIZER),
                        ("generation_config", GENERATION)):
        save_json(folder / f"{name}.json", value)
    if Path(tokenizer_path).resolve() != (folder / "tokenizer.model").resolve():
        shutil.copyfile(tokenizer_path, folder / "tokenizer.model")


def load_model(folder):
    """The reference model with the configuration and the weights, dequantised, of a published folder."""
    tensors = load_file(folder / "model.safetensors")
    state = {}
    for name, tensor in tensors.items():
        if name.endswith("_scale") and name != "logit_scale":
            continue
        scale = tensors.get(name + "_scale") if tensor.dtype == torch.int8 else None
        state[name] = tensor.float() if scale is None else (tensor.flatten(1) * scale[:, None]).view(tensor.shape)
    model = GazeMini(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(state)
    return model.eval()


def load(folder):
    return load_model(folder), Tokenizer(folder / "tokenizer.model")


def assemble(trunk, picture_head, tower, decoder, config=CONFIG):
    """One GazeMini from the parts that the stages trained."""
    model = GazeMini(config)
    model.vision_model.load_state_dict(trunk.state_dict())
    model.visual_norm.load_state_dict(picture_head.visual_norm.state_dict())
    model.visual_projection.load_state_dict(picture_head.visual_projection.state_dict())
    model.text_model.load_state_dict(tower.text_model.state_dict())
    model.text_projection.load_state_dict(tower.text_projection.state_dict())
    model.decoder.load_state_dict(decoder.state_dict())
    model.logit_scale.data = tower.log_scale.detach().clone()
    return model.eval()
