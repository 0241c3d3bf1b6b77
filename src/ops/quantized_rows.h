// Activations for products with quantised weights: int8 in blocks of 32 along each row, one scale a block.
#pragma once

#include <cstdint>

#include "ops/scratch.h"
#include "tensor/tensor.h"

namespace gaze {

inline constexpr std::int64_t kActivationBlock = 32;

// x ≈ values · scales of their block. Padding behind a row is zeros, so that kernels may read whole vectors.
struct QuantizedRows {
  std::int64_t rows = 0, blocks = 0;    // blocks: of a row, without padding
  std::int64_t stride = 0, padded = 0;  // from row to row: of values, of scales
  const std::int8_t* values = nullptr;  // [rows, stride], within ±127
  const float* scales = nullptr;        // [rows, padded]
  const float* weighted = nullptr;      // [rows, padded]: scale · Σ values of the block
  const std::int32_t* sums = nullptr;   // [rows, 2 · padded]: Σ values of each 16
};

// x: [rows, width] float32 or bf16; width is a multiple of 32. Its memory lies in the frame.
QuantizedRows quantize_blocks(const Tensor& x, Scratch::Frame& frame);

}  // namespace gaze
