"""The pictures and their words, as one list of items: what is trained on, and what is kept aside."""
import csv
import io
import re
import tarfile
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

from PIL import Image

from common import SHARED, by_hash, one_in

SOURCES = ("flickr8k", "caltech101", "imagenet-samples", "fashion")
DEV_PICTURES = 1000          # of Flickr8k, never trained on
HELD_OUT_CLASSES = 20        # of Caltech-101, left out by the check run


@dataclass
class Item:
    key: str                 # source/member name, unique
    source: str
    dev: bool                # kept aside: never trained on
    label: str = ""          # class name of Caltech-101, wnid of ImageNet, article type of fashion
    en: list = field(default_factory=list)
    zh: list = field(default_factory=list)
    fields: dict = field(default_factory=dict)


def clean(text):
    """A caption as written by people: spaces before punctuation and the final full stop go away."""
    text = re.sub(r"\s+([,.!?;:'])", r"\1", text.strip())
    return re.sub(r"[\s.。]+$", "", text)


def _captions(path):
    found = defaultdict(list)
    with open(path, encoding="utf-8") as f:
        for line in f:
            name, _, text = line.rstrip("\n").partition("\t")
            if clean(text):
                found[name].append(clean(text))
    return found


def _members(source):
    with tarfile.open(SHARED / "data" / source / "images.tar") as tar:
        return sorted(m.name for m in tar if m.isfile())


@cache
def held_out_classes():
    names = {m.split("/")[0] for m in _members("caltech101")} - {"BACKGROUND_Google", "Faces_easy"}
    return by_hash(names, HELD_OUT_CLASSES)


def load_items(without=()):
    """Every item of every source not named in `without`, in a fixed order."""
    items = []
    if "flickr8k" not in without:
        en, zh = (_captions(SHARED / f"data/flickr8k/captions.{lang}.tsv") for lang in ("en", "zh"))
        names = _members("flickr8k")
        dev = by_hash(names, DEV_PICTURES)
        items += [Item("flickr8k/" + n, "flickr8k", n in dev, "", en[n], zh[n]) for n in names]
    if "caltech101" not in without:
        items += [Item("caltech101/" + n, "caltech101", one_in(n, 8), n.split("/")[0])
                  for n in _members("caltech101") if not n.startswith("BACKGROUND")]
    if "imagenet-samples" not in without:
        items += [Item("imagenet-samples/" + n, "imagenet-samples", False, n.split("_")[0])
                  for n in _members("imagenet-samples")]
    if "fashion" not in without:
        present = set(_members("fashion"))
        with open(SHARED / "data/fashion/products.tsv", encoding="utf-8") as f:
            rows = [r for r in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE) if r["file"] in present]
        items += [Item("fashion/" + r["file"], "fashion", one_in(r["file"], 8), r["article_type"], fields=r)
                  for r in rows]
    return items


def read_pictures(items):
    """Yields (index, RGB picture) for every item, source by source, in the order of `items`."""
    for source in SOURCES:
        wanted = {it.key.split("/", 1)[1]: i for i, it in enumerate(items) if it.source == source}
        if not wanted:
            continue
        with tarfile.open(SHARED / "data" / source / "images.tar") as tar:
            for name in sorted(wanted):
                with Image.open(io.BytesIO(tar.extractfile(name).read())) as im:
                    yield wanted[name], im.convert("RGB")
