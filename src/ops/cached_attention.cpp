#include "ops/cached_attention.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cached_attention.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>

#include "base/parallel.h"
#include "ops/cached_attention_part.h"
#include "ops/cached_numbers-inl.h"
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

template <class Query>
HWY_INLINE float Dot(const Query* query, const std::int8_t* key, std::size_t size) {
  const hn::ScalableTag<float> d;
  const Bf16* scales = ScalesOf(key, size);
  auto sums = hn::Zero(d);
  float rest = 0;
  ForGroups(size, [&](std::size_t g, std::size_t first, auto count) HWY_ATTR {
    const float scale = to_float(scales[g]);
    auto own = hn::Zero(d);
    ForVectors(count, [&](auto tag, std::size_t i) HWY_ATTR {
      const auto asked = LoadFloats(tag, query + first + i), found = LoadFloats(tag, key + first + i);
      if constexpr (std::is_same_v<decltype(tag), std::remove_const_t<decltype(d)>>) {
        own = hn::MulAdd(asked, found, own);
      } else {
        rest += scale * hn::GetLane(hn::Mul(asked, found));
      }
    });
    sums = hn::MulAdd(own, hn::Set(d, scale), sums);
  });
  return hn::GetLane(hn::SumOfLanes(d, sums)) + rest;
}

// sum ← sum + weight · value.
template <class Value>
HWY_INLINE void AddScaled(float weight, const Value* value, std::size_t size, float* sum) {
  ForVectors(size, [&](auto d, std::size_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, weight), LoadFloats(d, value + i), hn::LoadU(d, sum + i)), d, sum + i);
  });
}

HWY_INLINE void AddScaled(float weight, const std::int8_t* value, std::size_t size, float* sum) {
  const Bf16* scales = ScalesOf(value, size);
  ForGroups(size, [&](std::size_t g, std::size_t first, auto count) HWY_ATTR {
    const float scaled = weight * to_float(scales[g]);
    ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
      float* to = sum + first + i;
      hn::StoreU(hn::MulAdd(hn::Set(d, scaled), LoadFloats(d, value + first + i), hn::LoadU(d, to)), d, to);
    });
  });
}

// e^(x − most) in place; returns the sum.
HWY_INLINE float ExpAll(float* x, std::size_t count, float most) {
  float sum = 0;
  ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto value = FastExp(d, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, most)));
    hn::StoreU(value, d, x + i);
    sum += hn::GetLane(hn::SumOfLanes(d, value));
  });
  return sum;
}

// The memory of a head, before it is needed.
template <class Key>
HWY_INLINE void Prefetch(const Key* head, std::int64_t count) {
  constexpr std::int64_t kLine = 64 / sizeof(Key);
  for (std::int64_t i = 0; i < count; i += kLine) hwy::Prefetch(head + i);
}

// A part of a row's positions. What they hold is read once and in its order, for all heads, so that memory runs at its
// full speed. query: the row's; found: record_size() for each head of the query.
template <class Query, class Key>
void AttendPart(const CachedAttention& shape, const AttentionPart& part, std::int64_t slots, const Query* query,
                const Key* keys, const Key* values, float* found) {
  constexpr std::int64_t kAhead = 2;  // positions
  const std::int64_t stored = cached_size(dtype_of<Key>, shape.head_size), group = shape.heads / shape.key_heads;
  const std::int64_t record = record_size(shape);
  const auto size = static_cast<std::size_t>(shape.head_size);
  const std::int32_t* slot = shape.slots.data() + part.row * shape.capacity + part.first;
  const auto at = [&](const Key* cache, std::int64_t i, std::int64_t key_head) {
    return cache + (((part.first + i) * slots + slot[i]) * shape.key_heads + key_head) * stored;
  };
  // Calls body(position, head of the query, its key or value), the same memory again before the next.
  const auto for_all = [&](const Key* cache, const auto& body) HWY_ATTR {
    for (std::int64_t i = 0; i < part.count; ++i) {
      for (std::int64_t k = 0; k < shape.key_heads; ++k) {
        Prefetch(at(cache, std::min(i + kAhead, part.count - 1), k), stored);
        const Key* own = at(cache, i, k);
        for (std::int64_t h = k * group; h < (k + 1) * group; ++h) body(i, h, own);
      }
    }
  };
  Scratch::Frame frame;
  Tensor memory = frame.tensor({shape.heads, kPartPositions}, DType::f32);
  float* const weights = memory.data<float>();
  for_all(keys, [&](std::int64_t i, std::int64_t h, const Key* key) HWY_ATTR {
    weights[h * kPartPositions + i] = shape.scale * Dot(query + h * shape.head_size, key, size);
  });
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    float *own = weights + h * kPartPositions, *head = found + h * record;
    head[0] = *std::max_element(own, own + part.count);
    head[1] = ExpAll(own, static_cast<std::size_t>(part.count), head[0]);
    std::fill_n(head + 2, size, 0.0f);
  }
  for_all(values, [&](std::int64_t i, std::int64_t h, const Key* value)
                      HWY_ATTR { AddScaled(weights[h * kPartPositions + i], value, size, found + h * record + 2); });
}

