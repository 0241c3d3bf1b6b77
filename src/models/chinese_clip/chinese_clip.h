// Chinese-CLIP as published by OFA-Sys: CLIP's picture tower, a Chinese BERT for texts.
// Reference: transformers' ChineseCLIPModel.
#pragma once

#include <memory>

#include "models/checkpoint.h"
#include "models/dual_encoder.h"

namespace gaze {

// Errors: as load_dual_encoder.
std::unique_ptr<const DualEncoder> load_chinese_clip(const Checkpoint& checkpoint, const LoadOptions& options);

}  // namespace gaze
