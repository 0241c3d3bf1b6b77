"""What a model can do, on pictures that training never saw: the table of the model card, and the rows of its examples."""
import numpy as np
import torch

import export
import features
from common import DEVICE
from config import GENERATION, LANGUAGE_IDS
from data import held_out_classes
from generate import beam_search
from labels import article, caltech, fashion, imagenet
from metrics import bleu4, cider_d, cider_d_each, repeats
from teacher import retrieval
from tower import encode_all

EN_PROMPT, ZH_PROMPT = "a photo of a {}", "一张{}的照片"


@torch.inference_mode()
def retrieval_tables(picture_of, text_of, items):
    """R@1/5/10 text → picture and R@1 picture → text by language: with the picture alone, and mirror averaged.

    picture_of(keys, mirror), text_of(texts) → unit vectors.
    """
    dev = [it for it in items if it.source == "flickr8k" and it.dev]
    tables = {"retrieval": {}, "retrieval_with_mirror": {}}
    for lang in ("en", "zh"):
        texts = [(c, n) for n, it in enumerate(dev) for c in getattr(it, lang)]
        vectors, owner = text_of([c for c, _ in texts]), torch.tensor([n for _, n in texts], device=DEVICE)
        for name, mirror in (("retrieval", False), ("retrieval_with_mirror", True)):
            tables[name][lang] = retrieval(picture_of([it.key for it in dev], mirror), vectors, owner)
    return tables


def _class_names():
    return {folder: names for folder, names in caltech().items() if folder != "Faces_easy"}


def in_imagenet(name):
    """Whether a name is, or is the end or the start of, one of the 1,000 class names of the pretrained trunk."""
    return any(f" {name.lower()} " in f" {other.lower()} " for _, other, _ in imagenet())


def _top1(pictures, labels, names, text_of, prompts, among=None):
    """Share of pictures whose class is nearest; `among`: only these classes stand for choice."""
    folders = [f for f in names if among is None or f in among]
    rows = [i for i, label in enumerate(labels) if label in folders]
    if not rows:
        return None
    result = {}
    for lang, prompt in enumerate(prompts):
        classes = text_of([prompt.format(names[f][lang]) for f in folders])
        best = (pictures[rows] @ classes.T).argmax(1).tolist()
        result[("en", "zh")[lang]] = round(100 * float(np.mean([folders[b] == labels[i] for b, i in zip(best, rows)])), 1)
    return result


@torch.inference_mode()
def words_table(picture_of, text_of, items, known, left_out):
    """Caltech-101 (kept-aside pictures): all classes; the left-out ones among all 101 and among themselves. Fashion.

    `known`: keys of the pictures that have vectors; `left_out`: whether the model was trained without those classes.
    """
    names = _class_names()
    dev = [it for it in items if it.source == "caltech101" and it.label in names
           and it.key in known and (it.dev or it.label in held_out_classes())]
    pictures, labels = picture_of([it.key for it in dev]), [it.label for it in dev]
    prompts, held = (EN_PROMPT, ZH_PROMPT), held_out_classes()
    aside = [i for i, it in enumerate(dev) if it.dev]
    table = {"caltech101_all_classes": _top1(pictures[aside], [labels[i] for i in aside], names, text_of, prompts)}
    if left_out:
        rows = [i for i, label in enumerate(labels) if label in held]
        kept = pictures[rows], [labels[i] for i in rows]
        table["left_out_among_101"] = _top1(*kept, names, text_of, prompts)
        table["left_out_among_20"] = _top1(*kept, names, text_of, prompts, among=held)
        unknown = [n for n, label in enumerate(kept[1]) if not in_imagenet(names[label][0])]
        table["left_out_and_not_in_imagenet"] = _top1(kept[0][unknown], [kept[1][n] for n in unknown], names, text_of,
                                                      prompts)
    wear = [it for it in items if it.source == "fashion" and it.dev]
    kinds = {k: (article(k), zh) for k, zh in fashion("article_type").items()}
    if wear:
        present = {it.label for it in wear}
        table["fashion_article_type"] = _top1(picture_of([it.key for it in wear]), [it.label for it in wear],
                                              {k: v for k, v in kinds.items() if k in present}, text_of, prompts)
    return table


