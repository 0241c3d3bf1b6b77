"""Stage on a GPU, in place of features, teacher, warm-up and tower: everything together, from pixels.

One loss over the picture network from block 7 on, the teacher's heads, the small text tower and the caption decoder:
the teacher's (teacher.py), the tower's (tower.py) with gradients into the pictures too, and the captions'. Each view of
a picture is new. Then the network rests; the classes that the check left out join, and the decoder goes on alone.
"""
import copy
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import caption_reward
import captioner
import evaluate
import pixels
import teacher as teaching
import tower as towers
from common import CACHE, DEVICE, SEED, autocast, cosine_rate, log, seed_everything
from config import EN, EOS, PAD, ZH
from model import load_pretrained_trunk

FROZEN = 7                                   # stem and blocks before this one stay as they are
BATCH, PHRASES, CAPTION_BATCH = 512, 768, 128
FIRST_EPOCHS, EPOCHS, WARM_UP_STEPS, JOIN_EPOCHS, CAPTION_EPOCHS = 5, 14, 800, 6, 10
RATES = {"early": 1e-4, "late": 2.5e-4, "heads": 6e-4, "tower": 8e-4, "decoder": 6e-4}
DECAY = {"early": 0.02, "late": 0.02, "heads": 0.1, "tower": 0.05, "decoder": 0.05}
CACHED_VIEWS = 6


class PaddedIds:
    """Token ids of many texts as one tensor, padded: rows of it are cut to their longest."""

    def __init__(self, rows):
        self.length = torch.tensor([len(r) for r in rows], device=DEVICE)
        flat = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
        for n, row in enumerate(rows):
            flat[n, :len(row)] = row
        self.ids = torch.from_numpy(flat).to(DEVICE)

    def __getitem__(self, rows):
        return self.ids[rows, :int(self.length[rows].max())]


class Joint:
    """All parts, and what they are trained on."""

    def __init__(self, items, texts, tokenizer, phrases, left_out):
        self.items, self.texts, self.tokenizer, self.left_out = items, texts, tokenizer, left_out
        self.pixels = pixels.load(items)
        self.vectors = texts.vectors.to(DEVICE)
        self.trunk, weight, bias = load_pretrained_trunk()
        self.trunk = self.trunk.to(DEVICE, memory_format=torch.channels_last)
        self.original = copy.deepcopy(self.trunk)
        self.classifier = weight.to(DEVICE), bias.to(DEVICE)
        self.teacher = teaching.Teacher(texts.vectors.float().mean(0)).to(DEVICE)
        seed_everything(11)
        self.tower = towers.Tower().to(DEVICE)
        seed_everything(12)
        self.decoder = captioner.new_decoder(dropout=0.1).to(DEVICE)
        text_of = {r: t for t, r in texts.row.items()}      # a label that is a caption too has only the caption's row
        self.text_ids = PaddedIds([tokenizer(text_of.get(r, "")) for r in range(len(texts.vectors))])
        self.phrase_vectors, self.phrase_ids = phrases[0].to(DEVICE), PaddedIds(phrases[1])
        self.captions = self._captions()

    def _captions(self):
        """{item: (rows of English ones, rows of Chinese ones)} and their ids, language token first."""
        rows, of_item = [], {}
        for i, it in enumerate(self.items):
            if it.source == "flickr8k" and not it.dev and it.en and it.zh:
                of_item[i] = []
                for code, texts in ((EN, it.en), (ZH, it.zh)):
                    of_item[i].append(range(len(rows), len(rows) + len(texts)))
                    rows += [[code] + self.tokenizer.pieces(t)[:captioner.LONGEST - 1] + [EOS] for t in texts]
        self.caption_ids = PaddedIds(rows)
        return of_item

    def see(self, x, trained=True):
        """[n, 3, 260, 260] → (feature map, pooled, logits of the original classifier)."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), autocast():
            x = F.relu6(self.trunk.stem(x))
            for block in self.trunk.blocks[:FROZEN]:
                x = block(x)
            _, pooled = self.original.from_block(x, FROZEN)
            logits = F.linear(pooled.float(), *self.classifier)
        if not trained:
            return None, pooled.float(), logits
        with autocast():
            feature_map, pooled = self.trunk.from_block(x, FROZEN)
        return feature_map, pooled.float(), logits

    def draw(self, rng, rows):
        """One English and one Chinese text of each item, their groups, and e5's view of them."""
        en, zh = (torch.tensor([rng.choice(self.texts.of_item[i][lang]) for i in rows], device=DEVICE) for lang in (0, 1))
        group = torch.tensor([self.texts.group[i] for i in rows], device=DEVICE)
        return en, zh, group

    def class_e5(self, rng):
        table = self.texts.class_rows[rng.randrange(2)]
        return self.vectors[table[rng.randrange(len(table))].to(DEVICE)].float()

    def encode(self, ids):
        with autocast():
            return self.tower(ids, ids != PAD).float()

    def tower_loss(self, rng, picture, en, zh, group):
        """Contrast with the pictures; 1 − cosine and relations to the teacher's texts, on captions and on phrases."""
        some = torch.tensor(rng.sample(range(len(self.phrase_vectors)), PHRASES), device=DEVICE)
        with torch.no_grad():
            teach, training = self.teacher.text, self.teacher.text.training
            teach.eval()
            target = teach(torch.cat([self.vectors[en], self.vectors[zh]]).float())
            broad = teach(self.phrase_vectors[some].float())
            teach.train(training)
        mine = torch.cat([self.encode(self.text_ids[en]), self.encode(self.text_ids[zh])])
        words = 2 * towers.drawn_to(mine, target) + 1.5 * towers.drawn_to(self.encode(self.phrase_ids[some]), broad)
        if picture is None:
            return words
        scale, same, n = self.tower.log_scale.exp().clamp(max=100), teaching.targets(group, None, None, 0), len(en)
        return words + teaching.contrast(picture, mine[:n], same, scale) + teaching.contrast(picture, mine[n:], same, scale)

    def caption_loss(self, rng, rows, feature_map, pooled, each=2):
        """Mean cross-entropy a token over `each` captions of each language."""
        places = [n for n, i in enumerate(rows) if i in self.captions]
        of = torch.tensor(places, device=DEVICE)
        with autocast():
            memory = self.decoder.picture(feature_map[of], pooled[of])
            total, count = 0.0, 0
            for lang, code in ((0, EN), (1, ZH)):
                chosen = [(c, m) for m, n in enumerate(places)
                          for c in rng.sample(self.captions[rows[n]][lang], min(each, len(self.captions[rows[n]][lang])))]
                loss, tokens = captioner.loss_of(
                    self.decoder, self.caption_ids[torch.tensor([c for c, _ in chosen], device=DEVICE)], memory,
                    torch.tensor([m for _, m in chosen], device=DEVICE), captioner.SMOOTHING[code])
                total, count = total + loss, count + tokens
        return total / count


