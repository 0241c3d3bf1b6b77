// Checkpoints whose matrices are int8 with one scale a row ("int8_weight_only"), as if they were float32.
#pragma once

#include <memory>

#include "weights/weight_source.h"

namespace gaze {

// Every I8 tensor NAME of `source` that has NAME_scale (F32, one a row) beside it becomes float32:
// weight[r, …] = int8[r, …] · scale[r], computed when it is asked for; the scales are hidden. All else stays.
// Errors: bad_weights (a scale that does not fit its tensor).
std::shared_ptr<const WeightSource> dequantized(std::shared_ptr<const WeightSource> source);

}  // namespace gaze
