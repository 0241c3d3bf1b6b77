// Pictures as the rows that a patch embedding multiplies.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace gaze {

// pixels: float32 [batch, channels, height, width]; rows: float32 or bf16 [batch · (height/patch) · (width/patch),
// channels · patch · patch], each in the order of a convolution's weight [out, channels, patch, patch]. What does not
// fill a patch at the right and bottom is left out, as a strided convolution does.
void extract_patches(const Tensor& pixels, std::int64_t patch, Tensor& rows);

}  // namespace gaze
