"""Stage: multilingual-e5-small as text side, a small head on it, and the end of the picture network trained with it.

Loss of a batch of pictures, each with one English and one Chinese text:
  contrast picture–English, picture–Chinese (and English–Chinese at a quarter), both ways; texts that are close for e5
  share a part of the target, so that near-duplicates among captions are not pushed apart;
  ImageNet: the similarities with 1,000 class names must look like the original classifier's answer. That ties
  1,000 words, in both languages, to what the network saw in 1.2 million pictures, and keeps it from forgetting them.
"""
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import CACHE, DEVICE, SEED, autocast, cosine_rate, log, seed_everything
from e5 import TextVectors
from labels import group_of, imagenet, prompts, texts_of
from model import load_pretrained_trunk
from tail import finish, run_tail, trainable

SHARE = {"caltech101": 1500, "imagenet-samples": 700, "fashion": 1000}   # items an epoch; Flickr8k: all
SOFT, SOFT_SCALE, CLASS_WEIGHT = 0.2, 12.0, 0.5


class TextHead(nn.Module):
    """e5 vector [n, 384] → unit vector [n, 384]."""

    def __init__(self, mean):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.linear = nn.Linear(384, 384)
        self.fc1, self.fc2 = nn.Linear(384, 1024), nn.Linear(1024, 384)

    def forward(self, e5):
        x = (e5 - self.mean) * 10
        y = F.dropout(F.gelu(self.fc1(x)), 0.1, self.training)
        return F.normalize(self.linear(x) + self.fc2(y), dim=-1)


class PictureHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.visual_norm, self.visual_projection = nn.LayerNorm(1280), nn.Linear(1280, 384, bias=False)
        self.dropout = 0.3

    def forward(self, pooled):
        """Channel dropout between norm and projection: one seed of it was worth 2 points of R@10."""
        return F.normalize(self.visual_projection(F.dropout(self.visual_norm(pooled), self.dropout, self.training)),
                           dim=-1)


class Texts:
    """Every text of every item with its e5 vector, and the prompts of the ImageNet classes."""

    def __init__(self, items):
        self.vectors = torch.from_numpy(np.concatenate([TextVectors("captions").vectors, TextVectors("labels").vectors]))
        captions, labels = TextVectors("captions"), TextVectors("labels")
        n = len(captions.index)
        self.row = {**{t: n + i for t, i in labels.index.items()}, **captions.index}
        self.of_item = [[[self.row[t] for t in lang] for lang in texts_of(item)] for item in items]
        groups = {}
        self.group = [groups.setdefault(group_of(item), len(groups)) for item in items]
        table = [prompts(en, zh) for _, en, zh in imagenet()]
        self.class_rows = [torch.tensor([[self.row[p] for p in row[lang]] for row in table]).T for lang in (0, 1)]

    def e5(self, rows):
        return self.vectors[rows].float().to(DEVICE)


def epoch_of(items, rng, left_out=frozenset()):
    """Indices of one epoch's items, shuffled."""
    chosen = []
    for source in sorted({item.source for item in items}):
        pool = [i for i, it in enumerate(items) if it.source == source and not it.dev
                and not (source == "caltech101" and it.label in left_out)]
        rng.shuffle(pool)
        chosen += pool[:SHARE.get(source, len(pool))]
    rng.shuffle(chosen)
    return chosen


def contrast(a, b, target, scale):
    logits = scale * a @ b.T
    return -0.5 * ((target * logits.log_softmax(1)).sum(1).mean() + (target.T * logits.T.log_softmax(1)).sum(1).mean())


def targets(group, e5_a, e5_b, soft):
    """Same group: positive. A share `soft` of the target follows the texts' similarity for e5."""
    same = (group[:, None] == group[None]).float()
    hard = same / same.sum(1, keepdim=True)
    if not soft:
        return hard
    unit = [F.normalize(e, dim=-1) for e in (e5_a, e5_b)]
    near = (SOFT_SCALE * unit[0] @ unit[1].T).softmax(1)
    return (1 - soft) * hard + soft * near


