// int8 and back: symmetric, one scale a row.
#pragma once

#include "tensor/tensor.h"

namespace gaze {

// q = round(x / scale) with scale = max|x| / limit of the row (0 for a row of zeros); limit ≤ 127.
// x: [rows, width] float32 or bf16; q: [rows, width] i8, or u8 to hold q + 128; scales: float32 [rows].
void quantize_rows(const Tensor& x, int limit, Tensor& q, Tensor& scales);

}  // namespace gaze
