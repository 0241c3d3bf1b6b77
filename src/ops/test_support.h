// For the tests of ops: random tensors in awkward places, and every instruction set that this CPU has.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include "tensor/tensor.h"

namespace gaze::test {

// Numbers of a normal distribution. `misaligned` memory begins one element after an aligned address.
inline Tensor random(Shape shape, unsigned seed, DType type = DType::f32, bool misaligned = false, float scale = 1) {
  const std::int64_t count = shape.elements();
  Tensor memory = Tensor::empty({count + 1}, type);
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  for (std::int64_t i = 0; i <= count; ++i) {
    const float value = normal(generator);
    if (type == DType::f32) memory.data<float>()[i] = value;
    if (type == DType::bf16) memory.data<Bf16>()[i] = to_bf16(value);
    if (type == DType::f16) memory.data<F16>()[i] = to_f16(value);
  }
  const std::int64_t begin = misaligned ? 1 : 0;
  return memory.rows(begin, begin + count).reshaped(shape);
}

// |actual − expected| ≤ tolerance · max(1, |expected|) everywhere; bf16 results get half a unit of their last place.
inline void expect_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.elements(), expected.elements());
  const double unit = actual.dtype() == DType::bf16 ? 1.0 / 256 : 0;
  const Tensor a = actual.to_f32(), e = expected.to_f32();
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double want = e.data<float>()[i], got = a.data<float>()[i];
    ASSERT_NEAR(got, want, (tolerance + unit) * std::fmax(1.0, std::fabs(want))) << "at " << i;
  }
}

// Runs body once for each instruction set that our kernels were compiled for and this CPU has.
template <class Body>
void for_each_target(const Body& body) {
  int tried = 0;
  const std::int64_t present = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t bits = present; bits != 0; bits &= bits - 1) {
    const std::int64_t target = bits & -bits;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    SCOPED_TRACE(hwy::TargetName(target));
    body();
    ++tried;
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  EXPECT_GT(tried, 1);
}

}  // namespace gaze::test
