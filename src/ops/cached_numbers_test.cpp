#include "ops/cached_numbers.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "ops/reference.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::expect_close;
using test::for_each_target;
using test::random;

TEST(CachedNumbers, TakeAByteEachAndTwoAGroup) {
  EXPECT_EQ(cached_size(DType::f32, 128), 128);
  EXPECT_EQ(cached_size(DType::bf16, 128), 128);
  EXPECT_EQ(cached_size(DType::i8, 128), 136);
  EXPECT_EQ(cached_size(DType::i8, 80), 86);
  EXPECT_EQ(cached_size(DType::i8, 5), 8);
}

// Half a step of the group's own scale, which a large number in another group does not change.
TEST(CachedNumbers, ComeBackToHalfAStepOfTheirGroup) {
  for_each_target([] {
    for (const std::int64_t size : {1, 5, 31, 32, 33, 64, 80, 128}) {
      constexpr std::int64_t kHeads = 6;
      Tensor numbers = random({2, kHeads / 2 * size}, 1);
      for (std::int64_t h = 0; h < kHeads; ++h) numbers.data<float>()[h * size] *= 100;
      Tensor cached = Tensor::empty({2, kHeads / 2 * cached_size(DType::i8, size)}, DType::i8);
      to_cache(numbers, size, cached);
      Tensor back = Tensor::empty(numbers.shape(), DType::f32);
      from_cache(cached, size, back);
      expect_close(back, reference::from_cache(cached, size), 1e-6);
      for (std::int64_t h = 0; h < kHeads; ++h) {
        for (std::int64_t first = 0; first < size; first += kCacheGroup) {
          const std::int64_t begin = h * size + first, count = std::min(kCacheGroup, size - first);
          const float *was = numbers.data<float>() + begin, *is = back.data<float>() + begin;
          float largest = 0, worst = 0;
          for (std::int64_t i = 0; i < count; ++i) {
            largest = std::max(largest, std::fabs(was[i]));
            worst = std::max(worst, std::fabs(was[i] - is[i]));
          }
          EXPECT_LE(worst, 0.505f * largest / 127) << size << " " << h << " " << first;
        }
      }
    }
  });
}

TEST(CachedNumbers, ZerosAndNumbersWithoutAnInverseBecomeZeros) {
  for_each_target([] {
    Tensor numbers = Tensor::of<float>({4}, {0, 0, 1e-40f, -1e-38f}), back = Tensor::zeros({4}, DType::f32);
    Tensor cached = Tensor::empty({cached_size(DType::i8, 2) * 2}, DType::i8);
    to_cache(numbers, 2, cached);
    from_cache(cached, 2, back);
    for (const float number : back.values<float>()) EXPECT_EQ(number, 0);
  });
}

}  // namespace
}  // namespace gaze
