// The loops of Pointwise, one a number type.
#pragma once

#include "ops/pointwise.h"

namespace gaze {

inline constexpr std::int64_t kPanel = 16;  // output channels a panel: one 512-bit vector of float32

struct PointwiseCall {
  const void* x;
  std::int64_t x_stride;
  const std::byte* packed;  // as pack() in pointwise.cpp lays it out
  const float* bias;        // padded to whole panels
  std::int64_t pixels, depth, out;
  bool relu6;
  Pointwise::Output y;
};

void pointwise_bf16(const PointwiseCall& call);  // needs AVX-512 BF16
void round_pixels_bf16(const float* from, std::int64_t count, Bf16* to);
void pointwise_f32(const PointwiseCall& call);  // any CPU; x and residual are float32

}  // namespace gaze
