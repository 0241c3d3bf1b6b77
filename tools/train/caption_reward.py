"""Stage on a GPU: the decoder by what its captions are worth (self-critical training, Rennie et al. 2017).

Several captions of a picture are drawn from the decoder; those worth more than their fellows get likelier. Worth is
CIDEr-D against the human captions, and how well the text tower tells the picture from the others of the batch by the
caption (Luo et al. 2018): without it captions get alike. A share of the usual loss keeps the language whole.
"""
import multiprocessing
import os
import random
import time

import torch
import torch.nn.functional as F

import joint as joining
from common import DEVICE, SEED, autocast, cosine_rate, log, seed_everything
from config import EN, EOS, GENERATION, PAD, ZH
from generate import CaptionCache, next_token
from metrics import CiderD

EPOCHS, BATCH, SAMPLES, RATE, LONGEST = 10, 96, 5, 1.2e-4, 26
TELLING = {EN: 0.2, ZH: 1.2}                 # weight of being told apart (in nats) beside CIDEr-D (1 is 100 %)
USUAL = 0.2
scorers = {}                                 # of a worker process: CIDEr-D by language


def _prepare(references):
    scorers.update({code: CiderD(rs, end=True) for code, rs in references.items()})


def _score(work):
    code, row, texts = work
    return [scorers[code].score(t, row) / 100 for t in texts]


@torch.no_grad()
def drawn(decoder, memory, code):
    """One sampled caption a row of memory: ids [n, t], the language token first, PAD after the end."""
    caches = [CaptionCache(layer, memory) for layer in decoder.layers]
    ids = torch.full((len(memory), 1), code, device=DEVICE)
    ended = torch.zeros(len(memory), dtype=torch.bool, device=DEVICE)
    for position in range(LONGEST):
        scores = next_token(decoder, ids[:, -1], position, caches)
        scores[:, GENERATION["suppress_tokens"]] = -torch.inf
        token = torch.multinomial(scores.exp(), 1)[:, 0]
        ids = torch.cat([ids, torch.where(ended, PAD, token)[:, None]], 1)
        ended |= token == EOS
        if position % 4 == 3 and ended.all():
            break
    return ids


def train(joint, cached, check):
    seed_everything(16)
    pool, decoder, tokenizer = list(joint.captions), joint.decoder, joint.tokenizer
    references = {code: [getattr(joint.items[i], lang) for i in pool] for code, lang in ((EN, "en"), (ZH, "zh"))}
    place = {i: n for n, i in enumerate(pool)}
    with torch.no_grad():
        seen = cached.pooled[0, torch.tensor([cached.place[i] for i in pool], device=DEVICE)]
        picture = joint.teacher.picture(seen)
    joining.RATES["decoder"] = RATE
    rng, optimizer, start = random.Random(SEED * 9), joining.optimizer_of(joint, ["decoder"]), time.time()
    steps, done = 2 * EPOCHS * (len(pool) // BATCH), 0
    scale = joint.tower.log_scale.exp().item()
    decoder.eval()                           # no dropout: the drawn captions' own probabilities are what is trained
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), _prepare, (references,)) as workers_pool:
        for epoch in range(EPOCHS):
            rng.shuffle(pool)
            total = torch.zeros(4)
            for s in range(0, len(pool) - BATCH + 1, BATCH):
                rows = pool[s:s + BATCH]
                maps, pooled = cached.draw(rng, rows)
                for code in (EN, ZH):
                    with torch.no_grad(), autocast():
                        memory = decoder.picture(maps, pooled)
                        ids = drawn(decoder, memory.repeat_interleave(SAMPLES, 0), code)
                    texts = [tokenizer.decode([t for t in row if t != EOS]) for row in ids[:, 1:].tolist()]
                    work = [(code, place[i], texts[n * SAMPLES:(n + 1) * SAMPLES]) for n, i in enumerate(rows)]
                    waiting = workers_pool.map_async(_score, work, chunksize=8)
                    with torch.no_grad():
                        words = joint.encode(joining.PaddedIds([tokenizer(t) for t in texts]).ids)
                        own = torch.arange(len(rows), device=DEVICE).repeat_interleave(SAMPLES)
                        among = picture[torch.tensor([place[i] for i in rows], device=DEVICE)]
                        told = (scale * words @ among.T).log_softmax(1)[torch.arange(len(own), device=DEVICE), own]
                    cider = torch.tensor(waiting.get(), device=DEVICE).flatten()
                    worth = (cider + TELLING[code] * told).view(-1, SAMPLES)
                    better = ((worth - worth.mean(1, keepdim=True)) * SAMPLES / (SAMPLES - 1)).flatten()
                    with autocast():
                        hidden = decoder(ids[:, :-1], decoder.picture(maps, pooled), own)
                        real = ids[:, 1:] != PAD
                        logits = decoder.logits(hidden[real]).float()
                    likely = -F.cross_entropy(logits, ids[:, 1:][real], reduction="none")
                    loss = -(better[:, None].expand_as(real)[real] * likely).mean()
                    loss = loss + USUAL * joint.caption_loss(rng, rows, maps, pooled, each=1)
                    joining.step(optimizer, loss, cosine_rate(done, steps, 20))
                    done += 1
                    total[0 if code == EN else 2] += cider.mean().item()
                    total[1 if code == EN else 3] += told.mean().item()
            log(f"reward: epoch {epoch + 1} of {EPOCHS}, CIDEr-D and telling en, zh {(total / (len(pool) // BATCH)).tolist()}, "
                f"{time.time() - start:.0f} s", check())