def optimizer_of(joint, names):
    parts = {"early": joint.trunk.blocks[FROZEN:15], "late": nn.ModuleList([*joint.trunk.blocks[15:], joint.trunk.head]),
             "heads": joint.teacher, "tower": joint.tower, "decoder": joint.decoder}
    groups = []
    for name in names:
        for few in (False, True):
            some = [p for p in parts[name].parameters() if (p.ndim < 2) == few]
            groups.append({"params": some, "peak": RATES[name], "weight_decay": 0 if few else DECAY[name]})
            for p in some:
                p.requires_grad_(True)
    return torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.98))


def step(optimizer, loss, share):
    for g in optimizer.param_groups:
        g["lr"] = g["peak"] * share
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
    optimizer.step()


def epoch_plan(joint, rng, left_out):
    order = teaching.epoch_of(joint.items, rng, left_out)
    return [order[s:s + BATCH] for s in range(0, len(order) - BATCH + 1, BATCH)]


def first_heads(joint):
    """The teacher's heads on the untouched network."""
    seed_everything(10)
    rng, optimizer = random.Random(SEED), optimizer_of(joint, ["heads"])
    optimizer.param_groups[0]["peak"] = optimizer.param_groups[1]["peak"] = 1.5e-3
    steps, done = FIRST_EPOCHS * len(epoch_plan(joint, random.Random(0), joint.left_out)), 0
    for _ in range(FIRST_EPOCHS):
        for rows in epoch_plan(joint, rng, joint.left_out):
            _, pooled, logits = joint.see(pixels.views(joint.pixels, rows), trained=False)
            en, zh, group = joint.draw(rng, rows)
            loss = joint.teacher.loss(pooled, joint.vectors[en].float(), joint.vectors[zh].float(), group, logits,
                                      joint.class_e5(rng))
            step(optimizer, loss, cosine_rate(done, steps, 10))
            done += 1
    joint.teacher.eval()
    towers.start_from_teacher(joint.tower, joint.teacher, joint.tokenizer)


def warm_up(joint):
    """The tower towards the teacher's text side, no pictures."""
    seed_everything(300)
    rng, optimizer = random.Random(SEED * 3), optimizer_of(joint, ["tower"])
    rows = {r for rows, it in zip(joint.texts.of_item, joint.items) if not it.dev for lang in rows for r in lang}
    rows = sorted(rows.union(*(table.flatten().tolist() for table in joint.texts.class_rows)))
    for n in range(WARM_UP_STEPS):
        some = torch.tensor(rng.sample(rows, BATCH), device=DEVICE)
        loss = joint.tower_loss(rng, None, *some.chunk(2), None)
        step(optimizer, loss, min(1, (n + 1) / 50))
        if (n + 1) % 200 == 0:
            log(f"joint: warm-up step {n + 1} of {WARM_UP_STEPS}, loss {loss.item():.3f}")
    captioner.start_from_tower(joint.decoder, joint.tower.text_model.embeddings.token_embedding.weight)


