#include "ops/quantized_rows.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/quantized_rows.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "base/parallel.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// One block: values, the sums of its halves; returns its scale.
template <class In>
HWY_INLINE float QuantizeBlock(const In* x, std::int8_t* values, std::int32_t* sums) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> ints;
  const hn::Rebind<std::int8_t, decltype(d)> bytes;
  const std::size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(d);
  for (std::size_t i = 0; i < 32; i += lanes) largest = hn::Max(largest, hn::Abs(LoadFloats(d, x + i)));
  const float most = hn::GetLane(hn::MaxOfLanes(d, largest));
  const float scale = most / 127.0f, inverse = most > 0 ? 127.0f / most : 0.0f;
  for (std::size_t half = 0; half < 2; ++half) {
    auto sum = hn::Zero(ints);
    for (std::size_t i = 16 * half; i < 16 * half + 16; i += lanes) {
      const auto value = hn::NearestInt(hn::Mul(LoadFloats(d, x + i), hn::Set(d, inverse)));
      hn::StoreU(hn::DemoteTo(bytes, value), bytes, values + i);
      sum = hn::Add(sum, value);
    }
    sums[half] = hn::GetLane(hn::SumOfLanes(ints, sum));
  }
  return scale;
}

void QuantizeRow(const Tensor& x, std::int64_t row, std::int64_t blocks, std::int8_t* values, float* scales,
                 float* weighted, std::int32_t* sums) {
  const auto all = [&](const auto* from) HWY_ATTR {
    for (std::int64_t b = 0; b < blocks; ++b) {
      scales[b] = QuantizeBlock(from + 32 * b, values + 32 * b, sums + 2 * b);
      weighted[b] = scales[b] * static_cast<float>(sums[2 * b] + sums[2 * b + 1]);
    }
  };
  const std::int64_t width = blocks * kActivationBlock;
  if (x.dtype() == DType::f32) return all(x.data<float>() + row * width);
  all(x.data<Bf16>() + row * width);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(QuantizeRow);

QuantizedRows quantize_blocks(const Tensor& x, Scratch::Frame& frame) {
  const std::int64_t width = x.size(-1), rows = x.elements() / width, blocks = width / kActivationBlock;
  GAZE_CHECK(width % kActivationBlock == 0);
  const std::int64_t padded = (blocks + 3) / 4 * 4, stride = padded * kActivationBlock;
  Tensor values = frame.tensor({rows, stride}, DType::i8), sums = frame.tensor({rows, 2 * padded}, DType::i32);
  Tensor scales = frame.tensor({rows, padded}, DType::f32), weighted = frame.tensor({rows, padded}, DType::f32);
  parallel_ranges(rows, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::int8_t* v = values.data<std::int8_t>() + row * stride;
      float *s = scales.data<float>() + row * padded, *w = weighted.data<float>() + row * padded;
      std::int32_t* t = sums.data<std::int32_t>() + row * 2 * padded;
      HWY_DYNAMIC_DISPATCH(QuantizeRow)(x, row, blocks, v, s, w, t);
      std::fill(v + width, v + stride, std::int8_t{0});
      std::fill(s + blocks, s + padded, 0.0f);
      std::fill(w + blocks, w + padded, 0.0f);
      std::fill(t + 2 * blocks, t + 2 * padded, 0);
    }
  });
  return {.rows = rows,
          .blocks = blocks,
          .stride = stride,
          .padded = padded,
          .values = values.data<std::int8_t>(),
          .scales = scales.data<float>(),
          .weighted = weighted.data<float>(),
          .sums = sums.data<std::int32_t>()};
}

}  // namespace gaze
#endif
