// The tokenizer that a GGUF file carries in its metadata, given as arrays: nothing here knows the file format.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace gaze {

// Names as in the metadata, without "tokenizer.ggml.". Strings need not be UTF-8 yet.
struct GgufVocabulary {
  std::string model;                      // "llama" (SentencePiece BPE) or "gpt2" (byte-level BPE)
  std::string pre;                        // of "gpt2": which split expression, "llama-bpe", "smollm", "qwen2" …
  std::vector<std::string> tokens;        // by id
  std::vector<float> scores;              // of "llama"; as many as tokens
  std::vector<std::int32_t> token_types;  // as SentencePiece's; empty, or as many as tokens
  std::vector<std::string> merges;        // of "gpt2": "left right"
  TokenId bos = -1, eos = -1, unk = -1, pad = -1;
  bool add_bos = false, add_eos = false, add_space_prefix = true;
};

// The same ids as from the tokenizer.json or tokenizer.model that the file was made from. `origin` (the file) is named
// in messages. Errors: unsupported_model (another model or split), bad_weights (arrays that contradict each other).
std::unique_ptr<const Tokenizer> make_gguf_tokenizer(const GgufVocabulary& vocabulary, const std::string& origin);

}  // namespace gaze
