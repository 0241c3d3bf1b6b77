// Token by token: greedy, sampling and beam search over a Decoder, with the reference's results.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "generate/decoder.h"
#include "generate/generation_config.h"

namespace gaze {

struct Generation {
  std::vector<TokenId> ids;  // the new tokens, with the end token where there is one, without the prompt
  // Beam search: the reference's sequences_scores, the summed log-probability over length^length_penalty.
  // One beam: the mean log-probability of the new tokens.
  float score = 0;
  bool finished = false;  // ended by an end token, not by max_length
};

struct GenerateHooks {
  const CancelToken* cancel = nullptr;
  // One beam only: called with each new token of prompt `index` (the end token too); false stops that prompt.
  std::function<bool(std::size_t index, TokenId token)> on_token;
  // One beam only: makes the scores of what may not come next −infinity, after all penalties; something is left.
  std::function<void(std::size_t index, std::span<float> scores)> restrict_scores;
};

// One list a prompt, best first, num_return_sequences each (fewer only where beams ran out of continuations).
// Errors: usage (validate, or a prompt that leaves no room below max_length or the model's positions), cancelled,
// bad_weights (scores that are not numbers).
std::vector<std::vector<Generation>> generate(Decoder& decoder, std::span<const std::vector<TokenId>> prompts,
                                              const GenerationConfig& config, const GenerateHooks& hooks = {});

}  // namespace gaze
