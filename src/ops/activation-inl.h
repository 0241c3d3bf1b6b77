// The activations on vectors, for kernels that apply them on the way: compiled once for every instruction set.
#if defined(GAZE_OPS_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GAZE_OPS_ACTIVATION_INL_H_
#undef GAZE_OPS_ACTIVATION_INL_H_
#else
#define GAZE_OPS_ACTIVATION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include "ops/activation.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// erf to 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  const V size = hn::Abs(x);
  const V one = hn::Set(d, 1.0f);
  const V t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3275911f), size, one));
  V sum = hn::Set(d, 1.061405429f);
  sum = hn::MulAdd(sum, t, hn::Set(d, -1.453152027f));
  sum = hn::MulAdd(sum, t, hn::Set(d, 1.421413741f));
  sum = hn::MulAdd(sum, t, hn::Set(d, -0.284496736f));
  sum = hn::MulAdd(sum, t, hn::Set(d, 0.254829592f));
  const V tail = hn::Mul(hn::Mul(sum, t), FastExp(d, hn::Neg(hn::Mul(size, size))));
  return hn::CopySignToAbs(hn::Sub(one, tail), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, FastExp(d, hn::Neg(x))));
}

template <Activation kActivation, class D, class V = hn::Vec<D>>
HWY_INLINE V Activate(D d, V x) {
  const V half = hn::Set(d, 0.5f), one = hn::Set(d, 1.0f);
  if constexpr (kActivation == Activation::gelu) {
    return hn::Mul(hn::Mul(half, x), hn::Add(one, Erf(d, hn::Mul(x, hn::Set(d, 0.70710678f)))));
  } else if constexpr (kActivation == Activation::gelu_tanh) {
    // ½x(1 + tanh(√(2/π)(x + 0.044715x³))) = x·σ(2√(2/π)(x + 0.044715x³))
    const V inner = hn::MulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f), x);
    return hn::Mul(x, Sigmoid(d, hn::Mul(hn::Set(d, 1.59576912f), inner)));
  } else if constexpr (kActivation == Activation::quick_gelu) {
    return hn::Mul(x, Sigmoid(d, hn::Mul(hn::Set(d, 1.702f), x)));
  } else if constexpr (kActivation == Activation::silu) {
    return hn::Mul(x, Sigmoid(d, x));
  } else if constexpr (kActivation == Activation::relu) {
    return hn::Max(x, hn::Zero(d));
  } else if constexpr (kActivation == Activation::relu6) {
    return hn::Min(hn::Max(x, hn::Zero(d)), hn::Set(d, 6.0f));
  } else if constexpr (kActivation == Activation::tanh) {
    return hn::Tanh(d, x);
  } else {
    return x;
  }
}

// Of numbers as they are stored, in place. The choice is made once, outside of the loop.
template <Activation kActivation, class Number>
HWY_INLINE void ActivateAll(Number* values, std::size_t count) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> single;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    StoreFloats(Activate<kActivation>(d, LoadFloats(d, values + i)), d, values + i);
  }
  for (; i < count; ++i) StoreFloats(Activate<kActivation>(single, LoadFloats(single, values + i)), single, values + i);
}

template <class Number>
void ActivateAll(Activation activation, Number* values, std::size_t count) {
  switch (activation) {
    case Activation::gelu:
      return ActivateAll<Activation::gelu>(values, count);
    case Activation::gelu_tanh:
      return ActivateAll<Activation::gelu_tanh>(values, count);
    case Activation::quick_gelu:
      return ActivateAll<Activation::quick_gelu>(values, count);
    case Activation::silu:
      return ActivateAll<Activation::silu>(values, count);
    case Activation::relu:
      return ActivateAll<Activation::relu>(values, count);
    case Activation::relu6:
      return ActivateAll<Activation::relu6>(values, count);
    case Activation::tanh:
      return ActivateAll<Activation::tanh>(values, count);
    case Activation::none:
      return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#endif
