// The built-in model: pictures and Chinese or English texts in one space. Reference: GazeMini in tools/train/model.py.
#pragma once

#include <memory>

#include "models/checkpoint.h"
#include "models/dual_encoder.h"
#include "models/gaze_mini/config.h"
#include "nn/weight_table.h"

namespace gaze {

// Errors: as load_dual_encoder.
std::unique_ptr<const DualEncoder> load_gaze_mini(const Checkpoint& checkpoint, const LoadOptions& options);

namespace gaze_mini {

// The checkpoint's weights as float32 where they are stored as int8, checked against everything the model has.
// Errors: bad_weights.
std::shared_ptr<const WeightSource> checked_weights(const Checkpoint& checkpoint, const Config& config);

}  // namespace gaze_mini
}  // namespace gaze
