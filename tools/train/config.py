"""The configuration files of the published folder: written once here, read by training, export and goldens."""
from model import EFFICIENTNET_LITE2

PAD, UNK, BOS, EOS, EN, ZH = range(6)
LANGUAGE_IDS = {"en": EN, "zh": ZH}
VOCAB_SIZE, MAX_TOKENS = 8192, 64

CONFIG = {
    "architectures": ["GazeMiniModel"],
    "model_type": "gaze_mini",
    "projection_dim": 384,
    "vision_config": {**EFFICIENTNET_LITE2, "mirror": False},
    "text_config": {
        "vocab_size": VOCAB_SIZE, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
        "intermediate_size": 1024, "max_position_embeddings": MAX_TOKENS, "hidden_act": "gelu",
        "layer_norm_eps": 1e-5, "pooling": "mean", "pad_token_id": PAD, "eos_token_id": EOS,
    },
    "decoder_config": {
        "vocab_size": VOCAB_SIZE, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
        "intermediate_size": 1024, "max_position_embeddings": 32, "num_picture_positions": 82, "hidden_act": "gelu",
        "layer_norm_eps": 1e-5, "tie_word_embeddings": True, "language_token_ids": LANGUAGE_IDS,
        "pad_token_id": PAD, "eos_token_id": EOS,
    },
    "layer_norm_eps": 1e-5,
    "quantization_config": {"quant_method": "int8_weight_only", "scheme": "symmetric_per_row",
                            "scale_suffix": "_scale"},
}

PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_convert_rgb": True, "do_resize": True, "size": {"height": 260, "width": 260}, "resample": 3,
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
    "image_mean": [127 / 255] * 3, "image_std": [128 / 255] * 3,
}

TOKENIZER = {
    "tokenizer_class": "GazeMiniTokenizer",
    "strip_final_full_stops": True, "split_cjk_characters": True,
    "model_max_length": MAX_TOKENS, "add_eos_token": True, "add_bos_token": False,
    "pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>",
    "language_tokens": {"en": "<en>", "zh": "<zh>"},
}

GENERATION = {
    "num_beams": 5, "max_length": 30, "early_stopping": True, "length_penalty": 1.0, "no_repeat_ngram_size": 2,
    "do_sample": False, "eos_token_id": EOS, "pad_token_id": PAD, "suppress_tokens": [PAD, UNK, BOS, EN, ZH],
}
