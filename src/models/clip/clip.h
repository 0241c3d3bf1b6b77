// CLIP as published by OpenAI and LAION, every size. Reference: transformers' CLIPModel.
#pragma once

#include <memory>

#include "models/checkpoint.h"
#include "models/dual_encoder.h"

namespace gaze {

// Errors: as load_dual_encoder.
std::unique_ptr<const DualEncoder> load_clip(const Checkpoint& checkpoint, const LoadOptions& options);

}  // namespace gaze
