"""The trained end of the picture network (blocks 16–20 and head) on cached maps, channels last: [n, 81, 208] → ...

The same weights as VisionModel's, run as matrix products, and with a backward pass of its own for the depthwise
convolutions, whose weights stay frozen: torch's own is many times slower on a CPU.
"""
import numpy as np
import torch
import torch.nn.functional as F

from common import CACHE, DEVICE, autocast, log
from features import FIRST_TRAINED

SIDE = 9


class FrozenDepthwise(torch.autograd.Function):
    """[n, c, 9, 9] with odd kernel and symmetric padding; the gradient is the convolution with the turned kernel."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(weight)
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=weight.shape[0])

    @staticmethod
    def backward(ctx, grad):
        weight, = ctx.saved_tensors
        return F.conv2d(grad, weight.flip(2, 3), padding=weight.shape[-1] // 2, groups=weight.shape[0]), None, None


def _pointwise(x, conv):
    return F.linear(x, conv.weight.flatten(1), conv.bias)


def run_tail(trunk, x):
    """[n, 81, 208] → feature map [n, 81, 352] and pooled [n, 1280]."""
    n = x.shape[0]
    for block in trunk.blocks[FIRST_TRAINED:]:
        y = F.relu6(_pointwise(x, block.expand), inplace=True)
        y = y.view(n, SIDE, SIDE, -1).permute(0, 3, 1, 2)
        y = FrozenDepthwise.apply(y, block.depthwise.weight, block.depthwise.bias)
        y = F.relu6(y.permute(0, 2, 3, 1).reshape(n, SIDE * SIDE, -1), inplace=True)
        y = _pointwise(y, block.project)
        x = x + y if block.residual else y
    return x, F.relu6(_pointwise(x, trunk.head), inplace=True).mean(1)


def trainable(trunk):
    """Pointwise weights and biases of the end, made trainable."""
    parameters = []
    for block in trunk.blocks[FIRST_TRAINED:]:
        parameters += [*block.expand.parameters(), *block.project.parameters()]
    parameters += [*trunk.head.parameters()]
    for p in parameters:
        p.requires_grad_(True)
    return parameters


@torch.inference_mode()
def finish(trunk, maps, name, keep_map=lambda key, view: False, batch=32):
    """Runs the end over every cached view; returns pooled [n, 1280] f16 and feature maps of the views to keep.

    Stored in the cache folder as `name`, so that a second call only reads.
    """
    path, map_path = CACHE / f"{name}-pooled.npy", CACHE / f"{name}-maps.npy"
    kept = {kv: r for r, kv in enumerate(kv for kv in maps.rows if keep_map(*kv))}
    if path.exists():
        return np.load(path), (np.load(map_path, mmap_mode="r") if kept else None), kept
    log(f"{name}: the end of the trunk over {len(maps.rows)} views")
    source, out = maps.open(), np.zeros((len(maps.rows), 1280), np.float16)
    if kept:
        out_maps = np.lib.format.open_memmap(map_path, "w+", np.float16, (len(kept), 81, 352))
    keys = list(maps.rows)
    for start in range(0, len(keys), batch):
        some = keys[start:start + batch]
        with autocast():
            feature_map, pooled = run_tail(trunk, torch.from_numpy(source[start:start + batch].astype(np.float32)).to(DEVICE))
        out[start:start + batch] = pooled.float().cpu().numpy()
        rows = [(kept[kv], i) for i, kv in enumerate(some) if kv in kept]
        if rows:
            out_maps[[r for r, _ in rows]] = feature_map.float().cpu().numpy()[[i for _, i in rows]]
    np.save(path, out)
    return out, (np.load(map_path, mmap_mode="r") if kept else None), kept
