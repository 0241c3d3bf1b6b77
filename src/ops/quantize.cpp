#include "ops/quantize.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/quantize.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "base/parallel.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

template <class In>
float LargestOf(const In* x, std::size_t width) {
  const hn::ScalableTag<float> d;
  auto largest = hn::Zero(d);
  float rest = 0;
  ForVectors(width, [&](auto tag, std::size_t i) HWY_ATTR {
    const auto size = hn::Abs(LoadFloats(tag, x + i));
    if constexpr (std::is_same_v<decltype(tag), hn::ScalableTag<float>>) {
      largest = hn::Max(largest, size);
    } else {
      rest = std::max(rest, hn::GetLane(size));
    }
  });
  return std::max(rest, hn::GetLane(hn::MaxOfLanes(d, largest)));
}

// `offset` is 0 for i8 and 128 for u8; either way the byte's bits are the low eight of the sum.
void QuantizeRowsRange(const Tensor& x, int limit, std::int32_t offset, std::uint8_t* q, float* scales,
                       std::int64_t begin, std::int64_t end) {
  const auto width = static_cast<std::size_t>(x.size(-1));
  const auto rows = [&](const auto* from) HWY_ATTR {
    for (auto row = static_cast<std::size_t>(begin); row < static_cast<std::size_t>(end); ++row) {
      const auto* at = from + row * width;
      const float largest = LargestOf(at, width);
      scales[row] = largest / static_cast<float>(limit);
      const float inverse = largest > 0 ? static_cast<float>(limit) / largest : 0;
      ForVectors(width, [&](auto d, std::size_t i) HWY_ATTR {
        const hn::RebindToSigned<decltype(d)> ints;
        const hn::Rebind<std::uint8_t, decltype(d)> bytes;
        const auto nearest = hn::NearestInt(hn::Mul(LoadFloats(d, at + i), hn::Set(d, inverse)));
        const auto low = hn::And(hn::Add(nearest, hn::Set(ints, offset)), hn::Set(ints, 255));
        hn::StoreU(hn::DemoteTo(bytes, low), bytes, q + row * width + i);
      });
    }
  };
  x.dtype() == DType::f32 ? rows(x.data<float>()) : rows(x.data<Bf16>());
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(QuantizeRowsRange);

void quantize_rows(const Tensor& x, int limit, Tensor& q, Tensor& scales) {
  const std::int64_t rows = scales.elements();
  GAZE_CHECK(q.elements() == x.elements() && rows * x.size(-1) == x.elements() && 0 < limit && limit <= 127);
  GAZE_CHECK(q.dtype() == DType::i8 || q.dtype() == DType::u8);
  const int offset = q.dtype() == DType::u8 ? 128 : 0;
  parallel_ranges(rows, 4096 / x.size(-1) + 1, [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(QuantizeRowsRange)
    (x, limit, offset, reinterpret_cast<std::uint8_t*>(q.raw()), scales.data<float>(), begin, end);
  });
}

}  // namespace gaze
#endif
