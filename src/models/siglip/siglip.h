// SigLIP and SigLIP 2 of fixed resolution, as published by Google: probabilities of texts are independent.
// Reference: transformers' SiglipModel; Zhai et al. 2023, https://arxiv.org/abs/2303.15343
#pragma once

#include <memory>

#include "models/checkpoint.h"
#include "models/dual_encoder.h"

namespace gaze {

// Errors: as load_dual_encoder.
std::unique_ptr<const DualEncoder> load_siglip(const Checkpoint& checkpoint, const LoadOptions& options);

}  // namespace gaze
