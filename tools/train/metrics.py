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


class CiderD:
    """CIDEr-D against fixed references [[text, …]], whose document frequencies it takes. `end`: the end of a text is a
    word too, so that a text which stops too soon scores less."""

    def __init__(self, references, sigma=6.0, end=False):
        self.sigma, self.end = sigma, ["</s>"] if end else []
        refs = [[self._counts(r) for r in rs] for rs in references]
        self.frequency = Counter()
        for rs in refs:
            self.frequency.update({g for _, grams in rs for one in grams for g in one})
        self.documents = math.log(len(refs))
        self.references = [[(length, [self._vector(g) for g in grams]) for length, grams in rs] for rs in refs]

    def _counts(self, text):
        tokens = words(text) + self.end
        return len(tokens), [_grams(tokens, n + 1) for n in range(4)]

    def _vector(self, grams):
        weighted = {g: k * (self.documents - math.log(max(1, self.frequency[g]))) for g, k in grams.items()}
        return weighted, math.sqrt(sum(v * v for v in weighted.values()))

    def score(self, candidate, row):
        """Of one text against the references of `row`, in percent."""
        length, grams = self._counts(candidate)
        mine, score = [self._vector(g) for g in grams], 0.0
        for other, reference in self.references[row]:
            short = math.exp(-(length - other) ** 2 / (2 * self.sigma ** 2))
            for (weights, norm), (v, its_norm) in zip(mine, reference):
                if norm and its_norm:
                    score += short * sum(min(w, v[g]) * v[g] for g, w in weights.items() if g in v) / (norm * its_norm)
        return 1000 * score / 4 / len(self.references[row])


def cider_d_each(candidates, references):
    """CIDEr-D of every caption in percent (the usual 0.536 is 53.6)."""
    scorer = CiderD(references)
    return [scorer.score(c, row) for row, c in enumerate(candidates)]


def cider_d(candidates, references):
    return sum(cider_d_each(candidates, references)) / len(candidates)


def repeats(caption, n=3):
    """True if some n-gram of words comes twice: a loop."""
    return any(k > 1 for k in _grams(words(caption), n).values())