def together(joint, check):
    seed_everything(13)
    rng, optimizer = random.Random(SEED * 2), optimizer_of(joint, list(RATES))
    per_epoch = len(epoch_plan(joint, random.Random(0), joint.left_out))
    done, steps, start = 0, EPOCHS * per_epoch, time.time()
    for part in (joint.teacher, joint.tower, joint.decoder):
        part.train()
    for epoch in range(EPOCHS):
        total = torch.zeros(3, device=DEVICE)
        for rows in epoch_plan(joint, rng, joint.left_out):
            feature_map, pooled, logits = joint.see(pixels.views(joint.pixels, rows))
            en, zh, group = joint.draw(rng, rows)
            losses = [joint.teacher.loss(pooled, joint.vectors[en].float(), joint.vectors[zh].float(), group, logits,
                                         joint.class_e5(rng)),
                      joint.tower_loss(rng, joint.teacher.picture(pooled), en, zh, group),
                      joint.caption_loss(rng, rows, feature_map, pooled)]
            step(optimizer, losses[0] + losses[1] + losses[2], cosine_rate(done, steps, 2 * per_epoch))
            done, total = done + 1, total + torch.stack([x.detach() for x in losses])
        log(f"joint: epoch {epoch + 1} of {EPOCHS}, {np.round((total / per_epoch).tolist(), 3)}, "
            f"{time.time() - start:.0f} s", check() if (epoch + 1) % 5 == 0 or epoch + 1 == EPOCHS else "")
    joint.trunk.requires_grad_(False)


@torch.inference_mode()
def seen(joint, rows, make, batch=512):
    """Feature maps [n, 352, 9, 9] and pooled vectors of `make(rows)`'s pictures, in bf16 and f32."""
    parts = [joint.see(make(rows[s:s + batch])) for s in range(0, len(rows), batch)]
    return torch.cat([m for m, _, _ in parts]), torch.cat([p for _, p, _ in parts])


class Cached:
    """Views of the training pictures through the network as it is now."""

    def __init__(self, joint, rows, keep_maps=False):
        self.count, self.place = CACHED_VIEWS + 2, {i: n for n, i in enumerate(rows)}
        makes = [lambda r: pixels.whole(joint.pixels, r), lambda r: pixels.whole(joint.pixels, r, True)]
        makes += [lambda r: pixels.views(joint.pixels, r)] * CACHED_VIEWS
        parts = [seen(joint, rows, make) for make in makes]
        self.pooled = torch.stack([p for _, p in parts])
        self.maps = torch.stack([m for m, _ in parts]) if keep_maps else None

    def draw(self, rng, rows):
        """Any view of each picture: (feature maps or None, pooled vectors)."""
        view = torch.tensor([rng.randrange(self.count) for _ in rows], device=DEVICE)
        place = torch.tensor([self.place[i] for i in rows], device=DEVICE)
        return None if self.maps is None else self.maps[view, place], self.pooled[view, place]


def join(joint):
    """The classes that the check left out join: picture head and tower go on, network and teacher stay as they are."""
    seed_everything(14)
    usable = [i for i, it in enumerate(joint.items) if not it.dev]
    cached, rng = Cached(joint, usable), random.Random(SEED * 5)
    joint.teacher.eval().requires_grad_(False)
    joint.teacher.picture.train()
    optimizer = optimizer_of(joint, ["tower"])
    heads = list(joint.teacher.picture.parameters())
    for p in heads:
        p.requires_grad_(True)
    optimizer.add_param_group({"params": heads, "peak": 2e-4, "weight_decay": 0.1})
    optimizer.param_groups[0]["peak"] = optimizer.param_groups[1]["peak"] = 2e-4
    steps, done = JOIN_EPOCHS * len(epoch_plan(joint, random.Random(0), ())), 0
    for _ in range(JOIN_EPOCHS):
        for rows in epoch_plan(joint, rng, ()):
            _, pooled = cached.draw(rng, rows)
            en, zh, group = joint.draw(rng, rows)
            picture = joint.teacher.picture(pooled)
            loss = joint.tower_loss(rng, picture, en, zh, group)
            scale = joint.teacher.log_scale.exp().clamp(max=100)
            with torch.no_grad():
                texts = [joint.teacher.text(joint.vectors[r].float()) for r in (en, zh)]
            same = teaching.targets(group, None, None, 0)
            loss = loss + sum(teaching.contrast(picture, t, same, scale) for t in texts)
            step(optimizer, loss, cosine_rate(done, steps, 20))
            done += 1
    for part in (joint.teacher, joint.tower):
        part.eval()


