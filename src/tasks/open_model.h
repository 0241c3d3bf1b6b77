// Opening a model for a task: the loaders of models/, with the faults of the built-in model explained.
// Errors of all: unsupported_model, bad_weights, not_found, invalid_json, out_of_memory.
#pragma once

#include <memory>

#include "models/captioner.h"
#include "models/dual_encoder.h"
#include "models/picture_questions.h"
#include "tasks/model_store.h"

namespace gaze {

std::unique_ptr<const DualEncoder> open_dual_encoder(const ModelEntry& entry, const LoadOptions& options);
std::unique_ptr<const Captioner> open_captioner(const ModelEntry& entry, Precision precision);
std::unique_ptr<const PictureAnswerer> open_picture_answerer(const ModelEntry& entry, Precision precision);
std::unique_ptr<const PictureMatcher> open_picture_matcher(const ModelEntry& entry, Precision precision);

}  // namespace gaze
