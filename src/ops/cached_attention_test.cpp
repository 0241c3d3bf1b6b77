#include "ops/cached_attention.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "ops/elementwise.h"

namespace gaze {
namespace {

Tensor noise(Shape shape, DType type, std::mt19937& random) {
  Tensor wide = Tensor::empty(shape, DType::f32);
  std::normal_distribution<float> normal;
  for (float& value : wide.values<float>()) value = normal(random);
  Tensor tensor = Tensor::empty(shape, type);
  convert(wide, tensor);
  return tensor;
}

TEST(CachedAttention, FollowsEachRowsSlots) {
  std::mt19937 random(3);
  constexpr std::int64_t kPositions = 7, kSlots = 4, kCapacity = 9;
  for (const std::int64_t head_size : {1, 5, 16, 64}) {
    for (const auto& [cache_type, group] :
         {std::pair{DType::f32, 1}, {DType::bf16, 1}, {DType::f32, 3}, {DType::bf16, 2}}) {
      const std::int64_t key_heads = 3, heads = group * key_heads;
      const std::int64_t width = heads * head_size, key_width = key_heads * head_size;
      const std::vector<std::int32_t> lengths{7, 1, 4};
      std::vector<std::int32_t> slots(lengths.size() * kCapacity, -1);
      for (std::size_t r = 0; r < lengths.size(); ++r) {
        for (int p = 0; p < lengths[r]; ++p)
          slots[r * kCapacity + static_cast<std::size_t>(p)] = static_cast<int>(random() % kSlots);
      }
      const Tensor query = noise({3, width + 2}, DType::f32, random);  // wider, as a fused QKV product is
      const Tensor keys = noise({kPositions, kSlots, key_width}, cache_type, random);
      const Tensor values = noise({kPositions, kSlots, key_width}, cache_type, random);
      const CachedAttention shape{heads, key_heads, head_size, 0.3f, lengths, slots, kCapacity};
      Tensor out = Tensor::empty({3, width}, DType::f32);
      cached_attention(shape, query, keys, values, out);

      const Tensor k = keys.to_f32(), v = values.to_f32();
      for (std::size_t r = 0; r < 3; ++r) {
        for (std::int64_t h = 0; h < heads; ++h) {
          std::vector<double> weight;
          double total = 0;
          const auto at = [&](int p) {
            return (p * kSlots + slots[r * kCapacity + static_cast<std::size_t>(p)]) * key_width +
                   h / group * head_size;
          };
          for (int p = 0; p < lengths[r]; ++p) {
            double dot = 0;
            for (std::int64_t i = 0; i < head_size; ++i) {
              dot += query.data<float>()[static_cast<std::int64_t>(r) * (width + 2) + h * head_size + i] *
                     k.data<float>()[at(p) + i];
            }
            total += weight.emplace_back(std::exp(0.3 * dot));
          }
          for (std::int64_t i = 0; i < head_size; ++i) {
            double expected = 0;
            for (int p = 0; p < lengths[r]; ++p)
              expected += weight[static_cast<std::size_t>(p)] / total * v.data<float>()[at(p) + i];
            EXPECT_NEAR(out.data<float>()[static_cast<std::int64_t>(r) * width + h * head_size + i], expected, 1e-5);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace gaze
