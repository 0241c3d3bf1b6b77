// Eight rows of quantised weights, a stretch of their width at a time, unpacked into bytes for 256-bit products; for
// QuantizedMatmul's kernels alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/unpacked_weights.h"

namespace gaze {

inline constexpr std::int64_t kGroupRows = 8;
// Elements of a row at a time: four groups of them stay in the first-level cache beside the activations.
inline constexpr std::int64_t kStretch = 512;

// Weights of one group: for each four elements, [row][4]; scales [part][row], minima [block of 32][row] (only of types
// that have them). unpacked_weights.h says what they mean.
struct QuantizedGroup {
  alignas(64) std::uint8_t values[2 * kStretch * kGroupRows];
  alignas(64) float scales[kStretch / 16 * kGroupRows];
  alignas(64) float minima[kStretch / 32 * kGroupRows];
};

// `first`: the first row's stretch of `elements`, whole blocks, kStretch at most. split: values of eight bits become
// two planes of four, the low bits and behind them, from kStretch · kGroupRows on, the high ones.
void unpack_group_avx2(BlockType type, const std::byte* first, std::int64_t row_bytes, std::int64_t elements,
                       bool split, QuantizedGroup& to);

}  // namespace gaze
