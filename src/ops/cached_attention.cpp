#include "ops/cached_attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cached_attention.cpp"
#include <algorithm>

#include <hwy/foreach_target.h>

#include "base/parallel.h"
#include "ops/scratch.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

template <class Query, class Key>
HWY_INLINE float Dot(const Query* query, const Key* key, std::size_t size) {
  const hn::ScalableTag<float> d;
  auto sums = hn::Zero(d);
  float rest = 0;
  ForVectors(size, [&](auto tag, std::size_t i) HWY_ATTR {
    const auto product = hn::Mul(LoadFloats(tag, query + i), LoadFloats(tag, key + i));
    if constexpr (std::is_same_v<decltype(tag), std::remove_const_t<decltype(d)>>) {
      sums = hn::Add(sums, product);
    } else {
      rest += hn::GetLane(product);
    }
  });
  return hn::GetLane(hn::SumOfLanes(d, sums)) + rest;
}

// e^(x − max) in place; returns the sum.
float ExpAll(float* x, std::size_t count) {
  const float most = *std::max_element(x, x + count);
  float sum = 0;
  ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto value = FastExp(d, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, most)));
    hn::StoreU(value, d, x + i);
    sum += hn::GetLane(hn::SumOfLanes(d, value));
  });
  return sum;
}

// One head of keys and values in one row, for all the query's heads that it serves: the cache is read once for them.
// weights: [group, capacity], sums: [group, head_size].
template <class Query, class Key, class Out>
void Head(const CachedAttention& shape, std::int64_t row, std::int64_t key_head, std::int64_t slots, const Query* query,
          const Key* keys, const Key* values, float* weights, float* sums, Out* out) {
  const std::int64_t width = shape.key_heads * shape.head_size, group = shape.heads / shape.key_heads;
  const auto size = static_cast<std::size_t>(shape.head_size);
  const std::int64_t length = shape.lengths[static_cast<std::size_t>(row)];
  const std::int32_t* slot = shape.slots.data() + row * shape.capacity;
  const auto at = [&](const Key* cache, std::int64_t p) {
    return cache + (p * slots + slot[p]) * width + key_head * shape.head_size;
  };
  query += key_head * group * shape.head_size;
  out += key_head * group * shape.head_size;
  for (std::int64_t p = 0; p < length; ++p) {
    for (std::int64_t g = 0; g < group; ++g) {
      weights[g * shape.capacity + p] = shape.scale * Dot(query + g * shape.head_size, at(keys, p), size);
    }
  }
  std::fill_n(sums, group * shape.head_size, 0.0f);
  for (std::int64_t g = 0; g < group; ++g) {
    float* own = weights + g * shape.capacity;
    const float scale = 1 / ExpAll(own, static_cast<std::size_t>(length));
    for (std::int64_t p = 0; p < length; ++p) own[p] *= scale;
  }
  for (std::int64_t p = 0; p < length; ++p) {
    const Key* value = at(values, p);
    for (std::int64_t g = 0; g < group; ++g) {
      float* sum = sums + g * shape.head_size;
      ForVectors(size, [&](auto tag, std::size_t i) HWY_ATTR {
        const auto weight = hn::Set(tag, weights[g * shape.capacity + p]);
        hn::StoreU(hn::MulAdd(weight, LoadFloats(tag, value + i), hn::LoadU(tag, sum + i)), tag, sum + i);
      });
    }
  }
  ForVectors(static_cast<std::size_t>(group) * size,
             [&](auto tag, std::size_t i) HWY_ATTR { StoreFloats(hn::LoadU(tag, sums + i), tag, out + i); });
}

template <class Key>
void Rows(const CachedAttention& shape, const Tensor& query, const Key* keys, const Key* values, std::int64_t slots,
          Tensor& out) {
  const std::int64_t rows = out.size(0), query_width = query.elements() / rows;
  const std::int64_t width = shape.heads * shape.head_size, group = shape.heads / shape.key_heads;
  const std::int64_t room = group * (shape.capacity + shape.head_size);
  Scratch::Frame frame;
  Tensor scratch = frame.tensor({rows * shape.key_heads, room}, DType::f32);
  float* const memory = scratch.data<float>();
  WithTypes(query, out, [&](const auto* from, auto* to) {
    parallel_for(rows * shape.key_heads, [&](std::int64_t task) {
      const std::int64_t row = task / shape.key_heads, head = task % shape.key_heads;
      float* weights = memory + task * room;
      Head(shape, row, head, slots, from + row * query_width, keys, values, weights, weights + group * shape.capacity,
           to + row * width);
    });
  });
}

void Attend(const CachedAttention& shape, const Tensor& query, const Tensor& keys, const Tensor& values, Tensor& out) {
  if (keys.dtype() == DType::f32) {
    Rows(shape, query, keys.data<float>(), values.data<float>(), keys.size(1), out);
  } else {
    Rows(shape, query, keys.data<Bf16>(), values.data<Bf16>(), keys.size(1), out);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {
HWY_EXPORT(Attend);
void cached_attention(const CachedAttention& shape, const Tensor& query, const Tensor& keys, const Tensor& values,
                      Tensor& out) {
  GAZE_CHECK(keys.shape() == values.shape() && keys.dtype() == values.dtype());
  GAZE_CHECK(keys.size(2) == shape.key_heads * shape.head_size && keys.size(0) >= 1);
  GAZE_CHECK(shape.key_heads > 0 && shape.heads % shape.key_heads == 0);
  HWY_DYNAMIC_DISPATCH(Attend)(shape, query, keys, values, out);
}
}  // namespace gaze
#endif
