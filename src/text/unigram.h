// Unigram language model (Kudo 2018): of all ways to cut a word into tokens, the likeliest.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "text/token_model.h"
#include "text/trie.h"
#include "text/vocabulary.h"

namespace gaze {

struct UnigramSettings {
  TokenId unk_id = -1;  // -1: none; then text outside the vocabulary is left out
  bool byte_fallback = false;
  // Sums of scores are rounded to 32 bits, as libsentencepiece does; `tokenizers` sums in 64. It decides ties.
  bool single_precision = false;
};

class Unigram : public TokenModel {
 public:
  // `scores`: log-probabilities by id, as many as the vocabulary had before tokens were added to it.
  // Errors: bad_weights (the unknown id is outside the vocabulary, a score is not a number).
  Unigram(std::shared_ptr<const Vocabulary> vocabulary, std::vector<double> scores, UnigramSettings settings);

  void tokenize(const Words& words, std::vector<TokenId>& ids) const override;

 private:
  template <class Score>
  void tokenize_word(std::string_view word, std::vector<TokenId>& ids) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<double> scores_;
  UnigramSettings settings_;
  double unk_score_ = 0;
  Trie trie_;
  std::array<TokenId, 256> byte_tokens_{};
};

}  // namespace gaze
