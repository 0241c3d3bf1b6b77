#!/usr/bin/env python3
"""Writes tests/golden/text/: small tokenizers in every published layout, and what transformers makes of hostile texts.

Each folder is a checkpoint's tokenizer files and expected.json. Vocabularies are cut from, or trained on, public data in
../shared, so nothing here is a model that anyone uses. Needs transformers 4.x, tokenizers, sentencepiece, protobuf.
Run: python tools/goldens/make_text.py [NAME…]
"""
import gzip
import io
import json
import os
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("GAZE_SHARED", ROOT.parent / "shared"))
OUT = ROOT / "tests" / "golden" / "text"

import sentencepiece as spm  # noqa: E402
import tokenizers  # noqa: E402
import transformers  # noqa: E402
from sentencepiece import sentencepiece_model_pb2  # noqa: E402
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

SEED_NOTE = f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, sentencepiece {spm.__version__}"


def texts():
    plain = [
        "", " ", "a", "A photo of a cat.", "a photo of an astronaut riding a horse on mars", "  two  spaces  ",
        "tab\tand\nnewline\r\nand\r", "it's we've they're I'm he'll she'd don't DON'T IT'S", "''s's'ss", "!!!'s ?!...,;:",
        "2 1234567 3.14159 1,000,000 ½ ¾ ² ³ ① Ⅳ ٣٤٥ १२३ 五六", "a1b2c3", "e-mail@example.com http://x.y/z?q=1&r=2#f",
        "snake_case CamelCase kebab-case", "#hashtag @user $5.00 50% a&b <b>bold</b> &amp; &#39;", "x" * 30, "x" * 101,
        "ab" * 60, "supercalifragilisticexpialidocious antidisestablishmentarianism", "-" * 40, "." * 17, "=" * 64 + "\n",
        "a  b   c    d     e", "\n\n\n", " \n \n ", "   leading", "trailing   ", "\u00a0nbsp\u00a0\u00a0x", "\u3000ideographic\u3000space",
        "a\u2028b\u2029c\u0085d", "\u200bzero\u200bwidth\u200c\u200d\ufeff", "soft\u00adhyphen", "a\u0000b", "\u0000", "\u0001\u0002\u001b[31m\u007f",
        "a\u001cb\u001dc\u001ed\u001fe", "\ufffd\ufffd", "\ufffe\uffff", "\U0010ffff\U000e0001", "\ue000private\uf8ff",
    ]
    languages = [
        "一只猫坐在垫子上。", "海滩上的日落", "狗 dog 狗dog狗", "你好，世界！", "漢字かな交じり文。カタカナ", "한국어 문장입니다", "Привет, мир", "ΑΒΓ Σίσυφος ΟΔΥΣΣΕΥΣ",
        "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก", "Xin chào thế giới", "Zażółć gęślą jaźń", "Ærøskøbing Straße GROẞ", "naïve café résumé",
        "nai\u0308ve cafe\u0301 re\u0301sume\u0301", "İstanbul ISPARTA ı i̇ İ", "ŞşĞğ Iı", "ﬁ ﬂ ﬀ ﬃ ﬆ ligatures", "ＦＵＬＬ ｗｉｄｔｈ １２３ ！＂＃", "ｱｲｳ ﾊﾞﾊﾟ half",
        "㎏ ㌔ ㈱ ℃ № ™ ©", "Å Å Å", "ǅ ǆ Ǆ", "ſ long s", "K Kelvin K", "Ω Ω", "각 각", "가각힣", "é́́́́", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
        "\u0301starts with a mark", "a\u0301\u0323 a\u0323\u0301", "ᾳ ᾼ ΐ", "\u1e9b\u0323", "𝐁𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉 𝟙𝟚𝟛", "𠀀𠀁𪚥 rare", "豈更車", "㐀㐁䶵", "ꙮ", "ᚠᚢᚦᚨᚱᚲ", "\u202eright to left override\u202c", "\u2066isolate\u2069",
        "עברית with English 123 and عربي", "١٢٣٤", "๑๒๓", "—–‐‑‒―", "“quotes” ‘single’ «guillemets» „low“", "…⋯", "•·∙", "€£¥₹₿", "→←↑↓⇒", "∀x∈ℝ: ∃y≥0", "½⅓¼", "x²+y²=z²", "H₂O",
        "ａ　ｂ", "。．｡", "猫。", "a dog.", "a dog. . .", "句号。 。", "ｶﾞｷﾞ", "￥￦", "㍿㋿", "ゟヿ", "ばば", "ﷺ", "\ufdfa", "ឯកឧត្តម", "ကြောင်", "ᄀᄀᄀ", "ꦱꦠꦸ",
    ]
    emoji = [
        "😀", "😀😃😄 smile", "👨‍👩‍👧‍👦 family", "👩🏽‍🚀 astronaut", "🏳️‍🌈", "🇨🇳🇺🇸🇩🇪", "❤️ ❤ ♥️", "1️⃣ #️⃣", "☕️☕", "🐱🐶🐭", "a😀b😀c", "🤷🏿‍♂️", "👍🏻👍🏿", "\U0001f600" * 20, "🫠🫡", "🧑‍🎄",
    ]
    special = [
        "<|startoftext|>", "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> x", "<|ENDOFTEXT|>", "<|endoftext|><|endoftext|>", "<|endoftext", "[CLS] a [SEP]", "[MASK]", "a [MASK] b",
        "[UNK]", "[PAD]", "[DEC] a [ENC]", "<s>", "</s>", "<s>a</s>", "Hello <s>.", " </s> ", "<unk>", "<pad>", "<unk> <unk>", "<0x41>", "<0x0A><0xE4>", "<bos>hi<eos>", "<start_of_turn>user", "<image>", "USER: <image>\nWhat is it? ASSISTANT:",
        "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|>", "##ing", "▁", "▁▁ a", "a▁b", "Ġ", "Ġhello", "Ċ", "hello</w>", "</w>", "<en>", "<zh>", "<tag>", "x<tag>y", "x <tag> y",
    ]
    code = [
        "new scripts \U000105c0 \U00010d50 \U000139ef\u0eba", "def f(x):\n    return x + 1\n", "if (a==b) {\r\n\tc++;\r\n}", "{\"json\": [1, 2, {\"k\": null}]}", "    indented\n        more", "\t\ttabs", "a\n\nb\n\n\nc", "x = 'it''s'", "foo.bar(baz)->qux::quux", "C:\\path\\file", "`code` ~~~ ```",
        "1+1=2", "10000000000000000000000", "3.14e-10", "0xDEADBEEF", "v1.2.3-rc4", "12:34:56", "2026-11-23", "(123) 456-7890", "I'LL WE'RE 'S", "y’all can’t", "rock'n'roll 'tis", "O'Neil's",
    ]
    captions = []
    for line in open(SHARED / "tokenizers" / "clip-token-ids.tsv", encoding="utf-8"):
        captions.append(line.split("\t")[0])
    return plain + languages + emoji + special + code + captions[:20]


