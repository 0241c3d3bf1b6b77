// Attention over a cache that is extended, branches, goes back and is kept, beside attention over the same numbers in a
// row of their own.
#include "nn/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "ops/reference.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::random;

constexpr std::int64_t kHeads = 6, kKeyHeads = 2, kSize = 40, kCapacity = 96;
constexpr std::int64_t kWidth = (kHeads + 2 * kKeyHeads) * kSize;

// What stands at one position: queries, keys, values. Of the keys some channels are large, as models have them.
Tensor position(unsigned seed) {
  Tensor qkv = random({1, kWidth}, seed);
  for (std::int64_t h = 0; h < kKeyHeads; ++h) qkv.data<float>()[(kHeads + h) * kSize + 3] *= 10;
  return qkv;
}

Tensor stacked(const std::vector<Tensor>& positions) {
  Tensor all = Tensor::empty({std::ssize(positions), kWidth}, DType::f32);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    std::memcpy(all.data<float>() + static_cast<std::int64_t>(i) * kWidth, positions[i].raw(), positions[i].bytes());
  }
  return all;
}

// The last of the positions looks at all, in float32 throughout.
Tensor expected(const std::vector<Tensor>& positions) {
  const auto length = std::ssize(positions);
  const Tensor all = stacked(positions).reshaped({1, length, kWidth});
  const AttentionShape shape{kHeads, kKeyHeads, kSize, 1 / std::sqrt(static_cast<float>(kSize)), true};
  const Tensor out =
      reference::attention(shape, {all, 0}, {all, kHeads * kSize}, {all, (kHeads + kKeyHeads) * kSize}, length, {});
  return out.reshaped({length, kHeads * kSize}).rows(length - 1, length);
}

// Root mean square of the difference: values are of a normal distribution.
double distance(const Tensor& some, const Tensor& other) {
  double sum = 0;
  for (std::int64_t i = 0; i < some.elements(); ++i) sum += std::pow(some.data<float>()[i] - other.data<float>()[i], 2);
  return std::sqrt(sum / static_cast<double>(some.elements()));
}

struct Kind {
  DType type;
  double bound;  // of the distance
};

class KvCacheTest : public ::testing::TestWithParam<Kind> {
 protected:
  KvCache make() const {
    return KvCache({.layers = 1,
                    .heads = kHeads,
                    .key_heads = kKeyHeads,
                    .head_size = kSize,
                    .capacity = kCapacity,
                    .dtype = GetParam().type});
  }
  void read(KvCache& cache, std::int64_t row, std::int64_t count, std::vector<Tensor>& said) {
    std::vector<Tensor> more;
    for (std::int64_t i = 0; i < count; ++i) more.push_back(position(++seed_));
    said.insert(said.end(), more.begin(), more.end());
    Tensor out = Tensor::empty({count, kHeads * kSize}, DType::f32);
    cache.extend(row, count);
    cache.attend_part(0, row, stacked(more), out);
    EXPECT_LT(distance(out.rows(count - 1, count), expected(said)), GetParam().bound);
  }
  void step(KvCache& cache, const std::vector<int>& parents, std::vector<std::vector<Tensor>>& said) {
    std::vector<std::vector<Tensor>> rows;
    std::vector<Tensor> more;
    for (const int parent : parents) {
      rows.push_back(said[static_cast<std::size_t>(parent)]);
      more.push_back(position(++seed_));
      rows.back().push_back(more.back());
    }
    said = rows;
    Tensor out = Tensor::empty({std::ssize(parents), kHeads * kSize}, DType::f32);
    cache.step(parents);
    cache.attend_step(0, stacked(more), out);
    for (std::size_t r = 0; r < said.size(); ++r) {
      const auto row = static_cast<std::int64_t>(r);
      EXPECT_LT(distance(out.rows(row, row + 1), expected(said[r])), GetParam().bound) << r;
    }
  }

 private:
  unsigned seed_ = 0;
};
// Measured: three quarters of these bounds and less.
INSTANTIATE_TEST_SUITE_P(Types, KvCacheTest,
                         ::testing::Values(Kind{DType::f32, 1e-6}, Kind{DType::bf16, 3e-3}, Kind{DType::i8, 1.6e-2}),
                         [](const auto& each) { return std::string(to_string(each.param.type)); });

