"""Beam search for captions, as transformers 4.57 does it (generation/utils.py, `_beam_search`), batched over pictures."""
import torch
import torch.nn.functional as F


class CaptionCache:
    """Keys and values of one layer: `cross` once a picture, `own` growing with every token."""

    def __init__(self, layer, memory):
        attention = layer.cross_attn
        split = lambda y: y.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        self.cross = split(attention.k_proj(memory)), split(attention.v_proj(memory))
        self.own = None


def _attend(attention, x, keys, values):
    q = attention.q_proj(x).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    return attention.out_proj(F.scaled_dot_product_attention(q, keys, values).transpose(1, 2).flatten(2))


def next_token(decoder, ids, position, caches):
    """One more token for every row: ids [n] → log-probabilities [n, vocabulary]."""
    x = decoder.embeddings(ids[:, None], position)
    for layer, cache in zip(decoder.layers, caches):
        y, a = layer.layer_norm1(x), layer.self_attn
        k, v = (p(y).unflatten(-1, (a.heads, -1)).transpose(1, 2) for p in (a.k_proj, a.v_proj))
        cache.own = (k, v) if cache.own is None else tuple(torch.cat(kv, 2) for kv in zip(cache.own, (k, v)))
        x = x + _attend(a, y, *cache.own)
        x = x + _attend(layer.cross_attn, layer.layer_norm2(x), *cache.cross)
        x = x + layer.mlp(layer.layer_norm3(x))
    return F.log_softmax(decoder.logits(decoder.final_layer_norm(x[:, 0])).float(), -1)


def _forbid(scores, sequences, options):
    scores[:, options["suppress_tokens"]] = -torch.inf
    n = options["no_repeat_ngram_size"]
    if n and sequences.shape[1] >= n:
        for row, ids in enumerate(sequences.tolist()):
            tail = ids[len(ids) - n + 1:]
            banned = [ids[i + n - 1] for i in range(len(ids) - n + 1) if ids[i:i + n - 1] == tail]
            scores[row, banned] = -torch.inf
    return scores


@torch.inference_mode()
def beam_search(decoder, memory, first_token, options, num_beams=None):
    """memory [n, 82, width] → the best caption's ids of every picture, without the first token and the end token."""
    n, beams = memory.shape[0], num_beams or options["num_beams"]
    longest, penalty, eos = options["max_length"], options["length_penalty"], options["eos_token_id"]
    device = memory.device
    caches = [CaptionCache(layer, memory.repeat_interleave(beams, 0)) for layer in decoder.layers]
    running = torch.full((n, beams, 1), first_token, device=device)
    running_scores = torch.full((n, beams), -1e9, device=device)
    running_scores[:, 0] = 0
    finished = torch.full((n, beams, longest), eos, device=device)
    scores = torch.full((n, beams), -1e9, device=device)
    done = torch.zeros(n, beams, dtype=torch.bool, device=device)
    improvable = torch.ones(n, 1, dtype=torch.bool, device=device)
    for length in range(1, longest):
        flat = running.flatten(0, 1)
        log_probs = _forbid(next_token(decoder, flat[:, -1], length - 1, caches), flat, options)
        vocabulary = log_probs.shape[1]
        total = (log_probs.view(n, beams, -1) + running_scores[..., None]).flatten(1)
        top, index = total.topk(2 * beams)
        parent, token = index // vocabulary, index % vocabulary
        sequences = torch.cat([running.gather(1, parent[..., None].expand(-1, -1, length)), token[..., None]], 2)
        ends = (token == eos) | (length + 1 >= longest)

        kept, which = (top - 1e9 * ends).topk(beams)
        running_scores, parent = kept, parent.gather(1, which)
        running = sequences.gather(1, which[..., None].expand(-1, -1, length + 1))

        fresh = top / length ** penalty
        fresh = fresh - 1e9 * (done.all(1, keepdim=True) & options["early_stopping"]) - 1e9 * ~improvable
        just = ends & (torch.arange(2 * beams, device=device) < beams)
        fresh = fresh - 1e9 * ~just
        padded = F.pad(sequences, (0, longest - length - 1), value=eos)
        merged, which = torch.cat([scores, fresh], 1).topk(beams)
        finished = torch.cat([finished, padded], 1).gather(1, which[..., None].expand(-1, -1, longest))
        done = torch.cat([done, just], 1).gather(1, which)
        scores = merged

        rows = (parent + beams * torch.arange(n, device=device)[:, None]).flatten()
        for cache in caches:
            cache.own = tuple(x[rows] for x in cache.own)
        worst = torch.where(done, scores.min(1, keepdim=True).values, torch.tensor(-1e9, device=device))
        improvable &= (running_scores[:, :1] / length ** penalty > worst).any(1, keepdim=True)
        if not improvable.any() or (done.all() and options["early_stopping"]) or ends.all():
            break
    out = []
    for ids in finished[:, 0, 1:].tolist():
        out.append(ids[:ids.index(eos)] if eos in ids else ids)
    return out
