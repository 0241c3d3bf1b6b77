// What generation asks of a language model: logits for the next token of several sequences that share one cache.
#pragma once

#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace gaze {

// One request's state (the KV cache and what the text looks at) over an immutable model. For one thread at a time.
// Rows are the sequences in flight. Logits are float32 [rows, vocabulary_size()] and valid until the next call.
class Decoder {
 public:
  virtual ~Decoder() = default;

  virtual int vocabulary_size() const = 0;
  // Positions that the model has, prompt and new tokens together.
  virtual int max_positions() const = 0;

  // Starts over with one row a prompt (at least one token each; lengths may differ).
  virtual std::span<const float> start(std::span<const std::vector<TokenId>> prompts) = 0;

  // The new row i continues row parents[i] of the call before with tokens[i]. Rows may be dropped, doubled and
  // reordered: that is how beams move, by index and without copying what they share.
  virtual std::span<const float> step(std::span<const TokenId> tokens, std::span<const int> parents) = 0;
};

}  // namespace gaze
