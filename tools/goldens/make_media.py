#!/usr/bin/python3
"""Makes tests/golden/media: small pictures in every format and mode, and what Debian 12's PIL makes of them.

Run with Debian's python3-pil (9.4.0, the same codec libraries as Gaze): /usr/bin/python3 tools/goldens/make_media.py
The manifest holds, for each file, PIL's size and the CRC-32 of the RGB bytes (open().convert("RGB")), the same after
exif_transpose, or the fact that PIL refuses it; and the CRC-32 of resized noise, which the test makes itself (see `noise`).
"""
import io
import json
import pathlib
import random
import struct
import warnings
import zlib

import PIL
from PIL import Image, ImageOps

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


def bmp(width, height, bits, rows, palette=b"", masks=b"", compression=0, header=40, pixels_at=None):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(rows), 0, 0, len(palette) // 4, 0)
    start = 14 + len(info) + len(masks) + len(palette)
    at = start if pixels_at is None else pixels_at
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, at) + info + masks + palette + rows


def bmp_zoo():
    for mode in ("1", "L", "RGB", "RGBA"):
        yield f"bmp-{mode}.bmp", saved(photo(13, 9, "RGB").convert(mode), "BMP")
    yield "bmp-P.bmp", saved(photo(13, 9).quantize(50), "BMP")
    data = lambda count: bytes(rng.randrange(256) for _ in range(count))
    yield "bmp-4.bmp", bmp(13, 9, 4, data(8 * 9), data(64))
    yield "bmp-4-few.bmp", bmp(13, 9, 4, data(8 * 9), data(20))
    yield "bmp-1-palette.bmp", bmp(37, 9, 1, data(8 * 9), data(8))
    yield "bmp-555.bmp", bmp(13, 9, 16, data(28 * 9))
    yield "bmp-565.bmp", bmp(13, 9, 16, data(28 * 9), masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F), compression=3)
    yield "bmp-32-fields.bmp", bmp(13, 9, 32, data(52 * 9), masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00),
                                   compression=3)
    yield "bmp-top-down.bmp", bmp(13, -9, 24, data(40 * 9))
    yield "bmp-os2.bmp", bmp(13, 9, 8, data(16 * 9), data(768), header=12)
    yield "bmp-no-offset.bmp", bmp(13, 9, 8, data(16 * 9), data(1024), pixels_at=54)
    runs = [bytes([5, rng.randrange(250), 0, 4]) + data(4) + bytes([4, rng.randrange(250), 0, 0]) for _ in range(9)]
    yield "bmp-rle8.bmp", bmp(13, 9, 8, b"".join(runs) + b"\0\1", data(1000), compression=1)
    runs = [bytes([5, rng.randrange(256), 0, 4]) + data(2) + bytes([4, rng.randrange(256), 0, 0]) for _ in range(9)]
    yield "bmp-rle4.bmp", bmp(13, 9, 4, b"".join(runs) + b"\0\1", data(64), compression=2)
    yield "bmp-truncated.bmp", bmp(13, 9, 24, data(40 * 9 - 30))
    yield "bmp-1x1.bmp", bmp(1, 1, 24, data(4))


def gif_zoo():
    picture = photo(37, 23).quantize(60)
    yield "gif.gif", saved(picture, "GIF", interlace=0)
    yield "gif-interlaced.gif", saved(picture, "GIF", interlace=1)
    yield "gif-grey.gif", saved(photo(20, 11, "L"), "GIF")
    yield "gif-transparent.gif", saved(picture, "GIF", transparency=3)
    second = photo(37, 23).quantize(30)
    yield "gif-animated.gif", saved(picture, "GIF", save_all=True, append_images=[second], duration=50, loop=0)
    small = saved(photo(9, 5).quantize(20), "GIF")
    yield "gif-larger-screen.gif", small[:6] + struct.pack("<HH", 20, 12) + small[10:]
    clear = saved(photo(9, 5).quantize(20), "GIF", transparency=2)
    yield "gif-larger-screen-transparent.gif", clear[:6] + struct.pack("<HH", 20, 12) + clear[10:]
    yield "gif-smaller-screen.gif", small[:6] + struct.pack("<HH", 4, 4) + small[10:]
    yield "gif-1x1.gif", saved(photo(1, 1).quantize(2), "GIF")
    yield "gif-truncated.gif", saved(picture, "GIF")[:500]


