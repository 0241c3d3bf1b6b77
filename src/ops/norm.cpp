#include "ops/norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/norm.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.

#include "base/parallel.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

template <class In, class Reduce>
float SumOf(const In* x, std::size_t width, const Reduce& term) {
  const hn::ScalableTag<float> d;
  auto sums = hn::Zero(d);
  float rest = 0;
  ForVectors(width, [&](auto tag, std::size_t i) HWY_ATTR {
    const auto value = term(tag, LoadFloats(tag, x + i));
    if constexpr (std::is_same_v<decltype(tag), hn::ScalableTag<float>>) {
      sums = hn::Add(sums, value);
    } else {
      rest += hn::GetLane(value);
    }
  });
  return hn::GetLane(hn::SumOfLanes(d, sums)) + rest;
}

// Two passes over a row, which lies in the first-level cache: the difference from the mean loses no digits.
template <class In, class Out>
void LayerNormRow(const In* x, const float* weight, const float* bias, float epsilon, std::size_t width, Out* y) {
  const float mean = SumOf(x, width, [](auto, auto v) HWY_ATTR { return v; }) / static_cast<float>(width);
  const float squares = SumOf(x, width, [mean](auto tag, auto v) HWY_ATTR {
    const auto difference = hn::Sub(v, hn::Set(tag, mean));
    return hn::Mul(difference, difference);
  });
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + epsilon);
  ForVectors(width, [&](auto tag, std::size_t i) HWY_ATTR {
    const auto normal = hn::Mul(hn::Sub(LoadFloats(tag, x + i), hn::Set(tag, mean)), hn::Set(tag, scale));
    StoreFloats(hn::MulAdd(normal, hn::LoadU(tag, weight + i), hn::LoadU(tag, bias + i)), tag, y + i);
  });
}

template <class In, class Out>
void RmsNormRow(const In* x, const float* weight, float epsilon, std::size_t width, Out* y) {
  const float squares = SumOf(x, width, [](auto, auto v) HWY_ATTR { return hn::Mul(v, v); });
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(width) + epsilon);
  ForVectors(width, [&](auto tag, std::size_t i) HWY_ATTR {
    const auto normal = hn::Mul(LoadFloats(tag, x + i), hn::Set(tag, scale));
    StoreFloats(hn::Mul(normal, hn::LoadU(tag, weight + i)), tag, y + i);
  });
}

void L2NormalizeRow(float* x, std::size_t width) {
  const float squares = SumOf(x, width, [](auto, auto v) HWY_ATTR { return hn::Mul(v, v); });
  if (!(squares > 0)) return;
  const float scale = 1.0f / std::sqrt(squares);
  ForVectors(width, [&](auto tag, std::size_t i)
                        HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, scale)), tag, x + i); });
}

void SoftmaxRow(float* x, std::size_t width) {
  float largest = x[0];
  for (std::size_t i = 1; i < width; ++i) largest = std::fmax(largest, x[i]);
  ForVectors(width, [&](auto tag, std::size_t i) HWY_ATTR {
    hn::StoreU(FastExp(tag, hn::Sub(hn::LoadU(tag, x + i), hn::Set(tag, largest))), tag, x + i);
  });
  const float scale = 1.0f / SumOf(x, width, [](auto, auto v) HWY_ATTR { return v; });
  ForVectors(width, [&](auto tag, std::size_t i)
                        HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, scale)), tag, x + i); });
}

// Rows [begin, end) of whole tensors.
void LayerNormRows(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon, Tensor& y,
                   std::int64_t begin, std::int64_t end) {
  const auto width = static_cast<std::size_t>(x.size(-1));
  WithTypes(x, y, [&](const auto* from, auto* to) HWY_ATTR {
    for (auto row = static_cast<std::size_t>(begin); row < static_cast<std::size_t>(end); ++row) {
      LayerNormRow(from + row * width, weight.data<float>(), bias.data<float>(), epsilon, width, to + row * width);
    }
  });
}

void RmsNormRows(const Tensor& x, const Tensor& weight, float epsilon, Tensor& y, std::int64_t begin,
                 std::int64_t end) {
  const auto width = static_cast<std::size_t>(x.size(-1));
  WithTypes(x, y, [&](const auto* from, auto* to) HWY_ATTR {
    for (auto row = static_cast<std::size_t>(begin); row < static_cast<std::size_t>(end); ++row) {
      RmsNormRow(from + row * width, weight.data<float>(), epsilon, width, to + row * width);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(LayerNormRows);
HWY_EXPORT(RmsNormRows);
HWY_EXPORT(L2NormalizeRow);
HWY_EXPORT(SoftmaxRow);

namespace {

constexpr std::int64_t kGrain = 4096;  // elements a task, at least

// body(begin, end) over ranges of rows, on all threads.
template <class Body>
void for_rows(const Tensor& x, const Body& body) {
  if (x.elements() == 0) return;
  const std::int64_t width = x.size(-1);
  parallel_ranges(x.elements() / width, kGrain / width + 1, body);
}

template <class Kernel>
void each_row(Tensor& x, Kernel kernel) {
  float* values = x.data<float>();
  const std::int64_t width = x.size(-1);
  for_rows(x, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) kernel(values + row * width, static_cast<std::size_t>(width));
  });
}

}  // namespace

void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon, Tensor& y) {
  GAZE_CHECK(x.shape() == y.shape() && weight.elements() == x.size(-1) && bias.elements() == x.size(-1));
  for_rows(x, [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(LayerNormRows)(x, weight, bias, epsilon, y, begin, end);
  });
}

void rms_norm(const Tensor& x, const Tensor& weight, float epsilon, Tensor& y) {
  GAZE_CHECK(x.shape() == y.shape() && weight.elements() == x.size(-1));
  for_rows(x, [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(RmsNormRows)(x, weight, epsilon, y, begin, end);
  });
}

void l2_normalize(Tensor& x) {
  each_row(x, HWY_DYNAMIC_DISPATCH(L2NormalizeRow));
}

void softmax(Tensor& x) {
  each_row(x, HWY_DYNAMIC_DISPATCH(SoftmaxRow));
}

}  // namespace gaze
#endif
