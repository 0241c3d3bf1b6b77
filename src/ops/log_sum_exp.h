// log Σ e^x of a row of scores: what turns logits into log-probabilities.
#pragma once

#include <span>

namespace gaze {

// To 1e-6 relative, without overflow. NaN where a score is; the largest score where that is infinite. `scores` is not
// empty.
float log_sum_exp(std::span<const float> scores);

}  // namespace gaze