def corpus():
    """Lines to train the small vocabularies on."""
    lines = [line.split("\t")[0] for line in open(SHARED / "tokenizers" / "clip-token-ids.tsv", encoding="utf-8")]
    for number, line in enumerate(open(SHARED / "data" / "flickr8k" / "captions.zh.tsv", encoding="utf-8")):
        if number % 40 == 0:
            lines.append(line.rstrip("\n").split("\t")[1])
    return lines


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def fresh(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_expected(name, tokenizer, special=True, leaks=()):
    """What the reference answers; `special`: text of special tokens taken for them as well.
    `leaks`: special tokens that the reference's model makes of typed text, which Gaze never does."""
    fast = tokenizer.is_fast

    def encode(text, split_special, **options):
        if fast:
            return tokenizer(text, split_special_tokens=split_special, **options).input_ids
        tokenizer.split_special_tokens = split_special
        return tokenizer(text, **options).input_ids

    all_texts = texts()
    ids = [encode(text, True) for text in all_texts]
    expected = {
        "made_with": SEED_NOTE,
        "ids": ids,
        "decoded": [tokenizer.decode(row, skip_special_tokens=True) for row in ids],
        "cut_to_9": {str(i): encode(all_texts[i], True, truncation=True, max_length=9) for i in (3, 12, 40, 60)},
    }
    expected["leaks"] = [i for i, text in enumerate(all_texts) if any(token in text for token in leaks)]
    if special:
        rows = [encode(text, False) for text in all_texts]
        expected["special_ids"] = {str(i): row for i, row in enumerate(rows) if row != ids[i]}
        expected["special_decoded"] = {
            str(i): tokenizer.decode(rows[i], skip_special_tokens=False) for i in (3, 40, 41, 60, len(rows) - 1)
        }
    write_json(OUT / name / "expected.json", expected)
    size = sum(file.stat().st_size for file in (OUT / name).iterdir())
    print(f"{name}: {type(tokenizer).__name__}, {len(tokenizer)} tokens, {size // 1024} KiB")


def clip_vocabulary(count):
    """The first `count` merges of CLIP's vocabulary, in the layout of vocab.json and merges.txt."""
    text = gzip.open(SHARED / "tokenizers" / "bpe_simple_vocab_16e6.txt.gz").read().decode("utf-8")
    merges = [tuple(line.split()) for line in text.split("\n")[1 : count + 1]]
    from transformers.models.clip.tokenization_clip import bytes_to_unicode

    alphabet = list(bytes_to_unicode().values())
    tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(merge) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}, merges


