"""Stage: the caption decoder on the fine-tuned trunk's maps; both languages in one decoder, told apart by the first token."""
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import CACHE, DEVICE, SEED, autocast, cosine_rate, log, seed_everything
from config import CONFIG, EN, EOS, PAD, ZH
from model import Decoder

BATCH, EACH, RATE, SMOOTHING = 24, 2, 8e-4, {EN: 0.05, ZH: 0.0}
LONGEST = CONFIG["decoder_config"]["max_position_embeddings"] - 1


def new_decoder(dropout=0.05):
    return Decoder({**CONFIG["decoder_config"], "dropout": dropout}, CONFIG["vision_config"])


@torch.no_grad()
def start_from_tower(decoder, token_embedding):
    """The warmed-up text tower's token embeddings, at the scale of fresh ones: words are near their like from the start."""
    decoder.embeddings.token_embedding.weight.copy_(token_embedding / token_embedding.std() * 0.04)


def loss_of(decoder, ids, memory, rows, smoothing):
    """ids [n, t], starting with the language token; only real positions reach the vocabulary, padding does not."""
    hidden = decoder(ids[:, :-1], memory, rows)
    target = ids[:, 1:]
    real = target != PAD
    logits = decoder.logits(hidden[real]).float()
    return F.cross_entropy(logits, target[real], label_smoothing=smoothing, reduction="sum"), int(real.sum())


def train(decoder, items, tokenizer, pooled, feature_maps, kept, rows, epochs, name, rate=RATE):
    """`kept`: (key, view) → row of `feature_maps`; `rows`: (key, view) → row of `pooled`."""
    path = CACHE / f"{name}-running.pt"
    train_items = [it for it in items if it.source == "flickr8k" and not it.dev and it.en and it.zh]
    captions = {it.key: [[[code] + tokenizer.pieces(c)[:LONGEST - 1] + [EOS] for c in texts]
                         for code, texts in ((EN, it.en), (ZH, it.zh))] for it in train_items}
    decay = [p for p in decoder.parameters() if p.ndim > 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05},
                                   {"params": [p for p in decoder.parameters() if p.ndim < 2], "weight_decay": 0.0}],
                                  lr=rate, betas=(0.9, 0.98))
    first = 0
    if path.exists():
        state = torch.load(path, map_location=DEVICE, weights_only=True)
        decoder.load_state_dict(state["decoder"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"]
        log(f"{name}: goes on after epoch {first}")
    decoder.train()
    per_epoch = len(train_items) // BATCH
    for epoch in range(first, epochs):
        seed_everything(700 + epoch)
        rng, start, total = random.Random(SEED * 7 + epoch), time.time(), np.zeros(4)
        order = rng.sample(train_items, len(train_items))
        for n in range(per_epoch):
            for g in optimizer.param_groups:
                g["lr"] = rate * cosine_rate(epoch * per_epoch + n, epochs * per_epoch)
            part = [(it.key, rng.choice(("whole", "mirror", "crop"))) for it in order[n * BATCH:(n + 1) * BATCH]]
            maps = torch.from_numpy(feature_maps[[kept[p] for p in part]].astype(np.float32)).to(DEVICE)
            vectors = torch.from_numpy(pooled[[rows[p] for p in part]].astype(np.float32)).to(DEVICE)
            optimizer.zero_grad(set_to_none=True)
            with autocast():
                memory = decoder.picture(maps.transpose(1, 2).unflatten(2, (9, 9)), vectors)
                loss, count = 0.0, 0
                for lang, code in enumerate((EN, ZH)):
                    chosen = [(c, m) for m, (key, _) in enumerate(part)
                              for c in rng.sample(captions[key][lang], min(EACH, len(captions[key][lang])))]
                    chosen.sort(key=lambda pair: len(pair[0]))
                    for half in (chosen[:len(chosen) // 2], chosen[len(chosen) // 2:]):
                        width = max(len(c) for c, _ in half)
                        ids = torch.tensor([c + [PAD] * (width - len(c)) for c, _ in half], device=DEVICE)
                        one, tokens = loss_of(decoder, ids, memory, torch.tensor([m for _, m in half], device=DEVICE),
                                              SMOOTHING[code])
                        loss, count = loss + one, count + tokens
                        total[2 * lang:2 * lang + 2] += [one.item(), tokens]
                (loss / count).backward()
            nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
            optimizer.step()
            if (n + 1) % 100 == 0:
                log(f"{name}: step {n + 1} of {per_epoch}, loss a token so far en {total[0] / total[1]:.3f} "
                    f"zh {total[2] / total[3]:.3f}")
        torch.save({"decoder": decoder.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}, path)
        log(f"{name}: epoch {epoch + 1} of {epochs}, loss a token en {total[0] / total[1]:.3f} "
            f"zh {total[2] / total[3]:.3f}, {time.time() - start:.0f} s")
    return decoder.eval()

