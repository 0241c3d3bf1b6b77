// NumPy's .npy files, for results that other programs read.
#pragma once

#include <filesystem>

#include "tensor/tensor.h"

namespace gaze {

// Writes a float32 tensor, version 1.0 of the format, C order; whole or not at all.
// Errors: write_file_atomically's.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace gaze
