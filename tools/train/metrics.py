"""Caption scores as the field prints them: BLEU-4 (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015)."""
import math
import re
from collections import Counter

_CJK = re.compile(r"([\u3400-\u9fff])")


def words(text):
    """Lower case without punctuation; every Chinese character a word."""
    return re.sub(r"[^\w' ]", " ", _CJK.sub(r" \1 ", text.lower())).split()


def _grams(tokens, n):
    return Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))


def bleu4(candidates, references):
    """Corpus BLEU-4 in percent; candidates [text], references [[text, ...]]."""
    hit, all_, length, nearest = [0] * 4, [0] * 4, 0, 0
    for candidate, refs in zip(candidates, references):
        c, rs = words(candidate), [words(r) for r in refs]
        length += len(c)
        nearest += min((abs(len(r) - len(c)), len(r)) for r in rs)[1]
        for n in range(4):
            best = Counter()
            for r in rs:
                best |= _grams(r, n + 1)
            mine = _grams(c, n + 1)
            hit[n] += sum(min(k, best[g]) for g, k in mine.items())
            all_[n] += sum(mine.values())
    if min(hit) == 0:
        return 0.0
    brevity = min(0.0, 1 - nearest / length)
    return 100 * math.exp(brevity + sum(math.log(h / a) for h, a in zip(hit, all_)) / 4)


def cider_d(candidates, references):
    """CIDEr-D in percent (the usual 0.536 is 53.6)."""
    scores = cider_d_each(candidates, references)
    return sum(scores) / len(scores)


def cider_d_each(candidates, references, sigma=6.0):
    """CIDEr-D of every caption in percent; document frequencies from the references themselves."""
    refs = [[[_grams(words(r), n + 1) for n in range(4)] for r in rs] for rs in references]
    frequency = Counter()
    for rs in refs:
        frequency.update({g for r in rs for grams in r for g in grams})
    documents = math.log(len(refs))

    def vector(grams):
        weighted = {g: k * (documents - math.log(max(1, frequency[g]))) for g, k in grams.items()}
        return weighted, math.sqrt(sum(v * v for v in weighted.values()))

    scores = []
    for candidate, rs in zip(candidates, refs):
        tokens = words(candidate)
        mine = [vector(_grams(tokens, n + 1)) for n in range(4)]
        score = 0.0
        for r in rs:
            delta = len(tokens) - sum(r[0].values())
            for n in range(4):
                v, norm = vector(r[n])
                dot = sum(min(w, v.get(g, 0.0)) * v.get(g, 0.0) for g, w in mine[n][0].items())
                if norm and mine[n][1]:
                    score += dot / (norm * mine[n][1]) * math.exp(-delta * delta / (2 * sigma * sigma))
        scores.append(1000 * score / 4 / len(rs))
    return scores


def repeats(caption, n=3):
    """True if some n-gram of words comes twice: a loop."""
    return any(k > 1 for k in _grams(words(caption), n).values())
