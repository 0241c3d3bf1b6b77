#include "ops/pointwise_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise_f32.cpp"
#include <hwy/foreach_target.h>

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// A panel of 16 output channels is one vector of 512 bits, two of 256 or four of 128. As many sums as the registers
// hold: 6 pixels × 4 vectors with 512 bits (32 registers), 6 × 2 with 256, 2 × 4 with 128.
using Tag = hn::CappedTag<float, kPanel>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(Tag()));
constexpr int kPanels = kLanes == kPanel ? 4 : 1;
constexpr int kPixels = kLanes <= 4 ? 2 : 6;

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
    for (int n = 0; n < kCount; ++n) {
      const std::int64_t first = column + n * kLanes;
      if (first >= call.out) break;
      const std::int64_t at = call.y.offset(pixel + m) + first;
      auto value = sums[m][n];
      if (call.relu6) value = hn::Min(hn::Max(value, hn::Zero(d)), six);
      if (call.out - first >= kLanes) {
        if (residual) value = hn::Add(value, hn::LoadU(d, residual + at));
        hn::StoreU(value, d, call.y.f32 + at);
      } else {
        float rest[kLanes] = {};
        hn::StoreU(value, d, rest);
        for (std::int64_t c = 0; first + c < call.out; ++c) {
          call.y.f32[at + c] = rest[c] + (residual ? residual[at + c] : 0.0f);
        }
      }
    }
  }
}

template <int Panels>
void ColumnOfTiles(const PointwiseCall& call, std::int64_t column) {
  std::int64_t pixel = 0;
  for (; pixel + kPixels <= call.pixels; pixel += kPixels) Tile<kPixels, Panels>(call, pixel, column);
  for (; pixel < call.pixels; ++pixel) Tile<1, Panels>(call, pixel, column);
}

void PointwiseF32(const PointwiseCall& call) {
  std::int64_t column = 0;
  for (; column + (kPanels - 1) * kPanel < call.out; column += kPanels * kPanel) ColumnOfTiles<kPanels>(call, column);
  for (; column < call.out; column += kPanel) ColumnOfTiles<1>(call, column);
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
