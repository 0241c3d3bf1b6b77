// Pictures and texts as vectors of length 1.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "models/dual_encoder.h"
#include "tasks/failed_input.h"
#include "tasks/pictures.h"

namespace gaze {

struct PictureVectors {
  std::vector<std::filesystem::path> paths;  // those that could be read, in the order given
  Tensor vectors;                            // float32 [paths, dimension]
  std::vector<FailedInput> failed;
};

// Decodes on all threads and runs the network batch by batch; `progress` hears how many are done after each. "-" is
// the picture in `standard_input`. Errors: cancelled. A picture that cannot be read is in `failed`.
PictureVectors embed_pictures(const DualEncoder& encoder, std::span<const std::filesystem::path> paths,
                              const Bytes& standard_input, const PictureOptions& options, const CancelToken& cancel,
                              const std::function<void(std::size_t)>& progress);

// float32 [texts, dimension]. Errors: limit_exceeded, cancelled.
Tensor embed_texts(const DualEncoder& encoder, std::span<const std::string> texts, bool parse_special,
                   const CancelToken& cancel);

// One tensor of both's rows, pictures first, as `path` in NumPy's format.
void write_vectors(const std::filesystem::path& path, const Tensor& pictures, const Tensor& texts);

}  // namespace gaze