def write_clip_files(folder, count):
    vocab, merges = clip_vocabulary(count)
    write_json(folder / "vocab.json", vocab)
    lines = ["#version: 0.2"] + [" ".join(merge) for merge in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_clip_files():
    folder = fresh("clip_files")
    write_clip_files(folder, 1500)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    write_expected("clip_files", AutoTokenizer.from_pretrained(folder))


def make_clip_json():
    """As in openai/clip-vit-*: merges as strings, and the special tokens in the split pattern."""
    folder = fresh("clip_json")
    write_clip_files(folder, 1500)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer"})
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    path = folder / "tokenizer.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    value["model"]["merges"] = [" ".join(merge) for merge in value["model"]["merges"]]
    split = value["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    split["Regex"] = "<\\|startoftext\\|>|<\\|endoftext\\|>|" + split["Regex"]
    write_json(path, value)
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json"):
        (folder / name).unlink()
    write_expected("clip_json", AutoTokenizer.from_pretrained(folder))


def make_clip_json_pairs():
    """As transformers writes it since 2024: merges as pairs; no tokenizer_config.json, the class from config.json."""
    folder = fresh("clip_json_pairs")
    write_clip_files(folder, 300)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer"})
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"):
        (folder / name).unlink()
    write_json(folder / "tokenizer.json", json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    write_json(folder / "config.json", {"model_type": "clip", "architectures": ["CLIPModel"]})
    write_expected("clip_json_pairs", AutoTokenizer.from_pretrained(folder))


def bert_lines(source, count):
    """The special tokens, the first pieces, and every piece of one character that the texts use."""
    lines = (SHARED / "tokenizers" / source).read_text(encoding="utf-8").split("\n")
    used = set("".join(texts()).lower())
    special = [line for line in lines if line in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    pieces = [line for line in lines if line.removeprefix("##") in used]
    words = [line for line in lines if len(line) > 1 and line.isascii() and not line.startswith("[")][:count]
    return special + list(dict.fromkeys(pieces + words))


def make_bert(name, source, files, config, as_json=False):
    folder = fresh(name)
    (folder / "vocab.txt").write_text("\n".join(bert_lines(source, 900)) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", **config})
    for file, value in files.items():
        write_json(folder / file, value)
    if as_json:
        AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
        write_json(folder / "tokenizer.json", json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
        (folder / "vocab.txt").unlink()
        (folder / "special_tokens_map.json").unlink()
    write_expected(name, AutoTokenizer.from_pretrained(folder))


def make_bert_uncased():
    make_bert("bert_uncased", "bert-uncased-vocab.txt", {}, {"do_lower_case": True})


def make_bert_json():
    make_bert("bert_json", "bert-uncased-vocab.txt", {}, {"do_lower_case": True, "clean_up_tokenization_spaces": True}, True)


def make_bert_chinese():
    make_bert("bert_chinese", "bert-chinese-vocab.txt", {}, {"do_lower_case": True})


def make_bert_cased():
    make_bert("bert_cased", "bert-uncased-vocab.txt", {}, {"do_lower_case": False, "tokenize_chinese_chars": False})


def make_blip():
    count = len(bert_lines("bert-uncased-vocab.txt", 900))
    files = {
        "added_tokens.json": {"[DEC]": count, "[ENC]": count + 1},
        "special_tokens_map.json": {"additional_special_tokens": ["[ENC]", "[DEC]"], "cls_token": "[CLS]"},
    }
    make_bert("blip", "bert-uncased-vocab.txt", files, {"do_lower_case": True, "clean_up_tokenization_spaces": True})


def train_sentencepiece(folder, file_name, **options):
    """Characters are mapped by a small table: the built-in one would be most of the file."""
    table = [("Ａ", "A"), ("ａ", "a"), ("１", "1"), ("　", " "), ("\u00a0", " "), ("\t", " "), ("\n", " "), ("ﬁ", "fi"), ("㎏", "kg"), ("e\u0301", "é"),
             ("…", "..."), ("\u200b", " "), ("\u00ad", ""), ("ＦＵ", "fu"), ("½", "1/2"), ("ß", "ss")]  # fmt: skip
    rules = folder / "rules.tsv"
    if options.pop("map_characters", True):
        rules.write_text("".join(
            f"{' '.join(f'{ord(c):X}' for c in key)}\t{' '.join(f'{ord(c):X}' for c in value)}\n" for key, value in table), encoding="utf-8")
        options["normalization_rule_tsv"] = str(rules)
    else:
        options["normalization_rule_name"] = "identity"
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, num_threads=1, minloglevel=2, character_coverage=0.9995,
        hard_vocab_limit=False, **options)  # fmt: skip
    rules.unlink(missing_ok=True)
    stored = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    stored.normalizer_spec.ClearField("normalization_rule_tsv")  # a path of the machine that ran this
    (folder / file_name).write_bytes(stored.SerializeToString())


def make_siglip():
    folder = fresh("siglip")
    train_sentencepiece(folder, "spiece.model", model_type="unigram", vocab_size=1600, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "SiglipTokenizer", "model_max_length": 64, "do_lower_case": True})
    write_expected("siglip", AutoTokenizer.from_pretrained(folder), special=False)


def make_llama(name, **config):
    folder = fresh(name)
    train_sentencepiece(folder, "tokenizer.model", model_type="bpe", vocab_size=1600, byte_fallback=True, split_digits=True,
                        add_dummy_prefix=True, remove_extra_whitespaces=False, map_characters=False, max_sentence_length=9999)  # fmt: skip
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", **config})
    return folder


def make_llama_model():
    make_llama("llama_model", legacy=True)
    write_expected("llama_model", AutoTokenizer.from_pretrained(OUT / "llama_model"))


def make_llama_model_new():
    make_llama("llama_model_new", legacy=False, add_bos_token=True, add_eos_token=True)
    write_expected("llama_model_new", AutoTokenizer.from_pretrained(OUT / "llama_model_new"))


def make_llama_json():
    """As in llava-hf: the added token <image>."""
    folder = make_llama("llama_json", legacy=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([tokenizers.AddedToken("<image>", special=True, normalized=False), tokenizers.AddedToken("<pad>", special=True)])
    tokenizer.add_tokens([tokenizers.AddedToken("<tag>", special=False, lstrip=True, single_word=True)])
    tokenizer.save_pretrained(folder)
    for file in ("tokenizer.model", "special_tokens_map.json"):
        (folder / file).unlink()
    write_json(folder / "tokenizer.json", json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    write_expected("llama_json", AutoTokenizer.from_pretrained(folder))


def make_gemma():
    """As in SigLIP 2: BPE with byte fallback, spaces as ▁, </s> behind the text by tokenizer_config.json."""
    folder = fresh("gemma")
    train_sentencepiece(folder, "tokenizer.model", model_type="bpe", vocab_size=1600, byte_fallback=True, split_digits=True, pad_id=0, eos_id=1,
                        bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", add_dummy_prefix=False,
                        remove_extra_whitespaces=False, map_characters=False, user_defined_symbols=["<start_of_turn>", "\n\n", "▁▁"])  # fmt: skip
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True})
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    for file in ("tokenizer.model", "special_tokens_map.json"):
        (folder / file).unlink()
    write_json(folder / "tokenizer.json", json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    write_expected("gemma", AutoTokenizer.from_pretrained(folder))


def make_byte_level(name, pre_tokenizer, template, config, special, **bpe):
    folder = fresh(name)
    tokenizer = tokenizers.Tokenizer(models.BPE(**bpe))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=1800, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus() * 3, trainer)
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(single=template, pair=None, special_tokens=[(t, tokenizer.token_to_id(t)) for t in special])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "tokenizer_config.json", config)
    write_expected(name, AutoTokenizer.from_pretrained(folder))


def make_smollm2():
    steps = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)])
    make_byte_level("smollm2", steps, "", {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>",
                                           "pad_token": "<|im_end|>", "model_max_length": 8192}, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])  # fmt: skip