@torch.inference_mode()
def captions_of(decoder, tokenizer, items, map_of, language, options=GENERATION, batch=50):
    """map_of(keys) → (feature maps [n, 352, 9, 9], pooled [n, 1280]). Captions of the dev pictures, in their order."""
    keys = [it.key for it in items if it.source == "flickr8k" and it.dev]
    options = tokenizer.within(language, options)
    out = []
    for start in range(0, len(keys), batch):
        memory = decoder.picture(*map_of(keys[start:start + batch]))
        out += [tokenizer.decode(ids) for ids in beam_search(decoder, memory, LANGUAGE_IDS[language], options)]
    return out


def caption_table(captions, items, language):
    references = [getattr(it, language) for it in items if it.source == "flickr8k" and it.dev]
    return {"cider_d": round(cider_d(captions, references), 1), "bleu4": round(bleu4(captions, references), 1),
            "different": len(set(captions)), "with_repeated_3_grams": sum(repeats(c) for c in captions)}


def cached_pictures(maps, pooled, head):
    """picture_of for cached pooled vectors: the whole picture, or its mean with the mirror image."""
    def picture_of(keys, mirror=False):
        rows = torch.from_numpy(pooled[[maps.rows[k, "whole"] for k in keys]].astype(np.float32)).to(DEVICE)
        if mirror:
            other = pooled[[maps.rows[k, "mirror"] for k in keys]].astype(np.float32)
            rows = (rows + torch.from_numpy(other).to(DEVICE)) / 2
        return head(rows)
    return picture_of


@torch.inference_mode()
def of_folder(folder, items):
    """The published folder as it is, from pixels: (every table, examples for the card)."""
    model, tokenizer = export.load(folder)
    model = model.to(DEVICE)
    some = [it for it in items if it.dev]
    found = features.run_from_pixels(
        model.vision_model, some, lambda it: ("whole", "mirror") if it.source == "flickr8k" else ("whole",))
    tensor = lambda arrays: torch.from_numpy(np.stack(arrays)).to(DEVICE)

    def picture_of(keys, mirror=False):
        pooled = tensor([found[k, "whole"][1] for k in keys])
        if mirror:
            pooled = (pooled + tensor([found[k, "mirror"][1] for k in keys])) / 2
        return model.image_embeds(pooled)

    text_of = lambda texts: encode_all(model.text_embeds, tokenizer, texts)
    map_of = lambda keys: (tensor([found[k, "whole"][0] for k in keys]), tensor([found[k, "whole"][1] for k in keys]))
    captions = {lang: captions_of(model.decoder, tokenizer, items, map_of, lang) for lang in ("en", "zh")}
    return {
        **retrieval_tables(picture_of, text_of, items),
        **words_table(picture_of, text_of, items, {k for k, _ in found}, False),
        "captions": {lang: caption_table(captions[lang], items, lang) for lang in captions},
    }, examples(captions, items)


def examples(captions, items):
    """The ten best and ten worst of the dev captions by their own CIDEr-D: (file, caption, first human caption)."""
    dev = [it for it in items if it.source == "flickr8k" and it.dev]
    rows = {}
    for lang in captions:
        scores = cider_d_each(captions[lang], [getattr(it, lang) for it in dev])
        order = sorted(range(len(dev)), key=lambda i: (-scores[i], dev[i].key))
        row = lambda i: (dev[i].key.split("/")[1], captions[lang][i], getattr(dev[i], lang)[0])
        rows[lang] = {"best": [row(i) for i in order[:10]], "worst": [row(i) for i in order[-10:]]}
    return rows