class Teacher(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.picture, self.text = PictureHead(), TextHead(mean)
        self.log_scale = nn.Parameter(torch.tensor(np.log(20.0), dtype=torch.float32))

    def loss(self, pooled, en, zh, group, class_logits=None, class_e5=None, soft=SOFT, class_weight=CLASS_WEIGHT):
        """pooled [n, 1280]; en, zh e5 vectors [n, 384]; class_logits [n, 1000] of the original classifier."""
        scale = self.log_scale.exp().clamp(max=100)
        picture, t_en, t_zh = self.picture(pooled), self.text(en), self.text(zh)
        centre = lambda e: e - self.text.mean
        loss = contrast(picture, t_en, targets(group, centre(en), centre(en), soft), scale)
        loss = loss + contrast(picture, t_zh, targets(group, centre(zh), centre(zh), soft), scale)
        loss = loss + 0.25 * contrast(t_en, t_zh, targets(group, centre(en), centre(zh), 0), scale)
        if class_weight:
            answer = class_logits.softmax(1)
            sure = answer.max(1).values
            mine = (scale * picture @ self.text(class_e5).T).log_softmax(1)
            loss = loss - class_weight * (sure * (answer * mine).sum(1)).mean()
        return loss


@torch.inference_mode()
def retrieval(picture, text, owner):
    """picture [n, d], text [m, d] unit vectors, owner [m] the picture of each text → R@1/5/10 and the way back."""
    score = text @ picture.T
    own = score[torch.arange(len(owner)), owner]
    rank = (score > own[:, None]).sum(1)
    back = owner[score.argmax(0)] == torch.arange(picture.shape[0], device=owner.device)
    return [round(100 * (rank < k).float().mean().item(), 1) for k in (1, 5, 10)] + [
        round(100 * back.float().mean().item(), 1)]


@torch.inference_mode()
def quick_check(teacher, pooled, maps, items, texts):
    """Dev retrieval of Flickr8k with the whole picture, and with picture and mirror image averaged."""
    teacher.eval()
    dev = [i for i, it in enumerate(items) if it.source == "flickr8k" and it.dev]
    result = {}
    whole = torch.from_numpy(pooled[[maps.rows[items[i].key, "whole"] for i in dev]]).float().to(DEVICE)
    mirror = torch.from_numpy(pooled[[maps.rows[items[i].key, "mirror"] for i in dev]]).float().to(DEVICE)
    for name, p in (("", whole), ("+mirror", (whole + mirror) / 2)):
        picture = teacher.picture(p)
        for lang, code in enumerate(("en", "zh")):
            rows = [(r, n) for n, i in enumerate(dev) for r in texts.of_item[i][lang]]
            vectors = teacher.text(texts.e5([r for r, _ in rows]))
            result[code + name] = retrieval(picture, vectors, torch.tensor([n for _, n in rows], device=DEVICE))
    teacher.train()
    return result


VIEWS = {"flickr8k": ("whole", "mirror", "crop"), "caltech101": ("whole", "crop"), "imagenet-samples": ("whole", "crop"),
         "fashion": ("whole",)}


class Batches:
    def __init__(self, items, maps, texts, left_out):
        self.texts, self.maps, self.left_out = texts, maps, left_out
        usable = {key for key, _ in maps.rows}
        self.items, self.keep = items, [i for i, it in enumerate(items) if it.key in usable]

    def epoch_rows(self, rng, batch):
        """Batches of (rows of cached views, rows of the whole pictures, English and Chinese text rows, groups)."""
        pool = [self.items[i] for i in self.keep]
        order = [self.keep[n] for n in epoch_of(pool, rng, self.left_out)]
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start:start + batch]
            views = np.array([self.maps.rows[self.items[i].key, rng.choice(VIEWS[self.items[i].source])] for i in rows])
            wholes = np.array([self.maps.rows[self.items[i].key, "whole"] for i in rows])
            en, zh = ([rng.choice(self.texts.of_item[i][lang]) for i in rows] for lang in (0, 1))
            yield views, wholes, en, zh, torch.tensor([self.texts.group[i] for i in rows], device=DEVICE)

    def epoch(self, rng, batch):
        """The same with e5 vectors [n, 384] for the texts."""
        for views, wholes, en, zh, group in self.epoch_rows(rng, batch):
            yield views, wholes, self.texts.e5(en), self.texts.e5(zh), group

    def class_e5(self, rng):
        table = self.texts.class_rows[rng.randrange(2)]
        return self.texts.e5(table[rng.randrange(len(table))])


