#include "ops/cached_attention.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "ops/cached_numbers.h"
#include "ops/reference.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::expect_close;
using test::for_each_target;
using test::random;

constexpr std::int64_t kPositions = 150, kSlots = 3, kCapacity = 160;

Tensor cache(std::int64_t key_heads, std::int64_t head_size, DType type, unsigned seed) {
  Tensor cached = Tensor::empty({kPositions, kSlots, key_heads * cached_size(type, head_size)}, type);
  to_cache(random({kPositions, kSlots, key_heads * head_size}, seed), head_size, cached);
  return cached;
}

TEST(CachedAttention, FollowsEachRowsSlots) {
  for_each_target([] {
    std::mt19937 generator(3);
    for (const std::int64_t head_size : {1, 5, 16, 64, 80, 128}) {
      for (const DType type : {DType::f32, DType::bf16, DType::i8}) {
        for (const auto& [key_heads, group] : {std::pair<std::int64_t, std::int64_t>{3, 1}, {2, 3}, {11, 2}}) {
          SCOPED_TRACE(::testing::Message() << head_size << " " << to_string(type) << " " << group);
          const std::int64_t width = group * key_heads * head_size;
          const std::vector<std::int32_t> lengths{150, 1, 64};
          std::vector<std::int32_t> slots(lengths.size() * kCapacity, -1);
          for (std::size_t r = 0; r < lengths.size(); ++r) {
            for (std::size_t p = 0; p < static_cast<std::size_t>(lengths[r]); ++p) {
              slots[r * kCapacity + p] = static_cast<int>(generator() % kSlots);
            }
          }
          const Tensor query = random({3, width + 2}, 1);  // wider, as a fused QKV product is
          const Tensor keys = cache(key_heads, head_size, type, 2), values = cache(key_heads, head_size, type, 3);
          const CachedAttention shape{group * key_heads, key_heads, head_size, 0.3f, lengths, slots, kCapacity};
          Tensor out = Tensor::empty({3, width}, DType::f32);
          cached_attention(shape, query, keys, values, out);
          expect_close(out, reference::cached_attention(shape, query, keys, values), 2e-5);
        }
      }
    }
  });
}

}  // namespace
}  // namespace gaze
