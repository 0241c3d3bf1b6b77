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
