// Opening a model for a task.
#pragma once

#include <memory>

#include "models/dual_encoder.h"
#include "tasks/model_store.h"

namespace gaze {

// load_dual_encoder with the faults of the built-in model explained.
// Errors: unsupported_model, bad_weights, not_found, out_of_memory.
std::unique_ptr<const DualEncoder> open_dual_encoder(const ModelEntry& entry, const LoadOptions& options);

}  // namespace gaze
