// The tokens of a tokenizer and their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gaze {

// Ids may have holes. Immutable after loading; then safe to share between threads.
class Vocabulary {
 public:
  // `origin` (a file) is named in messages.
  explicit Vocabulary(std::string origin) : origin_(std::move(origin)) {}

  // Room for `count` tokens.
  void reserve(std::size_t count);
  // Errors: bad_weights (the id is negative or taken by another token, the token has another id already),
  // limit_exceeded (limits().vocabulary_ids, token_bytes, vocabulary_bytes).
  void add(std::string_view token, std::int64_t id);
  // A special token is never what a user's text becomes by the model's rules: find_text() does not see it.
  void mark_special(TokenId id);

  int size() const { return static_cast<int>(tokens_.size()); }  // the highest id + 1
  // The token, or "" for an id outside the vocabulary or in a hole. Valid until the next `add`.
  std::string_view token(TokenId id) const;
  bool contains(TokenId id) const { return id >= 0 && id < size() && tokens_[static_cast<std::size_t>(id)].used; }
  bool is_special(TokenId id) const { return contains(id) && tokens_[static_cast<std::size_t>(id)].special; }
  // -1 where there is no such token.
  TokenId find(std::string_view token) const;
  // As find, but special tokens are not found.
  TokenId find_text(std::string_view token) const;
  std::size_t longest_token_bytes() const { return longest_; }

  const std::string& origin() const { return origin_; }

 private:
  struct Token {
    std::uint32_t begin = 0, bytes = 0;
    bool used = false, special = false;
  };
  struct Slot {
    std::uint32_t hash = 0;
    TokenId id = -1;
  };
  std::string_view text_of(const Token& token) const { return {text_.data() + token.begin, token.bytes}; }
  // Where the token is, or the empty slot where it belongs.
  std::size_t find_slot(std::string_view token, std::uint32_t hash) const;
  void rehash(std::size_t at_least);

  std::string origin_;
  std::string text_;           // all tokens, one after the other
  std::vector<Token> tokens_;  // by id
  std::vector<Slot> slots_;    // open addressing; a power of two, at most half full
  std::size_t used_ = 0, longest_ = 0;
};

}  // namespace gaze