def captions_alone(joint):
    """The decoder on the network as it is now."""
    seed_everything(15)
    cached = Cached(joint, list(joint.captions), keep_maps=True)
    rng, optimizer, start = random.Random(SEED * 7), optimizer_of(joint, ["decoder"]), time.time()
    pool = list(joint.captions)
    steps, done = CAPTION_EPOCHS * (len(pool) // CAPTION_BATCH), 0
    joint.decoder.train()
    for epoch in range(CAPTION_EPOCHS):
        total = 0.0
        rng.shuffle(pool)
        for s in range(0, len(pool) - CAPTION_BATCH + 1, CAPTION_BATCH):
            loss = joint.caption_loss(rng, pool[s:s + CAPTION_BATCH], *cached.draw(rng, pool[s:s + CAPTION_BATCH]))
            step(optimizer, loss, cosine_rate(done, steps, 50))
            done, total = done + 1, total + loss.item()
        log(f"joint: captions, epoch {epoch + 1} of {CAPTION_EPOCHS}, {total / (len(pool) // CAPTION_BATCH):.3f}, {time.time() - start:.0f} s")
    joint.decoder.eval()
    return cached


class Check:
    """Tables over the kept-aside pictures with the parts as they are now."""

    def __init__(self, joint):
        self.joint, self.index = joint, {it.key: i for i, it in enumerate(joint.items)}

    def rows(self, keys):
        return [self.index[k] for k in keys]

    def picture_of(self, keys, mirror=False):
        look = lambda flip: seen(self.joint, self.rows(keys), lambda r: pixels.whole(self.joint.pixels, r, flip))[1]
        pooled = (look(False) + look(True)) / 2 if mirror else look(False)
        return self.joint.teacher.picture(pooled)

    def dual_encoder(self, left_out):
        joint = self.joint
        joint.teacher.eval(), joint.tower.eval()
        text_of = lambda some: towers.encode_all(joint.tower, joint.tokenizer, some)
        usable = {it.key for it in joint.items}
        return {**evaluate.retrieval_tables(self.picture_of, text_of, joint.items),
                **evaluate.words_table(self.picture_of, text_of, joint.items, usable, left_out)}

    def captions(self):
        joint = self.joint
        joint.decoder.eval()

        def map_of(keys):
            maps, pooled = seen(joint, self.rows(keys), lambda r: pixels.whole(joint.pixels, r))
            return maps.float(), pooled
        found = {lang: evaluate.captions_of(joint.decoder, joint.tokenizer, joint.items, map_of, lang, batch=250)
                 for lang in ("en", "zh")}
        return {lang: evaluate.caption_table(found[lang], joint.items, lang) for lang in found}

    def short(self):
        table = self.dual_encoder(True)
        result = {**{lang: table["retrieval"][lang] for lang in ("en", "zh")},
                  "among 101": table.get("left_out_among_101")}
        for part in (self.joint.teacher, self.joint.tower):
            part.train()
        return result


def run(items, texts, tokenizer, phrases, left_out):
    """(joint, table of the check run, table of the result). Parts are stored after every stage in the cache folder."""
    joint = Joint(items, texts, tokenizer, phrases, left_out)
    check, cached, tables = Check(joint), None, {}
    path = CACHE / "joint.pt"
    names = ("trunk", "teacher", "tower", "decoder")

    def keep(stage):
        torch.save({"stage": stage, "tables": tables, **{n: getattr(joint, n).state_dict() for n in names}}, path)

    def encoders():
        first_heads(joint)
        warm_up(joint)
        together(joint, check.short)
        tables["check"] = check.dual_encoder(True)
        log("before the left-out classes join:", tables["check"])

    def left_out_join():
        join(joint)
        tables["result"] = check.dual_encoder(False)
        log("after:", tables["result"])

    def captions():
        nonlocal cached
        cached = captions_alone(joint)
        log("captions:", check.captions())

    def reward():
        caption_reward.train(joint, cached or Cached(joint, list(joint.captions), keep_maps=True), check.captions)

    stages, first = (encoders, left_out_join, captions, reward), 0
    if path.exists():
        state = torch.load(path, map_location=DEVICE, weights_only=True)
        first, tables = state["stage"], state["tables"]
        for n in names:
            getattr(joint, n).load_state_dict(state[n])
        log(f"joint: {first} of {len(stages)} stages are done")
    for n, stage in enumerate(stages[first:], first + 1):
        stage()
        keep(n)
    return joint, tables["check"], tables["result"]
