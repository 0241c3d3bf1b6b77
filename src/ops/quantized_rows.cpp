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

// One block: values, the sums of its halves, and of its squares; returns its scale.
template <class In>
HWY_INLINE float QuantizeBlock(const In* x, std::int8_t* values, std::int32_t* sums, std::int32_t& squares) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> ints;
  const hn::Rebind<std::int8_t, decltype(d)> bytes;
  const std::size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(d);
  for (std::size_t i = 0; i < 32; i += lanes) largest = hn::Max(largest, hn::Abs(LoadFloats(d, x + i)));
  const float most = hn::GetLane(hn::MaxOfLanes(d, largest));
  const float scale = most / 127.0f, inverse = most > 0 ? 127.0f / most : 0.0f;
  auto square = hn::Zero(ints);
  for (std::size_t half = 0; half < 2; ++half) {
    auto sum = hn::Zero(ints);
    for (std::size_t i = 16 * half; i < 16 * half + 16; i += lanes) {
      const auto scaled = hn::Mul(LoadFloats(d, x + i), hn::Set(d, inverse));
      // Only infinities and what is no number lie outside: forged weights make them, and sums must not overflow.
      const auto value = hn::NearestInt(hn::Min(hn::Max(scaled, hn::Set(d, -127.0f)), hn::Set(d, 127.0f)));
      hn::StoreU(hn::DemoteTo(bytes, value), bytes, values + i);
      sum = hn::Add(sum, value);
      square = hn::Add(square, hn::Mul(value, value));
    }
    sums[half] = hn::GetLane(hn::SumOfLanes(ints, sum));
  }
  squares = hn::GetLane(hn::SumOfLanes(ints, square));
  return scale;
}

// Returns the square of the row's error over its own: a step's error is even, so its variance is 1/12.
float QuantizeRow(const Tensor& x, std::int64_t row, std::int64_t blocks, std::int8_t* values, float* scales,
                  float* weighted, std::int32_t* sums) {
  float error = 0, own = 0;
  const auto all = [&](const auto* from) HWY_ATTR {
    for (std::int64_t b = 0; b < blocks; ++b) {
      std::int32_t squares;
      scales[b] = QuantizeBlock(from + 32 * b, values + 32 * b, sums + 2 * b, squares);
      weighted[b] = scales[b] * static_cast<float>(sums[2 * b] + sums[2 * b + 1]);
      error += scales[b] * scales[b] * (32.0f / 12);
      own += scales[b] * scales[b] * static_cast<float>(squares);
    }
  };
  const std::int64_t width = blocks * kActivationBlock;
  if (x.dtype() == DType::f32) {
    all(x.data<float>() + row * width);
  } else {
    all(x.data<Bf16>() + row * width);
  }
  return own > 0 ? error / own : 0.0f;
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(QuantizeRow);

namespace {

// One large number alone in its block: √(32/12) / 127 = 1.3 %; evenly spread ones 0.6 %.
constexpr float kMassive = 0.009f * 0.009f;

float at(const Tensor& x, std::int64_t i) {
  return x.dtype() == DType::f32 ? x.data<float>()[i] : to_float(x.data<Bf16>()[i]);
}

}  // namespace

QuantizedRows quantize_blocks(const Tensor& x, Scratch::Frame& frame) {
  const std::int64_t width = x.size(-1), given = x.elements() / width, blocks = width / kActivationBlock;
  GAZE_CHECK(width % kActivationBlock == 0);
  const std::int64_t padded = (blocks + 3) / 4 * 4, stride = padded * kActivationBlock, most = 2 * given;
  Tensor values = frame.tensor({most, stride}, DType::i8), sums = frame.tensor({most, 2 * padded}, DType::i32);
  Tensor scales = frame.tensor({most, padded}, DType::f32), weighted = frame.tensor({most, padded}, DType::f32);
  Tensor errors = frame.tensor({given}, DType::f32);
  // Row `from_row` of `from` becomes row `row`.
  const auto quantise = [&](const Tensor& from, std::int64_t from_row, std::int64_t row) {
    std::int8_t* v = values.data<std::int8_t>() + row * stride;
    float *s = scales.data<float>() + row * padded, *w = weighted.data<float>() + row * padded;
    std::int32_t* t = sums.data<std::int32_t>() + row * 2 * padded;
    const float error = HWY_DYNAMIC_DISPATCH(QuantizeRow)(from, from_row, blocks, v, s, w, t);
    std::fill(v + width, v + stride, std::int8_t{0});
    std::fill(s + blocks, s + padded, 0.0f);
    std::fill(w + blocks, w + padded, 0.0f);
    std::fill(t + 2 * blocks, t + 2 * padded, 0);
    return error;
  };
  parallel_ranges(given, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) errors.data<float>()[row] = quantise(x, row, row);
  });

  QuantizedRows all{.rows = given,
                    .given = given,
                    .blocks = blocks,
                    .stride = stride,
                    .padded = padded,
                    .values = values.data<std::int8_t>(),
                    .scales = scales.data<float>(),
                    .weighted = weighted.data<float>(),
                    .sums = sums.data<std::int32_t>()};
  Tensor rest = frame.tensor({1, width}, DType::f32);
  for (std::int64_t row = 0; row < given; ++row) {
    if (errors.data<float>()[row] < kMassive) continue;
    for (std::int64_t k = 0; k < width; ++k) {
      rest.data<float>()[k] = at(x, row * width + k) - all.scales[row * padded + k / kActivationBlock] *
                                                           static_cast<float>(all.values[row * stride + k]);
    }
    quantise(rest, 0, all.rows++);
    all.rest_of.push_back(row);
  }
  return all;
}

}  // namespace gaze
#endif
