// The loops of QuantizedMatmul; for that class alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/quantized_rows.h"
#include "ops/unpacked_weights.h"

namespace gaze {

// Rows of weights that one task multiplies with all rows of activations.
struct QuantizedTask {
  BlockType type;
  const std::byte* weights;  // the first row, at any address
  std::int64_t row_bytes;
  std::int64_t width;  // elements of a row
  std::int64_t count;  // rows of weights, at most kRowsPerTask
  const QuantizedRows* x;
  // −offset · Σ of the values that share a scale, where the int32 sums begin. [x.rows, starts_stride]
  const std::int32_t* starts;
  std::int64_t starts_stride;
  // out[m · out_stride + n], overwritten.
  float* out;
  std::int64_t out_stride;
};
inline constexpr std::int64_t kRowsPerTask = 32;
// From so many rows of activations on, a tile's unpacking costs less than it saves.
inline constexpr std::int64_t kRowsForTiles = 5;

// A row of activations at a time; weights are unpacked in registers.
void multiply_rows_avx512(const QuantizedTask& task);
// Many rows of activations: weights are unpacked once into a tile that lies in the second-level cache.
void multiply_tile_avx512(const QuantizedTask& task);
// Any number of rows, over groups of eight unpacked rows of weights; one row, over eight rows unpacked in registers.
void multiply_avx2(const QuantizedTask& task);
void multiply_avx_vnni(const QuantizedTask& task);
// Any number of rows, one unpacked row of weights after the other.
void multiply_rows_plain(const QuantizedTask& task);

}  // namespace gaze
