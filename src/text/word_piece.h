// WordPiece (Schuster and Nakajima 2012; BERT): the longest token a word starts with, and so on.
#pragma once

#include <memory>
#include <string>

#include "text/token_model.h"
#include "text/vocabulary.h"

namespace gaze {

struct WordPieceSettings {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  std::size_t max_input_chars_per_word = 100;
};

class WordPiece : public TokenModel {
 public:
  // Errors: bad_weights (the unknown token is not in the vocabulary).
  WordPiece(std::shared_ptr<const Vocabulary> vocabulary, WordPieceSettings settings);

  // A word with a part that no token fits, or too long a word, is the unknown token as a whole.
  void tokenize(const Words& words, std::vector<TokenId>& ids) const override;

 private:
  bool tokenize_word(std::string_view word, std::vector<TokenId>& ids, std::string& scratch) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  WordPieceSettings settings_;
  TokenId unk_;
};

}  // namespace gaze
