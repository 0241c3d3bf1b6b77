"""On a GPU: every picture as pixels in its memory, and fresh views of them for every step."""
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from common import CACHE, DEVICE, log
from data import read_pictures
from features import SIZE


def load(items):
    """uint8 [items, 260, 260, 3] on the device: stretched, bicubic, as the published processor does it."""
    path, shape = CACHE / "pixels.u8", (len(items), SIZE, SIZE, 3)
    if not path.exists() or path.stat().st_size != np.prod(shape):
        log(f"pixels: {len(items)} pictures")
        values = np.memmap(path.with_suffix(".tmp"), np.uint8, "w+", shape=shape)
        for n, picture in read_pictures(items):
            values[n] = np.asarray(picture.resize((SIZE, SIZE), Image.BICUBIC))
        values.flush()
        path.with_suffix(".tmp").rename(path)
    return torch.from_numpy(np.fromfile(path, np.uint8).reshape(shape)).to(DEVICE)


def whole(pixels, rows, mirror=False):
    """f32 [n, 3, 260, 260], (x − 127) / 128."""
    x = (pixels[rows].permute(0, 3, 1, 2).float() - 127) / 128
    return x.flip(3) if mirror else x


def views(pixels, rows, smallest=0.4):
    """The same of a random part of each picture (area `smallest` to 1, aspect ¾ to 4/3), flipped half of the time, its
    brightness, contrast and colour changed by up to a quarter."""
    n = len(rows)
    uniform = lambda low, high: torch.empty(n, 1, device=DEVICE).uniform_(low, high)
    area, aspect = uniform(smallest, 1), torch.exp(uniform(-0.288, 0.288))
    w, h = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    x, y = (1 - w) * uniform(-1, 1), (1 - h) * uniform(-1, 1)
    turn, zero = torch.sign(uniform(-1, 1)), torch.zeros(n, 1, device=DEVICE)
    theta = torch.cat([w * turn, zero, x, zero, h, y], 1).view(n, 2, 3)
    grid = F.affine_grid(theta, (n, 3, SIZE, SIZE), align_corners=False)
    out = F.grid_sample(pixels[rows].permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)
    one = lambda: uniform(0.75, 1.25)[..., None, None]
    out = out * one()
    mean = out.mean((1, 2, 3), keepdim=True)
    out = (out - mean) * one() + mean
    grey = out.mean(1, keepdim=True)
    out = (out - grey) * one() + grey
    return (out.clamp(0, 255) - 127) / 128
