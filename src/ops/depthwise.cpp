#include "ops/depthwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise.cpp"
#include <hwy/foreach_target.h>

#include "base/check.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// Neighbouring outputs share most of what they read: four are computed together.
constexpr int kOutputs = 4;

template <int Kernel, int Stride, int Outputs, class D>
HWY_INLINE void Pixels(D d, const DepthwiseRow& row, const float* const* rows, std::int64_t x, std::int64_t c,
                       float* y) {
  constexpr int kInputs = (Outputs - 1) * Stride + Kernel;
  hn::Vec<D> sums[Outputs];
  for (auto& sum : sums) sum = hn::LoadU(d, row.bias + c);
  for (int i = 0; i < Kernel; ++i) {
    if (!rows[i]) continue;
    const float* from = rows[i] + x * Stride * row.channels + c;
    hn::Vec<D> inputs[kInputs];
    for (int k = 0; k < kInputs; ++k) inputs[k] = hn::LoadU(d, from + k * row.channels);
    for (int j = 0; j < Kernel; ++j) {
      const auto weight = hn::LoadU(d, row.weight + (i * Kernel + j) * row.channels + c);
      for (int o = 0; o < Outputs; ++o) sums[o] = hn::MulAdd(inputs[o * Stride + j], weight, sums[o]);
    }
  }
  const auto six = hn::Set(d, 6);
  for (int o = 0; o < Outputs; ++o) {
    hn::StoreU(hn::Min(hn::Max(sums[o], hn::Zero(d)), six), d, y + (x + o) * row.channels + c);
  }
}

// Channels go in blocks whose weights stay in the first-level cache; within one, a pixel's channels are read in a row.
template <int Kernel, int Stride>
void Row(const DepthwiseRow& row, const float* const* rows, std::int64_t width, float* y) {
  constexpr std::int64_t kBlock = 64;
  for (std::int64_t first = 0; first < row.channels; first += kBlock) {
    const auto count = static_cast<std::size_t>(row.channels - first < kBlock ? row.channels - first : kBlock);
    const auto run = [&](auto outputs, std::int64_t x) HWY_ATTR {
      ForVectors(count, [&](auto d, std::size_t c) HWY_ATTR {
        Pixels<Kernel, Stride, outputs()>(d, row, rows, x, first + static_cast<std::int64_t>(c), y);
      });
    };
    std::int64_t x = 0;
    for (; x + kOutputs <= width; x += kOutputs) run(std::integral_constant<int, kOutputs>(), x);
    for (; x < width; ++x) run(std::integral_constant<int, 1>(), x);
  }
}

void Depthwise(const DepthwiseRow& row, const float* const* rows, std::int64_t width, float* y) {
  if (row.kernel == 3 && row.stride == 1) return Row<3, 1>(row, rows, width, y);
  if (row.kernel == 3 && row.stride == 2) return Row<3, 2>(row, rows, width, y);
  if (row.kernel == 5 && row.stride == 1) return Row<5, 1>(row, rows, width, y);
  if (row.kernel == 5 && row.stride == 2) return Row<5, 2>(row, rows, width, y);
  GAZE_CHECK(false);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {
HWY_EXPORT(Depthwise);
void depthwise_row(const DepthwiseRow& row, const float* const* rows, std::int64_t width, float* y) {
  HWY_DYNAMIC_DISPATCH(Depthwise)(row, rows, width, y);
}
}  // namespace gaze
#endif
