// Activations for products with quantised weights: int8 in blocks of 32 along each row, one scale a block.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/scratch.h"
#include "tensor/tensor.h"

namespace gaze {

inline constexpr std::int64_t kActivationBlock = 32;

// x ≈ values · scales of their block. Padding behind a row is zeros, so that kernels may read whole vectors.
//
// A row in which few numbers tower over all others ("massive activations", Sun et al. 2024, arXiv:2402.17762: first
// tokens have them) would lose the others beside them. What int8 left of such a row stands in a row of its own behind
// the first `given` ones; it belongs to row rest_of[0], the next to rest_of[1] …: products of both are added.
struct QuantizedRows {
  std::int64_t rows = 0, given = 0;     // all, and those of x
  std::vector<std::int64_t> rest_of;    // rows − given
  std::int64_t blocks = 0;              // of a row, without padding
  std::int64_t stride = 0, padded = 0;  // from row to row: of values, of scales
  const std::int8_t* values = nullptr;  // [rows, stride], within ±127
  const float* scales = nullptr;        // [rows, padded]
  const float* weighted = nullptr;      // [rows, padded]: scale · Σ values of the block
  const std::int32_t* sums = nullptr;   // [rows, 2 · padded]: Σ values of each 16
};

// x: [rows, width] float32 or bf16; width is a multiple of 32. Its memory lies in the frame.
QuantizedRows quantize_blocks(const Tensor& x, Scratch::Frame& frame);

}  // namespace gaze
