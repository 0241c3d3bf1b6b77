// Which source pixels make an output pixel, and with what weights: Pillow's precompute_coeffs and normalize_coeffs_8bpc
// (Resample.c), in the same order of arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "media/resize.h"

namespace gaze {

inline constexpr int kTapBits = 22;  // weights are fixed-point: 32 bits less 8 of the pixel, less 2 of headroom

struct ResampleTaps {
  struct Window {
    int first = 0;  // source pixel
    int count = 0;
  };
  std::vector<Window> windows;        // one an output pixel
  std::vector<std::int32_t> weights;  // `stride` an output pixel, zeros after its count
  int stride = 0;

  const std::int32_t* of(std::size_t output) const { return weights.data() + output * stride; }
};

// Output pixels [begin, begin + count) of a side of `from` pixels resized to `to`. Not for Resample::nearest.
ResampleTaps resample_taps(int from, int to, int begin, int count, Resample resample);

// The sum of pixel × weight, rounded, as a pixel.
inline std::uint8_t round_taps(std::int32_t sum) {
  const std::int32_t value = (sum + (1 << (kTapBits - 1))) >> kTapBits;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

}  // namespace gaze
