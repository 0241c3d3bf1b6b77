// Shared by our own kernels: compiled once for every instruction set (highway's foreach_target), never in a header that
// others see.
#if defined(GAZE_OPS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GAZE_OPS_SIMD_INL_H_
#undef GAZE_OPS_SIMD_INL_H_
#else
#define GAZE_OPS_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include "tensor/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Numbers as they are stored, computed with as float. Memory may be unaligned.
template <class D>
HWY_INLINE hn::Vec<D> LoadFloats(D d, const float* from) {
  return hn::LoadU(d, from);
}

template <class D>
HWY_INLINE hn::Vec<D> LoadFloats(D d, const Bf16* from) {
  const hn::Rebind<hwy::bfloat16_t, D> half;
  return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const hwy::bfloat16_t*>(from)));
}

template <class D>
HWY_INLINE void StoreFloats(hn::Vec<D> value, D d, float* to) {
  hn::StoreU(value, d, to);
}

// Nearest even, as to_bf16; highway 1.0's own demotion cuts off.
template <class D>
HWY_INLINE void StoreFloats(hn::Vec<D> value, D d, Bf16* to) {
  const hn::RebindToUnsigned<D> bits;
  const hn::Rebind<hwy::bfloat16_t, D> half;
  const auto raw = hn::BitCast(bits, value);
  const auto odd = hn::And(hn::ShiftRight<16>(raw), hn::Set(bits, 1));
  const auto rounded = hn::Add(hn::Add(raw, hn::Set(bits, 0x7FFF)), odd);
  const auto quiet = hn::Or(raw, hn::Set(bits, 0x400000));
  const auto nan = hn::RebindMask(bits, hn::IsNaN(value));
  const auto chosen = hn::BitCast(d, hn::IfThenElse(nan, quiet, rounded));
  hn::StoreU(hn::DemoteTo(half, chosen), half, reinterpret_cast<hwy::bfloat16_t*>(to));
}

// e^x to 2e-7, x held within [−87, 87] so that the result and its inverse are normal numbers: e^r · 2^n, with r = x − n
// ln 2 and Cephes' polynomial for e^r. A third of the time of highway's own, which also knows infinities.
template <class D>
HWY_INLINE hn::Vec<D> FastExp(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> ints;
  x = hn::Min(hn::Max(x, hn::Set(d, -87.0f)), hn::Set(d, 87.0f));
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504f)));
  const auto whole = hn::ConvertTo(d, n);
  auto r = hn::NegMulAdd(whole, hn::Set(d, 0.693359375f), x);  // ln 2 in two parts: the first product is exact
  r = hn::NegMulAdd(whole, hn::Set(d, -2.12194440e-4f), r);
  auto p = hn::MulAdd(hn::Set(d, 1.9875691500e-4f), r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  const auto power = hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, hn::Set(d, 1.0f)));
  return hn::Mul(power, hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(ints, 127)))));
}

// Calls body with typed pointers to two tensors of float32 or bf16.
template <class Body>
HWY_INLINE void WithTypes(const Tensor& x, Tensor& y, const Body& body) {
  const bool wide_x = x.dtype() == DType::f32, wide_y = y.dtype() == DType::f32;
  if (wide_x && wide_y) return body(x.data<float>(), y.data<float>());
  if (wide_x) return body(x.data<float>(), y.data<Bf16>());
  if (wide_y) return body(x.data<Bf16>(), y.data<float>());
  body(x.data<Bf16>(), y.data<Bf16>());
}

// Calls body(d, i) over [0, count): whole vectors first, then single elements with a one-lane d, so that no kernel
// reads or writes beyond its end.
template <class Body>
HWY_INLINE void ForVectors(std::size_t count, const Body& body) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 1> single;
  const std::size_t lanes = hn::Lanes(wide);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) body(wide, i);
  for (; i < count; ++i) body(single, i);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#endif
