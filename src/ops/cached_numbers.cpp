#include "ops/cached_numbers.h"

#include <algorithm>
#include <bit>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cached_numbers.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.

#include "ops/cached_numbers-inl.h"
#include "ops/elementwise.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// The least bf16 that holds a group's largest number in 127 steps, so that none is cut off; zero for numbers so small
// that they have no inverse.
HWY_INLINE Bf16 ScaleFor(float largest) {
  const float scale = largest / 127;
  if (!(scale >= std::numeric_limits<float>::min())) return {};
  return {static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(scale) + 0xFFFF) >> 16)};
}

HWY_INLINE void PackGroup(const float* from, std::size_t count, std::int8_t* to, Bf16& scale) {
  float largest = 0;
  ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
    largest = std::max(largest, hn::GetLane(hn::MaxOfLanes(d, hn::Abs(hn::LoadU(d, from + i)))));
  });
  scale = ScaleFor(largest);
  const float inverse = scale.bits == 0 ? 0 : 1 / to_float(scale);
  ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
    const hn::Rebind<std::int8_t, decltype(d)> bytes;
    const auto nearest = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), hn::Set(d, inverse)));
    hn::StoreU(hn::DemoteTo(bytes, nearest), bytes, to + i);
  });
}

void PackHeads(const float* from, std::size_t heads, std::size_t size, std::int8_t* to) {
  const auto stored = static_cast<std::size_t>(cached_size(DType::i8, static_cast<std::int64_t>(size)));
  for (std::size_t h = 0; h < heads; ++h, from += size, to += stored) {
    Bf16* scales = ScalesOf(to, size);
    ForGroups(size, [&](std::size_t g, std::size_t first, std::size_t count)
                        HWY_ATTR { PackGroup(from + first, count, to + first, scales[g]); });
  }
}

void UnpackHeads(const std::int8_t* from, std::size_t heads, std::size_t size, float* to) {
  const auto stored = static_cast<std::size_t>(cached_size(DType::i8, static_cast<std::int64_t>(size)));
  for (std::size_t h = 0; h < heads; ++h) UnpackHead(from + h * stored, size, 1, to + h * size);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(PackHeads);
HWY_EXPORT(UnpackHeads);

namespace {

// Errors: none; a bug where the tensors do not hold the same heads.
std::size_t heads_of(const Tensor& numbers, std::int64_t head_size, const Tensor& cached) {
  const std::int64_t heads = numbers.elements() / head_size;
  GAZE_CHECK(numbers.elements() == heads * head_size);
  GAZE_CHECK(cached.elements() == heads * cached_size(cached.dtype(), head_size));
  return static_cast<std::size_t>(heads);
}

}  // namespace

void to_cache(const Tensor& numbers, std::int64_t head_size, Tensor& to) {
  if (to.dtype() != DType::i8) return convert(numbers, to);
  HWY_DYNAMIC_DISPATCH(PackHeads)
  (numbers.data<float>(), heads_of(numbers, head_size, to), static_cast<std::size_t>(head_size),
   to.data<std::int8_t>());
}

void from_cache(const Tensor& from, std::int64_t head_size, Tensor& numbers) {
  if (from.dtype() != DType::i8) return convert(from, numbers);
  HWY_DYNAMIC_DISPATCH(UnpackHeads)
  (from.data<std::int8_t>(), heads_of(numbers, head_size, from), static_cast<std::size_t>(head_size),
   numbers.data<float>());
}

}  // namespace gaze
#endif
