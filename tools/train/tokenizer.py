"""Stage: the joint Chinese and English tokenizer, and the reference of how text becomes ids (README.md, "Text → ids")."""
import io
import re

import sentencepiece

from common import CACHE, log
from config import EOS, MAX_TOKENS, VOCAB_SIZE

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_SPLIT = re.compile(f"([{_CJK}])")
_FINAL = " \t\n\v\f\r\u00a0\u3000.。．｡"
_JOIN = re.compile(f"(?<=[{_CJK}\u3000-\u303f\uff00-\uffef]) | (?=[{_CJK}\u3000-\u303f\uff00-\uffef])")


def prepare(text):
    """The two rules that come before SentencePiece."""
    return _SPLIT.sub(r" \1 ", text.rstrip(_FINAL))


class Tokenizer:
    def __init__(self, path):
        self.sp = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def pieces(self, text):
        return self.sp.encode(prepare(text))

    def __call__(self, text):
        return self.pieces(text)[:MAX_TOKENS - 1] + [EOS]

    def within(self, language, options):
        """Generation options under which a caption stays in "en" or "zh": never comes, in English, what is not ASCII,
        in Chinese two Latin letters in a row (a single one may stand, as in t恤)."""
        def belongs(piece):
            byte = re.fullmatch("<0x(..)>", piece)
            if language == "en":
                return int(byte[1], 16) < 128 if byte else piece.replace("\u2581", "").isascii()
            return bool(byte) or not re.search("[A-Za-z]{2}", piece)
        foreign = [i for i in range(6, self.sp.get_piece_size()) if not belongs(self.sp.id_to_piece(i))]
        return {**options, "suppress_tokens": options["suppress_tokens"] + foreign}

    def decode(self, ids):
        return _JOIN.sub("", self.sp.decode([i for i in ids if i > 5]))


def run(captions, phrases):
    """Trained on the captions, four times, and the phrase list, once: caption words stay whole, others get short."""
    path = CACHE / "tokenizer.model"
    if not path.exists():
        log("tokenizer: training")
        model = io.BytesIO()             # lines and model through memory: files would leave their paths inside the model
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(prepare(t) for t in captions * 4 + phrases), model_writer=model, model_type="bpe",
            vocab_size=VOCAB_SIZE, byte_fallback=True, character_coverage=0.9998,
            normalization_rule_name="nmt_nfkc_cf", split_digits=True, pad_id=0, unk_id=1, bos_id=2, eos_id=3,
            control_symbols=["<en>", "<zh>"], num_threads=1, input_sentence_size=0, minloglevel=1)
        path.write_bytes(model.getvalue())
    return Tokenizer(path)
