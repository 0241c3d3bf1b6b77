"""Stage: the small text tower, drawn towards the teacher (e5 and its head) and towards the pictures.

Three kinds of text a step: an English and a Chinese text of each of a batch of pictures, and phrases without pictures.
"""
import math
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import CACHE, DEVICE, SEED, autocast, cosine_rate, log, seed_everything
from config import CONFIG, PAD, VOCAB_SIZE
from e5 import TextVectors
from model import TextModel
from teacher import contrast, targets

BATCH, PHRASES, RATE = 256, 384, 1e-3
RELATION_SCALE = 20.0


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.text_model = TextModel({**CONFIG["text_config"], "dropout": 0.0})
        self.text_projection = nn.Linear(CONFIG["text_config"]["hidden_size"], CONFIG["projection_dim"], bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))

    def forward(self, ids, mask):
        return F.normalize(self.text_projection(self.text_model(ids, mask)), dim=-1)


def pad(rows):
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), PAD)
    for n, row in enumerate(rows):
        ids[n, :len(row)] = torch.tensor(row)
    return ids.to(DEVICE), (ids != PAD).to(DEVICE)


def encode(tower, rows, share=128):
    """Lists of ids → unit vectors, in their order; sorted by length inside, since padding is work too."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    parts = [tower(*pad([rows[i] for i in order[s:s + share]])) for s in range(0, len(order), share)]
    return torch.cat(parts)[torch.tensor(order).argsort()]


@torch.inference_mode()
def encode_all(tower, tokenizer, texts):
    """`tower`: a Tower in evaluation mode, or any function of (ids, mask)."""
    return encode(tower, [tokenizer(t) for t in texts], 256)


@torch.inference_mode()
def start_from_teacher(tower, teacher, tokenizer):
    """Token embeddings start as the teacher's vectors of the pieces (first principal directions), the projection as the
    way back: a bag of words in the right space before the first step."""
    pieces = [tokenizer.sp.id_to_piece(i).replace("\u2581", " ").strip() for i in range(VOCAB_SIZE)]
    texts = TextVectors("pieces").add([p or " " for p in pieces])
    vectors = teacher.text(torch.from_numpy(texts[[p or " " for p in pieces]]).to(DEVICE))
    vectors = vectors - vectors[262:].mean(0)
    _, _, directions = torch.linalg.svd(vectors[262:], full_matrices=False)
    basis = directions[:CONFIG["text_config"]["hidden_size"]]
    embedding = vectors @ basis.T
    embedding[:262] = 0.1 * torch.randn_like(embedding[:262]) * embedding[262:].std()
    tower.text_model.embeddings.token_embedding.weight.copy_(embedding / embedding[262:].std() * 0.5)
    tower.text_projection.weight.copy_(basis.T)


class Words:
    """Ids and teacher vectors of all texts of the items and of the phrases."""

    def __init__(self, teacher, tokenizer, texts, phrases):
        self.texts = texts
        self.ids = {r: tokenizer(t) for t, r in texts.row.items()}
        self.target = self._teach(teacher, texts.vectors)
        stored = TextVectors("phrases").add(phrases)
        self.phrase_ids = [tokenizer(t) for t in stored.index]
        self.phrase_target = self._teach(teacher, torch.from_numpy(stored.vectors))

    @staticmethod
    @torch.inference_mode()
    def _teach(teacher, vectors):
        return torch.cat([teacher.text(v.float().to(DEVICE)).half().cpu() for v in vectors.split(8192)])


def drawn_to(mine, target, scale=RELATION_SCALE):
    """1 − cosine to the teacher's vectors, and the similarities among the batch as the teacher sees them."""
    relation = -((scale * target @ target.T).softmax(1) * (scale * mine @ target.T).log_softmax(1)).sum(1).mean()
    entropy = -((scale * target @ target.T).softmax(1) * (scale * target @ target.T).log_softmax(1)).sum(1).mean()
    return 2 * (1 - (mine * target).sum(1)).mean() + 0.5 * (relation - entropy)


