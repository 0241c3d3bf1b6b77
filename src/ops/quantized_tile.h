// Rows of quantised weights, unpacked into bytes for VNNI; for QuantizedMatmul's kernels alone.
#pragma once

#include <cstdint>

#include "ops/quantized_kernels.h"
#include "ops/scratch.h"

namespace gaze {

inline constexpr std::int64_t kTileLanes = 16;  // rows of weights in a vector

// Weights of kRowsPerTask rows: for each four elements of a row, [row][4]; scales [part][row], minima [block of
// 32][row] (only of types that have them). Rows that are not there hold zeros. unpacked_weights.h says what they mean.
struct QuantizedTile {
  std::uint8_t* values;
  float *scales, *minima;
};

// The weights of a task, in the frame's memory.
QuantizedTile unpack_tile_avx512(const QuantizedTask& task, Scratch::Frame& frame);

}  // namespace gaze
