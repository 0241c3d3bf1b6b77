// The part of a tokenizer that turns words into ids: tokenizer.json's "model".
#pragma once

#include <vector>

#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace gaze {

// Immutable; safe to share between threads.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of all words.
  virtual void tokenize(const Words& words, std::vector<TokenId>& ids) const = 0;
};

}  // namespace gaze
