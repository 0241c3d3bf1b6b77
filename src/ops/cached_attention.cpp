#include "ops/cached_attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cached_attention.cpp"
#include <algorithm>
#include <cmath>

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

template <class Query, class Key, class Out>
void Row(const CachedAttention& shape, std::int64_t row, std::int64_t slots, const Query* query, const Key* keys,
         const Key* values, float* weights, float* sums, Out* out) {
  const std::int64_t width = shape.heads * shape.head_size;
  const auto size = static_cast<std::size_t>(shape.head_size);
  const std::int64_t length = shape.lengths[static_cast<std::size_t>(row)];
  const std::int32_t* slot = shape.slots.data() + row * shape.capacity;
  const auto at = [&](const Key* cache, std::int64_t p, std::int64_t head) {
    return cache + (p * slots + slot[p]) * width + head * shape.head_size;
  };
  for (std::int64_t head = 0; head < shape.heads; ++head) {
    float most = -INFINITY;
    for (std::int64_t p = 0; p < length; ++p) {
      weights[p] = shape.scale * Dot(query + head * shape.head_size, at(keys, p, head), size);
      most = std::max(most, weights[p]);
    }
    float total = 0;
    for (std::int64_t p = 0; p < length; ++p) total += weights[p] = std::exp(weights[p] - most);

    std::fill_n(sums, size, 0.0f);
    for (std::int64_t p = 0; p < length; ++p) {
      const Key* value = at(values, p, head);
      ForVectors(size, [&](auto tag, std::size_t i) HWY_ATTR {
        const auto weight = hn::Set(tag, weights[p]);
        hn::StoreU(hn::MulAdd(weight, LoadFloats(tag, value + i), hn::LoadU(tag, sums + i)), tag, sums + i);
      });
    }
    ForVectors(size, [&](auto tag, std::size_t i) HWY_ATTR {
      StoreFloats(hn::Mul(hn::LoadU(tag, sums + i), hn::Set(tag, 1 / total)), tag, out + head * shape.head_size + i);
    });
  }
}

template <class Key>
void Rows(const CachedAttention& shape, const Tensor& query, const Key* keys, const Key* values, std::int64_t slots,
          Tensor& out) {
  const std::int64_t rows = out.size(0), query_width = query.elements() / rows;
  const std::int64_t width = shape.heads * shape.head_size;
  Scratch::Frame frame;
  Tensor scratch = frame.tensor({rows, shape.capacity + shape.head_size}, DType::f32);
  float* const memory = scratch.data<float>();
  WithTypes(query, out, [&](const auto* from, auto* to) {
    parallel_for(rows, [&](std::int64_t row) {
      float* weights = memory + row * (shape.capacity + shape.head_size);
      Row(shape, row, slots, from + row * query_width, keys, values, weights, weights + shape.capacity,
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
  GAZE_CHECK(keys.size(2) == shape.heads * shape.head_size && keys.size(0) >= 1);
  HWY_DYNAMIC_DISPATCH(Attend)(shape, query, keys, values, out);
}
}  // namespace gaze
#endif
