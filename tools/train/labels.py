"""Words for pictures that come with a class instead of a caption, in English and Chinese (names/*.tsv)."""
import csv
from functools import cache
from pathlib import Path

NAMES = Path(__file__).resolve().parent / "names"
EN_PROMPTS = ("{}", "a photo of a {}", "a picture of a {}", "a {} in a photo", "there is a {}")
ZH_PROMPTS = ("{}", "一张{}的照片", "{}的图片", "照片里有{}", "这是{}")


def _rows(name):
    with open(NAMES / name, encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


@cache
def imagenet():
    """[(wnid, English, Chinese)] in the classifier's order."""
    return [(r["wnid"], r["en"], r["zh"]) for r in _rows("imagenet.tsv")]


@cache
def _imagenet_names():
    return {wnid: (en, zh) for wnid, en, zh in imagenet()}


@cache
def caltech():
    """{folder: (English, Chinese)}"""
    return {r["folder"]: (r["en"], r["zh"]) for r in _rows("caltech101.tsv")}


@cache
def fashion(field):
    return {r["en"]: r["zh"] for r in _rows("fashion.tsv") if r["field"] == field}


def article(kind):
    return "t-shirts" if kind == "Tshirts" else kind.lower()


def prompts(en, zh):
    """A class name in every prompt: (English texts, Chinese texts)."""
    return [p.format(en) for p in EN_PROMPTS], [p.format(zh) for p in ZH_PROMPTS]


def _fashion_texts(row):
    kind, kind_zh = article(row["article_type"]), fashion("article_type")[row["article_type"]]
    colour, colour_zh = row["base_colour"].lower(), fashion("base_colour").get(row["base_colour"], "")
    colour = "" if colour == "na" else colour + " "
    who, who_zh = row["gender"].lower(), fashion("gender").get(row["gender"], "")
    en = [f"{colour}{kind}", f"a photo of {colour}{kind}", f"{colour}{kind} for {who}", f"a photo of {kind}", kind]
    zh = [f"{colour_zh}{kind_zh}", f"一张{colour_zh}{kind_zh}的照片", f"{who_zh}{colour_zh}{kind_zh}",
          f"一张{kind_zh}的照片", kind_zh]
    return en, zh


def texts_of(item):
    """(English texts, Chinese texts) that are true of an item; training draws one of each."""
    if item.source == "flickr8k":
        return item.en, item.zh
    if item.source == "fashion":
        return _fashion_texts(item.fields)
    return prompts(*(caltech()[item.label] if item.source == "caltech101" else _imagenet_names()[item.label]))


def group_of(item):
    """Items of one group are no negatives of each other."""
    if item.source == "flickr8k":
        return item.key
    if item.source == "fashion":
        return f"{item.label} {item.fields['base_colour']}"
    name = caltech()[item.label][0] if item.source == "caltech101" else _imagenet_names()[item.label][0]
    return name
