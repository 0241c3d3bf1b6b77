// Heads of int8 as ops/cached_numbers.h has them, for our own kernels: compiled once for every instruction set.
#if defined(GAZE_OPS_CACHED_NUMBERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GAZE_OPS_CACHED_NUMBERS_INL_H_
#undef GAZE_OPS_CACHED_NUMBERS_INL_H_
#else
#define GAZE_OPS_CACHED_NUMBERS_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/cached_numbers.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> LoadFloats(D d, const std::int8_t* from) {
  const hn::RebindToSigned<D> ints;
  const hn::Rebind<std::int8_t, D> bytes;
  return hn::ConvertTo(d, hn::PromoteTo(ints, hn::LoadU(bytes, from)));
}

// Where the scales of a head stand.
template <class Byte>
HWY_INLINE auto* ScalesOf(Byte* head, std::size_t size) {
  using Scale = std::conditional_t<std::is_const_v<Byte>, const Bf16, Bf16>;
  return reinterpret_cast<Scale*>(head + (size + 1) / 2 * 2);
}

// Calls body(group, first, count) for each group of a head; the count of a whole one is known to the compiler.
template <class Body>
HWY_INLINE void ForGroups(std::size_t size, const Body& body) {
  constexpr std::integral_constant<std::size_t, kCacheGroup> kWhole;
  const std::size_t whole = size / kWhole;
  for (std::size_t g = 0; g < whole; ++g) body(g, g * kWhole, kWhole);
  if (size % kWhole != 0) body(whole, whole * kWhole, size % kWhole);
}

// to ← head · factor.
template <class T>
HWY_INLINE void UnpackHead(const T* head, std::size_t size, float factor, float* to) {
  ForVectors(size, [&](auto d, std::size_t i)
                       HWY_ATTR { hn::StoreU(hn::Mul(LoadFloats(d, head + i), hn::Set(d, factor)), d, to + i); });
}

HWY_INLINE void UnpackHead(const std::int8_t* head, std::size_t size, float factor, float* to) {
  const Bf16* scales = ScalesOf(head, size);
  ForGroups(size, [&](std::size_t g, std::size_t first, auto count) HWY_ATTR {
    const float scale = factor * to_float(scales[g]);
    ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(LoadFloats(d, head + first + i), hn::Set(d, scale)), d, to + first + i);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#endif
