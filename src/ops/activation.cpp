#include "ops/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/activation.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include <hwy/contrib/math/math-inl.h>

#include "ops/parallel.h"
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

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Activate(D d, Activation activation, V x) {
  const V half = hn::Set(d, 0.5f), one = hn::Set(d, 1.0f);
  switch (activation) {
    case Activation::gelu:
      return hn::Mul(hn::Mul(half, x), hn::Add(one, Erf(d, hn::Mul(x, hn::Set(d, 0.70710678f)))));
    case Activation::gelu_tanh: {
      // ½x(1 + tanh(√(2/π)(x + 0.044715x³))) = x·σ(2√(2/π)(x + 0.044715x³))
      const V inner = hn::MulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f), x);
      return hn::Mul(x, Sigmoid(d, hn::Mul(hn::Set(d, 1.59576912f), inner)));
    }
    case Activation::quick_gelu:
      return hn::Mul(x, Sigmoid(d, hn::Mul(hn::Set(d, 1.702f), x)));
    case Activation::silu:
      return hn::Mul(x, Sigmoid(d, x));
    case Activation::relu:
      return hn::Max(x, hn::Zero(d));
    case Activation::relu6:
      return hn::Min(hn::Max(x, hn::Zero(d)), hn::Set(d, 6.0f));
    case Activation::tanh:
      return hn::Tanh(d, x);
    case Activation::none:
      break;
  }
  return x;
}

void ApplyRange(Activation activation, Tensor& x, std::int64_t begin, std::int64_t end) {
  WithTypes(x, x, [&](const auto*, auto* values) HWY_ATTR {
    ForVectors(static_cast<std::size_t>(end - begin), [&](auto d, std::size_t i) HWY_ATTR {
      auto* at = values + begin + i;
      StoreFloats(Activate(d, activation, LoadFloats(d, at)), d, at);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(ApplyRange);

std::optional<Activation> activation_named(std::string_view hidden_act) {
  if (hidden_act == "gelu") return Activation::gelu;
  if (hidden_act == "gelu_new" || hidden_act == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  if (hidden_act == "quick_gelu") return Activation::quick_gelu;
  if (hidden_act == "silu" || hidden_act == "swish") return Activation::silu;
  if (hidden_act == "relu") return Activation::relu;
  if (hidden_act == "relu6") return Activation::relu6;
  if (hidden_act == "tanh") return Activation::tanh;
  return std::nullopt;
}

void apply(Activation activation, Tensor& x) {
  if (activation == Activation::none) return;
  parallel_ranges(x.elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ApplyRange)(activation, x, begin, end);
  });
}

}  // namespace gaze
#endif
