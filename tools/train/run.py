"""The whole recipe, stage by stage; a stage that is done is read from the cache folder. See README.md."""
import argparse
import time
import warnings

import numpy as np
import torch

import captioner
import card
import evaluate
import export
import features
import phrases
import teacher as teaching
import tokenizer as tokenizing
import tower as towers
from common import CACHE, DEVICE, SOURCE, log, save_json, seed_everything
from config import CONFIG
from data import SOURCES, held_out_classes, load_items
from e5 import E5, TextVectors
from labels import imagenet, prompts, texts_of
from tail import finish

FOLDER = SOURCE / "models" / "gaze-mini"
WARM_UP_STEPS, TOWER_EPOCHS, JOIN_EPOCHS, CAPTION_EPOCHS = 250, 10, 3, 7


def e5_vectors(items, phrase_list):
    captions = [t for it in items if it.source == "flickr8k" for t in it.en + it.zh]
    labels = {t for it in items if it.source != "flickr8k" for lang in texts_of(it) for t in lang}
    labels |= {t for _, en, zh in imagenet() for lang in prompts(en, zh) for t in lang}
    for name, texts in (("captions", captions), ("labels", labels), ("phrases", phrase_list)):
        stored = TextVectors(name)
        if any(t not in stored.index for t in texts):
            stored.add(texts, E5())


def stored(name, module, make):
    """A stage whose result is one module's weights."""
    path = CACHE / f"{name}.pt"
    if not path.exists():
        seed_everything(11)
        make()
        torch.save(module.state_dict(), path)
    module.load_state_dict(torch.load(path, map_location=DEVICE, weights_only=True))
    return module.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without", default="", help=f"sources to leave out, comma-separated: {', '.join(SOURCES)}")
    parser.add_argument("--folder", default=FOLDER, type=type(FOLDER), help="where the checkpoint goes")
    without = sorted(filter(None, parser.parse_args().without.split(",")))
    folder = parser.parse_args().folder
    if unknown := set(without) - set(SOURCES):
        parser.error(f"no such source: {', '.join(unknown)}; there are {', '.join(SOURCES)}")
    if "flickr8k" in without:
        parser.error("flickr8k is the only source of captions; put another caption set in its layout instead "
                     "(shared/data/flickr8k: images.tar, captions.en.tsv, captions.zh.tsv)")
    warnings.filterwarnings("ignore")
    CACHE.mkdir(parents=True, exist_ok=True)
    mark, said = CACHE / "sources.txt", " ".join(s for s in SOURCES if s not in without)
    if mark.exists() and mark.read_text() != said:
        parser.error(f"{CACHE} holds a run with other sources ({mark.read_text()}); set GAZE_TRAIN_CACHE to another folder")
    mark.write_text(said)
    begun = time.time()

    items = load_items(without)
    left_out = held_out_classes() if "caltech101" not in without else frozenset()
    maps = features.run(items)
    phrase_list = phrases.run(items)
    e5_vectors(items, phrase_list)
    tokenizer = tokenizing.run([t for it in items if not it.dev for t in it.en + it.zh], phrase_list)

    teacher, trunk, texts = teaching.run(items, maps, left_out)
    pooled, feature_maps, kept = finish(trunk, maps, "tuned", lambda key, view: key.startswith("flickr8k/"))
    batches, all_batches = (teaching.Batches(items, maps, texts, out) for out in (left_out, frozenset()))
    _, _, logits = teaching.original(maps)
    teacher = stored("teacher-heads-tuned", teacher, lambda: teaching.train_heads(
        teacher, pooled, logits, batches, 6, rate=4e-4, seed=4))
    log("teacher on the fine-tuned trunk", teaching.quick_check(teacher, pooled, maps, items, texts))
    teacher.eval()

    tower = towers.Tower().to(DEVICE)
    words = towers.Words(teacher, tokenizer, texts, phrase_list)

    def warm():
        first = teaching.Teacher(teacher.text.mean).to(DEVICE)
        _, untouched, answers = teaching.original(maps)
        teaching.load_heads_only(first, untouched, answers, batches)
        towers.start_from_teacher(tower, first, tokenizer)
        towers.warm_up(tower, towers.Words(first, tokenizer, texts, phrase_list), WARM_UP_STEPS)

    def vectors_of(head):
        with torch.inference_mode():
            return torch.cat([head.eval()(torch.from_numpy(p.astype(np.float32)).to(DEVICE)).half().cpu()
                              for p in np.array_split(pooled, 20)])

    def table(pictures, check):
        text_of = lambda some: towers.encode_all(tower, tokenizer, some)
        picture_of = evaluate.cached_pictures(maps, pooled, pictures)
        known = {key for key, view in maps.rows if view == "whole"}
        return {"retrieval": evaluate.retrieval_table(picture_of, text_of, items),
                "retrieval_with_mirror": evaluate.retrieval_table(lambda k: picture_of(k, True), text_of, items),
                **evaluate.words_table(picture_of, text_of, items, known, check)}

    stored("tower-warm", tower, warm)
    stored("tower-check", tower, lambda: towers.train(tower, words, batches, vectors_of(teacher.picture), TOWER_EPOCHS,
                                                      "tower-check", seed=5))
    check = table(teacher.picture, True)
    log("before the left-out classes join:", check)
    teacher = stored("teacher-joined", teacher, lambda: teaching.join_pictures(teacher, pooled, logits, all_batches))
    stored("tower", tower, lambda: towers.train(tower, words, all_batches, vectors_of(teacher.picture), JOIN_EPOCHS,
                                                "tower-join", seed=6, rate=2e-4))
    decoder = captioner.new_decoder().to(DEVICE)
    stored("captioner", decoder, lambda: captioner.train(decoder, items, tokenizer, pooled, feature_maps, kept, maps.rows,
                                                         CAPTION_EPOCHS, "captioner"))

    model = export.assemble(trunk, teacher.picture, tower, decoder, CONFIG)
    export.save(model, folder, CACHE / "tokenizer.model")
    result = evaluate.of_folder(folder, items)
    result["before_int8"] = table(teacher.picture, False)
    result["twenty_classes_left_out"] = {k: v for k, v in check.items() if k.startswith("left_out")}
    result["minutes"] = round((time.time() - begun) / 60)
    examples = result.pop("examples")
    save_json(folder / "evaluation.json", result)
    (folder / "README.md").write_text(card.write(result, examples, said.split()), encoding="utf-8")
    print(card.table(result))


if __name__ == "__main__":
    main()