def train_heads(teacher, pooled, original_logits, batches, epochs, batch=512, rate=1.5e-3, seed=1, **options):
    """The heads on cached pooled vectors: seconds an epoch."""
    seed_everything(seed)
    rng = random.Random(SEED + seed)
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=rate, weight_decay=0.1, betas=(0.9, 0.98))
    steps = epochs * (len(epoch_of([batches.items[i] for i in batches.keep], random.Random(0), batches.left_out)) // batch)
    step = 0
    teacher.train()
    for _ in range(epochs):
        for views, wholes, en, zh, group in batches.epoch(rng, batch):
            for g in optimizer.param_groups:
                g["lr"] = rate * cosine_rate(step, steps, 50)
            p = torch.from_numpy(pooled[views]).float().to(DEVICE)
            loss = teacher.loss(p, en, zh, group, original_logits[wholes], batches.class_e5(rng), **options)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            optimizer.step()
            step += 1
    return teacher


def fine_tune(teacher, trunk, maps, original_logits, batches, check, epochs=5, batch=256, seed=2):
    """Heads and the end of the trunk together; every epoch is stored, and a broken run goes on after the last one."""
    path = CACHE / "teacher-running.pt"
    ends = trainable(trunk)
    optimizer = torch.optim.AdamW([{"params": ends, "peak": 1.5e-4, "weight_decay": 0.02},
                                   {"params": list(teacher.parameters()), "peak": 4e-4, "weight_decay": 0.1}],
                                  lr=1e-4, betas=(0.9, 0.98))
    per_epoch = len(epoch_of([batches.items[i] for i in batches.keep], random.Random(0), batches.left_out)) // batch
    steps, step, first = per_epoch * epochs, 0, 0
    if path.exists():
        state = torch.load(path, map_location=DEVICE, weights_only=True)
        teacher.load_state_dict(state["teacher"])
        trunk.load_state_dict(state["trunk"])
        optimizer.load_state_dict(state["optimizer"])
        first, step = state["epoch"], state["step"]
        log(f"teacher: goes on after epoch {first}")
    source = maps.open()
    for epoch in range(first, epochs):
        seed_everything(seed * 100 + epoch)
        rng, start, total = random.Random(SEED * seed + epoch), time.time(), 0.0
        teacher.train()
        for views, wholes, en, zh, group in batches.epoch(rng, batch):
            for g in optimizer.param_groups:
                g["lr"] = g["peak"] * cosine_rate(step, steps, 20)
            x = torch.from_numpy(source[views].astype(np.float32)).to(DEVICE)
            with autocast():
                _, pooled = run_tail(trunk, x)
            loss = teacher.loss(pooled.float(), en, zh, group, original_logits[wholes], batches.class_e5(rng))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_([*ends, *teacher.parameters()], 1.0)
            optimizer.step()
            step, total = step + 1, total + loss.item()
        torch.save({"teacher": teacher.state_dict(), "trunk": trunk.state_dict(), "epoch": epoch + 1, "step": step,
                    "optimizer": optimizer.state_dict()}, path)
        log(f"teacher: epoch {epoch + 1} of {epochs}, loss {total / per_epoch:.3f}, {time.time() - start:.0f} s",
            check(trunk))


@torch.inference_mode()
def _dev_check(teacher, maps, items, texts):
    """quick_check with the trunk as it is now, on the dev pictures only."""
    views = [(it.key, v) for it in items if it.source == "flickr8k" and it.dev for v in ("whole", "mirror")]

    def check(trunk):
        source, pooled = maps.open(), np.zeros((len(maps.rows), 1280), np.float16)
        for start in range(0, len(views), 64):
            rows = np.array([maps.rows[v] for v in views[start:start + 64]])
            with torch.inference_mode(), autocast():
                pooled[rows] = run_tail(trunk, torch.from_numpy(source[rows].astype(np.float32)).to(DEVICE))[1].float().cpu()
        return quick_check(teacher, pooled, maps, items, texts)

    return check


def original(maps):
    """Pooled vectors of the untouched trunk over all views, and the ImageNet classifier's answers to them."""
    trunk, weight, bias = load_pretrained_trunk()
    pooled, _, _ = finish(trunk, maps, "original")
    logits = torch.from_numpy(pooled).float() @ weight.T + bias
    return trunk, pooled, logits.to(DEVICE)


def load_heads_only(teacher, pooled, logits, batches):
    """The teacher before fine-tuning; trained once, stored, and also what the text tower warms up on."""
    path = CACHE / "teacher-heads.pt"
    if not path.exists():
        train_heads(teacher, pooled, logits, batches, 12)
        torch.save(teacher.state_dict(), path)
    teacher.load_state_dict(torch.load(path, map_location=DEVICE, weights_only=True))
    return teacher.eval()


def run(items, maps, texts, batches, untouched, answers):
    """(teacher, trunk) after fine-tuning; stored in the cache folder. `untouched`, `answers`: see `original`."""
    teacher = Teacher(texts.vectors.float().mean(0)).to(DEVICE)
    trunk = load_pretrained_trunk()[0].to(DEVICE)
    path = CACHE / "teacher.pt"
    if not path.exists():
        load_heads_only(teacher, untouched, answers, batches)
        log("teacher: heads on the untouched trunk", quick_check(teacher, untouched, maps, items, texts))
        fine_tune(teacher, trunk, maps, answers, batches, _dev_check(teacher, maps, items, texts))
        torch.save({"teacher": teacher.state_dict(), "trunk": trunk.state_dict()}, path)
    state = torch.load(path, map_location=DEVICE, weights_only=True)
    teacher.load_state_dict(state["teacher"])
    trunk.load_state_dict(state["trunk"])
    return teacher.eval(), trunk.eval()


def join_pictures(teacher, pooled, original_logits, batches, epochs=3):
    """The classes that the check left out join: the picture head goes on, the text side stays as the tower learnt it."""
    teacher.text.requires_grad_(False)
    return train_heads(teacher, pooled, original_logits, batches, epochs, rate=3e-4, seed=5)
