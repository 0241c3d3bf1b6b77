// What a checkpoint answered in its reference implementation, run again here (`gaze models verify`).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "base/cancel.h"
#include "tasks/model_store.h"

namespace gaze {

inline constexpr const char* kReferenceName = "gaze-reference.json";  // in a checkpoint folder; docs/formats.md

// How many values were compared, and equal.
struct ReferenceChecks {
  std::size_t tokens = 0, pixels = 0, logits = 0, caption_tokens = 0;
};

// Tokenizes, prepares and runs what the model's reference holds, in f32: token and caption ids have to be the same,
// pixels and logits within rounding. Nothing where the model has no reference.
// Errors: bad_weights (says what differs), invalid_json (the reference itself), those of opening the model, cancelled.
std::optional<ReferenceChecks> check_reference(const ModelEntry& entry, const CancelToken& cancel);

}  // namespace gaze