@torch.inference_mode()
def turn(tower, words_before, words_now):
    """Fine-tuning moves the teacher's space; the rotation that brings its old vectors nearest to the new ones
    (orthogonal Procrustes) brings the warmed-up tower along."""
    before, now = (torch.cat([w.target, w.phrase_target]).float() for w in (words_before, words_now))
    u, _, v = torch.linalg.svd(before.T @ now)
    rotation = (u @ v).to(tower.text_projection.weight.device)
    log(f"tower: turned; cosine of the two teachers {((before @ (u @ v)) * now).sum(1).mean().item():.3f}")
    tower.text_projection.weight.data.copy_(rotation.T @ tower.text_projection.weight)


def optimizer_for(tower, rate):
    return torch.optim.AdamW([{"params": [p for p in tower.parameters() if p.ndim > 1], "weight_decay": 0.05},
                              {"params": [p for p in tower.parameters() if p.ndim < 2], "weight_decay": 0.0}],
                             lr=rate, betas=(0.9, 0.98))


def warm_up(tower, words, steps, batch=640, rate=RATE):
    """Texts alone, towards a teacher whose pictures are not fine-tuned yet: half captions, half phrases."""
    seed_everything(300)
    rng, optimizer = random.Random(SEED * 3), optimizer_for(tower, rate)
    rows = [(ids, words.target, r) for r, ids in words.ids.items()]
    phrases = [(ids, words.phrase_target, r) for r, ids in enumerate(words.phrase_ids)]
    tower.train()
    start, total = time.time(), 0.0
    for step in range(steps):
        for g in optimizer.param_groups:
            g["lr"] = rate * min(1, (step + 1) / 50)
        some = rng.sample(rows, batch // 2) + rng.sample(phrases, batch // 2)
        with autocast():
            mine = encode(tower, [ids for ids, _, _ in some]).float()
        loss = drawn_to(mine, torch.stack([t[r] for _, t, r in some]).float().to(DEVICE))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        if (step + 1) % 50 == 0:
            log(f"tower: warm-up step {step + 1} of {steps}, loss {total / 50:.3f}, {time.time() - start:.0f} s")
            total = 0.0
    return tower


def train(tower, words, batches, picture, epochs, name, seed, rate=RATE):
    """`picture`: unit vectors of all cached views [n, 384]. Every second epoch is stored; a broken run goes on."""
    path = CACHE / f"{name}-running.pt"
    optimizer = optimizer_for(tower, rate)
    first = 0
    if path.exists():
        state = torch.load(path, map_location=DEVICE, weights_only=True)
        tower.load_state_dict(state["tower"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"]
        log(f"{name}: goes on after epoch {first}")
    tower.train()
    for epoch in range(first, epochs):
        seed_everything(seed * 100 + epoch)
        rng, start, total = random.Random(SEED * seed + epoch), time.time(), np.zeros(3)
        plan = list(batches.epoch_rows(rng, BATCH))
        steps = len(plan) * epochs
        for n, (views, _, en, zh, group) in enumerate(plan):
            for g in optimizer.param_groups:
                g["lr"] = rate * cosine_rate(epoch * len(plan) + n, steps, 50)
            some = rng.sample(range(len(words.phrase_ids)), min(PHRASES, len(words.phrase_ids)))
            rows = [words.ids[r] for r in en + zh] + [words.phrase_ids[i] for i in some]
            with autocast():
                mine = encode(tower, rows).float()
            target = torch.cat([words.target[en + zh], words.phrase_target[some]]).float().to(DEVICE)
            p, k = picture[views].float().to(DEVICE), len(en)
            scale = tower.log_scale.exp().clamp(max=100)
            same = targets(group, None, None, 0)
            pairs = contrast(p, mine[:k], same, scale) + contrast(p, mine[k:2 * k], same, scale)
            texts = drawn_to(mine[:2 * k], target[:2 * k])
            broad = drawn_to(mine[2 * k:], target[2 * k:])
            loss = 0.5 * pairs + 2 * texts + 1.5 * broad
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
            optimizer.step()
            total += [pairs.item(), texts.item(), broad.item()]
        if epoch % 2 or epoch + 1 == epochs:
            torch.save({"tower": tower.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}, path)
        log(f"{name}: epoch {epoch + 1} of {epochs}, {np.round(total / len(plan), 3)}, {time.time() - start:.0f} s")
    return tower.eval()
