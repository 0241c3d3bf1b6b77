"""The whole recipe, stage by stage; a stage that is done is read from the cache folder. See README.md."""
import argparse
import multiprocessing
import sys
import time
import warnings
from contextlib import contextmanager

import numpy as np
import torch

import captioner
import card
import evaluate
import export
import features
import joint
import phrases
import teacher as teaching
import tokenizer as tokenizing
import tower as towers
from common import CACHE, DEVICE, SOURCE, log, save_json, seed_everything
from data import SOURCES, held_out_classes, load_items
from e5 import E5, TextVectors
from labels import imagenet, prompts, texts_of
from tail import finish

FOLDER = SOURCE / "models" / "gaze-mini"
WARM_UP_STEPS, TOWER_EPOCHS, JOIN_EPOCHS, CAPTION_EPOCHS = 250, 8, 2, 6


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
        make()
        torch.save(module.state_dict(), path)
    module.load_state_dict(torch.load(path, map_location=DEVICE, weights_only=True))
    return module.eval()


@contextmanager
def beside(function, *arguments):
    """Runs a stage in a second process while the block runs: the recipe is made for two cores."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    try:
        yield
    finally:
        process.join()
    if process.exitcode:
        sys.exit(f"{function.__name__} failed, see the log above")


class Recipe:
    """What several stages need, read from the cache folder; every process makes its own."""

    def __init__(self, without):
        warnings.filterwarnings("ignore")
        self.items = load_items(without)
        self.left_out = held_out_classes() if "caltech101" not in without else frozenset()

    def words(self):
        """Word list, e5 vectors, tokenizer."""
        self.phrases = phrases.run(self.items)
        e5_vectors(self.items, self.phrases)
        captions = [t for it in self.items if not it.dev for t in it.en + it.zh]
        self.tokenizer = tokenizing.run(captions, self.phrases)
        return self

    def together(self):
        """Picture network, picture head, text tower, decoder, table of the check run, table of the result: joint.py."""
        self.words()
        stored = TextVectors("phrases")
        parts, check, result = joint.run(
            self.items, teaching.Texts(self.items), self.tokenizer,
            (torch.from_numpy(stored.vectors), [self.tokenizer(t) for t in stored.index]), self.left_out)
        return parts.trunk, parts.teacher.picture, parts.tower, parts.decoder, check, result

    def pictures(self):
        self.maps = features.run(self.items)
        self.texts = teaching.Texts(self.items)
        self.batches, self.all_batches = (teaching.Batches(self.items, self.maps, self.texts, out)
                                          for out in (self.left_out, frozenset()))
        _, self.untouched, self.answers = teaching.original(self.maps)
        return self

    def heads_only(self):
        seed_everything(10)
        first = teaching.Teacher(self.texts.vectors.float().mean(0)).to(DEVICE)
        return teaching.load_heads_only(first, self.untouched, self.answers, self.batches)

    def taught(self, teacher):
        return towers.Words(teacher, self.tokenizer, self.texts, self.phrases)

    def new_tower(self):
        seed_everything(11)
        return towers.Tower().to(DEVICE)

    def tuned(self):
        """(teacher, trunk, pooled vectors, feature maps of Flickr8k, their rows) after fine-tuning."""
        teacher, trunk = teaching.run(self.items, self.maps, self.texts, self.batches, self.untouched, self.answers)
        return teacher, trunk, *finish(trunk, self.maps, "tuned", lambda key, view: key.startswith("flickr8k/"))


def lane_words(without):
    Recipe(without).words()


def lane_warm_up(without):
    recipe = Recipe(without).words().pictures()
    tower, first = recipe.new_tower(), recipe.heads_only()

    def make():
        towers.start_from_teacher(tower, first, recipe.tokenizer)
        towers.warm_up(tower, recipe.taught(first), WARM_UP_STEPS)
    stored("tower-warm", tower, make)


def lane_captioner(without):
    recipe = Recipe(without).words().pictures()
    _, _, pooled, feature_maps, kept = recipe.tuned()
    seed_everything(12)
    decoder = captioner.new_decoder().to(DEVICE)
    warm = torch.load(CACHE / "tower-warm.pt", map_location=DEVICE, weights_only=True)
    captioner.start_from_tower(decoder, warm["text_model.embeddings.token_embedding.weight"])
    stored("captioner", decoder, lambda: captioner.train(decoder, recipe.items, recipe.tokenizer, pooled, feature_maps,
                                                         kept, recipe.maps.rows, CAPTION_EPOCHS, "captioner"))


def dual_encoder(recipe):
    """The heads and the text tower: (picture head, tower, table of the check run, table of the result)."""
    teacher, _, pooled, _, _ = recipe.tuned()
    stored("teacher-heads-tuned", teacher, lambda: teaching.train_heads(
        teacher, pooled, recipe.answers, recipe.batches, 6, rate=4e-4, seed=4))
    log("teacher on the fine-tuned trunk", teaching.quick_check(teacher, pooled, recipe.maps, recipe.items, recipe.texts))
    teacher.eval()
    tower, words = recipe.new_tower(), recipe.taught(teacher)
    stored("tower-warm", tower, lambda: sys.exit("the warm-up of the text tower is missing"))
    if not (CACHE / "tower-check.pt").exists():
        towers.turn(tower, recipe.taught(recipe.heads_only()), words)

    def vectors():
        with torch.inference_mode():
            return torch.cat([teacher.picture.eval()(torch.from_numpy(p.astype(np.float32)).to(DEVICE)).half().cpu()
                              for p in np.array_split(pooled, 20)])

    def table(check):
        text_of = lambda some: towers.encode_all(tower, recipe.tokenizer, some)
        picture_of = evaluate.cached_pictures(recipe.maps, pooled, teacher.picture)
        known = {key for key, view in recipe.maps.rows if view == "whole"}
        return {**evaluate.retrieval_tables(picture_of, text_of, recipe.items),
                **evaluate.words_table(picture_of, text_of, recipe.items, known, check)}

    stored("tower-check", tower, lambda: towers.train(tower, words, recipe.batches, vectors(), TOWER_EPOCHS,
                                                      "tower-check", seed=5))
    check = table(True)
    log("before the left-out classes join:", check)
    stored("teacher-joined", teacher,
           lambda: teaching.join_pictures(teacher, pooled, recipe.answers, recipe.all_batches))
    stored("tower", tower, lambda: towers.train(tower, words, recipe.all_batches, vectors(), JOIN_EPOCHS, "tower-join",
                                                seed=6, rate=2e-4))
    return teacher.picture, tower, check, table(False)


def in_stages(without):
    """The same parts and tables, in stages that two cores can bear: one process trains, another prepares."""
    recipe = Recipe(without)
    with beside(lane_words, without):
        features.run(recipe.items)
    recipe.words().pictures().heads_only()
    with beside(lane_warm_up, without):
        _, trunk, *_ = recipe.tuned()
    with beside(lane_captioner, without):
        picture_head, tower, check, before_int8 = dual_encoder(recipe)
    decoder = captioner.new_decoder()
    stored("captioner", decoder, lambda: sys.exit("the captioner is missing"))
    return trunk, picture_head, tower, decoder, check, before_int8


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without", default="", help=f"sources to leave out, comma-separated: {', '.join(SOURCES)}")
    parser.add_argument("--folder", default=FOLDER, type=type(FOLDER), help="where the checkpoint goes")
    parser.add_argument("--joint", action=argparse.BooleanOptionalAction, default=DEVICE != "cpu",
                        help="all parts together from pixels (joint.py); the default where there is a GPU, days without")
    arguments = parser.parse_args()
    without, folder = sorted(filter(None, arguments.without.split(","))), arguments.folder
    if unknown := set(without) - set(SOURCES):
        parser.error(f"no such source: {', '.join(unknown)}; there are {', '.join(SOURCES)}")
    if "flickr8k" in without:
        parser.error("flickr8k is the only source of captions; put another caption set in its layout instead "
                     "(shared/data/flickr8k: images.tar, captions.en.tsv, captions.zh.tsv)")
    CACHE.mkdir(parents=True, exist_ok=True)
    mark, said = CACHE / "sources.txt", " ".join(s for s in SOURCES if s not in without)
    if mark.exists() and mark.read_text() != said:
        parser.error(f"{CACHE} holds a run with other sources ({mark.read_text()}); set GAZE_TRAIN_CACHE to another folder")
    mark.write_text(said)
    begun = time.time()

    make = Recipe(without).together if arguments.joint else lambda: in_stages(without)
    trunk, picture_head, tower, decoder, check, before_int8 = make()
    export.save(export.assemble(trunk, picture_head, tower, decoder), folder, CACHE / "tokenizer.model")
    result, examples = evaluate.of_folder(folder, load_items(without))
    result["before_int8"] = before_int8
    result["twenty_classes_left_out"] = {k: v for k, v in check.items() if k.startswith("left_out")}
    result["recipe"] = "joint" if arguments.joint else "stages"
    result["minutes_of_this_run"] = round((time.time() - begun) / 60)
    save_json(folder / "evaluation.json", result)
    (folder / "README.md").write_text(card.write(result, examples, said.split()), encoding="utf-8")
    print(card.table(result))


if __name__ == "__main__":
    main()
