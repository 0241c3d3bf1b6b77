// From text to the ids a model reads, and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gaze {

using TokenId = std::int32_t;

struct EncodeOptions {
  bool add_special_tokens = true;  // the model's own start and end tokens
  // Text such as "<|endoftext|>" in the input becomes that token. Off for what a user typed.
  bool parse_special = false;
  // Cut to this many tokens, special ones counted, the end token kept (the reference's truncation); 0: uncut.
  int max_length = 0;
};

// Ids of the tokens with a role, -1 where a tokenizer has none.
struct SpecialTokens {
  TokenId bos = -1, eos = -1, unk = -1, pad = -1;
};

// Immutable after loading; safe to share between threads. Time is linear in the text.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of any bytes: what is not UTF-8 counts as U+FFFD (text/unicode.h).
  // Errors: limit_exceeded (limits().text_bytes; a split expression that takes too long).
  virtual std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const = 0;
  // Text of the ids; ids outside the vocabulary are left out.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = true) const = 0;

  virtual int vocabulary_size() const = 0;
  // The token as the vocabulary writes it ("dog</w>", "##ing", "▁the"); empty for ids outside of it.
  virtual std::string token(TokenId id) const = 0;
  // The id of a token as the vocabulary writes it, or -1.
  virtual TokenId id(std::string_view token) const = 0;
  virtual bool is_special(TokenId id) const = 0;

  virtual const SpecialTokens& special_tokens() const = 0;
  // tokenizer_config.json's model_max_length; 0 where it says none.
  virtual int model_max_length() const = 0;
};

// Opens the tokenizer of a checkpoint folder: tokenizer.json where there is one, else vocab.json + merges.txt,
// vocab.txt (WordPiece), spiece.model / tokenizer.model (SentencePiece), under tokenizer_config.json.
// Errors: not_found, unsupported_model (a component or class that Gaze does not have), invalid_json, bad_weights (a
// file contradicts itself), limit_exceeded.
std::unique_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& folder);

}  // namespace gaze
