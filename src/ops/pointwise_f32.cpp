#include "ops/pointwise_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise_f32.cpp"
#include <algorithm>

#include <hwy/foreach_target.h>

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// A panel of 16 output channels is one vector of 512 bits, two of 256 or four of 128.
using Tag = hn::CappedTag<float, kPanel>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(Tag()));
constexpr int kVectors = static_cast<int>(kPanel) / kLanes;
constexpr int kMostPanels = kLanes == kPanel ? 4 : 1;  // side by side

// As many as give sums that the registers hold beside one vector of weights a column and one pixel (32 registers with
// 512 bits, 16 otherwise); more than enough to hide a step's latency are of no use.
constexpr int pixels_at_once(int panels) {
  const int most = ((kLanes == kPanel ? 32 : 16) - 1) / (panels * kVectors) - 1;
  return std::clamp(most, 1, 14);
}

template <int Pixels, int Panels>
HWY_INLINE void Tile(const PointwiseCall& call, std::int64_t pixel, std::int64_t column) {
  constexpr Tag d;
  constexpr int kCount = Panels * kPanel / kLanes;
  const float* x = static_cast<const float*>(call.x) + pixel * call.x_stride;
  const std::int64_t panel_size = call.depth * kPanel;
  const auto* residual = static_cast<const float*>(call.y.residual);
  const float* weights = reinterpret_cast<const float*>(call.packed) + column / kPanel * panel_size;

  hn::Vec<Tag> sums[Pixels][kCount];
  for (int n = 0; n < kCount; ++n) {
    const auto bias = hn::LoadU(d, call.bias + column + n * kLanes);
    for (int m = 0; m < Pixels; ++m) sums[m][n] = bias;
  }
  for (std::int64_t k = 0; k < call.depth; ++k) {
    hn::Vec<Tag> w[kCount];
    for (int n = 0; n < kCount; ++n) {
      const std::int64_t lane = n * kLanes;
      w[n] = hn::LoadU(d, weights + lane / kPanel * panel_size + k * kPanel + lane % kPanel);
    }
    for (int m = 0; m < Pixels; ++m) {
      const auto value = hn::Set(d, x[m * call.x_stride + k]);
      for (int n = 0; n < kCount; ++n) sums[m][n] = hn::MulAdd(value, w[n], sums[m][n]);
    }
  }
  const auto six = hn::Set(d, 6);
  for (int m = 0; m < Pixels; ++m) {
    const std::int64_t row = call.y.offset(pixel + m) + column;
    for (int n = 0; n < kCount; ++n) {
      const std::int64_t at = row + n * kLanes, left = call.out - column - n * kLanes;
      if (left <= 0) break;
      auto value = sums[m][n];
      if (call.relu6) value = hn::Min(hn::Max(value, hn::Zero(d)), six);
      if (left >= kLanes) {
        if (residual) value = hn::Add(value, hn::LoadU(d, residual + at));
        hn::StoreU(value, d, call.y.f32 + at);
      } else {
        float rest[kLanes] = {};
        hn::StoreU(value, d, rest);
        for (std::int64_t c = 0; c < left; ++c) call.y.f32[at + c] = rest[c] + (residual ? residual[at + c] : 0.0f);
      }
    }
  }
}

// The pixels from `pixel` on, `Pixels` at once; what is left by halves.
template <int Pixels, int Panels>
void Tiles(const PointwiseCall& call, std::int64_t column, std::int64_t pixel) {
  for (; pixel + Pixels <= call.pixels; pixel += Pixels) Tile<Pixels, Panels>(call, pixel, column);
  if constexpr (Pixels > 1) {
    if (pixel < call.pixels) Tiles<(Pixels + 1) / 2, Panels>(call, column, pixel);
  }
}

// `Panels` panels at once; what is left in fewer.
template <int Panels>
void Columns(const PointwiseCall& call, std::int64_t column) {
  for (; column + (Panels - 1) * kPanel < call.out; column += Panels * kPanel) {
    Tiles<pixels_at_once(Panels), Panels>(call, column, 0);
  }
  if constexpr (Panels > 1) {
    if (column < call.out) Columns<Panels - 1>(call, column);
  }
}

void PointwiseF32(const PointwiseCall& call) {
  Columns<kMostPanels>(call, 0);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {
HWY_EXPORT(PointwiseF32);
void pointwise_f32(const PointwiseCall& call) {
  HWY_DYNAMIC_DISPATCH(PointwiseF32)(call);
}
}  // namespace gaze
#endif