// One head of a row from what its parts found, which stands `step` floats apart.
template <class Out>
void Combine(const float* found, std::int64_t parts, std::int64_t step, std::size_t size, Out* out) {
  Scratch::Frame frame;
  Tensor memory = frame.tensor({static_cast<std::int64_t>(size)}, DType::f32);
  float* const sum = memory.data<float>();
  std::fill_n(sum, size, 0.0f);
  float most = found[0], total = 0;
  for (std::int64_t i = 1; i < parts; ++i) most = std::max(most, found[i * step]);
  for (std::int64_t i = 0; i < parts; ++i) {
    const float *part = found + i * step, share = std::exp(part[0] - most);
    total += share * part[1];
    AddScaled(share, part + 2, size, sum);
  }
  ForVectors(size, [&](auto d, std::size_t i)
                       HWY_ATTR { StoreFloats(hn::Mul(hn::LoadU(d, sum + i), hn::Set(d, 1 / total)), d, out + i); });
}

template <class Key>
void Rows(const CachedAttention& shape, const Tensor& query, const Key* keys, const Key* values, std::int64_t slots,
          Tensor& out) {
  const std::int64_t rows = out.size(0), query_width = query.elements() / rows;
  const std::int64_t longest = *std::ranges::max_element(shape.lengths);
  const std::int64_t parts = (longest + kPartPositions - 1) / kPartPositions;
  const std::int64_t step = shape.heads * record_size(shape);
  Scratch::Frame frame;
  Tensor memory = frame.tensor({rows * parts, step}, DType::f32);
  float* const found = memory.data<float>();
  WithTypes(query, out, [&](const auto* from, auto* to) {
    parallel_for(rows * parts, [&](std::int64_t task) {
      const std::int64_t row = task / parts, first = task % parts * kPartPositions;
      const std::int64_t left = shape.lengths[static_cast<std::size_t>(row)] - first;
      if (left <= 0) return;
      const AttentionPart part{row, first, std::min(left, kPartPositions)};
      AttendPart(shape, part, slots, from + row * query_width, keys, values, found + task * step);
    });
    parallel_for(rows * shape.heads, [&](std::int64_t task) {
      const std::int64_t row = task / shape.heads, head = task % shape.heads;
      const std::int64_t own = (shape.lengths[static_cast<std::size_t>(row)] + kPartPositions - 1) / kPartPositions;
      Combine(found + row * parts * step + head * record_size(shape), own, step,
              static_cast<std::size_t>(shape.head_size), to + task * shape.head_size);
    });
  });
}

void Attend(const CachedAttention& shape, const Tensor& query, const Tensor& keys, const Tensor& values, Tensor& out) {
  if (keys.dtype() == DType::f32) {
    Rows(shape, query, keys.data<float>(), values.data<float>(), keys.size(1), out);
  } else if (keys.dtype() == DType::i8) {
    Rows(shape, query, keys.data<std::int8_t>(), values.data<std::int8_t>(), keys.size(1), out);
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
  GAZE_CHECK(keys.size(2) == shape.key_heads * cached_size(keys.dtype(), shape.head_size) && keys.size(0) >= 1);
  GAZE_CHECK(shape.key_heads > 0 && shape.heads % shape.key_heads == 0);
  HWY_DYNAMIC_DISPATCH(Attend)(shape, query, keys, values, out);
}
}  // namespace gaze
#endif