TEST_P(KvCacheTest, FollowsBranchesAndGoesBack) {
  KvCache cache = make();
  cache.start(1);
  std::vector<std::vector<Tensor>> said(1);
  read(cache, 0, 5, said[0]);
  read(cache, 0, 30, said[0]);
  step(cache, {0}, said);
  step(cache, {0, 0, 0}, said);
  step(cache, {2, 0, 2, 1}, said);
  step(cache, {3, 3}, said);
  cache.rewind(33);
  said.resize(1);
  said[0].resize(33);
  read(cache, 0, 4, said[0]);
  step(cache, {0}, said);
}

TEST_P(KvCacheTest, RowsOfDifferentLengthsStepTogether) {
  KvCache cache = make();
  cache.start(2);
  std::vector<std::vector<Tensor>> said(2);
  read(cache, 0, 70, said[0]);
  read(cache, 1, 9, said[1]);
  step(cache, {0, 1}, said);
  step(cache, {1, 0, 1}, said);
}

// Read on in another cache, from one whose rows had branched; bytes as shape() tells them.
TEST_P(KvCacheTest, WhatWasKeptIsReadOn) {
  KvCache cache = make(), other = make();
  cache.start(1);
  std::vector<std::vector<Tensor>> said(1);
  read(cache, 0, 20, said[0]);
  const std::vector<Tensor> beginning = said[0];
  step(cache, {0, 0}, said);
  std::vector<std::vector<std::byte>> kept;
  std::size_t bytes = 0;
  cache.each_kept(20, [&](const Tensor& numbers) {
    kept.emplace_back(numbers.raw(), numbers.raw() + numbers.bytes());
    bytes += numbers.bytes();
  });
  KvCacheShape shape = cache.shape();
  shape.capacity = 20;
  EXPECT_EQ(static_cast<std::int64_t>(bytes), shape.bytes());
  auto next = kept.begin();
  other.resume(20, [&](Tensor& numbers) {
    ASSERT_EQ(numbers.bytes(), next->size());
    std::ranges::copy(*next++, numbers.raw());
  });
  said = {beginning};
  read(other, 0, 3, said[0]);
  step(other, {0}, said);
}

TEST_P(KvCacheTest, AttentionIsToldAsItWasPaid) {
  KvCache cache = make();
  cache.start(1);
  std::vector<Tensor> said;
  read(cache, 0, 12, said);
  Tensor sums = Tensor::zeros({1, 12}, DType::f32);
  cache.add_attention(0, said.back(), sums);
  // Values that say which position they are of make attention's result its weights.
  std::vector<Tensor> marked = said;
  Tensor weights = Tensor::zeros({1, 12}, DType::f32);
  for (std::size_t p = 0; p < marked.size(); ++p) {
    marked[p] = said[p].clone();
    float* values = marked[p].data<float>() + (kHeads + kKeyHeads) * kSize;
    std::fill_n(values, kKeyHeads * kSize, 0.0f);
    for (std::int64_t h = 0; h < kKeyHeads; ++h) values[h * kSize + static_cast<std::int64_t>(p)] = 1;
  }
  const Tensor out = expected(marked);
  for (std::int64_t h = 0; h < kHeads; ++h) {
    for (std::int64_t p = 0; p < 12; ++p) weights.data<float>()[p] += out.data<float>()[h * kSize + p];
  }
  EXPECT_LT(distance(sums, weights), GetParam().bound * kHeads);
}

TEST(KvCacheShape, TellsItsBytes) {
  // A model of 7 billion parameters, 4096 positions.
  KvCacheShape shape{.layers = 32, .heads = 32, .key_heads = 32, .head_size = 128, .capacity = 4096};
  EXPECT_EQ(shape.bytes(), std::int64_t{2048} << 20);
  shape.dtype = DType::i8;
  EXPECT_EQ(shape.bytes(), std::int64_t{1088} << 20);
}

}  // namespace
}  // namespace gaze
