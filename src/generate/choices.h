// How likely a model is to say each of some texts: the answer is one of them, and how sure it is of that is known.
#pragma once

#include <span>
#include <vector>

#include "base/cancel.h"
#include "generate/decoder.h"

namespace gaze {

// For each choice the natural logarithm of its probability after the prompt: the sum over its tokens and, last, over
// any of the `ends` (a choice that another one begins with competes with it by its end). From the model's own logits:
// no penalty or temperature. Choices that begin alike share their beginning's work.
// The prompt and every choice hold at least one token; together they fit decoder.max_positions().
// Errors: cancelled, bad_weights (scores that are not numbers).
std::vector<double> score_choices(Decoder& decoder, const std::vector<TokenId>& prompt,
                                  std::span<const std::vector<TokenId>> choices, std::span<const TokenId> ends,
                                  const CancelToken* cancel);

// Their probabilities if the answer is one of them: the softmax of what score_choices gives.
std::vector<double> choice_probabilities(std::span<const double> scores);

}  // namespace gaze
