// The inner loops of a resize, once in plain C++ (the reference that the tests compare with) and once for each kind of
// SIMD; all give the same bytes.
//
// Weights are 23-bit integers and sums 32-bit, which no SIMD multiplies at full speed. So a weight is split into parts
// that fit the 8- or 16-bit multiply-add instructions, each part is summed up by itself, and the sums are put together
// with shifts at the end: exact, since everything is arithmetic modulo 2^32 and the true sum fits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "media/resample_taps.h"

namespace gaze {

// The horizontal pass works on this many rows at once, one SIMD lane a row: sums then never cross lanes.
inline constexpr int kBlockRows = 16;
// Four neighbouring pixels of a block: three channels × 16 rows × 4 bytes.
inline constexpr std::size_t kQuadBytes = 3 * kBlockRows * 4;

// The weights of one quad, split as a kernel likes them.
using PackedQuad = std::array<std::uint32_t, 4>;

// Horizontal taps over whole quads: windows count quads, weights outside the true window are zero.
struct PackedTaps {
  std::vector<ResampleTaps::Window> windows;
  std::vector<PackedQuad> quads;  // window after window
};

struct ResizeKernels {
  const char* name;

  PackedQuad (*pack)(const std::int32_t weights[4]);

  // Pixels [4 × first_quad, 4 × end_quad) of 16 rows of `width` RGB pixels, as quads. Pixels past the width are zero.
  void (*gather)(const std::uint8_t* const rows[kBlockRows], int width, int first_quad, int end_quad,
                 std::uint8_t* quads);

  // Every output pixel of 16 rows: columns[(3 × x + channel) × 16 + row]. `quads` starts at quad 0.
  void (*horizontal)(const std::uint8_t* quads, const PackedTaps& taps, std::uint8_t* columns);

  // One output row: the weighted sum of `count` rows of `bytes` bytes.
  void (*vertical)(const std::uint8_t* const* rows, const std::int32_t* weights, int count, std::size_t bytes,
                   std::uint8_t* out);
};

// The fastest for this CPU; decided once.
const ResizeKernels& resize_kernels();
// All that run on this CPU, the plain one first.
std::span<const ResizeKernels* const> usable_resize_kernels();

PackedTaps pack_taps(const ResampleTaps& taps, const ResizeKernels& kernels);

}  // namespace gaze
