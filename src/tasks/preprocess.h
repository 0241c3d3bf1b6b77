// What a model's vision tower receives for a picture.
#pragma once

#include <filesystem>

#include "models/dual_encoder.h"
#include "tasks/pictures.h"

namespace gaze {

// Writes float32 [1, 3, height, width] to `output` in NumPy's format and returns the shape.
// Errors: those of reading, decoding and writing; cancelled.
Shape preprocess(const DualEncoder& encoder, const std::filesystem::path& image, const PictureOptions& options,
                 const std::filesystem::path& output, const CancelToken& cancel);

}  // namespace gaze