def make_llama3():
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    steps = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated", invert=False), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    make_byte_level("llama3", steps, "<s> $A", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}, ["<s>", "</s>"], ignore_merges=True)


def make_unigram_json():
    """A Unigram tokenizer.json as converters write it: Precompiled, Metaspace, </s>."""
    folder = fresh("unigram_json")
    train_sentencepiece(folder, "spiece.model", model_type="unigram", vocab_size=1200, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)

    proto = sentencepiece_model_pb2.ModelProto.FromString((folder / "spiece.model").read_bytes())
    tokenizer = tokenizers.Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Lowercase(),
                                                 normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])  # fmt: skip
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair=None, special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "spiece.model").unlink()
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})
    write_expected("unigram_json", AutoTokenizer.from_pretrained(folder), leaks=("<pad>", "</s>", "<unk>"))


def make_gaze_mini():
    """The built-in model's rules (tools/train/README.md) on a small vocabulary."""
    sys.path.insert(0, str(ROOT / "tools" / "train"))
    import tokenizer as reference

    folder = fresh("gaze_mini")
    train_sentencepiece(folder, "tokenizer.model", model_type="bpe", vocab_size=1600, byte_fallback=True, split_digits=True, pad_id=0, unk_id=1,
                        bos_id=2, eos_id=3, control_symbols=["<en>", "<zh>"])  # fmt: skip
    shutil.copyfile(ROOT / "models" / "gaze-mini" / "tokenizer_config.json", folder / "tokenizer_config.json")
    tokenizer = reference.Tokenizer(folder / "tokenizer.model")
    ids = [tokenizer.pieces(text) + [reference.EOS] for text in texts()]
    write_json(folder / "expected.json", {
        "made_with": SEED_NOTE, "ids": ids, "decoded": [tokenizer.decode(row) for row in ids], "leaks": [],
        "cut_to_9": {str(i): ids[i][:-1][:8] + [reference.EOS] for i in (3, 12, 40, 60)},
    })  # fmt: skip
    print(f"gaze_mini: {tokenizer.sp.get_piece_size()} tokens")


def main():
    makers = {name.removeprefix("make_"): value for name, value in globals().items()
              if name.startswith("make_") and name not in ("make_bert", "make_llama", "make_byte_level")}  # fmt: skip
    OUT.mkdir(parents=True, exist_ok=True)
    write_json(OUT / "texts.json", texts())
    for name in sys.argv[1:] or makers:
        makers[name]()


if __name__ == "__main__":
    main()
