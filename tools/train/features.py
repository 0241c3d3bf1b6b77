"""Stage: every picture through the frozen part of the trunk (stem and blocks 0–15), once, in up to three views.

Later stages train the rest on these maps, so the costly high-resolution half of the network is never run again.
"""
import random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance, ImageOps
from torch import nn

from common import CACHE, DEVICE, SEED, log
from data import read_pictures
from model import EFFICIENTNET_LITE2, load_pretrained_trunk

FIRST_TRAINED = 16                 # blocks from here on are fine-tuned
MAP_SHAPE = (81, 208)              # 9 × 9 positions, channels last
SIZE = EFFICIENTNET_LITE2["image_size"]
CALTECH_A_CLASS, FASHION_IN_ALL = 40, 3000


def chosen_views(items):
    """(item index, view): all of Flickr8k in three views, a share of the rest; dev pictures whole and mirrored."""
    views, seen, fashion = [], {}, 0
    for i, item in enumerate(items):
        if item.source == "flickr8k":
            views += [(i, "whole"), (i, "mirror")] + ([] if item.dev else [(i, "crop")])
        elif item.dev:
            views.append((i, "whole"))
        elif item.source == "caltech101":
            seen[item.label] = seen.get(item.label, 0) + 1
            if seen[item.label] <= CALTECH_A_CLASS:
                views += [(i, "whole"), (i, "crop")]
        elif item.source == "imagenet-samples":
            views += [(i, "whole"), (i, "crop")]
        elif fashion < FASHION_IN_ALL:
            fashion += 1
            views.append((i, "whole"))
    return views


def pixels(picture, view, key):
    """[260, 260, 3] f32: stretched, bicubic, (x − 127) / 128."""
    if view == "mirror":
        picture = ImageOps.mirror(picture)
    elif view == "crop":
        rng = random.Random(f"{SEED} {key}")
        w, h = picture.size
        area, aspect = rng.uniform(0.5, 1.0) * w * h, rng.uniform(3 / 4, 4 / 3)
        cw, ch = min(w, round((area * aspect) ** 0.5)), min(h, round((area / aspect) ** 0.5))
        x, y = rng.randint(0, w - cw), rng.randint(0, h - ch)
        picture = picture.crop((x, y, x + cw, y + ch))
        if rng.random() < 0.5:
            picture = ImageOps.mirror(picture)
        for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = kind(picture).enhance(rng.uniform(0.8, 1.2))
    return (np.asarray(picture.resize((SIZE, SIZE), Image.BICUBIC), np.float32) - 127) / 128


class _Frozen(nn.Module):
    def __init__(self, trunk):
        super().__init__()
        self.trunk = trunk

    def forward(self, x):
        x = F.relu6(self.trunk.stem(x))
        for block in self.trunk.blocks[:FIRST_TRAINED]:
            x = block(x)
        return x.flatten(2).transpose(1, 2)


def compiled(module, batch):
    """A picture network as a function of [batch, 3, 260, 260] f32 → tuple of arrays.

    OpenVINO on a CPU, where torch is six times slower at these convolutions.
    """
    if DEVICE != "cpu":
        module = module.to(DEVICE)
        as_tuple = lambda y: y if isinstance(y, tuple) else (y,)
        return lambda x: tuple(y.cpu().numpy() for y in as_tuple(module(torch.from_numpy(x).to(DEVICE))))
    import openvino
    converted = openvino.convert_model(module, example_input=torch.zeros(batch, 3, SIZE, SIZE))
    converted.reshape([batch, 3, SIZE, SIZE])
    network = openvino.compile_model(converted, "CPU", {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY"})
    return lambda x: tuple(network(x).values())


@torch.inference_mode()
def run_from_pixels(vision, items, views, batch=16):
    """The whole network on pictures of `items`, every one in `views`: {(key, view): (map [352, 9, 9], pooled)}."""
    network, waiting, out = compiled(vision, batch), [], {}

    def flush():
        x = np.zeros((batch, 3, SIZE, SIZE), np.float32)
        for n, (_, p) in enumerate(waiting):
            x[n] = p.transpose(2, 0, 1)
        maps, pooled = network(x)
        for n, (name, _) in enumerate(waiting):
            out[name] = maps[n].copy(), pooled[n].copy()
        waiting.clear()

    for n, picture in read_pictures(items):
        for view in views(items[n]):
            waiting.append(((items[n].key, view), pixels(picture, view, items[n].key)))
            if len(waiting) == batch:
                flush()
    if waiting:
        flush()
    return out


class Maps:
    """The cached maps: `rows[(key, view)]` is a row of `values` [n, 81, 208] f16."""

    def __init__(self, views, items):
        self.views = views
        self.rows = {(items[i].key, v): r for r, (i, v) in enumerate(views)}
        self.path = CACHE / "maps.f16"

    def open(self, mode="r"):
        return np.memmap(self.path, np.float16, mode, shape=(len(self.views), *MAP_SHAPE))


@torch.inference_mode()
def run(items, batch=16):
    maps = Maps(chosen_views(items), items)
    done_path = CACHE / "maps.done"
    done = set(done_path.read_text().split("\n")) if done_path.exists() else set()
    values = maps.open("r+" if maps.path.exists() else "w+")
    wanted = {}
    for i, view in maps.views:
        wanted.setdefault(i, []).append(view)
    network, waiting = None, []

    def flush():
        x = np.zeros((batch, 3, SIZE, SIZE), np.float32)
        for n, (_, _, p) in enumerate(waiting):
            x[n] = p.transpose(2, 0, 1)
        y, = network(x)
        for n, (key, view, _) in enumerate(waiting):
            values[maps.rows[key, view]] = y[n]
        values.flush()
        with open(done_path, "a") as f:
            f.writelines(f"{key} {view}\n" for key, view, _ in waiting)
        waiting.clear()

    left = [items[i] for i in wanted if any(f"{items[i].key} {v}" not in done for v in wanted[i])]
    if not left:
        return maps
    index = {item.key: i for i, item in enumerate(items)}
    log(f"features: {len(maps.views)} views, {len(left)} pictures left")
    network, count = compiled(_Frozen(load_pretrained_trunk()[0]), batch), 0
    for n, picture in read_pictures(left):
        item = left[n]
        for view in wanted[index[item.key]]:
            if f"{item.key} {view}" in done:
                continue
            waiting.append((item.key, view, pixels(picture, view, item.key)))
            count += 1
            if len(waiting) == batch:
                flush()
            if count % 2000 == 0:
                log(f"features: {count} views")
    if waiting:
        flush()
    return maps