def webp_zoo():
    picture = photo(61, 43)
    yield "webp-lossy.webp", saved(picture, "WEBP", quality=70)
    yield "webp-lossless.webp", saved(photo(31, 20), "WEBP", lossless=True)
    alpha = photo(31, 20, "RGBA")
    yield "webp-lossy-alpha.webp", saved(alpha, "WEBP", quality=70)
    yield "webp-lossless-alpha.webp", saved(alpha, "WEBP", lossless=True, exact=True)
    frames = [photo(31, 20), photo(31, 20)]
    yield "webp-animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=50)
    yield "webp-1x1.webp", saved(photo(1, 1), "WEBP")
    yield "webp-truncated.webp", saved(picture, "WEBP", quality=70)[:-200]


def tiff_zoo():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "I", "F", "I;16", "I;16B"):
        if mode == "1":
            picture = photo(29, 17).convert("1")
        elif mode == "P":
            picture = photo(29, 17).quantize(40)
        elif mode in ("I", "F"):
            picture = photo(29, 17, "L").convert(mode).point(lambda v: v * 2 - 100)
        elif mode.startswith("I;16"):
            picture = Image.frombytes(mode, (29, 17), bytes(rng.choice((0, 0, 9, 200)) for _ in range(29 * 17 * 2)))
        else:
            picture = photo(29, 17, mode)
        name = mode.replace(";", "")
        yield f"tiff-{name}.tif", saved(picture, "TIFF")
        yield f"tiff-{name}-lzw.tif", saved(picture, "TIFF", compression="tiff_lzw")
    yield "tiff-packbits.tif", saved(photo(29, 17), "TIFF", compression="packbits")
    yield "tiff-deflate.tif", saved(photo(29, 17), "TIFF", compression="tiff_adobe_deflate")
    yield "tiff-jpeg.tif", saved(photo(48, 32), "TIFF", compression="jpeg", quality=80)
    yield "tiff-ycbcr.tif", saved(photo(48, 32, "YCbCr"), "TIFF", compression="tiff_lzw")
    yield "tiff-group4.tif", saved(photo(64, 17).convert("1"), "TIFF", compression="group4")
    yield "tiff-white-is-zero.tif", saved(photo(29, 17, "L"), "TIFF", tiffinfo={262: 0})
    for orientation in range(2, 9):
        yield f"tiff-turned-{orientation}.tif", saved(photo(7, 4), "TIFF", tiffinfo={274: orientation})
    yield "tiff-truncated.tif", saved(photo(29, 17), "TIFF", compression="tiff_lzw")[:700]


def exif_zoo():
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"exif-turned-{orientation}.jpg", saved(photo(19, 11), "JPEG", exif=exif)
    yield "exif-turned-6.png", saved(photo(9, 5), "PNG", exif=exif_of({0x0112: 6}))
    yield "exif-turned-8.webp", saved(photo(9, 5), "WEBP", exif=exif_of({0x0112: 8}))
    facts = {0x010F: "Canon", 0x0110: "Canon EOS R5", 0x0132: "2024:06:02 08:00:00", 0x0112: 3}
    facts[0x8769] = {0x9003: "2024:05:01 12:30:09"}
    facts[0x8825] = {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0)}
    yield "exif-facts.jpg", saved(photo(16, 8), "JPEG", exif=exif_of(facts))
    yield "exif-facts.png", saved(photo(4, 4), "PNG", exif=exif_of(facts))


def exif_of(tags):
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif


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
        opened = Image.open(io.BytesIO(data))
        image = opened.convert("RGB")
    except Exception as error:
        return {"refused": type(error).__name__}
    # A TIFF is upright once it is loaded; PIL's exif_transpose would turn it again.
    upright = image if opened.format == "TIFF" else ImageOps.exif_transpose(opened).convert("RGB")
    return {"width": image.width, "height": image.height, "crc": zlib.crc32(image.tobytes()),
            "upright_crc": zlib.crc32(upright.tobytes())}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    files = {}
    for name, data in [*png_zoo(), *jpeg_zoo(), *bmp_zoo(), *gif_zoo(), *webp_zoo(), *tiff_zoo(), *exif_zoo()]:
        (OUT / name).write_bytes(data)
        files[name] = pil_of(data)
    manifest = {"made_by": f"PIL {PIL.__version__}, seed {SEED}", "files": files, "resizes": list(resizes())}
    text = json.dumps(manifest, separators=(",", ":")).replace('},"', '},\n"').replace('},{', '},\n{')
    (OUT / "manifest.json").write_text(text + "\n")
    print(f"{len(files)} files, {sum(f.stat().st_size for f in OUT.iterdir())} bytes; refused by PIL:",
          ", ".join(name for name, facts in files.items() if "refused" in facts))


main()
