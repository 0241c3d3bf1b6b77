// Byte-pair encoding (Sennrich et al. 2016) as in the `tokenizers` library: CLIP, GPT-2, LLaMA, Gemma.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/pair_table.h"
#include "text/token_model.h"
#include "text/vocabulary.h"

namespace gaze {

// Pairs of tokens to merge, the most urgent first.
class Merges {
 public:
  void reserve(std::size_t count, std::size_t bytes);
  void add(std::string_view left, std::string_view right);
  std::size_t size() const { return ends_.size(); }
  std::string_view left(std::size_t i) const { return part(i == 0 ? 0 : ends_[i - 1][1], ends_[i][0]); }
  std::string_view right(std::size_t i) const { return part(ends_[i][0], ends_[i][1]); }

 private:
  std::string_view part(std::size_t begin, std::size_t end) const {
    return std::string_view(text_).substr(begin, end - begin);
  }
  std::string text_;  // left, right, left, right, …
  std::vector<std::array<std::uint32_t, 2>> ends_;
};

struct BpeSettings {
  std::string unk_token;                  // "": a character outside the vocabulary is left out
  std::string continuing_subword_prefix;  // before every character of a word but the first
  std::string end_of_word_suffix;         // after the last character of a word
  bool fuse_unk = false;                  // neighbouring unknown characters are one token
  bool byte_fallback = false;             // an unknown character is its bytes, "<0xE4>", where all are tokens
  bool ignore_merges = false;             // a word that is a token needs no merges
};

class Bpe : public TokenModel {
 public:
  // `vocabulary` must have all its tokens, special ones marked; no merge makes one of those.
  // Errors: bad_weights (a merge or the unknown token is not in the vocabulary).
  Bpe(std::shared_ptr<const Vocabulary> vocabulary, const Merges& merges, BpeSettings settings);

  // n log n in the length of a word.
  void tokenize(const Words& words, std::vector<TokenId>& ids) const override;

 private:
  struct Merge {
    std::uint32_t rank;
    TokenId id;
  };
  struct Scratch;
  void split_into_characters(std::string_view word, Scratch& scratch) const;
  void merge_all(Scratch& scratch) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  BpeSettings settings_;
  PairTable<Merge> merges_;                 // (left id, right id) → merge
  std::array<TokenId, 256> byte_tokens_{};  // "<0x00>" …, -1 where absent
  TokenId unk_ = -1;
};

// The ids of "<0x00>" to "<0xFF>", -1 where there is no such token.
std::array<TokenId, 256> find_byte_tokens(const Vocabulary& vocabulary);

}  // namespace gaze
