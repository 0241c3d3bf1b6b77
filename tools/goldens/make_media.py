#!/usr/bin/python3
"""Makes tests/golden/media: small pictures in every format and mode, and what Debian 12's PIL makes of them.

Run with Debian's python3-pil (9.4.0, the same codec libraries as Gaze): /usr/bin/python3 tools/goldens/make_media.py
The manifest holds, for each file, PIL's size and the CRC-32 of the RGB bytes (open().convert("RGB")), or the fact that
PIL refuses it; and the CRC-32 of resized noise, which the test makes itself (see `noise`).
"""
import io
import json
import pathlib
import random
import struct
import warnings
import zlib

import PIL
from PIL import Image

SEED = 20261123
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "media"
rng = random.Random(SEED)
warnings.simplefilter("ignore")


def noise(size):
    """The same bytes as noise() in src/media/testing.h: a linear congruential block of prime length, repeated."""
    state, block = 12345, bytearray()
    for _ in range(99991):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        block.append(state >> 16 & 255)
    return (bytes(block) * (size // len(block) + 1))[:size]


def photo(width, height, mode="RGB"):
    """Smooth waves with edges and a little grain: what codecs are made for."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                wave = (x * (3 + c) + y * (5 - c)) % 256
                edge = 90 if (x // 6 + y // 4) % 3 == c else 0
                data.append((wave + edge + rng.randrange(12)) % 256)
    return Image.frombytes(mode, (width, height), bytes(data))


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


# PNG, by hand: PIL writes neither interlaced ones nor all depths.
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(width, height, depth, colour, interlaced, palette=b"", transparency=b"", before=b""):
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = bytearray()
    for x, y, dx, dy in passes:
        columns, rows = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
        if columns <= 0 or rows <= 0:
            continue
        for _ in range(rows):
            raw.append(rng.randrange(5) if colour != 3 else 0)
            row = bytearray(rng.randrange(256) for _ in range((columns * bits + 7) // 8))
            if colour == 0 and depth == 16:  # mostly values below 256, where clipping shows
                row[::2] = bytes(rng.choice((0, 0, 0, 1, 200)) for _ in row[::2])
            raw += row
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before
    if palette:
        out += chunk(b"PLTE", palette)
    if transparency:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(bytes(raw), 9)) + chunk(b"IEND", b"")


def png_zoo():
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlaced in (0, 1):
                palette = bytes(rng.randrange(256) for _ in range(3 * min(2**depth, 200))) if colour == 3 else b""
                name = f"png-c{colour}-d{depth}{'-i' if interlaced else ''}"
                yield name + ".png", png(13, 9, depth, colour, interlaced, palette)
    few = bytes(rng.randrange(256) for _ in range(12))
    yield "png-short-palette.png", png(13, 9, 8, 3, 0, few)
    yield "png-palette-transparent.png", png(13, 9, 4, 3, 0, few * 4, b"\0\x80\xff")
    yield "png-grey-transparent.png", png(13, 9, 8, 0, 0, b"", b"\0\x40")
    yield "png-rgb-transparent.png", png(13, 9, 8, 2, 0, b"", b"\0\1\0\2\0\3")
    yield "png-1x1.png", png(1, 1, 8, 2, 0)
    yield "png-1x1-i.png", png(1, 1, 1, 0, 1)
    yield "png-3x2-i.png", png(3, 2, 16, 6, 1)
    whole = png(40, 30, 8, 2, 0)
    yield "png-truncated.png", whole[: len(whole) * 2 // 3]
    yield "png-no-end.png", whole[:-12]
    yield "png-bad-header-checksum.png", whole[:29] + b"\0\0\0\0" + whole[33:]
    yield "png-gamma.png", png(13, 9, 8, 2, 0, before=chunk(b"gAMA", struct.pack(">I", 100000)))


def jpeg_zoo():
    picture = photo(61, 43)
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            yield (f"jpeg-s{subsampling}{'-progressive' if progressive else ''}.jpg",
                   saved(picture, "JPEG", quality=80, subsampling=subsampling, progressive=progressive))
    yield "jpeg-grey.jpg", saved(photo(61, 43, "L"), "JPEG", quality=70)
    yield "jpeg-grey-progressive.jpg", saved(photo(16, 9, "L"), "JPEG", quality=70, progressive=True)
    cmyk = saved(photo(33, 21, "CMYK"), "JPEG", quality=85)
    yield "jpeg-cmyk.jpg", cmyk
    adobe = cmyk.index(b"Adobe") + 11
    yield "jpeg-ycck.jpg", cmyk[:adobe] + b"\2" + cmyk[adobe + 1:]
    yield "jpeg-q1.jpg", saved(photo(40, 40), "JPEG", quality=1)
    yield "jpeg-q100.jpg", saved(photo(17, 18), "JPEG", quality=100)
    yield "jpeg-1x1.jpg", saved(photo(1, 1), "JPEG")
    yield "jpeg-300x2.jpg", saved(photo(300, 2), "JPEG", quality=60)
    yield "jpeg-2x300.jpg", saved(photo(2, 300), "JPEG", quality=60)
    yield "jpeg-5x7.jpg", saved(photo(5, 7), "JPEG")
    whole = saved(photo(64, 64), "JPEG", quality=80)
    yield "jpeg-truncated.jpg", whole[: len(whole) // 2]
    yield "jpeg-no-end.jpg", whole[:-2]
    yield "jpeg-early-end.jpg", whole[: len(whole) // 2] + b"\xff\xd9"
    yield "jpeg-flipped-bits.jpg", whole[:900] + bytes(255 - b if b not in (0, 255) else b for b in whole[900:920]) + whole[920:]
    progressive = saved(photo(64, 64), "JPEG", quality=80, progressive=True)
    yield "jpeg-progressive-no-end.jpg", progressive[:-2]


SIZES = [(1, 1), (3000, 2), (2, 3000), (5, 7), (640, 427), (4000, 3000)]
TARGETS = [(224, 224), (299, 224), (7, 301), (1, 1)]


def resizes():
    for width, height in SIZES:
        image = Image.frombytes("RGB", (width, height), noise(3 * width * height))
        targets = TARGETS if width < 4000 else TARGETS[:2]
        for size in targets + [(width, 11), (11, height)]:
            for resample in range(6):
                if width == 4000 and resample not in (2, 3):
                    continue
                crc = zlib.crc32(image.resize(size, resample).tobytes())
                yield {"from": [width, height], "to": list(size), "resample": resample, "crc": crc}


def pil_of(data):
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB")
    except Exception as error:
        return {"refused": type(error).__name__}
    return {"width": image.width, "height": image.height, "crc": zlib.crc32(image.tobytes())}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    files = {}
    for name, data in [*png_zoo(), *jpeg_zoo()]:
        (OUT / name).write_bytes(data)
        files[name] = pil_of(data)
    manifest = {"made_by": f"PIL {PIL.__version__}, seed {SEED}", "files": files, "resizes": list(resizes())}
    text = json.dumps(manifest, separators=(",", ":")).replace('},"', '},\n"').replace('},{', '},\n{')
    (OUT / "manifest.json").write_text(text + "\n")
    print(f"{len(files)} files, {sum(f.stat().st_size for f in OUT.iterdir())} bytes; refused by PIL:",
          ", ".join(name for name, facts in files.items() if "refused" in facts))


main()
